"""Policies on the short way: whoever asks from wherever, its answer is that of the long way."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.gateway.support import COOKIE, SECRET, WAYS, Accounts, RunningGateway, Upstream, cookie, gateway

from howdah.data.execute import Answer
from howdah.gateway.csrf import Tokens
from howdah.gateway.match import Route
from howdah.gateway.site import Site, transport_security
from howdah.project.sections import Cors, Policy
from howdah.session import Identity, Session

LISTED = "https://partner.example"
ACCOUNTS = Accounts(
    {cookie("ann"): Identity("cookie", ("user", "editor"), {"x-hasura-user-id": "7"}, "7", "session-1")},
    {"anns-token": Identity("token", ("user",), {"x-hasura-user-id": "7"}, "7", "session-1")},
)
TOKENS = Tokens(b"a key")


class Echo:
    """Answers with the session it was asked for; notes how often it was asked past the application."""

    def __init__(self) -> None:
        self.short = 0

    def submit(self, body: bytes, session: Session) -> asyncio.Future[bytes] | None:
        self.short += 1
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        future.set_result(self.say(body, session))
        return future

    def explain(self, error: BaseException | None, body: bytes, session: Session) -> Answer | None:
        raise AssertionError("nothing fails here")

    async def answer(self, body: bytes, session: Session) -> Answer:
        raise AssertionError("one read is enough")

    def say(self, body: bytes, session: Session) -> bytes:
        return b"%s asks %d bytes as %s" % (session.role.encode(), len(body), str(dict(session.variables)).encode())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The same on the long way."""
        body = (await receive())["body"]
        content = self.say(body, scope["howdah.session"])
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


POLICIES = {
    "open": Policy(),
    "listed origins": Policy(cors=Cors(origins=(LISTED,))),
    "own origins": Policy(cors=Cors(own=True)),
    "all origins": Policy(cors=Cors("allow_all")),
    "for users": Policy(("user",), False),
    "for editors": Policy(("editor",), False),
    "for the signed in": Policy(allow_anonymous=False, cors=Cors(origins=(LISTED,))),
}
SITES = {
    "plain": Site(tokens=TOKENS),
    "public": Site(
        tokens=TOKENS, public_scheme="https", over_tls=transport_security(9, subdomains=True), session_cookie=b"x"
    ),
    "behind": Site(tokens=TOKENS, trusted_proxies=1, over_tls=transport_security(9, subdomains=False)),
}
WHO = {
    "nobody": "",
    "a cookie": f"Cookie: {COOKIE}={cookie('ann')}",
    "a cookie as an editor": f"Cookie: {COOKIE}={cookie('ann')}\r\nX-Hasura-Role: editor",
    "a cookie as the admin": f"Cookie: {COOKIE}={cookie('ann')}\r\nX-Hasura-Role: admin",
    "a cookie that is over": f"Cookie: {COOKIE}={cookie('gone')}",
    "a token": "Authorization: Bearer anns-token",
    "a wrong token": "Authorization: Bearer x",
    "the secret": f"X-Hasura-Admin-Secret: {SECRET}",
}
WHENCE = {
    "nowhere": "",
    "here": "Sec-Fetch-Site: same-origin\r\nOrigin: http://localhost",
    "here, without metadata": "Origin: http://localhost",
    "a listed page": f"Sec-Fetch-Site: cross-site\r\nOrigin: {LISTED}",
    "our own page": "Sec-Fetch-Site: same-site\r\nOrigin: http://data.localhost",
    "another page": "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example",
    "two pages": f"Origin: {LISTED}\r\nOrigin: https://evil.example",
    "the listed one second": f"Origin: https://evil.example\r\nOrigin: {LISTED}",
    "with a token": f"X-CSRF-Token: {TOKENS.issue('session-1')}",
    "over TLS": "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1",
}


