"""Several writes → one: what an answer consists of leaves in one piece, not in one system call for each part of it.

An ASGI answer is at least a head and a body, written one after the other. On loopback a system call for each costs more
than everything else that is done for a small answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_ENOUGH: Final = 64 * 1024


class GatheringWriter:
    """The writing side of a transport, which passes on what was written in one turn of the event loop at its end.

    Nothing waits longer than that, so a stream stays a stream; and nothing large is gathered, so the transport's own
    flow control sees it.
    """

    __slots__ = ("_loop", "_pending", "_scheduled", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes] = []
        self._size = 0
        self._scheduled = False

    def write(self, data: bytes) -> None:
        """Write the bytes, now or at the end of this turn."""
        self._pending.append(data)
        self._size += len(data)
        if self._size > _ENOUGH:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self._scheduled = False
        self.flush()

    def flush(self) -> None:
        """Write what has been gathered, unless the connection is gone."""
        pending, size = self._pending, self._size
        if not pending:
            return
        self._pending = []
        self._size = 0
        if self._transport.is_closing():
            return
        if size > _ENOUGH:
            for data in pending:
                self._transport.write(data)
        else:
            self._transport.write(pending[0] if len(pending) == 1 else b"".join(pending))

    def close(self) -> None:
        """Close the connection once everything is written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._transport.is_closing()
