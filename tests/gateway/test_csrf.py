"""Nobody else's page acts with a user's cookie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.gateway.support import (
    COOKIE,
    EXPIRED_COOKIE,
    SECRET,
    Accounts,
    Received,
    RunningGateway,
    Upstream,
    cookie,
    gateway,
    upstream,
)

from howdah.gateway.csrf import Tokens
from howdah.gateway.match import Route
from howdah.gateway.site import Site, transport_security
from howdah.project.sections import Cors, Policy
from howdah.session import Identity

TOKENS = Tokens(b"a key of the server's")
ACCOUNTS = Accounts(
    {cookie(name): Identity("cookie", ("user",), {}, name, f"session-of-{name}") for name in ("ann", "bob")},
    {"anns-token": Identity("token", ("user",), {}, "ann", "session-of-ann")},
)  # fmt: skip
ANN = f"Cookie: {COOKIE}={cookie('ann')}"
LISTED = "https://partner.example"
ROUTES = (
    Route(None, "/", "service", "web"),
    Route(None, "/list", "service", "web", policy=Policy(cors=Cors(origins=(LISTED,)))),
    Route(None, "/own", "service", "web", policy=Policy(cors=Cors(own=True))),
    Route(None, "/all", "service", "web", policy=Policy(cors=Cors("allow_all"))),
    Route("app", "/", "service", "web"),
)


@pytest.fixture(scope="module", params=[None, "httptools"], ids=["edge", "plain ASGI"])
def doors(request: pytest.FixtureRequest, echo: Upstream) -> Iterator[RunningGateway]:
    """A gateway with two signed in, and a part where people sign in."""
    site = Site(session_cookie=COOKIE.encode(), tokens=TOKENS, signing_in=frozenset(("auth",)))
    with gateway(
        service=echo.port, http=request.param, routes=ROUTES, accounts=ACCOUNTS, site=site, parts=("data", "auth")
    ) as running:
        yield running


SAME, NONE, SITE, CROSS = (f"Sec-Fetch-Site: {site}" for site in ("same-origin", "none", "same-site", "cross-site"))
HERE, THERE, NULL = "Origin: http://localhost", "Origin: https://evil.example", "Origin: null"
TOKEN = f"X-CSRF-Token: {TOKENS.issue('session-of-ann')}"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/data/x"])
@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        # what the browser says of the page decides (Fetch Metadata)
        ((SAME,), True),
        ((SAME, HERE), True),
        ((NONE,), True),
        ((CROSS,), False),
        ((CROSS, THERE), False),
        ((CROSS, NULL), False),
        ((SITE,), False),
        ((SITE, "Origin: http://app.localhost"), False),
        ((CROSS, HERE), False),
        ((SAME, CROSS), False),
        ((CROSS, SAME), False),
        (("Sec-Fetch-Site: SAME-ORIGIN",), False),
        (("Sec-Fetch-Site: ",), False),
        # a browser that does not say so sends the page's origin
        ((HERE,), True),
        (("Origin: https://localhost",), True),  # TLS ended in front of us: still the very same host
        ((THERE,), False),
        ((NULL,), False),
        (("Origin: http://localhost:81",), False),
        (("Origin: http://localhost.evil.example",), False),
        (("Origin: http://app.localhost",), False),
        ((HERE, HERE), False),
        ((HERE, THERE), False),
        (("Referer: http://localhost/",), False),
        # a program with a cookie shows that it has the session
        ((), False),
        ((TOKEN,), True),
        ((TOKEN, TOKEN), False),
        ((f"X-CSRF-Token: {TOKENS.issue('session-of-bob')}",), False),
        ((f"X-CSRF-Token: {Tokens(b'another key').issue('session-of-ann')}",), False),
        (("X-CSRF-Token: ",), False),
        (("X-CSRF-Token: ä",), False),
        # no token makes another site's page ours
        ((CROSS, TOKEN), False),
        ((THERE, TOKEN), False),
    ],
)
def test_a_cookie_acts_for_pages_of_ours_alone(
    doors: RunningGateway, path: str, method: str, fields: tuple[str, ...], passes: bool
) -> None:
    """R52, R53: each way a request can show where it comes from, allowed and refused."""
    answer = doors.request(method, path, ANN, *fields)
    assert answer.status == (200 if passes else 403), answer.body
    if not passes:
        assert answer.json()["code"] == "cross-site-request" and answer.header("content-type").startswith(
            "application/p"
        )


@pytest.mark.parametrize("fields", [(CROSS,), (THERE,), (SITE,), (NULL,), (CROSS, THERE)])
def test_what_no_browser_attaches_by_itself_needs_none_of_it(doors: RunningGateway, fields: tuple[str, ...]) -> None:
    """R52: tokens and secrets are exempt, reading is, and so is whoever shows nothing; the cookie's twin is not."""
    for who in ((), ("Authorization: Bearer anns-token",), (f"X-Hasura-Admin-Secret: {SECRET}",)):
        assert doors.request("POST", "/data/x", *who, *fields).status == 200
    for method in ("GET", "HEAD", "OPTIONS"):
        assert doors.request(method, "/", ANN, *fields).status == 200
    assert doors.request("POST", "/data/x", ANN, *fields).status == 403


