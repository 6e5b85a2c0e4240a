"""The clocks of one client connection: how long it may take for a head, a body, an answer, or nothing at all (R50).

A clock is set when something is waited for that did not come in one piece, and left to run when it does: to set and
cancel one for every request would cost more than the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from howdah.gateway.errors import RequestTooSlow

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from howdah.gateway.errors import GatewayError
    from howdah.gateway.limits import EdgeLimits


class Watched(Protocol):
    """The connection the clocks are for."""

    @property
    def awaits_body(self) -> bool:
        """Whether a part of a body is still to come."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether there is neither a request to be received nor one to be answered."""
        ...

    @property
    def reading_paused(self) -> bool:
        """Whether it is we who do not read at the moment."""
        ...

    def refuse(self, error: GatewayError) -> None:
        """The request being received is refused."""
        ...

    def abort(self) -> None:
        """The connection is broken off."""
        ...

    def hang_up(self) -> None:
        """The connection is closed."""
        ...


class Patience:
    """Waits for what a client should do, and tells the connection when it has not."""

    __slots__ = (
        "_body",
        "_connection",
        "_head",
        "_idle",
        "_idle_since",
        "_last_byte_at",
        "_limits",
        "_linger",
        "_loop",
        "_paused",
        "_received",
        "_window_began",
        "_write",
    )

    def __init__(self, connection: Watched, limits: EdgeLimits, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._limits = limits
        self._loop = loop
        self._idle_since = 0.0
        self._last_byte_at = 0.0
        self._received = 0  # bytes of the body in this window
        self._paused = False  # whether we did not read for a part of the window
        self._window_began = 0.0
        self._head: asyncio.TimerHandle | None = None
        self._body: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._write: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None

    def forget(self) -> None:
        """Nothing is waited for any more."""
        for clock in (self._head, self._body, self._idle, self._write, self._linger):
            if clock is not None:
                clock.cancel()
        self._head = self._body = self._idle = self._write = self._linger = None

    # The head

    def await_head(self) -> None:
        """A part of a head has come."""
        if self._head is None:
            self._head = self._loop.call_later(self._limits.header_timeout, self._head_late)

    def head_came(self) -> None:
        """The head is whole."""
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _head_late(self) -> None:
        self._head = None
        seconds = self._limits.header_timeout
        self._connection.refuse(RequestTooSlow(f"The request's header did not arrive within {seconds:g} seconds."))

    # The body

    def await_body(self, received: int) -> None:
        """So many bytes have come, and the body is not whole."""
        self._last_byte_at = self._loop.time()
        self._received += received
        self._paused = self._paused or self._connection.reading_paused
        if self._body is None:
            self._window_began = self._last_byte_at
            self._received = 0
            self._paused = False
            self._body = self._loop.call_later(self._window, self._check_body)

    def body_came(self) -> None:
        """The body is whole."""
        if self._body is not None:
            self._body.cancel()
            self._body = None

    @property
    def _window(self) -> float:
        limits = self._limits
        return min(limits.idle_timeout, limits.body_window) if limits.body_rate else limits.idle_timeout

    def _check_body(self) -> None:
        """Refuse a request whose body has stopped arriving, or trickles, unless it is we who stopped reading it."""
        self._body = None
        if not self._connection.awaits_body:
            return
        limits = self._limits
        now = self._loop.time()
        paused = self._connection.reading_paused
        quiet = now - self._last_byte_at
        lasted = now - self._window_began
        if not paused and quiet >= limits.idle_timeout:
            self._connection.refuse(RequestTooSlow("The request's body stopped arriving."))
            return
        if limits.body_rate and lasted >= limits.body_window:
            if not (paused or self._paused) and self._received < limits.body_rate * lasted:
                self._connection.refuse(
                    RequestTooSlow(f"The request's body arrives more slowly than {limits.body_rate} bytes per second.")
                )
                return
            self._window_began = now
            self._received = 0
            self._paused = paused
        again = limits.idle_timeout if paused else limits.idle_timeout - quiet
        self._body = self._loop.call_later(min(again, self._window), self._check_body)

    # Between requests

    def await_request(self) -> None:
        """The connection is idle from now on."""
        self._idle_since = self._loop.time()
        if self._idle is None:
            self._idle = self._loop.call_later(self._limits.idle_timeout, self._check_idle)

    def _check_idle(self) -> None:
        """Close the connection if it has been idle for long enough; a half-received request has clocks of its own."""
        self._idle = None
        if not self._connection.is_idle:
            return
        left = self._idle_since + self._limits.idle_timeout - self._loop.time()
        if left > 0:
            self._idle = self._loop.call_later(left, self._check_idle)
        else:
            self._connection.hang_up()

    # The answer

    def await_reader(self) -> None:
        """The client takes nothing at the moment; if it does not for as long as it may be idle, it is let go."""
        if self._write is None:
            self._write = self._loop.call_later(self._limits.idle_timeout, self._connection.abort)

    def reader_came(self) -> None:
        """It does again."""
        if self._write is not None:
            self._write.cancel()
            self._write = None

    def linger(self, seconds: float, then: Callable[[], None]) -> None:
        """The connection is over; the client has so long to notice."""
        self._linger = self._loop.call_later(seconds, then)
