"""The short way to services: taken where it may be, and nothing tells it from the long one but its cost."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time

import pytest
from tests.gateway.support import (
    COOKIE,
    SECRET,
    WAYS,
    Answer,
    Received,
    RunningGateway,
    answer,
    eventually,
    gateway,
    parse_answers,
    upstream,
)
from tests.gateway.test_proxy import receive
from tests.gateway.test_websocket import People

from howdah.gateway import edge as edge_module
from howdah.gateway.direct import REMEMBERED_HEADS, DirectRoute
from howdah.gateway.direct_request import REMEMBERED_ANSWERS, DirectRequest
from howdah.gateway.match import Route
from howdah.gateway.proxy import ProxyLimits
from howdah.gateway.site import Site
from howdah.project.sections import Cors, Policy

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that took the short way to their end, in their order."""
    paths: list[str] = []
    finish = DirectRequest._finish

    def watched(self: DirectRequest, *, reusable: bool) -> None:
        paths.append(self.passage.head.path)
        finish(self, reusable=reusable)

    monkeypatch.setattr(DirectRequest, "_finish", watched)
    return paths


def ask(running: RunningGateway, *requests: bytes) -> list[Answer]:
    """The answers to requests on one connection, one after the other; each needs no second."""
    with running.connect() as connection:
        found = []
        for request in requests:
            connection.sendall(request)
            found += parse_answers(receive(connection))
        return found


def head(target: str, *fields: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *fields]
    lines += [f"Content-Length: {len(body)}"] if body or method == "POST" else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def test_what_is_ordinary_takes_the_short_way(taken: list[str]) -> None:
    """Everything but the first request, for which a connection has to be opened."""
    with upstream() as up, gateway(service=up.port) as running:
        answers = ask(
            running,
            head("/1"),
            head("/2"),
            head("/2"),
            head("/3?a=b"),
            head("/4", method="POST", body=b"abc"),
            head("/4", method="POST", body=b"abc"),
            head("/5", method="DELETE"),
        )
        assert taken == ["/2", "/2", "/3", "/4", "/4", "/5"]
        assert [one.status for one in answers] == [200] * 7
        assert [one.json()["target"] for one in answers] == ["/1", "/2", "/2", "/3?a=b", "/4", "/4", "/5"]
        assert answers[4].json()["body"] == 3
        served = running.named("RequestServed")
        assert [event.path for event in served] == ["/1", "/2", "/2", "/3", "/4", "/4", "/5"]
        assert up.connections == 1


@pytest.mark.parametrize(
    "request_",
    [
        head("/x", method="HEAD"),
        b"GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n",
        head("/data/x"),
        head("/-/live"),
        head("/x", "Expect: 100-continue", method="POST", body=b"a"),
        head("/x", "Origin: http://a", "Access-Control-Request-Method: GET", method="OPTIONS"),
        head("/x", "X-Hasura-Admin-Secret: wrong"),
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        head("/x", method="POST", body=b"a" * 70_000),
    ],
)
def test_what_is_not_goes_the_long_way(taken: list[str], request_: bytes) -> None:
    """Methods, parts, refusals, bodies that have to be streamed."""
    with upstream() as up, gateway(service=up.port) as running:
        ask(running, head("/1"), head("/2"))
        with running.connect() as connection:
            connection.sendall(request_)
            assert connection.recv(65536)
        assert taken == ["/2"]


