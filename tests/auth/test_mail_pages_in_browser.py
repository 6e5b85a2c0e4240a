"""The pages that mails lead to, in Chromium, with the links as they arrived in the mailbox."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.auth.browsing import LOG_IN, Place, code_of, is_at, keep, log_in, log_out, place, set_up_app
from tests.auth.sending import an_email, code_in
from tests.auth.support import PASSWORD
from tests.browser import Page, browser, needs_chromium
from tests.support import Cluster

pytestmark = needs_chromium
NEW = "eight purple newts sing"
SHORT = "vbq8 knot"
EVERY_WAY = ("username", "email", "email-code", "mobile", "mobile-password", "passkey")


@pytest.fixture(scope="module")
def here(cluster: Cluster) -> Iterator[Place]:
    with place(cluster, providers=EVERY_WAY, redirect_urls=("https://app.example/welcome",)) as found:
        yield found


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser that knows nobody; whatever its console complains of fails the test."""
    with browser() as tab:
        yield tab
        assert tab.complaints() == []


def sign_up_by_mail(page: Page, here: Place, *, wanted: str = "") -> str:
    """An account that has to be confirmed yet."""
    email = an_email()
    page.go(here.ui(f"signup{wanted}"))
    page.fill("#name", email)
    page.fill("#password", PASSWORD)
    page.leave_by("form[action$='/signup'] button:not([aria-label])")
    page.wait_text("there is a mail in it now")
    return email


def confirmed(here: Place) -> str:
    """The address of an account that is confirmed."""
    email, client = an_email(), here.platform.client()
    client.post("/auth/v1/signup", {"provider": "email", "data": {"email": email, "password": PASSWORD}})
    token = here.link(email, "verify-email").partition("#token=")[2]
    assert client.post("/auth/v1/providers/email/verify-email", {"token": token}).status == 200
    return email


def scan(link: str) -> int:
    """What looks through mails opens the link as it can: without what is behind the ``#``, and with it as a query."""
    place = urlsplit(link)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    statuses = []
    for path in (place.path, f"{place.path}?{place.fragment}", link):
        for method in ("HEAD", "GET"):
            connection.request(method, path.partition("#")[0])
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
    connection.close()
    return max(statuses)


def test_an_address_is_confirmed_by_the_button_behind_the_link(page: Page, here: Place) -> None:
    """R18: a scanner that opens the link confirms nothing; the address bar forgets the token."""
    email = sign_up_by_mail(page, here)
    keep(page, "confirm-sent")
    link = here.link(email, "verify-email")
    assert scan(link) < 500
    page.go(link)
    assert page.run("location.hash") == ""
    page.wait("document.activeElement.textContent === 'Confirm the address'")
    keep(page, "verify-email")
    log_in(page, here, email)
    page.wait_text("Confirm your address first")
    page.go(link)
    page.leave_by("[data-with-token] button")
    is_at(page, "login")
    page.wait_text("Your address is confirmed.")
    keep(page, "login-confirmed")
    page.fill("#name", email)
    page.fill("#password", PASSWORD)
    page.leave_by(LOG_IN)
    is_at(page, "account")
    log_out(page, here)
    page.go(link)
    page.leave_by("[data-with-token] button")
    assert "was used already" in page.text("#problem"), "a link is good once"


def test_an_address_is_confirmed_by_the_code_and_another_mail_is_sent(page: Page, here: Place) -> None:
    """R15: typed into the browser that signed up; a wrong one is said to be wrong."""
    email = sign_up_by_mail(page, here)
    code = code_in(here.platform.mail(email))
    page.fill("#code", f"{(int(code) + 1) % 1_000_000:06d}")
    page.leave_by("form:has(#code) button")
    assert page.text("#code-wrong") != ""
    assert page.run("document.querySelector('#email').value") == email
    page.click("details summary")
    page.fill("#again", email)
    page.leave_by("form[action$='/resend'] button")
    page.wait_text("there is another mail on its way")
    page.fill("#code", code_in(here.platform.mail(email, beyond=1)))
    page.leave_by("form:has(#code) button")
    page.wait_text("Your address is confirmed.")


