"""A service that keeps failing is left alone for a while."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.gateway.support import Received, answer, eventually, gateway, upstream
from tests.gateway.websocket import handshake

from howdah.gateway.breaker import BreakerLimits, Breakers
from howdah.gateway.errors import ServiceUnwell
from howdah.gateway.pool import PoolLimits
from howdah.services.breaker import CircuitClosed, CircuitOpened
from howdah.services.registry import Endpoint

HERE = Endpoint("web", "127.0.0.1", 1, "ready")

pytestmark = pytest.mark.usefixtures("way")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_circuit_opens_lets_one_through_and_closes() -> None:
    """R50: failures in a row count, a success forgets them; half open, one request decides for all."""
    clock, events = Clock(), []
    breakers = Breakers(BreakerLimits(3, 10), events.append, clock)
    for _ in range(2):
        breakers.ask(HERE)
        breakers.failed(HERE)
    breakers.succeeded(HERE)
    assert breakers.is_quiet("web")
    for _ in range(3):
        breakers.ask(HERE)
        breakers.failed(HERE)
    assert events == [CircuitOpened("web", 3, 10)]
    with pytest.raises(ServiceUnwell) as refused:
        breakers.ask(HERE)
    assert refused.value.headers == ((b"retry-after", b"10"),)
    breakers.failed(HERE)  # a request from before, which must not keep it open for longer
    clock.now = 10.0
    breakers.ask(HERE)
    with pytest.raises(ServiceUnwell):
        breakers.ask(HERE)  # one at a time
    breakers.failed(HERE)
    clock.now = 19.0
    with pytest.raises(ServiceUnwell):
        breakers.ask(HERE)
    clock.now = 20.0
    breakers.ask(HERE)
    breakers.gave_up(HERE)  # its client left: the next finds out
    breakers.ask(HERE)
    breakers.succeeded(HERE)
    breakers.ask(HERE)
    assert events == [CircuitOpened("web", 3, 10), CircuitClosed("web")]


def test_a_service_started_anew_begins_anew() -> None:
    """Another address is another process; 0 failures never open anything."""
    breakers = Breakers(BreakerLimits(1, 10), lambda event: None, Clock())
    breakers.failed(HERE)
    with pytest.raises(ServiceUnwell):
        breakers.ask(HERE)
    breakers.ask(Endpoint("web", "127.0.0.1", 2, "ready"))
    never = Breakers(BreakerLimits(0, 10), lambda event: None, Clock())
    for _ in range(9):
        never.failed(HERE)
    never.ask(HERE)


def test_callers_of_a_dead_service_are_told_at_once_and_it_is_found_again() -> None:
    """R50: 503 with Retry-After instead of waiting for nothing; when the service answers again, so does the gateway."""
    silent = [True]

    async def moody(request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if silent[0]:
            await reader.read(1)
            return False
        writer.write(answer(b"well again"))
        return True

    with (
        upstream(moody=moody) as up,
        gateway(service=up.port, pool=PoolLimits(upstream_timeout=0.2), breaker=BreakerLimits(3, 0.6)) as running,
    ):
        assert [running.get("/moody").status for _ in range(3)] == [504, 504, 504]
        asked = up.connections
        began = time.monotonic()
        refused = running.get("/moody")
        assert (refused.status, refused.json()["code"], refused.header("retry-after")) == (503, "service-unwell", "1")
        assert running.raw(handshake("/moody"))[0].status == 503
        assert time.monotonic() - began < 0.4 and up.connections == asked
        silent[0] = False
        time.sleep(0.6)
        with ThreadPoolExecutor(20) as clients:
            statuses = [each.status for each in clients.map(lambda _: running.get("/moody"), range(20))]
        assert set(statuses) <= {200, 503} and 200 in statuses
        assert running.get("/moody").body == b"well again"
        (opened,) = running.named("CircuitOpened")
        assert (opened.service, opened.failures) == ("web", 3)
        eventually(lambda: len(running.named("CircuitClosed")) == 1)


def test_what_a_service_answers_opens_nothing() -> None:
    """The twin: a 500 is an answer, and so is half of one; a client that leaves says nothing about the service."""

    async def broken(request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer(b"oops", status="500 Internal Server Error"))
        return True

    async def half(request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer(b"hello")[:-2])
        return False

    async def slow(request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.read(1)
        return False

    with (
        upstream(broken=broken, half=half, slow=slow) as up,
        gateway(service=up.port, breaker=BreakerLimits(2, 60)) as running,
    ):
        for path in ("/broken", "/half", "/broken"):
            for _ in range(3):
                assert running.get(path).status in (500, 200)
        for _ in range(3):
            with running.connect() as connection:
                connection.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
                time.sleep(0.05)
        assert running.get("/x").status == 200
        assert not running.named("CircuitOpened")