PEOPLE = People()
TOKEN = PEOPLE.sign_in("a", "7", roles=("user", "editor"))
BEARER = f"Authorization: Bearer {TOKEN}"
CARRIED = f"Cookie: {COOKIE}={TOKEN}"
REQUESTS = {
    "anonymous": head("/x"),
    "admin": head("/x", f"X-Hasura-Admin-Secret: {SECRET}", "X-Hasura-Role: user", "X-Hasura-User-Id: 7"),
    "cookie": head("/x", f"Cookie: theme=dark; {COOKIE}={TOKEN}"),
    "token": head("/x", f"Authorization: Bearer {TOKEN}"),
    "claims": head("/x", "X-Hasura-Role: admin", "X-Forwarded-For: 6.6.6.6", "Remote-User: root", "X-Howdah-T: 1"),
    "named away": head("/x", "Connection: keep-alive, X-Hasura-Role, Host, X-Mine", "X-Mine: 1", "Upgrade: tls/1.0"),
    "overridden": head("/x", "X-HTTP-Method-Override: DELETE", method="POST", body=b"{}"),
    "a query": head("/x/y%20z?a=%2f..%2f&b=c"),
    "doubled slashes": head("//x///y"),
    "a stripped prefix": head("/api/x?y"),
    "its own id": head("/x", "X-Request-Id: mine-1"),
    "two ids": head("/x", "X-Request-Id: a", "X-Request-Id: b"),
    "another page": head("/x", "Origin: http://evil.example"),
    "a page that may": head("/x", "Origin: http://friend.example"),
    "a post from there": head(
        "/x", "Origin: http://evil.example", f"Cookie: {COOKIE}={TOKEN}", method="POST", body=b"a"
    ),
    "a post from here": head(
        "/x", "Sec-Fetch-Site: same-origin", f"Cookie: {COOKIE}={TOKEN}", method="POST", body=b"a"
    ),
    "members": head("/members/x", f"Authorization: Bearer {TOKEN}"),
    "no member": head("/members/x"),
    "empty post": head("/x", method="POST"),
    "put": head("/x", method="PUT", body=b"{}"),
    "an old cookie": head("/x", f"Cookie: {COOKIE}=0123456789abcdef0123"),
    "the last": head("/x", "Connection: close"),
}
SITE = Site(session_cookie=COOKIE.encode())
ROUTES = (
    Route(None, "/", "service", "web", policy=Policy(cors=Cors(origins=("http://friend.example",)))),
    Route(None, "/api", "service", "web", strip_prefix=True),
    Route(None, "/members", "service", "web", policy=Policy(restrict_to_roles=("editor",))),
)
SAYS = (
    "X-Hasura-Role: admin",
    f"Set-Cookie: {COOKIE}=stolen",
    "Set-Cookie: theme=dark",
    "Server: x",
    "Connection: X-Hop",
    "X-Hop: 1",
    "Access-Control-Allow-Origin: *",
)


async def telling(request: Received, reader: Reader, writer: Writer) -> bool:
    length = request.values("content-length")
    body = await reader.readexactly(int(length[0])) if length else b""
    seen = {"method": request.method, "target": request.target, "headers": request.headers, "body": body.decode()}
    writer.write(answer(json.dumps(seen).encode(), "Content-Type: application/json", *SAYS))
    return True


def plain(one: Answer) -> object:
    """The answer without what differs from one request to the next; what the service saw is part of it."""
    headers = [(name, value) for name, value in one.headers if name not in ("date", "content-length")]
    body = json.loads(one.body)
    if "headers" in body:
        body["headers"] = sorted(body["headers"])
    return re.sub("[0-9a-f]{12}-[0-9a-f]+", "ID", repr((one.status, sorted(headers), body)))


@pytest.mark.parametrize("name", REQUESTS)
def test_both_ways_say_the_same_to_both_sides(name: str) -> None:
    """R41, R42, R45, R49, R52, R55: the service sees the same request and the client the same answer, also again."""
    seen = []
    behaviours = dict.fromkeys(("/x", "/x/y%20z", "//x///y", "/members/x"), telling)
    for direct in (True, False):
        WAYS.direct = direct
        try:
            with upstream() as up, gateway(service=up.port, routes=ROUTES, accounts=PEOPLE, site=SITE) as running:
                up.behaviours.update(behaviours)
                ask(running, head("/warm"), head("/warm", f"Authorization: Bearer {TOKEN}"))
                ask(running, head("/warm", f"Cookie: {COOKIE}={TOKEN}"))
                for _ in range(3):
                    seen.append(plain(ask(running, REQUESTS[name])[0]))
        finally:
            WAYS.direct = True
    assert all(one == seen[0] for one in seen), seen


LINES = (
    "GET /2 HTTP/1.1",
    "GET /2?a=b HTTP/1.1",
    "DELETE /2 HTTP/1.1",
    "POST /2 HTTP/1.1",
    "GET /api/y HTTP/1.1",
    "GET /members/x HTTP/1.1",
    "GET /data/x HTTP/1.1",
    "GET /-/live HTTP/1.1",
    "GET /x/../y HTTP/1.1",
    "GET /x%2fy HTTP/1.1",
    "GET /x#y HTTP/1.1",
    "GET /%252e HTTP/1.1",
    "GET //members//x HTTP/1.1",
    "GET http://localhost/2 HTTP/1.1",
    "GET http://other/2 HTTP/1.1",
    "GET  /2 HTTP/1.1",
    "GET /2 HTTP/1.0",
    "GET /2 HTTP/2.0",
    "get /2 HTTP/1.1",
    "TRACE /2 HTTP/1.1",
    "GET /" + "a" * 17_000 + " HTTP/1.1",
)