def test_origins_that_are_listed_may_act(doors: RunningGateway) -> None:
    """R52: the allow-list is the address's CORS policy; one without cookies allows none with them."""
    listed = f"Origin: {LISTED}"
    for fields in ((listed,), (CROSS, listed)):
        assert doors.request("POST", "/list", ANN, *fields).status == 200
        assert doors.request("POST", "/", ANN, *fields).status == 403
        assert doors.request("POST", "/all", ANN, *fields).status == 403
    ours = "Origin: http://app.localhost"
    assert doors.request("POST", "/own", ANN, SITE, ours).status == 200
    assert doors.request("POST", "/own", ANN, SITE, "Origin: http://evil.localhost").status == 403


def test_nobody_is_signed_in_by_another_sites_page(doors: RunningGateway) -> None:
    """R53: where people sign in and out there may be no session yet, so every caller's page is looked at."""
    for fields in ((CROSS,), (SITE,), (THERE,), (NULL,), (CROSS, THERE)):
        assert doors.request("POST", "/auth/v1/login", *fields).status == 403
        assert doors.request("POST", "/auth/v1/user/logout", ANN, *fields).status == 403
        assert doors.request("POST", "/auth/v1/x", "Authorization: Bearer anns-token", *fields).status == 200
    for fields in ((), (SAME, HERE), (NONE,), (HERE,)):
        assert doors.request("POST", "/auth/v1/login", *fields).status == 200
    assert doors.get("/auth/v1/oauth/callback", CROSS).status == 200  # whoever comes back from a provider


def test_the_token_is_the_sessions(doors: RunningGateway) -> None:
    """R53: whoever has the session learns its token, nobody else; it is another for each session."""
    answer = doors.get("/-/csrf-token", ANN)
    assert answer.status == 200 and "no-store" in answer.header("cache-control")
    token = answer.json()["csrf_token"]
    assert doors.request("POST", "/data/x", ANN, f"X-CSRF-Token: {token}").status == 200
    bob = f"Cookie: {COOKIE}={cookie('bob')}"
    assert doors.get("/-/csrf-token", bob).json()["csrf_token"] != token
    assert doors.request("POST", "/data/x", bob, f"X-CSRF-Token: {token}").status == 403
    assert "session-of-ann" not in token and not answer.values("access-control-allow-origin")
    for fields in ((), ("Authorization: Bearer anns-token",), (f"Cookie: {COOKIE}={cookie('gone')}",)):
        assert doors.get("/-/csrf-token", *fields).status == 401
    assert doors.request("POST", "/-/csrf-token", ANN, SAME).status == 405


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        (f"name=ann&csrf_token={TOKENS.issue('session-of-ann')}", True),
        (f"csrf_token={TOKENS.issue('session-of-ann')}&filling={'x' * 60_000}", True),
        (f"csrf_token={TOKENS.issue('session-of-bob')}", False),
        (f"csrf_token={TOKENS.issue('session-of-ann')}&csrf_token={TOKENS.issue('session-of-ann')}", False),
        ("csrf_token=", False),
        ("csrf_token=%FF", False),
        ("name=ann", False),
        ("", False),
        (f"filling={'x' * 70_000}&csrf_token={TOKENS.issue('session-of-ann')}", False),
    ],
)
def test_a_form_may_have_the_token_in_a_field(doors: RunningGateway, body: str, passes: bool) -> None:
    """R52, R53: where people sign in, and nothing else says which page it is from; what the part reads is all of it."""
    form = "Content-Type: application/x-www-form-urlencoded"
    answer = doors.request("POST", "/auth/ui/account", ANN, form, body=body.encode())
    assert answer.status == (200 if passes else 403), answer.body
    if passes:
        assert answer.json()["body"] == len(body)
    # a token in a field makes nobody else's page ours, and is a field like any other everywhere else
    for more in ((CROSS,), (THERE,), (NULL,)):
        assert doors.request("POST", "/auth/ui/account", ANN, form, *more, body=body.encode()).status == 403
    assert doors.request("POST", "/data/x", ANN, form, body=body.encode()).status == 403
    assert doors.request("POST", "/auth/ui/account", ANN, "Content-Type: text/plain", body=body.encode()).status == 403


