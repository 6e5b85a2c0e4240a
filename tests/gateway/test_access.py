"""Who may pass at a route, and what happens to everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.gateway.support import COOKIE, SECRET, Accounts, RunningGateway, Upstream, cookie, gateway

from howdah.gateway.access import check_access
from howdah.gateway.errors import NoAccess, NoSession
from howdah.gateway.match import Route
from howdah.gateway.site import Site
from howdah.project.sections import Policy
from howdah.session import ANONYMOUS, Caller, Identity, Session

USER = Identity("cookie", ("user",), {"x-hasura-user-id": "7"}, "7", "s-7")
EDITOR = Identity("cookie", ("user", "editor"), {"x-hasura-user-id": "8"}, "8", "s-8")
TOKEN = Identity("token", ("editor", "user"), {"x-hasura-user-id": "8"}, "8", "s-9")
ACCOUNTS = Accounts({cookie("user"): USER, cookie("editor"): EDITOR}, {"editors-token": TOKEN})
ADMIN = f"X-Hasura-Admin-Secret: {SECRET}"
TOKEN_SHOWN = "Authorization: Bearer editors-token"
PAGE = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


def signed_in(name: str) -> str:
    return f"Cookie: theme=dark; {COOKIE}={cookie(name)}; {COOKIE}-device=known; {COOKIE}-oauth=begun"


EDITORS = Policy(("editor", "admin"), False, "/auth/ui/login", "https://example.com/sorry?why=role")
ROUTES = (
    Route(None, "/", "service", "web"),
    Route(None, "/members", "service", "web", policy=Policy(allow_anonymous=False)),
    Route(None, "/editors", "service", "web", policy=EDITORS),
    Route("ed", "/", "service", "web", policy=EDITORS),
    Route(None, "/guests", "service", "web", policy=Policy(("anonymous", "editor"))),
)


@pytest.fixture(scope="module", params=[None, "httptools"], ids=["edge", "plain ASGI"])
def guarded(request: pytest.FixtureRequest, echo: Upstream) -> Iterator[RunningGateway]:
    """A gateway with routes for everybody, for members, for editors, and for editors and guests."""
    site = Site(session_cookie=COOKIE.encode())
    policies = {"data": Policy(("editor",), False)}
    with gateway(
        service=echo.port, http=request.param, routes=ROUTES, accounts=ACCOUNTS, site=site, policies=policies
    ) as running:
        yield running


@pytest.mark.parametrize(
    ("who", "passes"),
    [
        ((), {"/", "/guests"}),
        ((signed_in("user"),), {"/", "/members"}),
        ((signed_in("editor"),), {"/", "/members", "/editors", "/guests", "/data/x"}),
        # any role that one has will do, whichever one acts in
        ((signed_in("editor"), "X-Hasura-Role: user"), {"/", "/members", "/editors", "/guests", "/data/x"}),
        ((TOKEN_SHOWN, "X-Hasura-Role: user"), {"/", "/members", "/editors", "/guests", "/data/x"}),
        ((ADMIN,), {"/", "/members", "/editors"}),
        # as somebody else, the admin gets as far as somebody else
        ((ADMIN, "X-Hasura-Role: user"), {"/", "/members"}),
        ((ADMIN, "X-Hasura-Role: editor"), {"/", "/members", "/editors", "/guests", "/data/x"}),
    ],
)  # fmt: skip
def test_a_route_is_for_those_its_policy_names(guarded: RunningGateway, who: tuple[str, ...], passes: set[str]) -> None:
    """Each caller at each route: passed on, or 401 without a credential and 403 with one (R46)."""
    for path in ("/", "/members", "/editors", "/guests", "/data/x"):
        answer = guarded.get(path, *who)
        refused = 403 if who else 401
        assert answer.status == (200 if path in passes else refused), path
        if answer.status != 200:
            assert answer.json()["code"] == ("access-restricted" if who else "session-required")
            assert answer.json()["message"] == "access restricted"


def test_nothing_leads_past_a_policy(guarded: RunningGateway) -> None:
    """Spellings of a path that services take for the same are the same to the policy, or refused (R44)."""
    for path in ("/editors", "/editors/", "//editors", "/editors/x", "/%65ditors", "/editors//x", "//editors//"):
        assert guarded.get(path).status == 401, path
    for path in ("/x/..%2feditors", "/x/../editors", "/%2e%2e/editors", "/editors%2fx", "/%2565ditors", "/x\\editors"):
        assert guarded.get(path).status == 400, path
    assert guarded.get("/", host="ed.localhost").status == 401
    assert guarded.get("/editorsandmore").status == 200  # the twin: it is another path


def test_a_browser_is_sent_to_sign_in_and_back(guarded: RunningGateway) -> None:
    """302 with the whole address it wanted, for whoever wants a page; a program is told (R57)."""
    answer = guarded.get("/editors/all?page=2&q=a%26b", PAGE, host="localhost:8080")
    assert (answer.status, answer.body) == (302, b"") and answer.header("cache-control") == "no-store"
    where = urlsplit(answer.header("location"))
    assert (where.scheme, where.netloc, where.path) == ("", "", "/auth/ui/login")
    assert parse_qs(where.query) == {"redirect_url": ["http://localhost:8080/editors/all?page=2&q=a%26b"]}
    for fields in ((), ("Accept: application/json",), ("Accept: */*",)):
        assert guarded.get("/editors", *fields).status == 401
    assert guarded.request("POST", "/editors", PAGE).status == 401  # what was posted would be lost on the way

    answer = guarded.get("/editors", PAGE, signed_in("user"))
    assert answer.status == 302
    assert answer.header("location") == (
        "https://example.com/sorry?why=role&redirect_url=http%3A%2F%2Flocalhost%2Feditors"
    )
    assert guarded.get("/editors", PAGE, signed_in("editor")).status == 200


def test_a_cookie_that_is_over_is_nobodys_where_nobody_may_pass(guarded: RunningGateway) -> None:
    """Anonymous where anonymous callers pass, refused elsewhere; either way the browser forgets the cookie (R45)."""
    over = f"Cookie: {COOKIE}={cookie('gone')}"
    answer = guarded.get("/", over)
    assert answer.status == 200 and answer.fields()["x-hasura-role"] == ["anonymous"]
    assert answer.header("set-cookie").startswith(f"{COOKIE}=; ") and "no-store" in answer.header("cache-control")
    answer = guarded.get("/members", over)
    assert answer.status == 401 and answer.header("set-cookie").startswith(f"{COOKIE}=; ")
    answer = guarded.get("/editors", over, PAGE)
    assert answer.status == 302 and answer.header("set-cookie").startswith(f"{COOKIE}=; ")
    # A token is shown on purpose: whoever shows a wrong one is told so everywhere.
    for path in ("/", "/members"):
        assert guarded.get(path, "Authorization: Bearer nobodys").status == 401
    assert not guarded.get("/", signed_in("user")).values("set-cookie")


def test_what_a_service_is_told_of_the_caller(guarded: RunningGateway) -> None:
    """Role, all roles, variables and the domain, each once; the session's cookie stays at the gateway (R41)."""
    forged = ("X-Hasura-Allowed-Roles: admin", "X-Hasura-Base-Domain: evil.example")
    seen = guarded.get("/", signed_in("editor"), "X-Hasura-Role: editor", *forged).fields()
    assert seen["x-hasura-role"] == ["editor"] and seen["x-hasura-user-id"] == ["8"]
    assert seen["x-hasura-allowed-roles"] == ["user,editor"] and seen["x-hasura-base-domain"] == ["localhost"]
    assert seen["cookie"] == ["theme=dark"]
    seen = guarded.get("/", *forged, f"Cookie: {COOKIE}={cookie('gone')}").fields()
    assert seen["x-hasura-allowed-roles"] == ["anonymous"] and "x-hasura-user-id" not in seen
    assert "cookie" not in seen and seen["x-hasura-base-domain"] == ["localhost"]
    seen = guarded.get("/", ADMIN, "X-Hasura-Role: user", *forged).fields()
    assert seen["x-hasura-allowed-roles"] == ["user"] and seen["x-hasura-base-domain"] == ["localhost"]


