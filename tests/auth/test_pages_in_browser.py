"""The ready pages, used as people use them: in a browser, by forms and by keys, with a console that stays silent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.auth.browsing import (
    LOG_IN,
    Place,
    a_name,
    code_of,
    is_at,
    keep,
    log_in,
    log_out,
    place,
    set_up_app,
    sign_up,
)
from tests.auth.support import PASSWORD
from tests.browser import Page, browser, needs_chromium
from tests.support import Cluster

pytestmark = needs_chromium
NEW = "eight purple newts sing"


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


def test_sign_up_log_out_and_log_in(page: Page, here: Place) -> None:
    """A wrong password is said to be wrong, beside the form that still has the name; the right one leads on."""
    page.go(here.ui("signup"))
    keep(page, "signup")
    name = sign_up(page, here)
    page.wait_text(name)
    keep(page, "account")
    log_out(page, here)
    keep(page, "login")
    log_in(page, here, name, "not the password at all")
    page.wait("document.activeElement.id === 'problem'")
    assert page.run("document.querySelector('#password').getAttribute('aria-describedby')") == "password-wrong"
    assert "The name or the password is not right." in page.text("#password-wrong")
    assert page.run("document.querySelector('#name').value") == name
    assert page.run("document.querySelector('#password').value") == ""
    keep(page, "login-refused")
    page.click("#problem a")
    page.wait("document.activeElement.id === 'password'")
    page.fill("#password", PASSWORD)
    page.leave_by(LOG_IN)
    is_at(page, "account")


def test_who_is_not_signed_in_is_asked_to_and_then_sent_on(page: Page, here: Place) -> None:
    """The account's page leads to the login, which leads back."""
    name = a_name()
    assert here.platform.client().sign_up(name).status == 200
    page.go(here.ui("account"))
    is_at(page, "login")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.leave_by(LOG_IN)
    is_at(page, "account")


def test_an_authenticator_app_and_recovery_codes(page: Page, here: Place) -> None:
    """Set up with the key that is shown, then asked for; a recovery code does instead, once."""
    name = sign_up(page, here)
    page.leave_by("form[action$='/account/totp'] button")
    assert page.run("document.querySelector('figure img').naturalWidth") > 0, "the policy lets the picture be seen"
    keep(page, "setup")
    page.fill("#code", "000000")
    page.leave_by("form[action$='/totp-confirm'] button")
    assert page.text("#code-wrong") != ""
    page.go(here.ui("account"))
    secret, recovery = set_up_app(page)
    assert len(recovery) == 10
    keep(page, "recovery-codes")

    log_out(page, here)
    log_in(page, here, name)
    page.wait_text("Six digits, from your authenticator app.")
    keep(page, "second-factor")
    page.fill("#code", "000000" if code_of(secret, steps=1) != "000000" else "111111")
    page.leave_by("main form button")
    assert page.text("#code-wrong") != ""
    page.fill("#code", code_of(secret, steps=1))
    page.leave_by("main form button")
    is_at(page, "account")

    for again in (False, True):
        log_out(page, here)
        log_in(page, here, name)
        page.click("summary")
        page.fill("#recovery_code", recovery[0])
        page.leave_by("form:has(#recovery_code) button")
        if again:
            assert page.text("#recovery_code-wrong") != ""
            assert page.run("document.querySelector('details').open"), "what is wrong can be seen"
        else:
            is_at(page, "account")
            page.wait_text("Recovery codes left: 9.")


def test_the_password_is_changed_and_sessions_are_ended(page: Page, here: Place) -> None:
    """Another session is listed under a name that people know and can be ended; with another password every one is."""
    name, elsewhere = a_name(), here.platform.client()
    elsewhere.fields["User-Agent"] = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Version/19.0 Safari/605.1.15"
    assert elsewhere.sign_up(name, session="cookie").status == 200
    log_in(page, here, name)
    is_at(page, "account")
    listed = page.run("[...document.querySelectorAll('section:last-of-type li strong')].map((each) => each.innerText)")
    assert listed == ["Chrome on Linux", "Safari on macOS"]
    assert page.text("section:last-of-type li").count("This one") == 1
    keep(page, "sessions")
    page.leave_by("form[action$='/end-session'] button")
    page.wait_text("That session is over.")
    assert elsewhere.get("/auth/v1/user/info").status == 401
    assert page.run("document.querySelectorAll(\"form[action$='/end-session']\").length") == 0

    assert elsewhere.log_in(name, session="cookie").status == 200
    page.go(here.ui("account"))
    page.leave_by("a[href$='/end-others']")
    keep(page, "end-others")
    assert elsewhere.get("/auth/v1/user/info").status == 200, "nothing is done before they are sure"
    page.leave_by("button.danger")
    page.wait_text("All other sessions are over.")
    assert elsewhere.get("/auth/v1/user/info").status == 401

    assert elsewhere.log_in(name, session="cookie").status == 200
    page.click("#password + details summary")
    page.fill("#old_password", "not the password at all")
    page.fill("#new_password", NEW)
    page.leave_by("form[action$='/account/password'] button:not([aria-label])")
    assert "This is not your current password." in page.text("#old_password-wrong")
    page.fill("#old_password", PASSWORD)
    page.fill("#new_password", NEW)
    keep(page, "change-password")
    page.leave_by("form[action$='/account/password'] button:not([aria-label])")
    page.wait_text("Your password is changed.")
    assert elsewhere.get("/auth/v1/user/info").status == 401
    log_out(page, here)
    log_in(page, here, name)
    is_at(page, "login")
    log_in(page, here, name, NEW)
    is_at(page, "account")


def test_times_are_local_and_passwords_can_be_looked_at(page: Page, here: Place) -> None:
    """With a script; without it they are in UTC and say so."""
    page.ask("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
    page.ask("Emulation.setLocaleOverride", locale="en-GB")
    sign_up(page, here)
    moment = page.run("document.querySelector('time').dateTime")
    shown = page.run(
        "new Intl.DateTimeFormat('en-GB', {dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Kolkata'})"
        f".format(new Date('{moment}'))"
    )
    assert page.text("time") == shown
    assert page.run("document.querySelector('time').title").endswith(" UTC")
    log_out(page, here)
    page.fill("#password", "seven")
    page.click("button[aria-label='Show the password']")
    assert page.run("[document.querySelector('#password').type, document.querySelector('#password').value]") == [
        "text",
        "seven",
    ]
    page.click("button[aria-label='Show the password']")
    assert page.run("document.querySelector('#password').type") == "password"
