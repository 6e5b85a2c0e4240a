"""The ready pages, used as people use them: in a browser, by forms and by keys, with a console that stays silent."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.auth.support import PASSWORD, Platform
from tests.browser import Page, browser, needs_chromium

from howdah.auth.totp import counter_at, hotp, secret_from_text

SHOTS = os.environ.get("HOWDAH_TEST_SCREENSHOTS")
"""A folder for pictures of the pages, for whoever wants to look at them."""

pytestmark = needs_chromium


@pytest.fixture
def page(platform: Platform) -> Iterator[Page]:
    """A browser that knows nobody; whatever its console complains of fails the test."""
    with browser() as tab:
        yield tab
        assert tab.complaints() == []


def keep(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(Path(SHOTS) / f"{name}.png")


def ui(platform: Platform, name: str) -> str:
    return f"{platform.url}/auth/ui/{name}"


def is_at(page: Page, name: str) -> None:
    page.wait(f"location.pathname === '/auth/ui/{name}' && document.readyState === 'complete'")


def sign_up(page: Page, platform: Platform, name: str) -> None:
    """An account by the form; its own page is shown."""
    page.go(ui(platform, "signup"))
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.leave_by("main form button")
    is_at(page, "account")


def log_in(page: Page, platform: Platform, name: str, password: str = PASSWORD) -> None:
    """The form is filled in and sent."""
    page.go(ui(platform, "login"))
    page.fill("#name", name)
    page.fill("#password", password)
    page.leave_by("main form button")


def log_out(page: Page, platform: Platform) -> None:
    """By the button of the account's page."""
    page.go(ui(platform, "account"))
    page.leave_by("form[action$='/logout'] button")
    is_at(page, "login")


def code_of(secret: str, *, steps: int = 0) -> str:
    """What an app shows, some steps from now; never of a step that is about to end."""
    if (left := 30 - time.time() % 30) < 4:
        time.sleep(left)
    key = secret_from_text(secret)
    assert key is not None
    return hotp(key, counter_at(datetime.now(UTC) + timedelta(seconds=30 * steps)))


def test_sign_up_log_out_and_log_in(page: Page, platform: Platform) -> None:
    """A wrong password is said to be wrong, beside the form that still has the name; the right one leads on."""
    page.go(ui(platform, "signup"))
    keep(page, "signup")
    sign_up(page, platform, "ann")
    page.wait_text("You are ann.")
    keep(page, "account")
    log_out(page, platform)
    keep(page, "login")
    log_in(page, platform, "ann", "not the password at all")
    assert page.text("[role=alert]") != ""
    assert page.run("document.querySelector('#name').value") == "ann"
    assert page.run("document.querySelector('#password').value") == ""
    keep(page, "login-refused")
    page.fill("#password", PASSWORD)
    page.leave_by("main form button")
    is_at(page, "account")


def test_who_is_not_signed_in_is_asked_to_and_then_sent_on(page: Page, platform: Platform) -> None:
    """The account's page leads to the login, which leads back."""
    assert platform.client().sign_up("bea").status == 200
    page.go(ui(platform, "account"))
    is_at(page, "login")
    page.fill("#name", "bea")
    page.fill("#password", PASSWORD)
    page.leave_by("main form button")
    is_at(page, "account")


def test_log_in_by_keys_alone(page: Page, platform: Platform) -> None:
    """The first field has the focus; Tab leads through the form in its order, and Enter sends it."""
    assert platform.client().sign_up("cleo").status == 200
    page.go(ui(platform, "login"))
    page.wait("document.activeElement.id === 'name'")
    page.type("cleo")
    page.press("Tab")
    assert page.run("document.activeElement.id") == "password"
    page.type(PASSWORD)
    page.press("Tab")
    assert page.run("document.activeElement.tagName") == "BUTTON"
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") != "none", "the focus can be seen"
    page.run("window.before = true")
    page.press("Enter")
    page.arrive()
    is_at(page, "account")


def test_an_authenticator_app_and_recovery_codes(page: Page, platform: Platform) -> None:
    """Set up with the key that is shown, then asked for; a recovery code does instead, once."""
    sign_up(page, platform, "dora")
    page.leave_by("form[action$='/account/totp'] button")
    secret = page.text("#secret")
    assert page.run("document.querySelector('figure img').naturalWidth") > 0, "the policy lets the picture be seen"
    keep(page, "setup")
    page.fill("#code", code_of(secret))
    page.leave_by("form[action$='/totp-confirm'] button")
    recovery = page.run("[...document.querySelectorAll('#recovery-codes code')].map((each) => each.innerText)")
    assert len(recovery) == 10
    keep(page, "recovery-codes")

    log_out(page, platform)
    log_in(page, platform, "dora")
    page.wait_text("Code of your authenticator app")
    keep(page, "second-factor")
    page.fill("#code", "000000" if code_of(secret, steps=1) != "000000" else "111111")
    page.leave_by("main form button")
    assert page.text("[role=alert]") != ""
    page.fill("#code", code_of(secret, steps=1))
    page.leave_by("main form button")
    is_at(page, "account")

    for again in (False, True):
        log_out(page, platform)
        log_in(page, platform, "dora")
        page.click("summary")
        page.fill("#recovery_code", recovery[0])
        page.leave_by("main form button")
        if again:
            assert page.text("[role=alert]") != ""
        else:
            is_at(page, "account")
            page.wait_text("Recovery codes left: 9.")


def test_the_password_is_changed_and_sessions_are_ended(page: Page, platform: Platform) -> None:
    """Another session is listed and can be ended; with another password every other one is over."""
    elsewhere = platform.client()
    assert elsewhere.sign_up("emil", session="cookie").status == 200
    log_in(page, platform, "emil")
    is_at(page, "account")
    page.leave_by("form[action$='/end-session'] button")
    assert elsewhere.get("/auth/v1/user/info").status == 401
    assert page.run("document.querySelectorAll(\"form[action$='/end-session']\").length") == 0

    assert elsewhere.log_in("emil", session="cookie").status == 200
    page.fill("#old_password", PASSWORD)
    page.fill("#new_password", "eight purple newts sing")
    page.leave_by("form[action$='/account/password'] button")
    assert page.run("!!document.querySelector('[role=status]')"), page.text()
    assert elsewhere.get("/auth/v1/user/info").status == 401
    log_out(page, platform)
    log_in(page, platform, "emil")
    is_at(page, "login")
    log_in(page, platform, "emil", "eight purple newts sing")
    is_at(page, "account")


@pytest.mark.parametrize("name", ["login", "signup", "second-factor", "set-password", "logout"])
def test_every_field_has_a_name_and_nothing_is_too_wide(page: Page, platform: Platform, name: str) -> None:
    """Labels for whoever does not see the page, one heading, a language; on a telephone nothing sticks out."""
    page.ask("Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=1, mobile=True)
    page.go(ui(platform, name))
    assert page.run("[...document.querySelectorAll('input:not([type=hidden])')].every((each) => each.labels.length)")
    assert page.run("document.querySelectorAll('h1').length") == 1
    assert page.run("document.documentElement.lang") == "en"
    assert page.run("document.documentElement.scrollWidth") <= 320
