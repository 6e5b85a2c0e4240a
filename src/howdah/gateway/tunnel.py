"""An open WebSocket: the bytes of a client to its service and back, until one of them, time or a session ends it.

Neither side is read faster than the other takes. Frames are followed, not read: when the gateway ends a connection it
puts a close frame where one may stand, so that both sides learn why.
"""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from howdah.errors import HowdahError
from howdah.gateway.events import WebSocketClosed
from howdah.gateway.frames import GOING_AWAY, POLICY_VIOLATION, FrameReader, close_frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from howdah.gateway.place import Place
    from howdah.session import Identity

_LINGER_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 5.0  # until somebody who could not be asked is asked again
_ATTEMPTS: Final = 6
# Nobody is asked whether they are still there: the kernel finds out about the dead. After a minute of silence it asks,
# and gives up after four more questions.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


@dataclass(frozen=True, slots=True)
class TunnelLimits:
    """How many seconds a WebSocket may be silent in both directions, and how long a side may refuse to take bytes."""

    idle_timeout: float = 600.0
    write_timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Opened:
    """For whom a WebSocket was opened, and to whom; what its events say.

    ``identify`` asks again who opened it: the Identity, or None (or any refusal) when that may no longer use it.
    Without it nobody can lose the right to.
    """

    request_id: str
    service: str
    identity: Identity | None = None
    identify: Callable[[], Awaitable[Identity | None]] | None = None


class _End(asyncio.Protocol):
    """One of the two connections, from the moment the protocol was switched."""

    __slots__ = ("ended", "frames", "gone", "other", "received", "stalled", "transport", "tunnel")

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport) -> None:
        self.tunnel = tunnel
        self.transport = transport
        self.other: _End = self
        self.frames = FrameReader()  # of what this side sends
        self.ended = False  # what it still sends goes nowhere
        self.received = 0
        self.stalled: asyncio.TimerHandle | None = None
        self.gone = False

    @property
    def open(self) -> bool:
        """Whether it can be written to."""
        return not self.gone and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """Pass the bytes on."""
        self.received += len(data)
        self.tunnel.pass_on(self, data)

    def pause_writing(self) -> None:
        """While this side takes nothing, the other is not read."""
        if self.other.open:
            self.other.transport.pause_reading()
        if self.stalled is None:
            self.stalled = self.tunnel.loop.call_later(self.tunnel.limits.write_timeout, self.tunnel.abort)

    def resume_writing(self) -> None:
        """It does again."""
        if self.stalled is not None:
            self.stalled.cancel()
            self.stalled = None
        if self.other.open:
            self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        """A WebSocket has no half: who sends no more has left."""
        self.tunnel.left(self)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """One side has left, however."""
        self.gone = True
        if self.stalled is not None:
            self.stalled.cancel()
            self.stalled = None
        self.tunnel.left(self)


