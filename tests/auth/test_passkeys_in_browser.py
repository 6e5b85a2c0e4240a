"""Passkeys on the ready pages, in a Chromium that plays the authenticator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.auth.browsing import (
    PASSKEY,
    Place,
    a_device,
    is_at,
    keep,
    log_in,
    log_out,
    place,
    set_up_app,
    sign_up,
)
from tests.browser import Page, browser, needs_chromium
from tests.support import Cluster

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def here(cluster: Cluster) -> Iterator[Place]:
    with place(cluster) as found:
        yield found


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser that knows nobody; whatever its console complains of fails the test."""
    with browser() as tab:
        yield tab
        assert tab.complaints() == []


def add_passkey(page: Page, name: str = "") -> None:
    """From the account's page."""
    page.wait("!document.querySelector('form[data-passkey=create]').hidden")
    if name:
        page.fill("#passkey_name", name)
    page.leave_by("form[data-passkey=create] button")


def test_a_passkey_is_made_and_signs_in(page: Page, here: Place) -> None:
    """R30: made with its owner verified, kept to be found without a name, and then enough to sign in."""
    device = a_device(page)
    name = sign_up(page, here)
    add_passkey(page, "My laptop")
    page.wait_text("Keep your recovery codes")
    page.leave_by("a.button")
    page.wait_text("My laptop")
    keep(page, "account-passkey")
    (made,) = device.passkeys
    assert made["isResidentCredential"] and made["rpId"] == "localhost"

    device.is_touched(False)
    log_out(page, here)
    page.wait("!document.querySelector('form[data-passkey]').hidden")
    device.is_touched(True)
    page.leave_by(PASSKEY)
    is_at(page, "account")
    page.wait_text(name)
    assert (
        here.platform.rows("select level from howdah_auth.sessions order by created_at desc limit 1")[0]["level"] == 2
    )


def test_a_device_of_somebody_else_signs_nobody_in(page: Page, here: Place) -> None:
    """R30: one without the passkey, and one whose passkey is not known here any more; the right one is its control."""
    owner = a_device(page)
    name = sign_up(page, here)
    add_passkey(page)
    owner.is_touched(False)
    log_out(page, here)

    owner.remove()
    stranger = a_device(page)
    page.go(here.ui("login"))
    page.wait("!document.querySelector('form[data-passkey]').hidden")
    page.click(PASSKEY)
    page.wait("document.querySelector('[data-said]').textContent.includes('No passkey was used')")
    page.wait("document.activeElement.textContent === 'Log in with a passkey'")
    is_at(page, "login")

    other = sign_up(page, here)
    add_passkey(page)
    (held,) = stranger.passkeys
    here.platform.rows("delete from howdah_auth.passkeys where name = 'Passkey' and user_id = (%s)", whose(here, other))
    stranger.is_touched(False)
    log_out(page, here)
    stranger.is_touched(True)
    page.leave_by(PASSKEY)
    is_at(page, "login")
    assert "not accepted" in page.text("#problem")
    assert stranger.passkeys[0]["credentialId"] == held["credentialId"]
    page.wait("document.activeElement.id === 'problem'")
    stranger.is_touched(False)
    log_in(page, here, name)
    page.wait_text("Show it to finish logging in")  # the owner's own account is as it was


def whose(here: Place, name: str) -> int:
    found = here.platform.rows("select user_id from howdah_auth.identities where subject = %s", name)
    return int(found[0]["user_id"])


def test_an_owner_who_is_not_verified_does_not_get_in(page: Page, here: Place) -> None:
    """R30: a device that somebody found: it is touched, and does not know them; neither to sign in nor to add one."""
    device = a_device(page)
    sign_up(page, here)
    add_passkey(page)
    page.leave_by("a.button")
    device.is_touched(False)
    log_out(page, here)
    device.verifies(False)
    device.is_touched(True)
    page.click(PASSKEY)
    page.wait("document.querySelector('[data-said]').textContent.includes('No passkey was used')")
    device.verifies(True)
    page.leave_by(PASSKEY)
    is_at(page, "account")

    second = a_device(page, transport="usb")
    device.remove()
    second.verifies(False)
    page.wait("!document.querySelector('form[data-passkey=create]').hidden")
    page.click("form[data-passkey=create] button")
    page.wait("document.querySelector('[data-said]').textContent.includes('No passkey was used')")
    assert second.passkeys == []
    second.verifies(True)
    add_passkey(page, "A key")
    page.wait_text("A key")
    assert len(second.passkeys) == 1


def test_the_same_device_has_no_second_passkey_of_an_account(page: Page, here: Place) -> None:
    """It is asked to make none where it holds one, and the page says why."""
    device = a_device(page)
    sign_up(page, here)
    add_passkey(page)
    page.leave_by("a.button")
    page.wait("!document.querySelector('form[data-passkey=create]').hidden")
    page.click("form[data-passkey=create] button")
    page.wait("document.querySelector('[data-said]').textContent.includes('has a passkey of your account already')")
    assert len(device.passkeys) == 1


