"""Where services are, and waiting for them."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest

from howdah.services.errors import InvalidServiceUrl, UnknownService
from howdah.services.registry import Endpoint, Registry, State, fixed_endpoint

STARTING = Endpoint("web", "127.0.0.1", 5000, "starting")
READY = dataclasses.replace(STARTING, state="ready")


def test_an_endpoint_is_what_was_last_reported() -> None:
    """A later report replaces an earlier one; snapshot has all of them by name."""
    registry = Registry([READY, Endpoint("api", "127.0.0.1", 5001, "ready")])
    registry.update(dataclasses.replace(READY, port=5002, detail=("hello",)))
    assert registry.get("web") == Endpoint("web", "127.0.0.1", 5002, "ready", ("hello",))
    assert [endpoint.name for endpoint in registry.snapshot()] == ["api", "web"]
    registry.forget("web")
    with pytest.raises(UnknownService):
        registry.get("web")


@pytest.mark.parametrize("state", ["ready", "failed", "stopped"])
def test_waiting_ends_when_the_service_is_no_longer_starting(state: State) -> None:
    """Everyone who waits goes on, also when the news is bad."""

    async def scenario() -> list[Endpoint]:
        registry = Registry([STARTING])
        waiting = [asyncio.create_task(registry.wait_ready("web", 5)) for _ in range(3)]
        await asyncio.sleep(0)
        registry.update(dataclasses.replace(STARTING, detail=("still starting",)))
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        registry.update(dataclasses.replace(STARTING, state=state))
        return await asyncio.gather(*waiting)

    began = time.monotonic()
    assert [endpoint.state for endpoint in asyncio.run(scenario())] == [state] * 3
    assert time.monotonic() - began < 2


def test_waiting_is_bounded() -> None:
    """The twin: after the timeout the service is still starting, and nothing is left behind."""

    async def scenario() -> None:
        registry = Registry([STARTING])
        assert await registry.wait_ready("web", 0.05) == STARTING
        assert await registry.wait_changed(STARTING, 0.05) == STARTING
        assert registry._waiting == {}

    asyncio.run(scenario())


@pytest.mark.parametrize("state", ["ready", "failed", "stopped"])
def test_there_is_nothing_to_wait_for_unless_it_starts(state: State) -> None:
    """Ready or failed, the answer is there at once."""
    endpoint = dataclasses.replace(STARTING, state=state)
    assert asyncio.run(Registry([endpoint]).wait_ready("web", 60)) == endpoint


def test_a_change_is_another_address_or_state_but_not_another_line() -> None:
    """wait_changed wakes for what a connection depends on."""

    async def scenario() -> Endpoint:
        registry = Registry([READY])
        waiting = asyncio.create_task(registry.wait_changed(READY, 5))
        await asyncio.sleep(0)
        registry.update(dataclasses.replace(READY, detail=("a line",)))
        await asyncio.sleep(0)
        assert not waiting.done()
        registry.update(dataclasses.replace(READY, port=5001))
        return await waiting

    assert asyncio.run(scenario()).port == 5001


def test_waiting_for_a_service_that_is_forgotten_is_an_error() -> None:
    """It will never be ready."""

    async def scenario() -> None:
        registry = Registry([STARTING])
        waiting = asyncio.create_task(registry.wait_ready("web", 5))
        await asyncio.sleep(0)
        registry.forget("web")
        await waiting

    with pytest.raises(UnknownService):
        asyncio.run(scenario())


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://127.0.0.1:5000", "127.0.0.1", 5000),
        ("http://api.internal:5000/", "api.internal", 5000),
        ("http://api", "api", 80),
        ("http://[::1]:5000", "::1", 5000),
    ],
)
def test_a_fixed_endpoint_is_always_ready(url: str, host: str, port: int) -> None:
    """``serve`` is told where services are and believes it."""
    assert fixed_endpoint("api", url) == Endpoint("api", host, port, "ready")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api:5000",
        "https://api:5000",
        "http://",
        "http://api:x",
        "http://api:99999",
        "http://api/v1",
        "http://api?x=1",
        "http://api#x",
        "http://me:secret@api:5000",
        "unix:/tmp/api",
        "http://[::1",
    ],
)
def test_a_url_that_would_not_be_obeyed_is_refused(url: str) -> None:
    """The twin: another scheme, a path or credentials would be ignored silently."""
    with pytest.raises(InvalidServiceUrl, match="'api'") as caught:
        fixed_endpoint("api", url)
    assert "secret" not in str(caught.value)