def test_a_forgotten_password_is_replaced(page: Page, here: Place) -> None:
    """R17: the link opens a form that knows whose it is, also after a scanner; it is good once, and signs nobody in."""
    email = confirmed(here)
    page.go(here.ui("login"))
    page.leave_by("a[href*='/reset-password']")
    page.wait("document.activeElement.id === 'name'")
    page.fill("#name", email)
    page.leave_by("form:has(#name) button")
    page.wait_text("there is a mail in it now")
    keep(page, "reset-sent")
    link = here.link(email, "reset-password", beyond=1)
    assert scan(link) < 500
    page.go(link)
    page.wait("!!document.querySelector('#password')")
    page.wait_text(f"For the account of {email}.")
    assert page.run("document.querySelector('#password').minLength") == 15
    keep(page, "choose-password")
    page.run("document.querySelector('#password').minLength = 1")  # a browser that does not care
    page.fill("#password", SHORT)
    page.leave_by("main form button:not([aria-label])")
    assert "fewer than 15 characters" in page.text("#password-wrong")
    page.fill("#password", NEW)
    page.leave_by("main form button:not([aria-label])")
    is_at(page, "login")
    page.wait_text("Your password is set.")
    page.go(link)
    page.wait("!!document.querySelector('#problem')")
    assert "was used already" in page.text("#problem")
    log_in(page, here, email, NEW)
    is_at(page, "account")


def test_a_password_beside_a_second_factor_may_be_shorter(page: Page, here: Place) -> None:
    """R3, R17: 8 characters where there is a factor, which is asked for afterwards as ever; 7 are refused."""
    email = confirmed(here)
    log_in(page, here, email)
    is_at(page, "account")
    secret, _ = set_up_app(page)
    log_out(page, here)
    page.go(here.ui("reset-password"))
    page.fill("#name", email)
    page.leave_by("form:has(#name) button")
    page.go(here.link(email, "reset-password", beyond=2))
    page.wait("!!document.querySelector('#password')")
    assert page.run("document.querySelector('#password').minLength") == 8
    assert "At least 8 characters" in page.text("#password-hint")
    page.run("document.querySelector('#password').minLength = 1")
    page.fill("#password", SHORT[:7])
    page.leave_by("main form button:not([aria-label])")
    assert "fewer than 8 characters" in page.text("#password-wrong")
    page.fill("#password", SHORT)
    page.leave_by("main form button:not([aria-label])")
    log_in(page, here, email, SHORT)
    page.fill("#code", code_of(secret, steps=1))
    page.leave_by("main form button")
    is_at(page, "account")
    page.leave_by("a[href*='remove-factor']")
    page.leave_by("button.danger")
    assert "too short to be all that is asked for" in page.text("#problem"), "the factor stays while it is needed"


def test_a_link_signs_in_the_browser_that_asked_for_it(page: Page, here: Place) -> None:
    """R15, R18: by its button, once; opening it does nothing, and in another browser it signs nobody in."""
    email = confirmed(here)
    page.go(here.ui("login"))
    page.leave_by("a[href*='/ui/code']")
    keep(page, "send-code")
    page.fill("#name", email)
    page.leave_by("button[name=link]")
    page.wait_text("Open its link in this browser")
    keep(page, "link-sent")
    link = here.link(email, "login", beyond=1)
    assert scan(link) < 500
    with browser() as other:
        other.go(link)
        other.leave_by("[data-with-token] button")
        assert other.text("#problem") != ""
        assert other.complaints() == []
    page.go(link)
    page.wait_text("You opened the link from your mail.")
    keep(page, "login-link")
    page.leave_by("[data-with-token] button")
    is_at(page, "account")
    log_out(page, here)
    page.go(link)
    page.leave_by("[data-with-token] button")
    assert page.text("#problem") != ""


