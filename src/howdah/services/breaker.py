"""Whoever keeps failing is left alone for a while, so that neither they nor their callers wait for nothing.

Failures are those of the connection: nobody listens, nothing is answered, or nothing in time. What is answered, be it
500, is an answer. After so many failures in a row the circuit is open: callers are told at once to come again. When it
has been open for long enough one request is let through, and what becomes of it decides.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """How many failures in a row open a circuit (0: never), and for how many seconds."""

    failures: int = 5
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class CircuitOpened:
    """A service has failed so many times in a row that it is left alone for so many seconds."""

    level: ClassVar[str] = "error"

    service: str
    failures: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CircuitClosed:
    """A service that was left alone answers again, or has been started anew."""

    service: str


@dataclass(slots=True)
class _Circuit:
    """What is known of one service at one address."""

    address: Hashable
    failures: int = 0
    opened_at: float | None = None
    probing: bool = False


class Circuits:
    """The circuits of services, by name. May be used by many threads."""

    def __init__(
        self, limits: BreakerLimits, emit: Callable[[object], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._circuits: dict[str, _Circuit] = {}

    def is_quiet(self, service: str) -> bool:
        """Whether nothing has gone wrong with the service lately, so that `ask` would have nothing to say."""
        return service not in self._circuits

    def ask(self, service: str, address: Hashable) -> float:
        """0 when the service may be asked, and the caller then reports how it went; else the seconds to wait."""
        if service not in self._circuits:
            return 0.0
        with self._lock:
            circuit = self._circuits.get(service)
            if circuit is None:
                return 0.0
            if circuit.address != address:  # it has been started anew, and may be well
                self._close(service, circuit)
                return 0.0
            if circuit.opened_at is None:
                return 0.0
            left = circuit.opened_at + self._limits.seconds - self._clock()
            if left > 0 or circuit.probing:
                return max(left, _SOON)
            circuit.probing = True
            return 0.0

    def succeeded(self, service: str) -> None:
        """It answered."""
        if service in self._circuits:
            with self._lock:
                circuit = self._circuits.get(service)
                if circuit is not None:
                    self._close(service, circuit)

    def failed(self, service: str, address: Hashable) -> None:
        """It did not."""
        if not self._limits.failures:
            return
        with self._lock:
            circuit = self._circuits.get(service)
            if circuit is None or circuit.address != address:
                circuit = self._circuits[service] = _Circuit(address)
            circuit.failures += 1
            if circuit.opened_at is None:
                if circuit.failures < self._limits.failures:
                    return
                self._emit(CircuitOpened(service, circuit.failures, self._limits.seconds))
            elif not circuit.probing:
                return  # a request that was under way when it opened
            circuit.opened_at = self._clock()
            circuit.probing = False

    def gave_up(self, service: str) -> None:
        """Nobody waited for how it went: the next request finds out."""
        circuit = self._circuits.get(service)
        if circuit is not None:
            circuit.probing = False

    def _close(self, service: str, circuit: _Circuit) -> None:
        del self._circuits[service]
        if circuit.opened_at is not None:
            self._emit(CircuitClosed(service))


_SOON = 0.001
