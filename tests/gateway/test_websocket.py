"""WebSockets to services: who may open one, what passes, and how each of them ends."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.support import COOKIE, SECRET, Received, answer, eventually, gateway, upstream
from tests.gateway.test_proxy import standstill
from tests.gateway.websocket import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    Reader,
    Writer,
    accepting,
    echo,
    frame,
    handshake,
    read_async,
    websocket,
)

from howdah.errors import HowdahError
from howdah.gateway import tunnel as tunnel_module
from howdah.gateway.errors import AccountsUnavailable
from howdah.gateway.frames import FrameReader, frame_length
from howdah.gateway.limits import EdgeLimits
from howdah.gateway.tunnel import TunnelLimits
from howdah.session import Identity


@pytest.fixture(params=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest) -> str:
    """Both event loops: switching protocols differs between their transports."""
    kind: str = request.param
    return kind


class People:
    """Accounts: whoever is signed in at the moment, by cookie or token."""

    def __init__(self) -> None:
        self.known: dict[str, Identity] = {}
        self.away = False

    def sign_in(
        self, value: str, user: str, expires_at: float | None = None, roles: tuple[str, ...] = ("user",)
    ) -> str:
        credential = f"{value}-0123456789abcdef"
        variables = {"x-hasura-user-id": user}
        self.known[credential] = Identity("cookie", roles, variables, user, f"session-{value}", 1, expires_at)
        return credential

    async def find_by_cookie(self, value: str) -> Identity | None:
        if self.away:
            raise AccountsUnavailable
        found = self.known.get(value)
        return None if found is None or (found.expires_at or time.time() + 1) <= time.time() else found

    find_by_token = find_by_cookie


async def tell(request: Received, reader: Reader, writer: Writer) -> None:
    """One frame with the handshake as the service saw it, then an echo."""
    seen = {"target": request.target, "headers": request.headers}
    writer.write(frame(json.dumps(seen).encode(), masked=False))
    await echo(request, reader, writer)


# What passes


def test_frames_pass_in_both_directions(loop: str) -> None:
    """R48: the positive control of every refusal below: text, binary, pieces, pings, a close both sides agree on."""
    with upstream(ws=accepting(echo)) as up, gateway(service=up.port, loop=loop) as running:
        with websocket(running, "/ws?room=1", "Origin: http://localhost") as client:
            for payload, kind in ((b"hello", TEXT), (b"\0" * 70_000, BINARY), (b"", PING), (b"x" * 200, BINARY)):
                client.send(payload, kind)
                assert client.read() == (kind, payload)
            for byte in frame(b"slowly", masked=True):
                client.connection.sendall(bytes([byte]))
            assert client.read() == (TEXT, b"slowly")
            assert len(running.tunnels) == 1
            client.send((1000).to_bytes(2, "big"), CLOSE)
            assert client.closed_with() == 1000
            assert client.at_end()
        eventually(lambda: up.closed == 1 and len(running.tunnels) == 0)
        (closed,) = running.named("WebSocketClosed")
        assert (closed.service, closed.code) == ("web", None) and closed.received > 70_000 < closed.sent
        assert not running.server.server_state.connections


def test_the_service_learns_who_opened_it_and_nothing_a_client_claims() -> None:
    """R41, R42, R48: identity is ours, from cookie or secret, and said once; the key is the client's."""
    people = People()
    cookie = people.sign_in("a", "7")
    with upstream(ws=accepting(tell)) as up, gateway(service=up.port, accounts=people) as running:
        claims = ("X-Hasura-User-Id: 1", "X-Hasura-Role: admin", "X-Forwarded-For: 6.6.6.6", "Remote-User: root")
        for credential, role, user in (
            ((), "anonymous", []),
            ((f"Cookie: {COOKIE}={cookie}",), "user", ["7"]),
            ((f"X-Hasura-Admin-Secret: {SECRET}",), "admin", ["1"]),
        ):
            fields = claims if role != "user" else claims[:1] + claims[2:]
            with websocket(running, "/ws", *fields, *credential, "Sec-WebSocket-Protocol: chat") as client:
                seen: dict[str, list[str]] = {}
                for name, value in json.loads(client.read()[1])["headers"]:
                    seen.setdefault(name.lower(), []).append(value)
            assert seen["x-hasura-role"] == [role] and seen.get("x-hasura-user-id", []) == user
            assert seen["x-forwarded-for"] == ["127.0.0.1"] and "remote-user" not in seen
            assert seen["connection"] == ["upgrade"] and seen["upgrade"] == ["websocket"]
            assert seen["sec-websocket-protocol"] == ["chat"] and len(seen["sec-websocket-key"]) == 1
            assert "x-hasura-admin-secret" not in seen