def test_a_person_is_shown_a_page(guarded: RunningGateway) -> None:
    """401, 403 and 404 are pages to a browser that looks for one, which runs nothing in them (R56, R76)."""
    for path, fields, status in (("/members", (), 401), ("/guests", (signed_in("user"),), 403)):
        answer = guarded.get(path, PAGE, *fields)
        assert (answer.status, answer.header("content-type")) == (status, "text/html; charset=utf-8")
        policy = answer.header("content-security-policy")
        assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
        assert "script" not in policy and "<script" not in answer.body.decode()
        assert answer.header("x-request-id") in answer.body.decode()
        assert guarded.get(path, *fields).header("content-type") == "application/problem+json; charset=utf-8"
    missing = guarded.get("/<b>", PAGE, host="nobody.localhost")
    assert missing.status == 404 and b"<b>" not in missing.body and b"nobody" in missing.body
    # A part is for programs, whatever they say they accept.
    assert guarded.get("/data/x", PAGE).header("content-type") == "application/problem+json; charset=utf-8"


def test_policies_of_which_none_may_be_forgotten() -> None:
    """Roles count, then whether anonymous callers may pass; a policy without either lets everybody in."""
    anonymous, user = Caller(ANONYMOUS), Caller(Session("user"), "cookie", USER)
    for policy in (Policy(), Policy(("user", "anonymous")), Policy(("anonymous",), allow_anonymous=False)):
        check_access(policy, anonymous)
    for policy in (Policy(allow_anonymous=False), Policy(("user",)), Policy(("user",), allow_anonymous=False)):
        with pytest.raises(NoSession):
            check_access(policy, anonymous)
        check_access(policy, user)
    with pytest.raises(NoAccess):
        check_access(Policy(("admin", "users")), user)
