"""The breaker of services at the gateway: `howdah.services.breaker`, by endpoint, and as an answer to clients."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from howdah.gateway.errors import ServiceUnwell
from howdah.services.breaker import BreakerLimits as BreakerLimits
from howdah.services.breaker import Circuits

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.services.registry import Endpoint


class Breakers:
    """The circuits of all services. One that is started anew, at another address, begins again."""

    def __init__(
        self, limits: BreakerLimits, emit: Callable[[object], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._circuits = Circuits(limits, emit, clock)
        self.is_quiet = self._circuits.is_quiet

    def ask(self, endpoint: Endpoint) -> None:
        """Return if the service may be asked; the caller then reports how it went.

        Raises ServiceUnwell while its circuit is open.
        """
        left = self._circuits.ask(endpoint.name, (endpoint.host, endpoint.port))
        if left:
            raise ServiceUnwell(
                f"The service {endpoint.name!r} has not answered lately and is not asked for a moment.",
                retry_after=max(1, round(left + 0.5)),
            )

    def succeeded(self, endpoint: Endpoint) -> None:
        """It answered."""
        self._circuits.succeeded(endpoint.name)

    def failed(self, endpoint: Endpoint) -> None:
        """It did not."""
        self._circuits.failed(endpoint.name, (endpoint.host, endpoint.port))

    def gave_up(self, endpoint: Endpoint) -> None:
        """Nobody waited for how it went: the next request finds out."""
        self._circuits.gave_up(endpoint.name)