def test_a_code_signs_in_and_up(page: Page, here: Place) -> None:
    """R8, R15: by mail to somebody who is known, by text message to somebody who is not; wrong ones look alike."""
    email = confirmed(here)
    for name, beyond in ((email, 1), ("+919876500001", 0)):
        page.go(here.ui("code"))
        page.fill("#name", name)
        page.leave_by("form:has(#name) button:not([name])")
        page.wait_text("a code is on its way there")
        keep(page, "type-code")
        code = code_in(here.platform.mail(name, beyond=beyond))
        page.fill("#sign_in_code", f"{(int(code) + 1) % 1_000_000:06d}")
        page.leave_by("form:has(#sign_in_code) button")
        assert "This code is not right" in page.text("#sign_in_code-wrong")
        page.fill("#sign_in_code", f"{code[:3]} {code[3:]}")
        page.leave_by("form:has(#sign_in_code) button")
        is_at(page, "account")
        page.wait_text(name)
        log_out(page, here)


def test_a_new_address_is_confirmed_there(page: Page, here: Place) -> None:
    """R20: with the password; the old address is told, and holds until the button behind the link is pressed."""
    email, other = confirmed(here), an_email()
    log_in(page, here, email)
    page.click("#address ~ details summary")
    page.fill("#email", other)
    page.fill("#own_password", "not the password at all")
    page.leave_by("form[action$='/account/email'] button:not([aria-label])")
    assert "This is not your current password." in page.text("#own_password-wrong")
    assert page.run("document.querySelector('#email').value") == other
    page.fill("#own_password", PASSWORD)
    keep(page, "change-email")
    page.leave_by("form[action$='/account/email'] button:not([aria-label])")
    page.wait_text("Until then nothing changes.")
    link = here.link(other, "verify-email")
    assert scan(link) < 500
    page.go(here.ui("account"))
    assert email in page.text(".who")
    page.go(link)
    page.leave_by("[data-with-token] button")
    is_at(page, "account")
    page.wait_text("The address is confirmed.")
    assert other in page.text(".who")
    assert "changed" in str(here.platform.mail(email, beyond=1).subject)


def test_a_new_number_is_confirmed_by_its_code(page: Page, here: Place) -> None:
    """R20: with the password, by what was sent to the number."""
    log_in(page, here, confirmed(here))
    page.click("#number ~ details summary")
    page.fill("#mobile", "+919876500002")
    page.fill("#number_password", PASSWORD)
    page.leave_by("form[action$='/account/mobile'] button:not([aria-label])")
    page.wait_text("A text message with a code is on its way")
    code = code_in(here.platform.mail("+919876500002"))
    page.fill("#code", f"{(int(code) + 1) % 1_000_000:06d}")
    page.leave_by("form:has(#code) button")
    assert page.text("#code-wrong") != ""
    page.fill("#code", code)
    page.leave_by("form:has(#code) button")
    is_at(page, "account")
    page.wait_text("+919876500002")


def test_a_number_and_a_password(page: Page, here: Place) -> None:
    """Signed up, confirmed by the code of the text message, and logged in."""
    number = "+919876500003"
    page.go(here.ui("signup"))
    page.fill("#name", number)
    page.fill("#password", PASSWORD)
    page.leave_by("form[action$='/signup'] button:not([aria-label])")
    page.wait_text("A text message with a code is on its way")
    page.fill("#code", code_in(here.platform.mail(number)))
    page.leave_by("form:has(#code) button")
    page.wait_text("confirmed. Now log in.")
    page.fill("#name", number)
    page.fill("#password", PASSWORD)
    page.leave_by(LOG_IN)
    is_at(page, "account")
    log_out(page, here)
    page.leave_by("a[href*='/reset-password']")
    page.fill("#name", number)
    page.leave_by("form:has(#name) button")
    page.wait_text("a code is on its way there")
    keep(page, "reset-by-code")
    code = code_in(here.platform.mail(number, beyond=1))
    page.fill("#code", f"{(int(code) + 1) % 1_000_000:06d}")
    page.fill("#password", NEW)
    page.leave_by("form:has(#code) button:not([aria-label])")
    assert page.text("#code-wrong") != ""
    page.fill("#code", code)
    page.fill("#password", SHORT)
    page.leave_by("form:has(#code) button:not([aria-label])")
    assert "fewer than 15 characters" in page.text("#password-wrong")
    page.fill("#code", code)
    page.fill("#password", NEW)
    page.leave_by("form:has(#code) button:not([aria-label])")
    page.wait_text("Your password is set.")
    log_in(page, here, number, NEW)
    is_at(page, "account")


