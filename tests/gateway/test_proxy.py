"""Bytes between a client and a service: all of them, in both directions, and a clear end when one side fails."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.gateway.support import (
    Received,
    RunningGateway,
    answer,
    eventually,
    gateway,
    parse_answers,
    read_all,
    read_body,
    upstream,
)

from howdah.gateway.limits import EdgeLimits
from howdah.gateway.pool import PoolLimits
from howdah.gateway.proxy import ProxyLimits
from howdah.services.registry import Endpoint

MEGABYTE = 1024 * 1024
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

pytestmark = pytest.mark.usefixtures("way")


@pytest.fixture(params=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest) -> str:
    """Both event loops, because their transports differ in every detail that matters here."""
    kind: str = request.param
    return kind


def send(running: RunningGateway, text: str) -> socket.socket:
    connection = running.connect()
    connection.sendall(text.replace("\n", "\r\n").encode())
    return connection


def receive(connection: socket.socket) -> bytes:
    """One answer with a Content-Length, leaving the connection open."""
    data = b""
    while b"\r\n\r\n" not in data or not (parsed := parse_answers(data))[0].complete or not parsed:
        piece = connection.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def standstill(count: Callable[[], int]) -> int:
    """The count, once it has begun to grow and has then stopped for a while."""
    eventually(count)
    last, since = count(), time.monotonic()

    def stands() -> bool:
        nonlocal last, since
        if count() != last:
            last, since = count(), time.monotonic()
        return time.monotonic() - since > 0.4

    eventually(stands)
    return last


# Ordinary answers


def test_connections_are_kept_alive_on_both_sides(loop: str) -> None:
    """Many requests on one client connection use one connection to the service."""
    with upstream() as up, gateway(service=up.port, loop=loop) as running, running.connect() as connection:
        for number in range(20):
            connection.sendall(b"POST /%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab" % number)
            assert parse_answers(receive(connection))[0].json()["target"] == f"/{number}"
        assert up.connections == 1


def test_clients_at_once_have_connections_of_their_own(loop: str) -> None:
    """Answers never cross: each of many clients reads its own, over few connections to the service."""

    async def slow(request: Received, reader: Reader, writer: Writer) -> bool:
        await asyncio.sleep(0.01)
        writer.write(answer(request.target.encode()))
        return True

    with upstream(slow=slow) as up, gateway(service=up.port, loop=loop) as running:

        def client(number: int) -> None:
            with running.connect() as connection:
                for turn in range(10):
                    connection.sendall(b"GET /slow?%d.%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (number, turn))
                    assert parse_answers(receive(connection))[0].body == b"/slow?%d.%d" % (number, turn)

        with ThreadPoolExecutor(20) as clients:
            list(clients.map(client, range(20)))
        assert up.connections <= 20


def test_connections_to_a_service_are_bounded() -> None:
    """Requests beyond the bound wait for a connection; who waits too long is told to come again."""
    gate = threading.Event()

    async def held(request: Received, reader: Reader, writer: Writer) -> bool:
        await asyncio.to_thread(gate.wait, 10)
        writer.write(answer(b"ok"))
        return True

    with (
        upstream(held=held) as up,
        gateway(service=up.port, pool=PoolLimits(max_connections=2, connect_timeout=0.4)) as running,
        ThreadPoolExecutor(3) as clients,
    ):
        held_requests = [clients.submit(running.get, "/held") for _ in range(2)]
        eventually(lambda: up.connections == 2)
        refused = running.get("/held")
        assert (refused.status, refused.json()["code"]) == (503, "service-busy")
        waiting = clients.submit(running.get, "/held")
        gate.set()
        assert [request.result().status for request in (*held_requests, waiting)] == [200, 200, 200]
        assert up.connections == 2


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified", "404 Not Found", "500 Oops"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answers_with_and_without_bodies_end_where_they_should(method: str, status: str) -> None:
    """The connection carries the next exchange after HEAD, 204 and 304 with a length, which has no body behind it."""

    async def kind(request: Received, reader: Reader, writer: Writer) -> bool:
        bodiless = method == "HEAD" or status[:3] in ("204", "304")
        full = answer(b"hello", "ETag: x", status=status)
        writer.write(full.removesuffix(b"hello") if bodiless else full)
        return True

    with upstream(kind=kind) as up, gateway(service=up.port) as running:
        for _ in range(3):
            got = running.request(method, "/kind")
            bodiless = method == "HEAD" or status[:3] in ("204", "304")
            assert (got.status, got.body) == (int(status[:3]), b"" if bodiless else b"hello")
            assert got.header("etag") == "x"
        assert up.connections == 1


def test_a_body_of_unknown_length_is_sent_in_chunks_and_ends_with_its_connection(loop: str) -> None:
    """A service of HTTP/1.0 manners may end its body by closing."""

    async def old(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello ")
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(b"world")
        return False

    with upstream(old=old) as up, gateway(service=up.port, loop=loop) as running:
        got = running.get("/old")
        assert (got.body, got.header("transfer-encoding"), got.complete) == (b"hello world", "chunked", True)


def test_interim_answers_are_not_taken_for_the_answer() -> None:
    """RFC 9110 section 15.2: 100 and 103 come before the answer and end nothing."""

    async def interim(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"ok"))
        return True

    with upstream(interim=interim) as up, gateway(service=up.port) as running:
        for _ in range(2):
            got = running.get("/interim")
            assert (got.status, got.body, got.values("link")) == (200, b"ok", [])
        assert up.connections == 1


@pytest.mark.parametrize("body", [b"", b"hello"])
def test_bodies_are_framed_anew(body: bytes) -> None:
    """R43: the service is sent our framing of what was received, whichever way the client framed it."""
    with upstream() as up, gateway(service=up.port) as running:
        head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        chunks = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        running.raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        running.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        for request in up.requests:
            assert request.body == body
            assert request.values("content-length") == [str(len(body))] and not request.values("transfer-encoding")


def test_a_post_without_a_body_says_so() -> None:
    """RFC 9110 section 8.6: Content-Length: 0; a GET has none at all."""
    with upstream() as up, gateway(service=up.port) as running:
        running.request("POST", "/x")
        running.request("GET", "/x")
        assert [request.values("content-length") for request in up.requests] == [["0"], []]


# Streams


def test_fifty_megabytes_come_down_in_constant_memory(loop: str) -> None:
    """A client that reads slowly slows the service down instead of filling the gateway."""
    sent = 0

    async def big(request: Received, reader: Reader, writer: Writer) -> bool:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (50 * MEGABYTE))
        for _ in range(50 * 16):
            writer.write(b"x" * (MEGABYTE // 16))
            await writer.drain()
            sent += MEGABYTE // 16
        return True

    with upstream(big=big) as up, gateway(service=up.port, loop=loop) as running:
        with running.connect() as connection:
            connection.sendall(b"GET /big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            connection.recv(10)
            held_at = standstill(lambda: sent)
            assert held_at < 50 * MEGABYTE  # what the kernel buffers for two connections, and no more
            received = 10
            while data := connection.recv(MEGABYTE):
                received += len(data)
        assert received > 50 * MEGABYTE and sent == 50 * MEGABYTE


@pytest.mark.parametrize("chunked", [False, True])
def test_fifty_megabytes_go_up_in_constant_memory(loop: str, chunked: bool) -> None:
    """A service that reads slowly slows the client down instead of filling the gateway."""
    gate = threading.Event()
    received = 0

    async def sink(request: Received, reader: Reader, writer: Writer) -> bool:
        nonlocal received
        await asyncio.to_thread(gate.wait, 10)
        if chunked:
            received = len(await read_body(request, reader))
        else:
            while received < 50 * MEGABYTE:
                received += len(await reader.read(MEGABYTE))
        writer.write(answer(b"ok"))
        return True

    limits = ProxyLimits(max_body=64 * MEGABYTE)
    with upstream(sink=sink) as up, gateway(service=up.port, loop=loop, proxy=limits) as running:
        sent = 0
        with running.connect() as connection:
            framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (50 * MEGABYTE)
            connection.sendall(
                b"POST /sink HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + framing + b"\r\n\r\n"
            )

            def upload() -> None:
                nonlocal sent
                for _ in range(50):
                    data = b"y" * MEGABYTE
                    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
                    sent += MEGABYTE
                if chunked:
                    connection.sendall(b"0\r\n\r\n")

            uploading = threading.Thread(target=upload)
            uploading.start()
            assert standstill(lambda: sent) < 50 * MEGABYTE
            gate.set()
            assert parse_answers(read_all(connection))[0].body == b"ok"
            uploading.join(10)
        assert received == sent == 50 * MEGABYTE


def test_events_arrive_when_they_are_sent(loop: str) -> None:
    """Server-sent events are not held back to be sent together, and silence between them ends nothing."""

    async def events(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(4):
            await asyncio.sleep(0.3)
            event = b"data: %d %f\n\n" % (number, time.monotonic())
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True

    with (
        upstream(events=events) as up,
        gateway(service=up.port, loop=loop, pool=PoolLimits(upstream_timeout=0.15)) as running,
        send(running, "GET /events HTTP/1.1\nHost: localhost\nConnection: close\n\n") as connection,
    ):
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")  # the head comes before the first event
        for number in range(4):
            event = connection.recv(65536).split(b"data: ")[1].split()
            assert int(event[0]) == number
            assert time.monotonic() - float(event[1]) < 0.15


def test_an_upload_and_its_answer_may_overlap(loop: str) -> None:
    """A service that answers while it reads is heard while it reads."""

    async def mirror(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(3):
            writer.write(await reader.readexactly(2))
            await writer.drain()
        return True

    with (
        upstream(mirror=mirror) as up,
        gateway(service=up.port, loop=loop) as running,
        send(running, "POST /mirror HTTP/1.1\nHost: localhost\nContent-Length: 6\n\n") as connection,
    ):
        received = b""
        for piece in (b"ab", b"cd", b"ef"):
            connection.sendall(piece)
            while not received.endswith(piece):
                received += connection.recv(1000)
        connection.sendall(b"GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert parse_answers(receive(connection))[0].json()["target"] == "/next"
        assert up.connections == 1


# Limits


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(loop: str, chunked: bool) -> None:
    """413, which the client can read although it is still sending; a body of exactly the limit passes."""
    with upstream() as up, gateway(service=up.port, loop=loop, proxy=ProxyLimits(max_body=MEGABYTE)) as running:
        head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"

        def framed(size: int) -> bytes:
            body = b"x" * size
            if chunked:
                return head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, body)
            return head + b"Content-Length: %d\r\n\r\n" % size + body

        (accepted,) = running.raw(framed(MEGABYTE))
        assert (accepted.status, accepted.json()["body"]) == (200, MEGABYTE)
        (refused,) = running.raw(framed(3 * MEGABYTE))
        assert (refused.status, refused.json()["code"], refused.complete) == (413, "body-too-large", True)
        assert len(up.requests) == 1


def test_a_body_over_the_limit_is_refused_before_it_is_asked_for() -> None:
    """A client that asks first (``Expect: 100-continue``) is told 413 and not to go on."""
    with gateway(proxy=ProxyLimits(max_body=10)) as running:
        answers = running.raw(
            b"POST /x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"
        )
        assert [got.status for got in answers] == [413]


def test_a_client_is_told_to_continue_when_there_is_a_service_to_read_it() -> None:
    """The twin: 100 Continue comes from the gateway, once it has a connection."""
    with (
        upstream() as up,
        gateway(service=up.port) as running,
        send(
            running, "POST /x HTTP/1.1\nHost: localhost\nConnection: close\nExpect: 100-continue\nContent-Length: 3\n\n"
        ) as connection,
    ):
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        (got,) = parse_answers(read_all(connection))
        assert got.json()["body"] == 3 and "expect" not in got.fields()


async def silent(request: Received, reader: Reader, writer: Writer) -> bool:
    await asyncio.sleep(60)
    return False


async def half(request: Received, reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await asyncio.sleep(60)
    return False


def test_a_service_that_does_not_answer_in_time_is_a_504(loop: str) -> None:
    """The gateway gives up, tells the client and drops the connection."""
    with (
        upstream(silent=silent) as up,
        gateway(service=up.port, loop=loop, pool=PoolLimits(upstream_timeout=0.3)) as running,
    ):
        began = time.monotonic()
        got = running.get("/silent")
        assert (got.status, got.json()["code"]) == (504, "upstream-timeout")
        assert 0.25 < time.monotonic() - began < 2
        assert running.get("/x").status == 200 and up.connections == 2


def test_a_service_that_stops_in_the_middle_breaks_the_answer_off(loop: str) -> None:
    """The client sees a broken connection, never a short answer that looks whole."""
    with (
        upstream(half=half) as up,
        gateway(service=up.port, loop=loop, pool=PoolLimits(upstream_timeout=0.3)) as running,
    ):
        got = running.get("/half")
        assert (got.status, got.body, got.complete) == (200, b"half", False)
        eventually(lambda: [event.code for event in running.named("UpstreamFailed")] == ["upstream-timeout"])


def test_a_slow_but_steady_service_is_waited_for() -> None:
    """The twin: the time counts from the last byte, not from the first."""

    async def steady(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.1)
            writer.write(b"x")
            await writer.drain()
        return True

    with upstream(steady=steady) as up, gateway(service=up.port, pool=PoolLimits(upstream_timeout=0.4)) as running:
        assert running.get("/steady").body == b"x" * 8


def test_a_slow_client_is_not_held_against_the_service() -> None:
    """While the gateway waits for the client, to send or to read, the service's time stands still."""

    async def big(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * MEGABYTE))
        writer.write(b"x" * (8 * MEGABYTE))
        await writer.drain()
        return True

    with upstream(big=big) as up, gateway(service=up.port, pool=PoolLimits(upstream_timeout=0.2)) as running:
        with send(running, "POST /x HTTP/1.1\nHost: localhost\nConnection: close\nContent-Length: 3\n\n") as connection:
            for byte in (b"a", b"b", b"c"):
                time.sleep(0.5)
                connection.sendall(byte)
            assert parse_answers(read_all(connection))[0].json()["body"] == 3
        with send(running, "GET /big HTTP/1.1\nHost: localhost\nConnection: close\n\n") as connection:
            time.sleep(1)
            assert parse_answers(read_all(connection))[0].complete


