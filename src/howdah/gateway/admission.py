"""How many connections there may be, in all and from one address (R50).

Counted by the address that connects. A proxy in front connects for many and is not counted: it counts for itself.
"""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, Final

from howdah.gateway.events import ConnectionsRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.gateway.client import Network


_AGAIN_SECONDS: Final = 60.0


class Admission:
    """The connections of one process."""

    def __init__(
        self,
        most: int,
        most_of_one: int,
        emit: Callable[[object], None],
        trusted: int | tuple[Network, ...] = 0,
    ) -> None:
        """``trusted`` are the proxies in front, or how many there are: then every connection is one of theirs."""
        self._most = most
        self._most_of_one = most_of_one
        self._emit = emit
        self._trusted = trusted
        self._open = 0
        self._by_address: dict[str, int] = {}
        self._told: dict[str, float] = {}

    def admit(self, address: str) -> bool:
        """Whether one more connection from the address may be open. If so it is counted until `leave`."""
        if self._open >= self._most:
            self._tell("", self._most)
            return False
        if address and not self._is_proxy(address):
            count = self._by_address.get(address, 0)
            if count >= self._most_of_one:
                self._tell(address, self._most_of_one)
                return False
            self._by_address[address] = count + 1
        self._open += 1
        return True

    def leave(self, address: str) -> None:
        """A connection that was admitted has ended."""
        self._open -= 1
        count = self._by_address.get(address, 0)
        if count > 1:
            self._by_address[address] = count - 1
        elif count:
            del self._by_address[address]
            self._told.pop(address, None)

    def _is_proxy(self, address: str) -> bool:
        if isinstance(self._trusted, int):
            return bool(self._trusted)
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)

    def _tell(self, address: str, limit: int) -> None:
        now = time.monotonic()
        if now - self._told.get(address, -_AGAIN_SECONDS) >= _AGAIN_SECONDS:
            self._told[address] = now
            self._emit(ConnectionsRefused(address, limit))