def test_the_services_choice_of_protocol_passes_and_its_identity_does_not() -> None:
    """R49: what a service adds to its 101 is filtered like any answer."""
    fields = ("Sec-WebSocket-Protocol: chat", "X-Hasura-Role: admin", "Server: x", "Set-Cookie: theme=dark")
    with upstream(ws=accepting(echo, *fields)) as up, gateway(service=up.port) as running:
        with websocket(running) as client:
            assert client.answer.header("sec-websocket-protocol") == "chat"
            assert client.answer.header("set-cookie") == "theme=dark"
            assert not client.answer.values("x-hasura-role") and not client.answer.values("server")
            assert client.answer.header("x-request-id")
        event = eventually(lambda: running.named("RequestServed"))[0]
        assert (event.status, event.path, event.target) == (101, "/ws", "web")


def test_a_word_right_behind_the_acceptance_is_delivered(loop: str) -> None:
    """A service may speak first, even in the segment of its 101."""

    async def greet(request: Received, reader: Reader, writer: Writer) -> None:
        writer.write(frame(b"welcome", masked=False))
        await echo(request, reader, writer)

    with upstream(ws=accepting(greet)) as up, gateway(service=up.port, loop=loop) as running:
        for _ in range(10):
            with websocket(running) as client:
                assert client.read() == (TEXT, b"welcome")