def test_an_administrators_link_and_a_browser_without_scripts(page: Page, here: Place) -> None:
    """R17: the link is pasted where scripts are off; then the form knows whose it is."""
    admin, email = here.platform.admin(), an_email()
    user = admin.post("/auth/v1/admin/create-user", {"provider": "email", "data": {"email": email}}).json
    link = admin.post("/auth/v1/admin/user/password-link", {"hasura_id": user["hasura_id"]}).json["link"]
    page.scripts(on=False)
    page.go(link)
    page.fill("#link", link)
    page.run("document.querySelector('main form button').click()")
    page.wait_text(f"For the account of {email}.")
    page.fill("#password", PASSWORD)
    page.run("document.querySelector('main form button').click()")
    page.wait_text("Your password is set.")
    page.scripts(on=True)
    log_in(page, here, email)
    is_at(page, "account")


def test_where_they_wanted_to_be_is_kept_from_the_sign_up_on(page: Page, here: Place) -> None:
    """R57: signup, mail, confirmation, login, second factor, each with the same exact place; others are refused."""
    wanted = "/auth/ui/logout?from=shop"
    query = "?redirect_url=%2Fauth%2Fui%2Flogout%3Ffrom%3Dshop"
    page.go(here.ui("login") + query)
    page.leave_by(".below a")
    email = sign_up_by_mail(page, here, wanted=query)
    page.go(here.link(email, "verify-email"))
    page.leave_by("[data-with-token] button")
    is_at(page, "login")
    page.fill("#name", email)
    page.fill("#password", PASSWORD)
    page.leave_by(LOG_IN)
    page.wait(f"location.pathname + location.search === '{wanted}'")
    page.go(here.ui("account"))
    secret, _ = set_up_app(page)
    log_out(page, here)
    page.go(here.ui("login") + query)
    page.fill("#name", email)
    page.fill("#password", PASSWORD)
    page.leave_by(LOG_IN)
    page.fill("#code", code_of(secret, steps=1))
    page.leave_by("main form button")
    page.wait(f"location.pathname + location.search === '{wanted}'")
    for refused in ("https://evil.example/", "//evil.example/", "https://app.example/other"):
        page.go(here.ui("signup") + f"?redirect_url={refused}")
        assert "not allowed" in page.text("#problem")
        assert page.run("document.querySelectorAll('form').length") == 0


def test_without_scripts_links_are_pasted(page: Page, here: Place) -> None:
    """R18, R27: what stands behind the ``#`` reaches no server by itself, so whoever runs no script hands it over."""
    email = confirmed(here)
    log_in(page, here, email)
    secret, _ = set_up_app(page)
    log_out(page, here)
    data = {"provider": "email", "data": {"email": email, "password": PASSWORD}, "session": "cookie"}
    token = here.platform.client().post("/auth/v1/login", data).json["second_factor"]["token"]
    link = here.ui(f"second-factor#token={token}")
    page.scripts(on=False)
    page.go(link)
    page.fill("#link", link)
    page.fill("#code", code_of(secret, steps=1))
    page.run("document.querySelector('form:has(#code) button').click()")
    is_at(page, "account")
    page.run("document.querySelector(\"form[action$='/logout'] button\").click()")
    is_at(page, "login")
    page.wait("!!document.querySelector('#link')")
