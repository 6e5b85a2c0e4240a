"""A service that keeps failing is left alone for a while, so that neither it nor its callers wait for nothing.

Failures are those of the connection: nobody listens, nothing is answered, or nothing in time. What a service answers,
be it 500, is an answer. After so many failures in a row the circuit is open: callers are told at once to come again.
When it has been open for long enough one request is let through, and what becomes of it decides.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from howdah.gateway.errors import ServiceUnwell
from howdah.gateway.events import CircuitClosed, CircuitOpened

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.services.registry import Endpoint


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """How many failures in a row open a circuit (0: never), and for how many seconds."""

    failures: int = 5
    seconds: float = 10.0


@dataclass(slots=True)
class _Circuit:
    """What is known of one service at one address."""

    address: tuple[str, int]
    failures: int = 0
    opened_at: float | None = None
    probing: bool = False


class Breakers:
    """The circuits of all services."""

    def __init__(
        self, limits: BreakerLimits, emit: Callable[[object], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._emit = emit
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

    def is_quiet(self, service: str) -> bool:
        """Whether nothing has gone wrong with the service lately, so that `ask` would have nothing to say."""
        return service not in self._circuits

    def ask(self, endpoint: Endpoint) -> None:
        """Return if the service may be asked; the caller then reports how it went.

        Raises ServiceUnwell while its circuit is open.
        """
        circuit = self._circuits.get(endpoint.name)
        if circuit is None:
            return
        if circuit.address != (endpoint.host, endpoint.port):  # it has been started anew, and may be well
            self._close(endpoint.name, circuit)
            return
        if circuit.opened_at is None:
            return
        left = circuit.opened_at + self._limits.seconds - self._clock()
        if left > 0 or circuit.probing:
            raise ServiceUnwell(
                f"The service {endpoint.name!r} has not answered lately and is not asked for a moment.",
                retry_after=max(1, round(left + 0.5)),
            )
        circuit.probing = True

    def succeeded(self, endpoint: Endpoint) -> None:
        """It answered."""
        circuit = self._circuits.get(endpoint.name)
        if circuit is not None:
            self._close(endpoint.name, circuit)

    def failed(self, endpoint: Endpoint) -> None:
        """It did not."""
        if not self._limits.failures:
            return
        address = (endpoint.host, endpoint.port)
        circuit = self._circuits.get(endpoint.name)
        if circuit is None or circuit.address != address:
            circuit = self._circuits[endpoint.name] = _Circuit(address)
        circuit.failures += 1
        if circuit.opened_at is None:
            if circuit.failures < self._limits.failures:
                return
            self._emit(CircuitOpened(endpoint.name, circuit.failures, self._limits.seconds))
        elif not circuit.probing:
            return  # a request that was under way when it opened
        circuit.opened_at = self._clock()
        circuit.probing = False

    def gave_up(self, endpoint: Endpoint) -> None:
        """Nobody waited for how it went: the next request finds out."""
        circuit = self._circuits.get(endpoint.name)
        if circuit is not None:
            circuit.probing = False

    def _close(self, service: str, circuit: _Circuit) -> None:
        del self._circuits[service]
        if circuit.opened_at is not None:
            self._emit(CircuitClosed(service))
