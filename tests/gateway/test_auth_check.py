"""``/-/auth-check``, and the nginx site that asks it: the same rules as for requests of our own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from tests.gateway import fronts
from tests.gateway.support import (
    COOKIE,
    SECRET,
    WAYS,
    Answer,
    RunningGateway,
    Upstream,
    gateway,
    parse_answers,
    upstream,
)
from tests.gateway.test_direct import receive
from tests.gateway.test_websocket import People
from tests.gateway.websocket import accepting, echo, websocket

from howdah.gateway.auth_check import check_peer
from howdah.gateway.checked import REMEMBERED_HEADS
from howdah.gateway.errors import NotAProxy, VariableUnfit
from howdah.gateway.events import RequestServed
from howdah.gateway.internal import InternalTokens
from howdah.gateway.match import Route
from howdah.gateway.nginx import Site as NginxSite
from howdah.gateway.nginx import render_site
from howdah.gateway.site import Site
from howdah.kit.internal_token import verify_internal_token
from howdah.project.sections import Cors, Policy
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
KEY = b"k" * 32
SITE = Site(session_cookie=COOKIE.encode(), internal=InternalTokens({"web": KEY}))


@pytest.fixture(scope="module")
def up() -> Iterator[Upstream]:
    """The service behind it all."""
    with upstream(ws=accepting(echo)) as server:
        yield server


@pytest.fixture(scope="module", params=["short", "long"])
def asked(up: Upstream, request: pytest.FixtureRequest) -> Iterator[RunningGateway]:
    """A gateway to ask, with the short way and without: both say the same."""
    WAYS.direct = request.param == "short"
    try:
        with gateway(service=up.port, routes=ROUTES, accounts=PEOPLE, site=SITE) as running:
            yield running
    finally:
        WAYS.direct = True


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
    """R36, R41, R45: 200, and the identity headers and token that a service behind us would be sent; each time."""
    (uri, *fields), role, user = ALLOWED[name]
    answers = [ask(asked, uri, *fields, f"X-Request-Id: question-{number}") for number in range(3)]
    for number, answer in enumerate(answers):
        assert (answer.status, answer.body) == (200, b"")
        assert answer.values("x-hasura-role") == [role] and answer.values("x-hasura-user-id") == user
        assert "no-store" in answer.header("cache-control")
        assert answer.values("x-request-id") == [f"question-{number}"]
        said = verify_internal_token(answer.header("x-howdah-internal-token"), [KEY], audience="web")
        assert (said.role, said.variables.get("x-hasura-user-id")) == (role, user[0] if user else None)
    assert {name for name, _ in answers[0].headers} == {name for name, _ in answers[2].headers}


def ask_on(connection: socket.socket, uri: str, *fields: str) -> Answer:
    """The same on a connection that is kept, as nginx keeps its own."""
    lines = [
        "GET /-/auth-check HTTP/1.1",
        f"X-Original-URI: {uri}",
        "X-Original-Method: GET",
        "Host: localhost",
        *fields,
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return parse_answers(receive(connection))[0]


def test_what_was_asked_before_is_not_read_again(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """R37: but for whom it is known, each time; ids of requests make no difference, and strange ones are looked at."""
    monkeypatch.setattr(WAYS, "direct", True)
    people = People()
    token = people.sign_in("b", "8", roles=("user", "editor"))
    shown = f"Authorization: Bearer {token}"
    with (
        gateway(service=up.port, routes=ROUTES, accounts=people, site=SITE) as running,
        running.connect() as connection,
    ):
        known = running.server.config.http.check.known
        assert ask_on(connection, "/x", shown, "X-Request-Id: a").status == 200  # nobody is known yet: the long way
        for number in range(5):
            answer = ask_on(connection, "/x", shown, f"X-Request-Id: a-{number}")
            assert (answer.status, answer.values("x-request-id")) == (200, [f"a-{number}"])
        assert len(known) == 1
        for number in range(5):
            assert ask_on(connection, f"/members/{number}?x={number}", shown, "X-Request-Id: b").status == 200
            assert ask_on(connection, f"/admins/{number}", shown, "X-Request-Id: b").status == 403
            assert ask_on(connection, f"/x/..%2fmembers/{number}", shown, "X-Request-Id: b").status == 403
        assert len(known) == 1
        served = [event for event in running.events if isinstance(event, RequestServed)]
        assert [(one.target, one.role, one.status) for one in served[:6]] == [("auth-check", "user", 200)] * 6
        assert ask_on(connection, "/x", shown, "X-Request-Id: a b").values("x-request-id") != ["a b"]
        assert ask_on(connection, "/x", shown, "X-Request-Id: a", "X-Request-Id: b").status == 200
        assert ask_on(connection, "/members", shown).status == 200
        assert ask_on(connection, "/admins", shown).status == 403
        people.known.clear()
        running.resolver.forget(user_id="8")
        for uri in ("/x", "/members"):
            assert ask_on(connection, uri, shown, "X-Request-Id: z").status == 401


@pytest.mark.parametrize("line", ["a\nX-Hasura-Role: admin", "a\0", "a\rb"])
def test_bytes_that_nobody_has_looked_at_are(asked: RunningGateway, line: str) -> None:
    """R43: also where everything else of a head was read before."""
    with asked.connect() as connection:
        for _ in range(3):
            assert ask_on(connection, "/x", BEARER, "X-Request-Id: a").status == 200
        assert ask_on(connection, "/x", BEARER, f"X-Request-Id: {line}").status == 400
    with asked.connect() as connection:
        for _ in range(3):
            assert ask_on(connection, "/x", BEARER, "X-Request-Id: a").status == 200
        assert ask_on(connection, f"/{line}", BEARER, "X-Request-Id: a").status == 400


def test_what_is_known_is_bounded(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """R50: whoever asks about one address after the other takes no more memory than so much."""
    monkeypatch.setattr(WAYS, "direct", True)
    with (
        gateway(service=up.port, routes=ROUTES, accounts=PEOPLE, site=SITE) as running,
        running.connect() as connection,
    ):
        for number in range(REMEMBERED_HEADS + 50):
            assert ask_on(connection, "/x", f"X-Number: {number}").status == 200
        assert 0 < len(running.server.config.http.check.known) <= REMEMBERED_HEADS


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
    "a token of ours": (403, "identity-claimed", ("/x", BEARER, "X-Howdah-Internal-Token: forged"), "GET"),
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
        check_peer(peer, trusted)  # type: ignore[arg-type]
    for peer, trusted in (("192.0.2.1", 0), ("192.0.2.1", networks), ("nonsense", 0)):
        with pytest.raises(NotAProxy):
            check_peer(peer, trusted)  # type: ignore[arg-type]


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
    (word,) = seen["x-howdah-internal-token"]
    assert verify_internal_token(word, [KEY], audience="web").role == role
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
