"""Accounts of elsewhere on the ready pages, and places on other origins: a Chromium goes there and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from tests.auth.browsing import LOG_IN, Place, code_of, is_at, keep, log_in, log_out, place, set_up_app, sign_up
from tests.auth.issuer import FakeIssuer, running
from tests.auth.support import PASSWORD
from tests.auth.test_foreign import somebody
from tests.browser import Page, browser, needs_chromium
from tests.support import Cluster

from howdah.observe.secret import Secret
from howdah.project.sections import OAuthSection

pytestmark = needs_chromium
GOOGLE = "a[href*='/oauth/google/start']"


@pytest.fixture(scope="module")
def issuer() -> Iterator[FakeIssuer]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def welcome(issuer: FakeIssuer) -> str:
    """A page of an application at an origin of its own."""
    return f"http://app.test:{urlsplit(issuer.url).port}/welcome"


@pytest.fixture(scope="module")
def here(cluster: Cluster, issuer: FakeIssuer, welcome: str) -> Iterator[Place]:
    oauth = (OAuthSection("google", client_id="shop", client_secret=Secret("its-secret"), issuer=issuer.url),)
    with place(cluster, oauth=oauth, redirect_urls=(welcome,)) as found:
        yield found


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser that knows nobody; whatever its console complains of fails the test."""
    with browser() as tab:
        yield tab
        assert tab.complaints() == []


def test_the_button_leads_there_and_back(page: Page, here: Place, issuer: FakeIssuer, welcome: str) -> None:
    """R57: signed in, where they wanted to be; the second time on the page of their account."""
    issuer.visitor = somebody()
    page.go(here.ui(f"login?redirect_url={quote(welcome, safe='')}"))
    page.wait("document.readyState === 'complete'")
    keep(page, "login-issuer")
    assert page.text(GOOGLE) == "Continue with Google"
    page.leave_by(GOOGLE)
    page.wait(f"location.href === '{welcome}'")
    page.go(here.ui("account"))
    page.wait_text(str(issuer.visitor.email))
    assert page.text("#connected ~ ul li").count(str(issuer.visitor.email)) == 1
    keep(page, "account-issuer")
    log_out(page, here)
    page.go(here.ui("signup"))
    page.leave_by(GOOGLE)
    is_at(page, "account")


def test_whoever_declines_there_is_told_here(page: Page, here: Place, issuer: FakeIssuer) -> None:
    """On the page to log in, and not by a document for programs; so is who has an account with that address."""
    issuer.visitor = None
    page.go(here.ui("login"))
    page.leave_by(GOOGLE)
    is_at(page, "login")
    assert "was not finished" in page.text("#problem")

    person = somebody()
    client = here.platform.client()
    client.post("/auth/v1/signup", {"provider": "email", "data": {"email": person.email, "password": PASSWORD}})
    token = here.link(str(person.email), "verify-email").partition("#token=")[2]
    client.post("/auth/v1/providers/email/verify-email", {"token": token})
    issuer.visitor = person
    page.go(here.ui("login"))
    page.leave_by(GOOGLE)
    is_at(page, "login")
    assert "There is an account with that address here already." in page.text("#problem")
    keep(page, "login-taken")

    log_in(page, here, str(person.email))
    is_at(page, "account")
    page.leave_by("form[action$='/connect'] button")
    keep(page, "connect")
    page.leave_by("a.button")
    is_at(page, "account")
    page.wait_text("The account is connected.")
    log_out(page, here)
    page.go(here.ui("login"))
    page.leave_by(GOOGLE)
    is_at(page, "account")


def test_somebody_elses_account_is_not_connected_twice(page: Page, here: Place, issuer: FakeIssuer) -> None:
    """Who has it keeps it; the other is told on the page of their account."""
    issuer.visitor = somebody()
    page.go(here.ui("login"))
    page.leave_by(GOOGLE)
    is_at(page, "account")
    log_out(page, here)
    sign_up(page, here)
    page.leave_by("form[action$='/connect'] button")
    page.leave_by("a.button")
    is_at(page, "account")
    assert page.text("#problem") != ""
    assert "Not connected" in page.text("main")


def test_a_second_factor_is_asked_for_there_too(page: Page, here: Place, issuer: FakeIssuer, welcome: str) -> None:
    """R27, R57: the token comes behind the ``#``, and where they wanted to be is kept."""
    issuer.visitor = somebody()
    page.go(here.ui("login"))
    page.leave_by(GOOGLE)
    is_at(page, "account")
    secret, _ = set_up_app(page)
    log_out(page, here)
    page.go(here.ui(f"login?redirect_url={quote(welcome, safe='')}"))
    page.leave_by(GOOGLE)
    is_at(page, "second-factor")
    assert page.run("location.hash") == ""
    page.fill("#code", "000000" if code_of(secret, steps=1) != "000000" else "111111")
    page.leave_by("main form button")
    assert page.text("#code-wrong") != ""
    page.fill("#code", code_of(secret, steps=1))
    page.leave_by("main form button")
    page.wait(f"location.href === '{welcome}'")


def test_a_form_leads_to_another_origin_where_that_is_allowed(page: Page, here: Place, welcome: str) -> None:
    """R56, R57: its page's policy names that origin and no other; one that is not allowed is not even asked about."""
    page.go(here.ui(f"signup?redirect_url={quote(welcome, safe='')}"))
    name = f"ann_{id(page):x}"
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.leave_by("form[action$='/signup'] button:not([aria-label])")
    page.wait(f"location.href === '{welcome}'")
    log_out(page, here)
    page.go(here.ui(f"login?redirect_url={quote(welcome, safe='')}"))
    page.fill("#name", name)
    page.fill("#password", "not the password at all")
    page.leave_by(LOG_IN)
    page.fill("#password", PASSWORD)
    page.leave_by(LOG_IN)
    page.wait(f"location.href === '{welcome}'")
    origin = welcome.removesuffix("/welcome")
    for query, forms in (("", "form-action 'self';"), (f"?redirect_url={welcome}", f"form-action 'self' {origin};")):
        (policy,) = here.platform.client().get(f"/auth/ui/login{query}").values("content-security-policy")
        assert forms in policy
    page.go(here.ui(f"login?redirect_url={quote(welcome + '/more', safe='')}"))
    page.wait("document.readyState === 'complete'")
    assert "not allowed" in page.text("#problem")
