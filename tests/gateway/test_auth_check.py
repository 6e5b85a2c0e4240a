"""``/-/auth-check``, and the nginx site that asks it: the same rules as for requests of our own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.gateway import fronts
from tests.gateway.support import (
    COOKIE,
    SECRET,
    Accounts,
    Answer,
    RunningGateway,
    Upstream,
    gateway,
    upstream,
)
from tests.gateway.test_websocket import People
from tests.gateway.websocket import accepting, echo, websocket

from howdah.gateway.auth_check import _check_peer
from howdah.gateway.errors import NotAProxy, VariableUnfit
from howdah.gateway.match import Route
from howdah.gateway.nginx import Site as NginxSite
from howdah.gateway.nginx import render_site
from howdah.gateway.site import Site
from howdah.project.sections import Cors, Policy
from howdah.session import Identity
from howdah.supervisor.ports import free_port

PEOPLE = People()
TOKEN = PEOPLE.sign_in("a", "7", roles=("user", "editor"))
BEARER = f"Authorization: Bearer {TOKEN}"
CARRIED = f"Cookie: theme=dark; {COOKIE}={TOKEN}"
MEMBERS = Policy(restrict_to_roles=("editor",), no_session_redirect_url="/login")
ADMINS = Policy(restrict_to_roles=("admin",))
ROUTES = (
    Route(None, "/", "service", "web", policy=Policy(cors=Cors(origins=("http://friend.example",)))),
    Route(None, "/members", "service", "web", policy=MEMBERS),
    Route(None, "/admins", "service", "web", policy=ADMINS),
    Route(None, "/quiet", "service", "web", policy=Policy(websockets=False)),
)
SITE = Site(session_cookie=COOKIE.encode())


@pytest.fixture(scope="module")
def up() -> Iterator[Upstream]:
    """The service behind it all."""
    with upstream(ws=accepting(echo)) as server:
        yield server


@pytest.fixture(scope="module")
def asked(up: Upstream) -> Iterator[RunningGateway]:
    """A gateway to ask."""
    with gateway(service=up.port, routes=ROUTES, accounts=PEOPLE, site=SITE) as running:
        yield running


def ask(running: RunningGateway, uri: str, *fields: str, method: str = "GET", host: str = "localhost") -> Answer:
    told = (f"X-Original-URI: {uri}", f"X-Original-Method: {method}", f"X-Original-Host: {host}")
    return running.get("/-/auth-check", *told, *fields)


ALLOWED = {
    "anonymous": (("/x",), "anonymous", []),
    "a token": (("/x", BEARER), "user", ["7"]),
    "a cookie": (("/members/x?y", CARRIED), "user", ["7"]),
    "another role": (("/x", BEARER, "X-Hasura-Role: editor"), "editor", ["7"]),
    "the secret": (("/admins", f"X-Hasura-Admin-Secret: {SECRET}"), "admin", []),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_who_may_pass_is_told_with_the_identity(asked: RunningGateway, name: str) -> None:
    """R41, R45: 200, and the identity headers that a service behind us would be sent."""
    arguments, role, user = ALLOWED[name]
    answer = ask(asked, *arguments)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.values("x-hasura-role") == [role] and answer.values("x-hasura-user-id") == user
    assert "no-store" in answer.header("cache-control")


def test_a_service_token_is_held_to_its_scopes(up: Upstream) -> None:
    """R45: it passes where it is meant for and nowhere else, asked about as sent to us, at first and again."""
    scoped = Identity("service", ("editor",), {}, scopes=("service:web:read",))
    data = Identity("service", ("editor",), {}, scopes=("data",))
    accounts = Accounts(tokens={"reads-the-service": scoped, "for-data-alone": data})
    cases = (("GET", "reads-the-service", 200), ("POST", "reads-the-service", 403), ("GET", "for-data-alone", 403))
    with gateway(service=up.port, routes=ROUTES, accounts=accounts, site=SITE) as running:
        for method, token, status in cases * 2:
            shown = f"Authorization: Bearer {token}"
            asked, sent = ask(running, "/x", shown, method=method), running.request(method, "/x", shown)
            assert (asked.status, sent.status) == (status, status), (method, token)
            if status != 200:
                assert asked.json()["code"] == sent.json()["code"] == "scope-missing"
                assert not asked.values("x-hasura-role")


REFUSED = {
    "nobody": (401, "session-required", ("/members/x",), "GET"),
    "the wrong roles": (403, "access-restricted", ("/admins", BEARER), "GET"),
    "a token that is none": (401, "invalid-token", ("/x", "Authorization: Bearer abcdefabcdef"), "GET"),
    "a role that is not theirs": (403, "role-not-allowed", ("/x", BEARER, "X-Hasura-Role: admin"), "GET"),
    "an encoded slash": (403, "cannot-pass", ("/x/..%2fadmins",), "GET"),
    "dots": (403, "cannot-pass", ("/x/../admins",), "GET"),
    "a method of nobody's": (403, "cannot-pass", ("/x",), "TRACE"),
    "another site's page": (403, None, ("/x", CARRIED, "Origin: http://evil.example"), "POST"),
    "another service's address": (403, "other-service", ("/x", "X-Auth-Service: other"), "GET"),
    "an identity that nobody overwrites": (403, "identity-claimed", ("/x", "X-Hasura-Org-Id: 9"), "GET"),
    "a proxy's word": (403, "identity-claimed", ("/x", "Remote-User: root"), "GET"),
    "an upgrade": (403, "cannot-pass", ("/x", "X-Original-Upgrade: h2c"), "GET"),
    "a WebSocket where none is": (403, "cannot-pass", ("/quiet", "X-Original-Upgrade: websocket"), "GET"),
    "a WebSocket of another site": (
        403,
        None,
        ("/x", "X-Original-Upgrade: websocket", "Origin: http://evil.example"),
        "GET",
    ),
    "two credentials": (403, "cannot-pass", ("/x", BEARER, CARRIED), "GET"),
    "two addresses": (403, "cannot-pass", ("/x", "X-Original-URI: /y"), "GET"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_who_may_not_is_refused_with_what_a_proxy_understands(asked: RunningGateway, name: str) -> None:
    """R41, R44, R45, R46, R48, R52: 401 or 403, and no identity."""
    status, code, arguments, method = REFUSED[name]
    answer = ask(asked, *arguments, method=method)
    assert answer.status == status
    assert code is None or answer.json().get("code", code) == code
    assert not answer.values("x-hasura-role")


def test_a_browser_is_sent_to_sign_in(asked: RunningGateway) -> None:
    """For nginx in a field of the 401; for a proxy that passes the answer on, by the answer itself."""
    page = "Accept: text/html"
    there = "/login?redirect_url=http%3A%2F%2Flocalhost%2Fmembers%2Fx%3Fy"
    answer = ask(asked, "/members/x?y", page)
    assert (answer.status, answer.header("x-auth-redirect")) == (401, there)
    forwarded = ("X-Forwarded-Uri: /members/x?y", "X-Forwarded-Method: GET", "X-Forwarded-Host: localhost", page)
    answer = asked.get("/-/auth-check", *forwarded)
    assert (answer.status, answer.header("location")) == (302, there)
    assert asked.get("/-/auth-check", *forwarded, BEARER).status == 200
    assert asked.get("/-/auth-check").status == 403


def test_only_a_proxy_may_ask() -> None:
    """R41: from this machine, or where gateway.trusted_proxies says."""
    import ipaddress

    networks = (ipaddress.ip_network("10.0.0.0/8"),)
    for peer, trusted in (("127.0.0.1", 0), ("::1", ()), ("10.1.2.3", networks), ("192.0.2.1", 1), ("", 0)):
        _check_peer(peer, trusted)  # type: ignore[arg-type]
    for peer, trusted in (("192.0.2.1", 0), ("192.0.2.1", networks), ("nonsense", 0)):
        with pytest.raises(NotAProxy):
            _check_peer(peer, trusted)  # type: ignore[arg-type]


# The site


@pytest.fixture(scope="module")
def front(asked: RunningGateway, up: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """The same gateway behind nginx with the rendered site."""
    port = free_port()
    site = NginxSite(
        f"127.0.0.1:{asked.port}",
        ("localhost",),
        {"web": f"127.0.0.1:{up.port}"},
        COOKIE,
        f"127.0.0.1:{port}",
        variables=("X-Hasura-Team-Id",),
    )
    text = render_site(site, (*ROUTES, Route(None, "/data", "part", "data", True)))
    with fronts.nginx(tmp_path_factory.mktemp("site"), text, port):
        yield RunningGateway(
            port, asked.registry, asked.events, asked.server, asked.loop, asked.ready, asked.resolver, asked.tunnels
        )


@pytest.mark.parametrize("way", ["direct", "nginx"])
@pytest.mark.parametrize("name", ALLOWED)
def test_a_service_sees_the_same_caller_through_both(
    asked: RunningGateway, request: pytest.FixtureRequest, way: str, name: str
) -> None:
    """R41, R42, R49: identity once and ours, no credential, no session's cookie, whatever a client claims."""
    running = asked if way == "direct" else request.getfixturevalue("front")
    (uri, *fields), role, user = ALLOWED[name]
    claims = ["X-Forwarded-For: 6.6.6.6", "X-Hasura-Allowed-Roles: admin", "Connection: X-Hasura-Role, close"]
    answer = running.raw("\r\n".join([f"GET {uri} HTTP/1.1", "Host: localhost", *fields, *claims, "", ""]).encode())[0]
    assert answer.status == 200, answer.body
    seen = answer.fields()
    assert seen["x-hasura-role"] == [role] and seen.get("x-hasura-user-id", []) == user
    assert seen["x-forwarded-for"] == ["127.0.0.1"]
    assert "authorization" not in seen and "x-hasura-admin-secret" not in seen
    assert TOKEN not in str(seen) and "6.6.6.6" not in str(seen)
    if "Cookie" in str(fields):
        assert [value.rstrip("; ") for value in seen["cookie"]] == ["theme=dark"]