@pytest.mark.parametrize("credential", ["", BEARER])
@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:20])
def test_known_fields_mean_the_same_behind_every_line(
    monkeypatch: pytest.MonkeyPatch, line: str, credential: str
) -> None:
    """R43, R44: what was remembered of a header decides nothing about the line before it."""
    seen = []
    used: list[object] = []
    recognise_line = DirectRoute.recognise_line
    monkeypatch.setattr(
        DirectRoute, "recognise_line", lambda self, raw: used.append(found := recognise_line(self, raw)) or found
    )
    fields = "\r\n".join(["Host: localhost", *([credential] if credential else []), "", ""])
    for direct in (True, False):
        WAYS.direct = direct
        try:
            with upstream() as up, gateway(service=up.port, routes=ROUTES, accounts=PEOPLE, site=SITE) as running:
                for number in range(3):
                    ask(running, f"GET /warm{number} HTTP/1.1\r\n{fields}".encode())
                with running.connect() as connection:
                    connection.sendall(f"{line}\r\n{fields}".encode())
                    one = parse_answers(receive(connection))[0]
                    body = one.json()
                    told = {key: value for key, value in body.items() if key not in ("request_id", "headers")}
                    sent = sorted(value for _, value in body.get("headers", []))
                    seen.append(re.sub("[0-9a-f]{12}-[0-9a-f]+", "ID", repr((one.status, told, sent))))
        finally:
            WAYS.direct = True
    assert seen[0] == seen[1]
    assert any(found is not None for found in used)


def test_fields_are_made_for_each_caller_and_target_anew() -> None:
    """R41: two routes with different policies, asked in turn with the same header, never share what was made."""
    with upstream() as up, gateway(service=up.port, routes=ROUTES, accounts=PEOPLE, site=SITE) as running:
        for _ in range(3):
            for path, status in (("/x", 200), ("/members/x", 401), ("/api/x", 200), ("/x", 200)):
                (one,) = ask(running, head(path))
                assert one.status == status
                allowed = one.values("vary")
                assert allowed == (["Origin"] if path == "/x" else [])


def test_a_session_that_ended_is_not_remembered(taken: list[str]) -> None:
    """R37, R45: a head that was read before is asked for its caller each time."""
    people = People()
    token = people.sign_in("a", "7")
    request = head("/x", f"Authorization: Bearer {token}")
    with upstream() as up, gateway(service=up.port, accounts=people) as running:
        assert [one.status for one in ask(running, *[request] * 3)] == [200] * 3
        assert len(taken) == 2
        people.known.clear()
        running.loop.call_soon_threadsafe(lambda: running.resolver.forget(user_id="7"))
        assert eventually(lambda: ask(running, request)[0].status == 401)
        assert len(taken) == 2