# Services that misbehave

BROKEN = {
    "no HTTP": b"hello there\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "no such status": b"HTTP/1.1 999 Whatever\r\nContent-Length: 0\r\n\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200_000,
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_is_a_502(name: str) -> None:
    """R43 for the other direction: an answer that could be misread is not passed on, and its connection not reused."""

    async def broken(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(BROKEN[name])
        await writer.drain()
        return False

    with upstream(broken=broken) as up, gateway(service=up.port) as running:
        got = running.get("/broken")
        assert (got.status, got.json()["code"]) == (502, "upstream-broken")
        assert running.get("/x").status == 200 and up.connections == 2


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 100\r\n\r\nsome", b"Transfer-Encoding: chunked\r\n\r\n64\r\nsome", b"Content-Length: 9\r\n\r\n"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_breaks_off_is_not_passed_for_a_whole_one(loop: str, head: bytes, method: str) -> None:
    """The client's connection is reset, whichever way the answer was framed."""

    async def cut(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\n" + head)
        await writer.drain()
        await asyncio.sleep(0.05)
        return False

    with upstream(cut=cut) as up, gateway(service=up.port, loop=loop) as running:
        got = running.request(method, "/cut")
        assert (got.status, got.complete) == (200, False)
        eventually(lambda: [event.code for event in running.named("UpstreamFailed")] == ["upstream-broken"])


def test_an_answer_that_breaks_off_is_not_passed_for_a_whole_one_in_http_1_0() -> None:
    """Where only the end of the connection ends an answer, the end is a reset."""

    async def cut(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nsome")
        await writer.drain()
        await asyncio.sleep(0.05)
        return False

    with upstream(cut=cut) as up, gateway(service=up.port) as running, running.connect() as connection:
        connection.sendall(b"GET /cut HTTP/1.0\r\n\r\n")
        eventually(lambda: running.named("RequestServed"))
        with pytest.raises(ConnectionResetError):
            parse_answers(b"".join(iter(lambda: connection.recv(1000), b"")))


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"evil"])
def test_bytes_nobody_asked_for_never_become_an_answer(extra: bytes) -> None:
    """A second answer on the connection is dropped with it, so it cannot meet the next caller."""

    async def double(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(answer(b"good") + extra)
        return True

    async def later(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(answer(b"good"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(extra)
        return True

    with upstream(double=double, later=later) as up, gateway(service=up.port) as running:
        for path in ("/double", "/later"):
            assert running.get(path).body == b"good"
            eventually(lambda: up.closed == up.connections)
            assert running.get("/x").json()["target"] == "/x"


def test_an_answer_to_head_with_a_body_does_not_reach_the_next_caller() -> None:
    """A service that sends a body where none may be loses its connection, not the gateway its place."""

    async def wrong(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        return True

    with upstream(wrong=wrong) as up, gateway(service=up.port) as running:
        assert running.request("HEAD", "/wrong").status == 200
        assert running.get("/x").json()["target"] == "/x" and up.connections == 2


# Connections that go stale


def closing_after(answers: int):  # type: ignore[no-untyped-def]
    """A behaviour that answers so often per connection and closes without a word at the next request."""
    served: dict[Writer, int] = {}

    async def behave(request: Received, reader: Reader, writer: Writer) -> bool:
        request.body = await read_body(request, reader)
        served[writer] = served.get(writer, 0) + 1
        if served[writer] > answers:
            return False
        writer.write(answer(b"ok"))
        return True

    return behave


@pytest.mark.parametrize(("method", "statuses"), [("GET", [200, 200]), ("PUT", [200, 200]), ("POST", [200, 502])])
def test_only_what_may_be_repeated_is_repeated_on_a_new_connection(loop: str, method: str, statuses: list[int]) -> None:
    """RFC 9110 section 9.2.2: a kept-alive connection that closes costs a GET nothing; a POST is never sent twice."""
    with upstream(once=closing_after(1)) as up, gateway(service=up.port, loop=loop) as running:
        assert [running.request(method, "/once", body=b"ab").status for _ in range(2)] == statuses


def test_a_service_that_never_answers_is_not_asked_for_ever() -> None:
    """The twin: a first request on a new connection that closes is a 502, without repetition."""
    with upstream(never=closing_after(0)) as up, gateway(service=up.port) as running:
        assert running.get("/never").status == 502
        assert up.connections == 1


def test_a_post_takes_no_connection_that_may_be_about_to_close() -> None:
    """Idle for longer than a second, a connection is only used for what may be repeated."""
    with upstream() as up, gateway(service=up.port) as running:
        running.get("/x")
        time.sleep(1.1)
        assert running.request("POST", "/x").status == 200
        assert up.connections == 2
        assert running.request("POST", "/x").status == 200
        assert up.connections == 2


def test_idle_connections_are_let_go(loop: str) -> None:
    """Nobody holds a service's sockets for nothing."""
    with upstream() as up, gateway(service=up.port, loop=loop, pool=PoolLimits(idle_timeout=0.2)) as running:
        running.get("/x")
        eventually(lambda: up.closed == 1, 3)
        assert running.get("/x").status == 200


# Clients that leave


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "request_text",
    [
        "GET /silent HTTP/1.1\nHost: localhost\n\n",  # while the service thinks
        "GET /half HTTP/1.1\nHost: localhost\n\n",  # in the middle of the answer
        "POST /silent HTTP/1.1\nHost: localhost\nContent-Length: 100\n\nsome",  # in the middle of the body
        "POST /silent HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n4\nsome\n",
    ],
)
def test_a_client_that_leaves_takes_its_request_along(loop: str, request_text: str, reset: bool) -> None:
    """The service's connection is closed at once, no slot is lost, and the log says 499."""
    with (
        upstream(silent=silent, half=half) as up,
        gateway(service=up.port, loop=loop, pool=PoolLimits(max_connections=1)) as running,
    ):
        for turn in range(2):
            connection = send(running, request_text)
            eventually(lambda turn=turn: up.connections == turn + 1)
            time.sleep(0.05)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            eventually(lambda turn=turn: len(running.named("RequestServed")) == turn + 1, 2)
        assert {event.status for event in running.named("RequestServed")} == {499}
        assert not running.named("RequestFailed")


def test_a_client_that_does_not_read_on_is_let_go() -> None:
    """R50: a client that takes nothing for as long as it may be idle does not hold a service's connection."""

    async def endless(request: Received, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()

    with (
        upstream(endless=endless) as up,
        gateway(service=up.port, edge=EdgeLimits(idle_timeout=0.5)) as running,
        send(running, "GET /endless HTTP/1.1\nHost: localhost\n\n"),
    ):
        eventually(lambda: up.closed == 1, 5)


# Services that come and go


def test_a_service_that_restarts_elsewhere_is_found() -> None:
    """Requests follow the registry, and connections to the old address are dropped."""
    with upstream() as first, upstream() as second, gateway(service=first.port) as running:
        running.get("/x")
        running.update(Endpoint("web", "127.0.0.1", second.port, "ready"))
        running.get("/x")
        assert (first.connections, second.connections) == (1, 1)


def test_a_request_waits_for_a_service_that_is_starting() -> None:
    """A reload costs a moment, not an error."""
    starting = Endpoint("web", "127.0.0.1", 1, "starting")
    with upstream() as up, gateway(service=starting) as running, ThreadPoolExecutor(1) as client:
        waiting = client.submit(running.request, "POST", "/x", body=b"abc")
        time.sleep(0.2)
        assert not waiting.done()
        running.update(Endpoint("web", "127.0.0.1", up.port, "ready"))
        assert waiting.result(5).json()["body"] == 3


def test_a_request_does_not_wait_for_ever() -> None:
    """The twin: bounded, and then 503 with when to come again."""
    with gateway(service=Endpoint("web", "127.0.0.1", 1, "starting"), proxy=ProxyLimits(start_timeout=0.2)) as running:
        got = running.get("/x")
        assert (got.status, got.json()["code"], got.header("retry-after")) == (503, "service-starting", "2")


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_service_that_failed_is_a_502_at_once(state: str) -> None:
    """There is nothing to wait for."""
    with gateway(service=Endpoint("web", "127.0.0.1", 1, state)) as running:  # type: ignore[arg-type]
        began = time.monotonic()
        got = running.get("/x")
        assert (got.status, got.json()["code"]) == (502, "service-down")
        assert time.monotonic() - began < 0.3


def test_a_request_that_meets_a_restart_is_answered_by_the_new_process() -> None:
    """The connection is refused, the report of the restart comes a moment later: the request waits for that."""
    with upstream() as up, gateway(service=1) as running, ThreadPoolExecutor(1) as client:
        waiting = client.submit(running.get, "/x")
        time.sleep(0.1)
        running.update(Endpoint("web", "127.0.0.1", 1, "starting"))
        running.update(Endpoint("web", "127.0.0.1", up.port, "ready"))
        assert waiting.result(5).status == 200


def test_a_host_that_takes_no_connection_is_given_up() -> None:
    """connect_timeout, then 502: a listening socket whose queue is full accepts nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            with gateway(service=port, pool=PoolLimits(connect_timeout=0.3)) as running:
                assert running.get("/x").json()["code"] == "service-down"
        finally:
            for filler in fillers:
                filler.close()


FLASK = """
import os
import time
from flask import Flask, Response, jsonify, request
app = Flask(__name__)

@app.route("/", methods=["GET", "POST"])
def index():
    return jsonify(pid=os.getpid(), role=request.headers["X-Hasura-Role"], length=len(request.get_data()))

@app.get("/stream")
def stream():
    def pieces():
        yield str(os.getpid())
        for _ in range(600):
            time.sleep(0.1)
            yield "."
    return Response(pieces(), mimetype="text/plain")
"""


@pytest.fixture
def flask(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A Flask application under gunicorn, as a user's service would be."""
    (tmp_path / "service.py").write_text(FLASK)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-k", "gthread", "--threads", "4"]
    process = subprocess.Popen(
        [*command, "--no-control-socket", "service:app"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:

        def listens() -> bool:
            assert process.poll() is None
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(listens)
        yield port, process
    finally:
        process.terminate()
        process.wait(10)


def test_a_flask_service_behind_gunicorn(flask: tuple[int, subprocess.Popen[bytes]]) -> None:
    """The ordinary case: identity, bodies both ways; and a worker killed in the middle of an answer (kill -9) shows."""
    port, _ = flask
    with gateway(service=port) as running:
        got = running.get("/", "X-Hasura-Role: admin").json()
        assert got["role"] == "anonymous"
        assert running.request("POST", "/", body=b"x" * 100_000).json()["length"] == 100_000
        chunks = b"5\r\nhello\r\n0\r\n\r\n"
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert running.raw(head + chunks)[0].json()["length"] == 5

        with send(running, "GET /stream HTTP/1.1\nHost: localhost\nConnection: close\n\n") as connection:
            data = b""
            while data.count(b"\r\n") < 12 and str(got["pid"]).encode() not in data:
                data += connection.recv(1000)
            os.kill(got["pid"], signal.SIGKILL)
            broken = parse_answers(data + read_all(connection))[0]
        assert (broken.status, broken.complete) == (200, False)

        def answered() -> bool:
            after = running.get("/")
            return after.status == 200 and json.loads(after.body)["pid"] != got["pid"]

        eventually(answered)