@pytest.mark.parametrize("way", ["direct", "nginx"])
@pytest.mark.parametrize(
    ("status", "method", "uri", "fields"),
    [
        (401, "GET", "/members/x", ()),
        (403, "GET", "/admins/x", (BEARER,)),
        (401, "GET", "/x", ("Authorization: Bearer abcdefabcdef",)),
        (403, "POST", "/x", (CARRIED, "Origin: http://evil.example")),
        (401, "GET", "//members//x", ()),
        (401, "GET", "/%6dembers/x", ()),
        (302, "GET", "/members/x", ("Accept: text/html",)),
        (200, "GET", "/-/live", ()),
        (200, "GET", "/data/x", ()),
    ],
)
def test_the_same_is_refused_through_both(
    asked: RunningGateway,
    request: pytest.FixtureRequest,
    way: str,
    status: int,
    method: str,
    uri: str,
    fields: tuple[str, ...],
) -> None:
    """R44, R45, R52: policies hold whichever way a request comes."""
    running = asked if way == "direct" else request.getfixturevalue("front")
    answer = running.request(method, uri, *fields)
    assert answer.status == status
    if status == 302:
        assert answer.header("location").startswith("/login?redirect_url=") or "/login?" in answer.header("location")


def test_nobody_asks_through_the_site(front: RunningGateway) -> None:
    """R41: what only proxies may ask is not for their clients."""
    assert front.get("/-/auth-check", "X-Original-URI: /x").status == 404
    assert front.get("/-/ask-howdah").status == 404
    refused = front.get("/x", "X-Hasura-Org-Id: 9")
    assert refused.status == 403


def test_a_websocket_opens_through_the_site(front: RunningGateway) -> None:
    """R48: for a page of the same host, and for no other."""
    with websocket_through(front) as client:
        client.send(b"hello")
        assert client.read()[1] == b"hello"


def websocket_through(running: RunningGateway):  # type: ignore[no-untyped-def]
    return websocket(running, "/ws", BEARER)


def test_variables_of_a_site_are_names() -> None:
    """Nothing else gets into nginx's configuration."""
    for name in ("X-Hasura-Org-Id; evil", "Cookie", "X-Hasura-\n", ""):
        with pytest.raises(VariableUnfit):
            render_site(NginxSite("h:1", ("d",), {}, variables=(name,)), ())
    text = render_site(NginxSite("h:1", ("d",), {"web": "s:2"}, variables=("X-Hasura-Org-Id",)), ROUTES)
    assert "proxy_set_header x-hasura-org-id $auth_x_hasura_org_id;" in text