def steady(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Status, the fields in order of their names, body: without what differs from moment to moment."""
    text = re.sub(rb"[0-9a-f]{12}-[0-9a-f]+", b"<id>", re.sub(rb"(?mi)^date: [^\r]*\r\n", b"", answer))
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    return lines[0], sorted(line.lower() for line in lines[1:] if b"<id>" not in body or b"length" not in line), body


Ways = tuple[RunningGateway, RunningGateway, Echo]


# What differs between sites does not depend on who may pass.
SETTINGS = [(policy, "plain") for policy in POLICIES] + [
    (policy, site) for policy in ("open", "listed origins") for site in ("public", "behind")
]


@pytest.fixture(scope="module", params=SETTINGS, ids=" ".join)
def ways(request: pytest.FixtureRequest) -> Iterator[Ways]:
    """The same gateway with the short way and without."""
    policy, site = request.param
    engine = Echo()
    given: dict[str, Any] = {
        "part": engine,
        "accounts": ACCOUNTS,
        "site": SITES[site],
        "policies": {"data": POLICIES[policy]},
    }
    with gateway(**given, hot=engine) as short, gateway(**given) as long:
        yield short, long, engine


@pytest.fixture(scope="module", params=SETTINGS, ids=" ".join)
def service_ways(request: pytest.FixtureRequest, echo: Upstream) -> Iterator[tuple[RunningGateway, RunningGateway]]:
    """The same gateway in front of a service, with the short way to it and without."""
    policy, site = request.param
    given: dict[str, Any] = {
        "service": echo.port,
        "accounts": ACCOUNTS,
        "site": replace(SITES[site], session_cookie=COOKIE.encode()),
        "routes": (Route(None, "/", "service", "web", policy=POLICIES[policy]),),
    }
    with gateway(**given) as short:
        WAYS.direct = False
        try:
            with gateway(**given) as long:
                yield short, long
        finally:
            WAYS.direct = True


def ask(server: RunningGateway, *fields: str, path: str = "/data/v1/query") -> tuple[bytes, list[bytes], bytes]:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 2"]
    with server.connect() as connection:
        connection.sendall("\r\n".join([*lines, *filter(None, fields), "", ""]).encode() + b"{}")
        received = b""
        while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < _length(received):
            piece = connection.recv(65536)
            assert piece, received
            received += piece
    return steady(received)


def _length(received: bytes) -> int:
    found = re.search(rb"(?mi)^content-length: (\d+)", received)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("who", WHO)
def test_both_ways_answer_alike(ways: Ways, who: str) -> None:
    """R45, R49, R52, R55, R56: whatever a policy says of a caller or a page holds on both ways, at first and again."""
    short, long, _ = ways
    for whence in WHENCE:
        expected = ask(long, WHO[who], WHENCE[whence])
        for _ in range(3):
            assert ask(short, WHO[who], WHENCE[whence]) == expected, whence


@pytest.mark.parametrize("who", WHO)
def test_services_are_asked_alike_on_both_ways(service_ways: tuple[RunningGateway, RunningGateway], who: str) -> None:
    """R41, R45, R49, R52, R55, R56: what a service sees of a request, and a client of its answer, is the same."""
    short, long = service_ways
    for whence in WHENCE:
        expected = ordered(ask(long, WHO[who], WHENCE[whence], path="/x"))
        for _ in range(3):
            assert ordered(ask(short, WHO[who], WHENCE[whence], path="/x")) == expected, whence


def ordered(told: tuple[bytes, list[bytes], bytes]) -> tuple[bytes, list[bytes], Any]:
    """The answer with the fields its service was sent in the order of their names, where it reached one."""
    status, fields, body = told
    document = json.loads(body)
    if "headers" in document:
        document["headers"].sort()
    return status, fields, document


def test_the_short_way_is_taken_by_pages_of_ours() -> None:
    """What browsers send from our own pages, and programs from anywhere, needs no detour; the twin goes round."""
    engine = Echo()
    with gateway(part=engine, accounts=ACCOUNTS, hot=engine) as running:
        ask(running, WHO["a cookie"])  # asks who that is, which takes the long way
        for who, whence, short in (
            ("nobody", "nowhere", 1),
            ("the secret", "nowhere", 1),
            ("a cookie", "here", 1),
            ("nobody", "another page", 1),
            ("a cookie", "another page", 0),
            ("a cookie", "with a token", 0),
        ):
            before = engine.short
            ask(running, WHO[who], WHENCE[whence])
            assert engine.short - before == short, (who, whence)
