"""The place of a client's connection among those that are counted, and what may be asked of the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from howdah.gateway.admission import Admission


class Place:
    """The place of a connection among those that are counted, and told when the server stops."""

    __slots__ = ("_address", "_admission", "_connections")

    def __init__(self, connections: set[Any], admission: Admission, address: str) -> None:
        self._connections = connections
        self._admission = admission
        self._address = address

    def take(self, whoever: object) -> None:
        """It is told when the server stops, by its ``shutdown``, and the server waits until it leaves."""
        self._connections.add(whoever)

    def leave(self, whoever: object) -> None:
        """The place is free."""
        self._connections.discard(whoever)
        self._admission.leave(self._address)


class ClientConnection(Protocol):
    """What the proxy may ask of the connection a request came in on; it is ``scope["howdah.edge"]``."""

    def when_gone(self, callback: Callable[[], None] | None) -> None:
        """Call back once if the client goes away; None forgets the callback."""

    def abort(self) -> None:
        """Break the connection off, so that the client cannot take a part of the answer for the whole."""

    def hand_over(self) -> tuple[asyncio.Transport, Place]:
        """Behind a 101: the connection's transport, and the place it had, for whoever has it now.

        The connection is no longer this protocol's. Raises ClientGone.
        """
        ...

    @property
    def stopping(self) -> bool:
        """Whether the server is about to stop."""
        ...