def test_answers_of_every_kind_pass(taken: list[str]) -> None:
    """Lengths, chunks, pieces, no body at all: each as it is, and the connection goes on."""

    async def pieces(request: Received, reader: Reader, writer: Writer) -> bool:
        whole = answer(b"x" * 1000)
        for start in range(0, len(whole), 100):
            writer.write(whole[start : start + 100])
            await asyncio.sleep(0.001)
        return True

    async def chunks(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\nX: 1\r\n\r\n"
        )
        return True

    async def nothing(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(answer(b"", "ETag: x", status="304 Not Modified").replace(b"Content-Length: 0\r\n", b""))
        return True

    async def hints(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"ok"))
        return True

    with (
        upstream(pieces=pieces, chunks=chunks, nothing=nothing, hints=hints) as up,
        gateway(service=up.port) as running,
    ):
        for _ in range(3):
            with running.connect() as connection:
                for path, body in (("/warm", None), ("/pieces", b"x" * 1000), ("/hints", b"ok")):
                    connection.sendall(head(path))
                    (one,) = parse_answers(receive(connection))
                    assert one.status == 200 and body in (None, one.body)
                connection.sendall(head("/chunks"))
                data = b""
                while not data.endswith(b"0\r\n\r\n"):
                    data += connection.recv(65536)
                (one,) = parse_answers(data)
                assert (one.body, one.values("x"), one.values("trailer")) == (b"abcde", [], [])
                connection.sendall(head("/nothing"))
                data = connection.recv(65536)
                assert data.startswith(b"HTTP/1.1 304 ") and data.endswith(b"\r\n\r\n")
        assert up.connections == 1
        assert {"/pieces", "/chunks", "/nothing", "/hints"} <= set(taken)


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", b"garbage"])
@pytest.mark.parametrize("later", [False, True])
def test_more_than_an_answer_is_nobodys_answer(extra: bytes, later: bool) -> None:
    """R43: bytes behind a known answer reach no other request; the connection they came on is dropped."""

    async def generous(request: Received, reader: Reader, writer: Writer) -> bool:
        whole = answer(b"hello")
        if request.target.endswith("more"):
            if later:
                writer.write(whole[:-2])
                await asyncio.sleep(0.02)
                writer.write(whole[-2:] + extra)
            else:
                writer.write(whole + extra)
        else:
            writer.write(whole)
        return True

    with upstream(generous=generous) as up, gateway(service=up.port) as running:
        for _ in range(4):
            answers = ask(running, head("/generous"), head("/generous"), head("/generous?more"), head("/generous"))
            assert [one.body for one in answers] == [b"hello"] * 4


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("framed", [True, False])
def test_a_client_that_does_not_read_stops_the_service(taken: list[str], loop: str, framed: bool) -> None:
    """R50: what waits in between is bounded on the short way too, and all of it arrives in the end."""
    sent = [0]
    size = 30_000_000

    async def large(request: Received, reader: Reader, writer: Writer) -> bool:
        fields = b"Content-Length: %d" % size if framed else b"Transfer-Encoding: chunked"
        writer.write(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n")
        piece = b"x" * 60_000
        for _ in range(size // len(piece)):
            writer.write(piece if framed else b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            sent[0] += len(piece)
        writer.write(b"" if framed else b"0\r\n\r\n")
        return True

    with upstream(large=large) as up, gateway(service=up.port, loop=loop) as running:
        ask(running, head("/warm"))
        with running.connect() as connection:
            connection.sendall(head("/large"))
            time.sleep(1.0)
            assert 0 < sent[0] < 20_000_000
            data = bytearray()
            while len(data) < size or (not framed and not data.endswith(b"0\r\n\r\n")):
                data += connection.recv(1 << 20)
            assert parse_answers(bytes(data))[0].body == b"x" * size
        eventually(lambda: taken == ["/large"])


def test_times_are_told_where_that_is_asked_for() -> None:
    """`Server-Timing` on both ways, and nowhere else."""
    with upstream() as up, gateway(service=up.port, proxy=ProxyLimits(server_timing=True)) as running:
        for one in ask(running, head("/1"), head("/2"), head("/2")):
            assert re.fullmatch(r"gateway;dur=\d+\.\d, upstream;dur=\d+\.\d", one.header("server-timing"))
        assert not running.get("/-/live").values("server-timing")
    with upstream() as up, gateway(service=up.port) as running:
        assert not any(one.values("server-timing") for one in ask(running, head("/1"), head("/2")))


def test_what_is_remembered_is_bounded() -> None:
    """Clients that never send the same head twice, and services that never answer with the same, fill no memory."""
    count = [0]

    async def never_the_same(request: Received, reader: Reader, writer: Writer) -> bool:
        count[0] += 1
        writer.write(answer(b"ok", f"X-Count: {count[0]}"))
        return True

    with upstream(x=never_the_same) as up, gateway(service=up.port) as running, running.connect() as connection:
        for number in range(REMEMBERED_HEADS + 50):
            connection.sendall(head(f"/x?{number}"))
            assert parse_answers(receive(connection))[0].header("x-count") == str(count[0])
        direct = running.server.config.http.direct
        assert 0 < len(direct.known) <= REMEMBERED_HEADS
        assert 0 < len(direct.answers[0]) <= REMEMBERED_ANSWERS


def test_a_pipelined_request_waits_its_turn(taken: list[str]) -> None:
    """R43: two requests in one segment get two answers, in their order."""
    with upstream() as up, gateway(service=up.port) as running:
        ask(running, head("/warm"))
        for _ in range(2):
            first, second = running.raw(head("/1") + head("/2", "Connection: close"))
            assert (first.json()["target"], second.json()["target"]) == ("/1", "/2")
            first, second = running.raw(head("/1", method="POST", body=b"abc") + head("/2", "Connection: close"))
            assert (first.json()["body"], second.json()["target"]) == (3, "/2")


def test_a_client_that_leaves_takes_its_request_along(taken: list[str]) -> None:
    """R50: the service's connection is dropped, and the event says 499."""
    asked = threading.Event()

    async def slow(request: Received, reader: Reader, writer: Writer) -> bool:
        asked.set()
        assert await reader.read(1) == b""
        return False

    with upstream(slow=slow) as up, gateway(service=up.port) as running:
        ask(running, head("/warm"))
        with running.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(head("/slow"))
            assert asked.wait(5)
        eventually(lambda: up.closed == 1)
        eventually(lambda: running.named("RequestServed")[-1].status == 499)
        assert not taken


def test_a_request_that_outlasts_the_stop_is_told_so(taken: list[str]) -> None:
    """A server that stops waits for the short way as for the long one, and no longer."""

    async def slow(request: Received, reader: Reader, writer: Writer) -> bool:
        await reader.read(1)
        return False

    with upstream(slow=slow) as up, gateway(service=up.port) as running:
        ask(running, head("/warm"))
        with running.connect() as connection:
            connection.sendall(head("/slow"))
            eventually(lambda: len(up.requests) == 1 and running.server.server_state.connections)
            time.sleep(0.2)
            running.server.should_exit = True
            (stopped,) = parse_answers(receive(connection))
            assert (stopped.status, stopped.json()["code"]) == (503, "stopping")
    assert edge_module.DirectRequest is DirectRequest