class Tunnel:
    """Two connections that have become one."""

    __slots__ = (
        "_began",
        "_check",
        "_client",
        "_closing",
        "_last",
        "_over",
        "_service",
        "_timer",
        "identity",
        "limits",
        "loop",
        "opened",
    )

    def __init__(
        self,
        opened: Opened,
        limits: TunnelLimits,
        client: asyncio.Transport,
        service: asyncio.Transport,
        over: Callable[[WebSocketClosed], None],
        check: Callable[[Tunnel], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.opened = opened
        self.identity = opened.identity
        self.limits = limits
        self._over: Callable[[WebSocketClosed], None] | None = over
        self._check = check
        self._closing = 0  # the code with which the gateway ends it
        self._began = self._last = self.loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._client = _End(self, client)
        self._service = _End(self, service)
        self._client.other = self._service
        self._service.other = self._client

    def begin(self, first: bytes) -> None:
        """From now on the two transports belong to the tunnel; ``first`` has come from the service already."""
        for end in (self._client, self._service):
            end.transport.set_protocol(end)
            _keep_alive(end.transport.get_extra_info("socket"))
        self._watch()
        if first:
            self._service.data_received(first)
        self._service.transport.resume_reading()

    def pass_on(self, sender: _End, data: bytes) -> None:
        """Bytes of one side on their way to the other."""
        receiver = sender.other
        end = sender.frames.feed(data)
        if not self._closing:
            self._last = self.loop.time()
        elif sender.ended:
            if sender.frames.closed:
                sender.transport.close()  # it has read why, and says good-bye
            return
        elif end >= 0:
            data = data[:end]
        if receiver.open:
            receiver.transport.write(data)
            if self._closing and end >= 0:
                self._end_stream(sender)

    def close(self, code: int) -> None:
        """Tell both sides why, and end the connection: at once where a frame may end, after the frame elsewhere."""
        if self._closing or self._over is None:
            return
        self._closing = code
        for sender in (self._service, self._client):
            if sender.frames.between or sender.frames.closed:
                self._end_stream(sender)
            sender.transport.resume_reading()
        self._wait(_LINGER_SECONDS, self._hang_up)

    def shutdown(self) -> None:
        """The server stops (uvicorn calls this of every connection)."""
        self.close(GOING_AWAY)

    def _end_stream(self, sender: _End) -> None:
        """Put a close frame behind what ``sender`` sent, unless it has done so itself."""
        sender.ended = True
        if not sender.frames.closed and sender.other.open:
            sender.other.transport.write(close_frame(self._closing, masked=sender is self._client))

    def left(self, end: _End) -> None:
        """One side has left: what it sent is still delivered, and then the other connection is closed too."""
        other = end.other
        if end.gone and other.gone:
            self._end()
            return
        if other.open:
            if not self._closing and not end.frames.closed and end.frames.between:
                other.transport.write(close_frame(GOING_AWAY, masked=end is self._client))
            other.transport.close()  # once everything is written
        if end.open:
            end.transport.close()
        self._wait(_LINGER_SECONDS if self._closing else self.limits.write_timeout, self.abort)

    def _hang_up(self) -> None:
        """Close both connections once everything is written; break off what should have been by now."""
        for end in (self._client, self._service):
            if end.open and end.stalled is None:
                end.transport.close()
            elif not end.gone:
                end.transport.abort()
        self._wait(_LINGER_SECONDS, self.abort)

    def abort(self) -> None:
        """Break both connections off."""
        self._wait(0, None)
        for end in (self._client, self._service):
            if not end.gone:
                end.transport.abort()

    def _end(self) -> None:
        self._wait(0, None)
        over, self._over = self._over, None
        if over is not None:
            seconds = self.loop.time() - self._began
            sent, received = self._service.received, self._client.received
            over(
                WebSocketClosed(
                    self.opened.request_id, self.opened.service, self._closing or None, seconds, received, sent
                )
            )

    # Time

    def _wait(self, seconds: float, then: Callable[[], None] | None) -> None:
        """The one thing that is waited for is this."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if then is None else self.loop.call_later(seconds, then)

    def _watch(self) -> None:
        """End it when it has been silent for too long, ask for whom it is when that is over; else look again later."""
        left = self._last + self.limits.idle_timeout - self.loop.time()
        if left <= 0:
            self.close(GOING_AWAY)
            return
        if self.identity is not None and self.identity.expires_at is not None:
            valid = self.identity.expires_at - time.time()
            if valid <= 0:
                self._check(self)
            left = min(left, valid if valid > 0 else _AGAIN_SECONDS)
        self._wait(left, self._watch)


def _keep_alive(connection: socket.socket | None) -> None:
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)  # not every system has them all
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


class Tunnels:
    """Every open WebSocket of this process."""

    def __init__(self, limits: TunnelLimits, emit: Callable[[object], None]) -> None:
        self._limits = limits
        self._emit = emit
        self._open: set[Tunnel] = set()
        self._checks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def connect(
        self,
        opened: Opened,
        client: asyncio.Transport,
        service: asyncio.Transport,
        first: bytes,
        place: Place,
    ) -> Tunnel:
        """The two connections are one from now on. ``first`` came from the service behind its 101.

        It has the client's ``place`` while it is open.
        """

        def over(event: WebSocketClosed) -> None:
            self._open.discard(tunnel)
            place.leave(tunnel)
            self._emit(event)

        tunnel = Tunnel(opened, self._limits, client, service, over, self._check)
        self._open.add(tunnel)
        place.take(tunnel)
        tunnel.begin(first)
        return tunnel

    def forget(self, *, session_id: str | None = None, user_id: str | None = None) -> None:
        """What was known of the session, or of the user, no longer holds; without either, of anybody.

        Whoever may no longer use a WebSocket loses it (R48).
        """
        everybody = session_id is None and user_id is None
        for tunnel in tuple(self._open):
            identity = tunnel.identity
            if identity is not None and (
                everybody
                or (session_id is not None and identity.session_id == session_id)
                or (user_id is not None and identity.user_id == user_id)
            ):
                self._check(tunnel)

    def _check(self, tunnel: Tunnel) -> None:
        task = asyncio.ensure_future(self._close_unless_allowed(tunnel))
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    async def _close_unless_allowed(self, tunnel: Tunnel) -> None:
        """Ask again who it is. Where nobody can tell for a while, it is nobody (R47)."""
        if tunnel.opened.identify is None:
            return
        for _ in range(_ATTEMPTS):
            try:
                identity = await tunnel.opened.identify()
            except HowdahError as error:
                if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    break
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            if identity is None:
                break
            tunnel.identity = identity
            return
        tunnel.close(POLICY_VIOLATION)