def test_a_passkey_is_a_second_factor(page: Page, here: Place) -> None:
    """R27, R30: after the password it is asked for by name; one of another account is no answer."""
    device = a_device(page)
    name = sign_up(page, here)
    add_passkey(page)
    device.is_touched(False)
    log_out(page, here)
    log_in(page, here, name)
    page.wait_text("Show it to finish logging in")
    page.wait("!document.querySelector('form[data-passkey]').hidden")
    keep(page, "second-factor-passkey")
    assert page.run("document.cookie") == ""
    assert here.platform.client().get("/auth/v1/user/info").status == 401
    device.is_touched(True)
    page.leave_by(PASSKEY)
    is_at(page, "account")

    device.is_touched(False)
    log_out(page, here)
    device.remove()
    other = a_device(page)
    sign_up(page, here)
    add_passkey(page)
    other.is_touched(False)
    log_out(page, here)
    log_in(page, here, name)
    page.wait("!document.querySelector('form[data-passkey]').hidden")
    other.is_touched(True)
    page.click(PASSKEY)
    page.wait("document.querySelector('[data-said]').textContent.includes('No passkey was used')")
    other.is_touched(False)
    page.go(here.ui("account"))
    is_at(page, "login")


def test_the_browser_offers_passkeys_where_a_name_is_typed(page: Page, here: Place) -> None:
    """Conditional mediation: no button is pressed; the passkey that is chosen signs in."""
    a_device(page)
    name = sign_up(page, here)
    add_passkey(page)
    page.leave_by("a.button")
    page.leave_by("form[action$='/logout'] button")
    page.wait("location.pathname.endsWith('/account') && document.readyState === 'complete'")
    assert here.platform.events(whose(here, name))[-2:] == ["logout", "login"]
    page.wait_text(name)


def test_a_passkey_is_a_fresh_proof(page: Page, here: Place) -> None:
    """R29: long after the sign-in a factor is removed only once the passkey was shown again."""
    a_device(page)
    name = sign_up(page, here)
    add_passkey(page, "Key of mine")
    page.leave_by("a.button")
    here.platform.rows(
        "update howdah_auth.sessions set proved_at = now() - interval '1 hour' where user_id = %s", whose(here, name)
    )
    page.wait_text("Key of mine")
    page.leave_by("a[href*='remove-factor']")
    keep(page, "remove-factor")
    page.leave_by("button.danger")
    is_at(page, "confirm")
    page.wait("!document.querySelector('form[data-passkey]').hidden")
    keep(page, "confirm-passkey")
    page.leave_by(PASSKEY)
    is_at(page, "account")
    page.wait_text("Thank you.")
    page.leave_by("a[href*='remove-factor']")
    page.leave_by("button.danger")
    is_at(page, "account")
    page.wait_text("It is removed.")
    assert "Key of mine" not in page.text("main")


def test_adding_one_long_after_the_sign_in_asks_for_a_proof_first(page: Page, here: Place) -> None:
    """R26: the password again, then on; the page comes back to where it was."""
    a_device(page)
    name = sign_up(page, here)
    here.platform.rows(
        "update howdah_auth.sessions set proved_at = now() - interval '1 hour' where user_id = %s", whose(here, name)
    )
    page.wait("!document.querySelector('form[data-passkey=create]').hidden")
    page.leave_by("form[data-passkey=create] button")
    is_at(page, "confirm")
    page.fill("#password", "seven lilac otters dance")
    page.leave_by("form[action$='/confirm'] button:not([aria-label])")
    is_at(page, "account")
    assert page.run("location.hash") == "#passkeys"
    page.wait("document.activeElement.id === 'passkeys'")
    add_passkey(page)
    page.wait_text("Keep your recovery codes")


def test_without_scripts_or_without_passkeys_there_is_no_button(page: Page, here: Place) -> None:
    """Forms work without; a browser that has none, or an address that can have none, is told nothing of them."""
    page.scripts(on=False)
    page.go(here.ui("login"))
    page.scripts(on=True)
    assert page.run("document.querySelector('form[data-passkey]').hidden")
    page.ask("Page.addScriptToEvaluateOnNewDocument", source="delete window.PublicKeyCredential")
    page.go(here.ui("login"))
    page.wait("document.readyState === 'complete'")
    assert page.run("document.querySelector('form[data-passkey]').hidden")
    assert page.run("document.querySelector('.or').checkVisibility()") is False, "there is nothing else to choose"
    name = sign_up(page, here)
    page.wait_text("Adding one needs scripts, https, and a browser that has passkeys.")
    log_out(page, here)
    log_in(page, here, name)
    is_at(page, "account")


def test_without_tls_forms_work_and_passkeys_are_not_offered(page: Page, cluster: Cluster) -> None:
    """R52: over plain http browsers say nothing but the page's origin, and the pages do not make them hide that."""
    with place(cluster, host="shop.test") as plain:
        page.go(plain.ui("login"))
        assert page.run("isSecureContext") is False
        assert page.run("document.querySelector('form[data-passkey]').hidden")
        name = sign_up(page, plain)
        log_out(page, plain)
        log_in(page, plain, name)
        is_at(page, "account")


def test_an_app_and_a_passkey_side_by_side(page: Page, here: Place) -> None:
    """Whoever has both is offered both, and each does."""
    device = a_device(page)
    name = sign_up(page, here)
    set_up_app(page)
    page.leave_by("a.button")
    add_passkey(page)
    is_at(page, "account")
    device.is_touched(False)
    log_out(page, here)
    log_in(page, here, name)
    page.wait("!document.querySelector('form[data-passkey]').hidden")
    assert page.run("!!document.querySelector('#code')")
    keep(page, "second-factor-both")
    device.is_touched(True)
    page.leave_by(PASSKEY)
    is_at(page, "account")
