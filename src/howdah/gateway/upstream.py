"""One connection to one service: bytes of requests out, events of responses in, one exchange at a time.

The protocol keeps what has arrived until it is taken and stops reading when that is too much; nothing is ever buffered
without bound in either direction. It knows nothing of clients: whoever drives it is told of every failure by the error
that :meth:`UpstreamConnection.progress` and :meth:`UpstreamConnection.drained` raise.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

import httptools

from howdah.gateway.errors import GatewayError, UpstreamBroken

if TYPE_CHECKING:
    from collections.abc import Callable

_HIGH_WATER: Final = 64 * 1024
_MAX_RESPONSE_HEAD: Final = 128 * 1024
_BODILESS: Final = frozenset((204, 304))


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The status and header fields of an answer; names are in lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]


class Watcher(Protocol):
    """Whoever is told of an exchange."""

    def arrived(self, data: bytes) -> bool:
        """Whether these bytes of the answer need not be parsed, because it knows what they are."""
        ...

    def advance(self) -> None:
        """There is more of the answer, or it is complete, or the exchange has failed."""
        ...


class ConnectionStale(UpstreamBroken):
    """The service closed a kept-alive connection before it sent a byte of its answer.

    ``sent`` tells whether any of the request may have reached it.
    """

    def __init__(self, *, sent: bool) -> None:
        super().__init__("The service closed the connection without answering.")
        self.sent = sent


class UpstreamConnection(asyncio.Protocol):
    """A connection that one exchange after another may use."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: Callable[[UpstreamConnection], None]) -> None:
        self._loop = loop
        self._lost_callback = lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._drain_waiter: asyncio.Future[None] | None = None
        self._writing_paused = False
        self._reading_paused = False
        self._busy = False
        self._watcher: Watcher | None = None
        self.error: GatewayError | None = None
        """What ended the exchange."""
        self.patience: float | None = None
        self.lost = False
        self.exchanges = 0
        self.idle_since = 0.0
        self.deadline: float | None = None
        self._begin_response("")

    def _begin_response(self, method: str) -> None:
        self._method = method
        self._head_bytes = 0
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._interim = False
        self._until_close = False
        self._keep = False
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._may_switch = False
        self._switched = False
        self._behind = b""
        self._passed = False
        self.head: ResponseHead | None = None
        self.complete = False

    # For whoever drives the exchange

    def begin(self, method: str, patience: float, *, may_switch: bool = False, watcher: Watcher | None = None) -> None:
        """Start an exchange; the service may be silent for ``patience`` seconds at a time.

        With ``may_switch`` it may answer 101, behind which the connection is for :meth:`hand_over`. A ``watcher`` is
        told of everything that happens instead of asking for it. Raises ConnectionStale if the service has closed the
        connection meanwhile.
        """
        if not self.usable:
            raise ConnectionStale(sent=False)
        if self._method == "HEAD":
            self._parser = httptools.HttpResponseParser(self)  # the last one still waits for a body
        self._begin_response(method)
        self._may_switch = may_switch
        self._watcher = watcher
        self._busy = True
        self.patience = patience
        self.exchanges += 1
        self.touch()

    def rest(self) -> None:
        """Nobody uses it from now on."""
        self.idle_since = self._loop.time()

    @property
    def idle_for(self) -> float:
        """For how many seconds nobody has."""
        return self._loop.time() - self.idle_since

    def touch(self) -> None:
        """The exchange is getting on: the service has its whole time again."""
        self.deadline = None if self.patience is None else self._loop.time() + self.patience

    def stop_clock(self) -> None:
        """The service is not to blame for what happens until the next touch."""
        self.deadline = None

    def be_patient(self) -> None:
        """From now on the service may be silent for as long as it likes (an event stream)."""
        self.patience = self.deadline = None

    def write(self, data: bytes) -> None:
        """Send bytes of the request. Raises what ended the exchange, if it has ended."""
        if self.error is not None:
            raise self.error
        # Writing to a connection that is gone would raise in uvloop and warn in asyncio; connection_lost comes first.
        if not self.lost and self._transport is not None:
            self._transport.write(data)

    async def drained(self) -> None:
        """Return once the service has taken enough to be sent more. Raises what ended the exchange."""
        while self._writing_paused and self.error is None:
            self._drain_waiter = self._loop.create_future()
            try:
                await self._drain_waiter
            finally:
                self._drain_waiter = None
        if self.error is not None:
            raise self.error

    async def response(self) -> ResponseHead:
        """The head of the answer. Raises what ended the exchange before there was one."""
        while self.head is None:
            await self.progress()
        return self.head

    async def progress(self) -> None:
        """Return once there is more to take or the answer is complete. Raises what ended the exchange before that."""
        if self.complete or self._chunks:
            return
        self._raise_failure()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self.error is not None and not self.complete:
            raise self.error

    def take(self) -> bytes:
        """What has arrived of the body and has not been taken yet."""
        chunks = self._chunks
        if not chunks:
            return b""
        self._chunks = []
        self._buffered = 0
        self.go_on()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def hold(self) -> None:
        """Read no more of the answer; it is the client who is slow."""
        if not self._reading_paused and self._transport is not None and not self.lost:
            self._reading_paused = True
            self._transport.pause_reading()
            self.deadline = None

    def go_on(self) -> None:
        """Read on."""
        if self._reading_paused and self._transport is not None and not self.lost:
            self._reading_paused = False
            self._transport.resume_reading()
            self.touch()

    @property
    def usable(self) -> bool:
        """Whether an idle connection can still carry an exchange, as far as one can know."""
        return not self.lost and self._transport is not None and not self._transport.is_closing()

    def finish(self) -> bool:
        """End the exchange: whether the connection can carry another one."""
        reusable = self.complete and self._keep and self.error is None and self.usable
        self._busy = False
        self._watcher = None
        self.deadline = None
        return reusable

    def hand_over(self) -> tuple[asyncio.Transport, bytes]:
        """Behind a 101: the connection's transport, which is not read, and what has come from it already.

        The connection is no longer this protocol's. Raises UpstreamBroken when the service has closed it meanwhile.
        """
        if not self._switched or not self.usable or self._transport is None:
            raise UpstreamBroken("The service closed the connection at once.")
        self._busy = False
        self.deadline = None
        behind, self._behind = self._behind, b""
        return self._transport, behind

    def fail(self, error: GatewayError) -> None:
        """End the exchange and the connection with this error, unless another came first."""
        if self.error is None:
            self.error = error
        self._wake()
        self.close()

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None and not self.lost:
            self._transport.abort()

    # For the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for an exchange."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that ends with its connection is complete; any other has broken off."""
        self.lost = True
        if self._busy and not self.complete:
            if self._until_close and exc is None and self.error is None:
                self.complete = True
            elif self.error is None:
                nothing_came = self.head is None and self._head_bytes == 0 and not self._passed
                if nothing_came and self.exchanges > 1:
                    self.error = ConnectionStale(sent=True)
                else:
                    self.error = UpstreamBroken(
                        "The service closed the connection without answering."
                        if self.head is None and not self._passed
                        else "The service broke off in the middle of its answer."
                    )
        self._wake()
        self._lost_callback(self)

    def data_received(self, data: bytes) -> None:
        """Parse a part of the answer."""
        if self._switched:
            self._behind += data  # no more than was read before reading was paused
            return
        if not self._busy or self.complete:
            # Bytes nobody asked for would become the answer to somebody else's request.
            self._keep = False
            self.close()
            return
        if self._watcher is not None and self._watcher.arrived(data):
            self._passed = True
            if self.deadline is not None:
                self.touch()
            return
        if self.head is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, GatewayError):
                raise
            self.fail(error.__context__)
            return
        except httptools.HttpParserUpgrade as upgrade:
            self._switched = True
            self._behind = data[upgrade.args[0] :]
            if self._transport is not None:
                self._transport.pause_reading()
        except httptools.HttpParserError as error:
            self.fail(UpstreamBroken(f"The service's answer is not well-formed HTTP/1.1: {error}."))
            return
        if self.head is None and self._head_bytes > _MAX_RESPONSE_HEAD:
            self.fail(UpstreamBroken(f"The service's header has more than {_MAX_RESPONSE_HEAD} bytes."))
            return
        if self._buffered > _HIGH_WATER and not self._reading_paused and not self.complete:
            self.hold()
        elif self.deadline is not None:
            self.touch()
        if self.head is not None:
            self._wake()

    def pause_writing(self) -> None:
        """The service is slower than the client."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """The service has caught up."""
        self._writing_paused = False
        if self._drain_waiter is not None and not self._drain_waiter.done():
            self._drain_waiter.set_result(None)

    def _wake(self) -> None:
        if self._watcher is not None:
            self._watcher.advance()
        for waiter in (self._waiter, self._drain_waiter):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    # For the parser

    def on_message_begin(self) -> None:
        """An answer begins, or something behind it that nobody asked for."""
        if self.complete:
            raise UpstreamBroken("The service sent more than one answer.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. Trailer fields come this way too and are dropped."""
        if self.head is None:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole, unless it is an interim one (RFC 9110 section 15.2), which is dropped."""
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                if not (self._may_switch and self._parser.should_upgrade()):
                    raise UpstreamBroken("The service switched to a protocol it was not asked for.")
                self.head = ResponseHead(status, tuple(self._headers))
                return
            self._interim = True
            self._headers = []
            return
        if status > 599:
            raise UpstreamBroken(f"The service answered with the status {status}, which means nothing in HTTP.")
        codings = [value for name, value in self._headers if name == b"transfer-encoding"]
        if codings and (len(codings) != 1 or codings[0].strip().lower() != b"chunked"):
            raise UpstreamBroken("The service's answer has a Transfer-Encoding other than chunked.")
        framed = bool(codings) or any(name == b"content-length" for name, _ in self._headers)
        self.head = ResponseHead(status, tuple(self._headers))
        if self._method == "HEAD":
            # The parser cannot be told that no body follows this length: it is given up, and begin() makes a new one.
            self._keep = self._parser.should_keep_alive()
            self.complete = True
        else:
            self._until_close = not framed and status not in _BODILESS

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self.complete:
            raise UpstreamBroken("The service sent a body where there must be none.")
        self._chunks.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._interim:
            self._interim = False
            return
        self._keep = self._parser.should_keep_alive()
        self.complete = True