@pytest.mark.parametrize("direction", ["down", "up"])
def test_nobody_is_read_faster_than_the_other_takes(loop: str, direction: str) -> None:
    """R50: whoever does not read stops the other side, and what waits in between is bounded."""
    moved = [0]
    may_read = threading.Event()
    piece = b"x" * 60_000

    async def flood(request: Received, reader: Reader, writer: Writer) -> None:
        while True:
            writer.write(frame(piece, BINARY, masked=False))
            await writer.drain()
            moved[0] += len(piece)

    async def deaf(request: Received, reader: Reader, writer: Writer) -> None:
        await asyncio.to_thread(may_read.wait, 10)
        await echo(request, reader, writer)

    with (
        upstream(ws=accepting(flood if direction == "down" else deaf)) as up,
        gateway(service=up.port, loop=loop) as running,
        websocket(running) as client,
    ):
        if direction == "up":
            client.connection.settimeout(0.3)

            def flood_up() -> None:
                try:
                    while moved[0] < 50_000_000:
                        client.connection.sendall(frame(piece, BINARY, masked=True))
                        moved[0] += len(piece)
                except TimeoutError:
                    pass

            flood_up()
            assert 0 < moved[0] < 20_000_000  # most of it in the kernel's buffers
            may_read.set()
        else:
            held = standstill(lambda: moved[0])
            assert held < 20_000_000
            for _ in range(held // len(piece)):
                client.read()
            eventually(lambda: moved[0] > held)


# Who may open one

REFUSED = {
    "version 8": (426, handshake().replace(b"Version: 13", b"Version: 8")),
    "no version": (426, handshake().replace(b"Sec-WebSocket-Version: 13\r\n", b"")),
    "two versions": (426, handshake("/ws", "Sec-WebSocket-Version: 8")),
    "no key": (400, handshake().replace(b"Sec-WebSocket-Key", b"X-Key")),
    "two keys": (400, handshake("/ws", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")),
    "a short key": (400, handshake(key=b"c2hvcnQ=")),
    "a key that is not base64": (400, handshake(key=b"!!!!")),
    "POST": (400, handshake().replace(b"GET", b"POST")),
    "HTTP/1.0": (400, handshake().replace(b"HTTP/1.1", b"HTTP/1.0")),
    "a body": (400, handshake("/ws", "Content-Length: 3") + b"abc"),
    "a body in chunks": (400, handshake("/ws", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "an expectation": (400, handshake("/ws", "Expect: 100-continue")),
    "something behind it": (400, handshake() + frame(b"early", masked=True)),
    "a request behind it": (400, handshake() + b"GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "h2c beside it": (400, handshake().replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c")),
    "h2c in a second field": (400, handshake("/ws", "Upgrade: h2c")),
    "another page's origin": (403, handshake("/ws", "Origin: http://evil.example")),
    "an origin that begins alike": (403, handshake("/ws", "Origin: http://localhost.evil.example")),
    "an origin of another port": (403, handshake("/ws", "Origin: http://localhost:81")),
    "another subdomain's origin": (403, handshake("/ws", "Origin: http://app.localhost")),
    "no origin to speak of": (403, handshake("/ws", "Origin: null")),
    "an empty origin": (403, handshake("/ws", "Origin:")),
    "two origins": (403, handshake("/ws", "Origin: http://localhost", "Origin: http://localhost")),
    "a credential that is none": (401, handshake("/ws", "X-Hasura-Admin-Secret: wrong")),
    "two credentials": (400, handshake("/ws", f"X-Hasura-Admin-Secret: {SECRET}", "Authorization: Bearer abcdef")),
    "a part": (400, handshake("/data/x")),
    "nowhere": (404, handshake("/ws", host="nobody.localhost")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_opens_no_websocket_is_refused_before_the_service_hears_of_it(name: str) -> None:
    """R43, R45, R48: one refusal, the connection closes, and the service has not been asked."""
    status, sent = REFUSED[name]
    with upstream(ws=accepting(echo)) as up, gateway(service=up.port) as running:
        answers = running.raw(sent)
        assert [one.status for one in answers] == [status]
        assert answers[0].header("connection") == "close"
        assert up.connections == 0 and len(running.tunnels) == 0
        if status == 426:
            assert answers[0].header("sec-websocket-version") == "13"


@pytest.mark.parametrize(
    ("host", "origin"), [("localhost", "http://localhost"), ("app.localhost:8443", "https://APP.localhost:8443")]
)
def test_a_page_of_the_same_host_opens_one(host: str, origin: str) -> None:
    """R48: the twin."""
    with (
        upstream(ws=accepting(echo)) as up,
        gateway(service=up.port) as running,
        websocket(running, "/ws", f"Origin: {origin}", host=host) as client,
    ):
        client.send(b"hello")
        assert client.read() == (TEXT, b"hello")


def test_what_is_sent_before_the_answer_ends_the_connection() -> None:
    """R43: nothing that follows a handshake may be read as anything before the service has agreed to it."""
    asked = threading.Event()

    async def hesitate(request: Received, reader: Reader, writer: Writer) -> bool:
        asked.set()
        assert await reader.read(1) == b""
        return False

    with upstream(ws=hesitate) as up, gateway(service=up.port) as running, running.connect() as connection:
        connection.sendall(handshake())
        assert asked.wait(5)
        connection.sendall(b"GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionResetError):
            assert connection.recv(100) == b""
        eventually(lambda: up.closed == 1)
        assert up.requests == []


def test_a_service_may_refuse(loop: str) -> None:
    """What it answers instead of 101 is the answer, and the connection carries nothing else."""

    async def refuse(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(answer(b"members only", status="403 Forbidden"))
        return True

    with upstream(ws=refuse) as up, gateway(service=up.port, loop=loop) as running:
        (refused,) = running.raw(handshake())
        assert (refused.status, refused.body, refused.header("connection")) == (403, b"members only", "close")
        assert len(running.tunnels) == 0
        eventually(lambda: up.closed == 1)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 X\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_a_service_that_does_not_understand_the_handshake_is_a_502(said: bytes) -> None:
    """R48: a 101 that does not answer this key would open a way past the gateway."""

    async def pretend(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(said)
        await reader.read(1)
        return False

    with upstream(ws=pretend) as up, gateway(service=up.port) as running:
        (refused,) = running.raw(handshake())
        assert (refused.status, refused.json()["code"]) == (502, "upstream-broken")
        eventually(lambda: up.closed == 1)


def test_nobody_is_there(loop: str) -> None:
    """A service that is not running is a 502 here too."""
    with gateway(service=1, loop=loop) as running:
        assert running.raw(handshake())[0].status == 502


# How it ends


def test_who_leaves_takes_the_other_side_along(loop: str) -> None:
    """R50: the side that stays is told to go away (1001), and no connection is left over."""
    told: list[tuple[int, bytes]] = []
    leave = threading.Event()

    async def listen(request: Received, reader: Reader, writer: Writer) -> None:
        told.append(await read_async(reader))

    async def go(request: Received, reader: Reader, writer: Writer) -> None:
        await asyncio.to_thread(leave.wait, 10)

    with upstream(ws=accepting(listen), go=accepting(go)) as up, gateway(service=up.port, loop=loop) as running:
        with websocket(running) as client:
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        eventually(lambda: told)
        assert told == [(CLOSE, (1001).to_bytes(2, "big"))]
        with websocket(running, "/go") as client:
            leave.set()
            assert client.closed_with() == 1001
            assert client.at_end()
        eventually(lambda: up.closed == 2 and len(running.tunnels) == 0)


def test_silence_ends_it_and_talk_does_not(loop: str) -> None:
    """R50: after the idle time both are told 1001; a connection that is used stays."""
    with (
        upstream(ws=accepting(echo)) as up,
        gateway(service=up.port, loop=loop, tunnel=TunnelLimits(idle_timeout=0.4)) as running,
        websocket(running) as client,
    ):
        for _ in range(5):
            client.send(b"still here")
            assert client.read()[1] == b"still here"
            time.sleep(0.15)
        assert client.closed_with() == 1001
        eventually(lambda: len(running.tunnels) == 0 and up.closed == 1)
        assert running.named("WebSocketClosed")[0].code == 1001


def test_the_times_of_http_do_not_end_it(loop: str) -> None:
    """The twin: idle and upstream times are of requests, which this no longer is."""
    with (
        upstream(ws=accepting(echo)) as up,
        gateway(service=up.port, loop=loop, edge=EdgeLimits(header_timeout=0.2, idle_timeout=0.2)) as running,
        websocket(running) as client,
    ):
        time.sleep(0.6)
        client.send(b"still here")
        assert client.read()[1] == b"still here"


def test_a_side_that_takes_nothing_is_let_go(loop: str) -> None:
    """R50: a client that reads nothing for as long as it may cannot hold the service."""

    async def flood(request: Received, reader: Reader, writer: Writer) -> None:
        while True:
            writer.write(frame(b"x" * 60_000, masked=False))
            await writer.drain()

    with (
        upstream(ws=accepting(flood)) as up,
        gateway(service=up.port, loop=loop, tunnel=TunnelLimits(write_timeout=0.4)) as running,
        websocket(running),
    ):
        eventually(lambda: up.closed == 1 and len(running.tunnels) == 0)


def test_a_session_that_ends_ends_its_websockets_and_no_others(loop: str) -> None:
    """R48: 1008 to the client, a close to the service; another session of the same user stays open."""
    people = People()
    cookies = [people.sign_in("a", "7"), people.sign_in("b", "7"), people.sign_in("c", "8")]
    told: list[tuple[int, bytes]] = []

    async def listen(request: Received, reader: Reader, writer: Writer) -> None:
        while True:
            kind, payload = await read_async(reader)
            if kind == CLOSE:
                told.append((kind, payload))
                return
            writer.write(frame(payload, masked=False))

    with (
        upstream(ws=accepting(listen)) as up,
        gateway(service=up.port, loop=loop, accounts=people) as running,
        ExitStack() as stack,
    ):
        a, b, c = (stack.enter_context(websocket(running, "/ws", f"Cookie: {COOKIE}={one}")) for one in cookies)
        nobody = stack.enter_context(websocket(running))
        del people.known[cookies[0]]
        running.loop.call_soon_threadsafe(lambda: running.resolver.forget(session_id="session-a"))
        assert a.closed_with() == 1008
        assert a.at_end()
        eventually(lambda: told == [(CLOSE, (1008).to_bytes(2, "big"))])
        for client in (b, c, nobody):
            client.send(b"still here")
            assert client.read()[1] == b"still here"
        # A user whose role changes, or who is banned, loses all.
        people.sign_in("b", "7", roles=("guest",))
        running.loop.call_soon_threadsafe(lambda: running.resolver.forget(user_id="7"))
        assert b.closed_with() == 1008
        # Nobody knows what was missed: all are asked again, and who is still signed in stays.
        running.loop.call_soon_threadsafe(running.resolver.forget)
        for client in (c, nobody):
            client.send(b"still here")
            assert client.read()[1] == b"still here"
        assert len(running.tunnels) == 2


def test_a_credential_that_runs_out_ends_its_websocket() -> None:
    """R48: a token's end is the connection's end; one that was prolonged meanwhile goes on."""
    people = People()
    short = people.sign_in("a", "7", expires_at=time.time() + 0.6)
    prolonged = people.sign_in("b", "7", expires_at=time.time() + 0.6)
    with (
        upstream(ws=accepting(echo)) as up,
        gateway(service=up.port, accounts=people) as running,
        websocket(running, "/ws", f"Authorization: Bearer {short}") as over,
        websocket(running, "/ws", f"Cookie: {COOKIE}={prolonged}") as other,
    ):
        people.sign_in("b", "7", expires_at=time.time() + 60)
        assert over.closed_with() == 1008
        other.send(b"still here")
        assert other.read()[1] == b"still here"


def test_who_cannot_be_asked_about_is_not_taken_for_somebody_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """R47: accounts that are away for a moment end nothing; away for longer, they end what nobody can vouch for."""
    monkeypatch.setattr(tunnel_module, "_AGAIN_SECONDS", 0.1)
    people = People()
    cookie = people.sign_in("a", "7")
    with (
        upstream(ws=accepting(echo)) as up,
        gateway(service=up.port, accounts=people) as running,
        websocket(running, "/ws", f"Cookie: {COOKIE}={cookie}") as client,
    ):
        people.away = True
        running.loop.call_soon_threadsafe(running.resolver.forget)
        time.sleep(0.25)
        people.away = False
        client.send(b"still here")
        assert client.read()[1] == b"still here"
        time.sleep(0.3)
        people.away = True
        running.loop.call_soon_threadsafe(running.resolver.forget)
        assert client.closed_with() == 1008
    assert issubclass(AccountsUnavailable, HowdahError)


def test_a_close_never_stands_in_the_middle_of_a_frame(loop: str) -> None:
    """The frame that is under way when a session ends is finished before the close frame comes."""
    finish = threading.Event()
    people = People()
    cookie = people.sign_in("a", "7")

    async def halves(request: Received, reader: Reader, writer: Writer) -> None:
        whole = frame(b"y" * 5000, BINARY, masked=False) + frame(b"too late", masked=False)
        writer.write(whole[:100])
        await asyncio.to_thread(finish.wait, 10)
        writer.write(whole[100:])
        await writer.drain()
        await reader.read()

    with (
        upstream(ws=accepting(halves)) as up,
        gateway(service=up.port, loop=loop, accounts=people) as running,
        websocket(running, "/ws", f"Cookie: {COOKIE}={cookie}") as client,
    ):
        eventually(lambda: len(running.tunnels) == 1)
        time.sleep(0.1)
        people.known.clear()
        running.loop.call_soon_threadsafe(running.resolver.forget)
        time.sleep(0.1)
        finish.set()
        assert client.read() == (BINARY, b"y" * 5000)
        assert client.read() == (CLOSE, (1008).to_bytes(2, "big"))
        assert client.at_end()


def test_a_server_that_stops_says_so(loop: str) -> None:
    """1001 to everybody, and the server does not wait for what will not end by itself."""
    with (
        upstream(ws=accepting(echo)) as up,
        gateway(service=up.port, loop=loop) as running,
        websocket(running) as first,
        websocket(running) as second,
    ):
        began = time.monotonic()
        running.server.should_exit = True
        assert (first.closed_with(), second.closed_with()) == (1001, 1001)
        for client in (first, second):
            client.send((1001).to_bytes(2, "big"), CLOSE)
            assert client.at_end()
        eventually(lambda: "shutdown" in running.events)
        assert time.monotonic() - began < 1.9


def test_many_come_and_go_and_nothing_is_left(loop: str) -> None:
    """R50: a hundred, twenty at a time, closed in every way, leave neither connection nor tunnel behind."""
    with upstream(ws=accepting(echo)) as up, gateway(service=up.port, loop=loop) as running:

        def client(number: int) -> None:
            with websocket(running) as one:
                one.send(b"%d" % number)
                assert one.read()[1] == b"%d" % number
                if number % 3 == 0:
                    one.send(b"", CLOSE)
                    assert one.closed_with() is not None
                elif number % 3 == 1:
                    one.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        with ThreadPoolExecutor(20) as clients:
            list(clients.map(client, range(100)))
        eventually(lambda: len(running.tunnels) == 0 and up.closed == 100)
        eventually(lambda: not running.server.server_state.connections)
        assert running.get("/x").status == 200


# Frames


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2, 8, 9, 10]), st.integers(0, 70_000), st.booleans()), max_size=5),
    st.lists(st.integers(0, 300_000), max_size=12),
)
def test_frames_end_where_they_end_however_they_are_cut(frames: list[tuple[int, int, bool]], cuts: list[int]) -> None:
    """The reader knows at every cut whether a frame has ended there, and where the first of each piece does."""
    ends, stream, closes = [0], b"", None
    for kind, size, masked in frames:
        closes = len(stream) + 2 if kind == 8 and closes is None else closes
        stream += frame(b"\0" * size, kind, masked=masked)
        ends.append(len(stream))
    reader = FrameReader()
    places = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})
    before = 0
    for place in places:
        first = reader.feed(stream[before:place])
        assert first == next((end - before for end in ends if before < end <= place), -1)
        assert reader.between == (place in ends)
        before = place
    assert reader.closed == (closes is not None)


def test_the_length_of_a_frame_is_read_as_it_is_written() -> None:
    """RFC 6455 section 5.2: three widths of length, with and without a mask."""
    for size in (0, 125, 126, 65_535, 65_536):
        for masked in (False, True):
            whole = frame(b"\0" * size, masked=masked)
            assert frame_length(whole, 0) == len(whole)
            assert frame_length(b"?" + whole, 1) == len(whole)
    assert frame_length(b"\x81", 0) is None