def test_a_cookie_that_is_over_acts_for_nobody(doors: RunningGateway) -> None:
    """It is an anonymous request then, whichever page sends it, and the browser forgets the cookie (R45)."""
    answer = doors.request("POST", "/data/x", f"Cookie: {COOKIE}={cookie('gone')}", CROSS)
    assert (answer.status, answer.json()["role"]) == (200, "anonymous")
    assert answer.values("set-cookie") == [EXPIRED_COOKIE]


# What every answer says


def test_answers_to_somebody_are_kept_by_nobody(doors: RunningGateway) -> None:
    """R49: private and not stored where a credential was shown and the service says nothing; else as it likes."""
    for who in (ANN, "Authorization: Bearer anns-token", f"X-Hasura-Admin-Secret: {SECRET}"):
        for path in ("/", "/data/x"):
            assert doors.get(path, who).values("cache-control") == ["private, no-store"]
    for path in ("/", "/data/x"):
        assert doors.get(path).values("cache-control") == []


@pytest.mark.parametrize(
    ("site", "fields", "secure"),
    [
        (Site(public_scheme="https"), (), True),
        (Site(public_scheme="http"), (), False),
        (Site(), ("X-Forwarded-Proto: https",), False),
        (Site(trusted_proxies=1), ("X-Forwarded-Proto: https",), True),
        (Site(trusted_proxies=1), ("X-Forwarded-Proto: http",), False),
        (Site(public_scheme="https", trusted_proxies=1), ("X-Forwarded-Proto: http",), False),
        (Site(trusted_proxies=1), (), False),
    ],
)
def test_browsers_insist_on_tls_once_there_was_some(
    echo: Upstream, site: Site, fields: tuple[str, ...], secure: bool
) -> None:
    """R56: on every answer that leaves over TLS, whoever it is from, and on no other."""
    over_tls = transport_security(3600, subdomains=False)
    site = Site(trusted_proxies=site.trusted_proxies, public_scheme=site.public_scheme, over_tls=over_tls)
    with gateway(service=echo.port, site=site) as running:
        for path in ("/", "/data/x", "/-/live"):
            expected = ["max-age=3600"] if secure else []
            assert running.get(path, *fields).values("strict-transport-security") == expected
        assert bool(running.get("/", *fields, host="nobody.localhost").values("strict-transport-security")) is secure


def test_what_a_service_says_about_tls_comes_first() -> None:
    """R56: browsers heed the first alone (RFC 6797, section 8.1), at first and on the short way."""

    async def says(request: Received, reader: Any, writer: Any) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nStrict-Transport-Security: max-age=9\r\n\r\n")
        return True

    site = Site(public_scheme="https", over_tls=transport_security(3600, subdomains=False))
    with upstream(says=says) as up, gateway(service=up.port, site=site) as running:
        for _ in range(3):
            assert running.get("/says").values("strict-transport-security") == ["max-age=9", "max-age=3600"]
