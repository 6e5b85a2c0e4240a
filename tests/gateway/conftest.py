"""One gateway for all tests of a module that only send requests to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.gateway.support import WAYS, RunningGateway, Upstream, gateway, upstream

from howdah.gateway.limits import EdgeLimits


@pytest.fixture(scope="module")
def echo() -> Iterator[Upstream]:
    """An upstream that tells what it was sent."""
    with upstream() as server:
        yield server


@pytest.fixture(scope="module", params=["short", "long"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Gateways that have the short way to services, and gateways that have not: both do the same."""
    WAYS.direct = request.param == "short"
    yield request.param
    WAYS.direct = True


@pytest.fixture(scope="module")
def server(echo: Upstream, way: str) -> Iterator[RunningGateway]:
    """A gateway in front of it, with short times."""
    with gateway(service=echo.port, edge=EdgeLimits(header_timeout=0.4, idle_timeout=0.8)) as running:
        yield running
