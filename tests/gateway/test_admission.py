"""How many connections there may be, and what they cost."""

from __future__ import annotations

import ipaddress
import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.gateway.support import RunningGateway, eventually, gateway, parse_answers, read_all, upstream
from tests.gateway.websocket import accepting, echo, websocket

from howdah.gateway.admission import Admission
from howdah.gateway.events import ConnectionsRefused
from howdah.gateway.limits import EdgeLimits


def test_connections_are_counted_in_all_and_by_address() -> None:
    """R50: one address cannot take what is there for all, and all cannot take more than there is."""
    events: list[object] = []
    admission = Admission(3, 2, events.append)
    assert admission.admit("192.0.2.1") and admission.admit("192.0.2.1")
    assert not admission.admit("192.0.2.1") and not admission.admit("192.0.2.1")
    assert admission.admit("192.0.2.2")
    assert not admission.admit("192.0.2.3")
    admission.leave("192.0.2.1")
    assert admission.admit("192.0.2.1")
    assert events == [ConnectionsRefused("192.0.2.1", 2), ConnectionsRefused("", 3)]


@pytest.mark.parametrize("trusted", [1, (ipaddress.ip_network("10.0.0.0/8"),)])
def test_a_proxy_in_front_connects_for_many(trusted: object) -> None:
    """The twin: connections of a trusted proxy are counted in all alone."""
    admission = Admission(5, 1, lambda event: None, trusted)  # type: ignore[arg-type]
    assert [admission.admit("10.1.2.3") for _ in range(6)] == [True] * 5 + [False]
    if not isinstance(trusted, int):
        for _ in range(5):
            admission.leave("10.1.2.3")
        assert admission.admit("192.0.2.1") and not admission.admit("192.0.2.1")


def refused(running: RunningGateway) -> bool:
    with running.connect() as connection:
        connection.sendall(b"GET /-/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        try:
            (answer,) = parse_answers(read_all(connection))
        except ValueError:
            return True  # the answer was lost with the connection
    if answer.status == 503:
        assert (answer.json()["code"], answer.header("retry-after")) == ("too-many-connections", "5")
    return answer.status == 503


def test_who_has_too_many_connections_is_told_so_and_may_come_again() -> None:
    """R50: the connection over the limit is answered 503 and closed; those there go on; a WebSocket counts too."""
    with (
        upstream(ws=accepting(echo)) as up,
        gateway(service=up.port, edge=EdgeLimits(max_connections_per_address=3)) as running,
    ):
        with websocket(running) as client, ExitStack() as stack:
            idle = [stack.enter_context(running.connect()) for _ in range(2)]
            eventually(lambda: len(running.server.server_state.connections) == 3)
            assert refused(running) and refused(running)
            client.send(b"still here")
            assert client.read()[1] == b"still here"
            idle[0].sendall(b"GET /-/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert parse_answers(idle[0].recv(65536))[0].status == 200
            assert len(running.named("ConnectionsRefused")) == 1
        eventually(lambda: not running.server.server_state.connections)
        assert not refused(running)


MANY = 400


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


@pytest.mark.parametrize("kind", ["idle", "slow head", "slow body"])
def test_memory_stays_flat_under_connections_that_do_nothing(kind: str) -> None:
    """R50: hundreds of connections that send little cost little, all end in time, and honest ones are answered."""
    begin = {
        "idle": b"",
        "slow head": b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        "slow body": b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc",
    }[kind]
    limits = EdgeLimits(header_timeout=1.5, idle_timeout=1.5, body_rate=100, body_window=1.0)
    with gateway(edge=limits) as running:
        assert running.get("/data/x").status == 200
        before = resident_kib()
        began = time.monotonic()
        with ExitStack() as stack:
            connections: list[socket.socket] = []
            for _ in range(MANY):
                connection = stack.enter_context(running.connect())
                if begin:
                    connection.sendall(begin)
                connections.append(connection)
            eventually(lambda: len(running.server.server_state.connections) >= MANY)
            assert running.get("/data/x").status == 200
            # Both ends of every connection, and the task of every body, are in this process.
            assert (resident_kib() - before) / MANY < 40
            for connection in connections:
                read_all(connection)
            assert time.monotonic() - began < 8
        eventually(lambda: not running.server.server_state.connections)
