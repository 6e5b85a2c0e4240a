"""Bytes → requests, strictly: uvicorn's HTTP/1.1 protocol with everything refused that two readers could read apart.

llhttp already refuses bare LF, obs-fold, NUL, spaces before colons and Content-Length beside Transfer-Encoding. What it
lets through and R43, R44, R48 and R50 name is refused here, before a task is started for the request. A refused request
is answered, in its turn, and the connection closed: whatever follows on it is dropped unread.
"""

from __future__ import annotations

import asyncio
import struct
from socket import AF_INET, AF_INET6, IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_NODELAY
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import httptools
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from howdah.gateway import answer
from howdah.gateway.admission import Admission
from howdah.gateway.cycle import CarefulCycle, HandshakeCycle
from howdah.gateway.errors import (
    ClientGone,
    GatewayError,
    HeadTooLarge,
    MalformedHandshake,
    MalformedRequest,
    TargetTooLong,
    TooManyConnections,
    UnderscoreInName,
)
from howdah.gateway.events import RequestRejected
from howdah.gateway.handshake import check_handshake
from howdah.gateway.head import DECISIVE, check_head
from howdah.gateway.headers import METHOD_OVERRIDES
from howdah.gateway.limits import EdgeLimits
from howdah.gateway.patience import Patience
from howdah.gateway.place import Place
from howdah.gateway.target import parse_target
from howdah.gateway.writer import GatheringWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn._types import ASGI3Application
    from uvicorn.config import Config
    from uvicorn.server import ServerState

_BETWEEN, _HEAD, _BODY = range(3)
_LINGER_SECONDS: Final = 1.0
_NO_LINGER: Final = struct.pack("ii", 1, 0)  # close with a reset (RFC 9293 section 3.6)


def _ignore(event: object) -> None:
    """Take no notice."""


class StrictProtocol(HttpToolsProtocol):
    """One client connection, and everything it may not do."""

    limits: ClassVar[EdgeLimits] = EdgeLimits()
    emit: ClassVar[Callable[[object], None]] = staticmethod(_ignore)
    admission: ClassVar[Admission] = Admission(limits.max_connections, limits.max_connections_per_address, _ignore)

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # uvicorn's parser takes data behind a "Connection: close" for another request. Ours does not.
        self.parser = httptools.HttpRequestParser(self)
        self._patience = Patience(self, self.limits, self.loop)
        self._state = _BETWEEN
        self._head_fields = 0  # bytes of the request line and of every field completed
        self._head_chunks = 0  # bytes received since the segment in which the head began
        self._head_began_here = False
        self._decisive: dict[bytes, list[bytes]] = {}
        self._running: RequestResponseCycle | None = None
        self._segment: bytes | None = None  # what is being parsed, if it began with a request; None once one is seen
        self._last = False  # no request may follow the one received last
        self._handshake = False  # the request received last opens a WebSocket
        self._gone: Callable[[], None] | None = None
        self._stopping = False
        self._refused = False
        self._refusal_in_turn: GatewayError | None = None

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a client that connects and says nothing is idle from now on."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._writer = GatheringWriter(self.transport, self.loop)
        self.address = "" if self.client is None else self.client[0]
        self._admitted = self.admission.admit(self.address)
        if not self._admitted:
            self._refused = True
            self.transport.write(self._refusal(TooManyConnections(), answer.new_request_id()))
            self.transport.close()
            return
        # asyncio only does this for sockets made with an explicit protocol number, which listening ones seldom are.
        # Without it an answer in two writes waits 40 ms for the client's delayed acknowledgement.
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in (AF_INET, AF_INET6):
            connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._patience.await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever is working for this client that it is gone, first of all."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        gone, self._gone = self._gone, None
        self._patience.forget()
        self.pipeline.clear()
        if self._admitted:
            self.admission.leave(self.address)
        super().connection_lost(exc)
        if gone is not None:
            gone()

    def when_gone(self, callback: Callable[[], None] | None) -> None:
        """Call back once if the client goes away, at once if it has; None forgets the callback."""
        self._gone = callback
        if callback is not None and (self._running is None or self._running.disconnected):
            self._gone = None
            callback()

    def abort(self) -> None:
        """Break the connection off, so that the client cannot take a part of the answer for the whole."""
        if self._running is not None:
            self._running.disconnected = True
            if isinstance(self._running, CarefulCycle) and self._running.until_close:
                # Where the end of the connection is the end of the answer, an ordinary end would pass for the whole.
                self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _NO_LINGER)
        self._writer.flush()
        self.transport.abort()

    def hand_over(self) -> tuple[asyncio.Transport, Place]:
        """Behind a 101: the connection's transport, and the place it had, for whoever has it now.

        The connection is no longer this protocol's. Raises ClientGone.
        """
        self._writer.flush()
        if self.transport.is_closing():
            raise ClientGone
        self._patience.forget()
        self.connections.discard(self)
        self._gone = None
        return self.transport, Place(cast("set[Any]", self.connections), self.admission, self.address)

    @property
    def stopping(self) -> bool:
        """Whether the server is about to stop."""
        return self._stopping

    def shutdown(self) -> None:
        """The server stops: what is being answered is still answered, and nothing else."""
        self._stopping = True
        super().shutdown()

    def hang_up(self) -> None:
        """Close the connection once everything is written."""
        if not self.transport.is_closing():
            self.transport.close()

    def pause_writing(self) -> None:
        """Stop writing; a client that takes nothing for as long as it may be idle is let go."""
        super().pause_writing()
        self._patience.await_reader()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._patience.reader_came()
        super().resume_writing()

    @property
    def _answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    @property
    def awaits_body(self) -> bool:
        """Whether a part of a body is still to come."""
        return self._state == _BODY and not self.transport.is_closing()

    @property
    def is_idle(self) -> bool:
        """Whether there is neither a request to be received nor one to be answered."""
        return self._state == _BETWEEN and not self._answering

    @property
    def reading_paused(self) -> bool:
        """Whether it is we who do not read at the moment."""
        return self.flow.read_paused

    # Bytes

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse the request it belongs to if it cannot be one."""
        if self._refused:
            return
        if self._handshake:
            self.abort()  # nothing may follow before the answer, and behind a refusal nothing does
            return
        if self._state == _BETWEEN:
            if self._take_known(data):
                return
            self._segment = data
        else:
            self._segment = None
        self._head_began_here = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, GatewayError):
                raise
            self.refuse(error.__context__)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(early=len(data) > upgrade.args[0])
        except httptools.HttpParserError as error:
            self.refuse(MalformedRequest(f"The request is not well-formed HTTP/1.1: {error}."))
        else:
            if self._state == _HEAD:
                self._head_incomplete(data)
            elif self._state == _BODY:
                self._patience.await_body(len(data))
            elif not self._answering:
                self._patience.await_request()

    def _upgrade(self, *, early: bool) -> None:
        """The head of a WebSocket's handshake is whole, and nothing may follow it until it is answered."""
        if early or self._answering:
            # Either these bytes are another request, hidden from whoever takes this one for what it says, or the
            # client is in a hurry that RFC 6455 section 4.1 does not allow.
            self.refuse(MalformedHandshake("A WebSocket is opened by one request, and then by nothing but its answer."))
        else:
            self._begin("1.1")

    def _take_known(self, data: bytes) -> bool:  # noqa: ARG002 - for whoever knows some
        """Whether the bytes are a whole request that needs no parser, and which then is being answered."""
        return False

    def _head_incomplete(self, data: bytes) -> None:
        # A field that never ends reaches no callback, so the bytes are counted too. The segment in which the head
        # began may hold an earlier body and is not counted: it is bounded by what one read returns.
        if not self._head_began_here:
            self._head_chunks += len(data)
            if self._head_chunks > self.limits.max_header:
                self.refuse(_too_large(self.limits))
                return
        self._patience.await_head()

    # Parser callbacks

    def on_message_begin(self) -> None:
        """A head begins."""
        self._state = _HEAD
        self._head_began_here = True
        self._head_fields = self._head_chunks = 0
        self._decisive = {}
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._head_fields += len(url)
        if self._head_fields > self.limits.max_header:
            raise TargetTooLong(f"The path and query may have {self.limits.max_header} bytes.")
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. Trailer fields come this way too and are dropped (RFC 9110 section 6.5.1)."""
        if self._state != _HEAD:
            return
        self._head_fields += len(name) + len(value) + 4
        if self._head_fields > self.limits.max_header:
            raise _too_large(self.limits)
        if len(self.headers) >= self.limits.max_fields:
            raise HeadTooLarge(f"The header may have {self.limits.max_fields} fields.")
        name = name.lower()
        if b"_" in name:
            raise UnderscoreInName(f"The header field {name.decode('latin-1')!r} has an underscore in its name.")
        if name in DECISIVE:
            self._decisive.setdefault(name, []).append(value)
        elif name in METHOD_OVERRIDES:
            return
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole: check it and start, or queue, the request."""
        version = self.parser.get_http_version()
        method = self.parser.get_method()
        upgrades, self.expect_100_continue = check_head(
            version, method, self._decisive, upgrades=self.parser.should_upgrade()
        )
        hosts = self._decisive.get(b"host")
        target = parse_target(self.url, hosts[0] if hosts else b"")
        key = check_handshake(method, version, self.headers) if upgrades else None
        self._patience.head_came()
        self._state = _BODY

        scope = cast("dict[str, Any]", self.scope)
        scope["method"] = method.decode("ascii")
        scope["http_version"] = version
        scope["path"] = target.path
        scope["raw_path"] = target.raw_path
        scope["query_string"] = target.query
        scope["howdah.edge"] = self
        if key is not None:
            self._handshake = True  # it begins when it is certain that nothing follows
            scope["howdah.websocket"] = key
        else:
            self._begin(version)

    def _begin(self, version: str) -> None:
        """Start the request's task, or queue it behind the one being answered, as uvicorn does."""
        app: ASGI3Application = self.app
        if self.limit_concurrency is not None and (
            len(self.connections) >= self.limit_concurrency or len(self.tasks) >= self.limit_concurrency
        ):
            app = service_unavailable
        idle = not self._answering
        if idle and app is self.app and self._begin_short(version):
            return
        kind = CarefulCycle if version == "1.0" or self.expect_100_continue else RequestResponseCycle
        if self._handshake:
            kind = HandshakeCycle
        self.cycle = kind(
            scope=self.scope,
            transport=cast("asyncio.Transport", self._writer),
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and not self._handshake and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if self._handshake:
            self.cycle.more_body = False
        if idle:
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def _begin_short(self, version: str) -> bool:  # noqa: ARG002 - for whoever has such a way
        """Whether the request takes a way without a cycle, on which it then is."""
        return False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._state = _BETWEEN
        self._segment = None
        if self._handshake:
            return
        self._last = not self.parser.should_keep_alive()
        self._patience.body_came()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written: the next in turn follows, which may be a refusal."""
        self._writer.flush()
        if self._refusal_in_turn is not None and not self.pipeline and not self.transport.is_closing():
            self.server_state.total_requests += 1
            self._write_refusal(self._refusal_in_turn)
            return
        # As uvicorn does it, but for the timer.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._patience.await_request()

    # Refusals

    def refuse(self, error: GatewayError) -> None:
        """Answer the request being received with the error, after the answers that come before it, and close."""
        self._refused = True
        running = self._running if self._answering else None
        if running is None and self._state == _BODY:
            self.transport.close()  # it has been answered already, before it was whole
        elif running is None:
            self._write_refusal(error)
        elif self._state == _BODY and self.cycle is running:
            if running.response_started:
                self.abort()
                return
            self._write_refusal(error)
            running.disconnected = True
            running.message_event.set()
            gone, self._gone = self._gone, None
            if gone is not None:
                gone()
        else:
            if self._state == _BODY:
                self.pipeline.popleft()  # the request whose body broke, queued last
            self._refusal_in_turn = error

    def _write_refusal(self, error: GatewayError) -> None:
        self._writer.flush()
        if self.transport.is_closing():
            return
        request_id = answer.new_request_id()
        self.transport.write(self._refusal(error, request_id))
        type(self).emit(RequestRejected(request_id, error.code, error.status, error.message, self.address))
        self._linger()

    def _refusal(self, error: GatewayError, request_id: str) -> bytes:
        return answer.refusal(error, request_id, self.server_state.default_headers)

    def _linger(self) -> None:
        """Close for good when the client has closed too, or a moment later.

        Closing with unread bytes in the socket would reset the connection, and the client might never see the answer.
        """
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._patience.linger(_LINGER_SECONDS, self.transport.close)


def _too_large(limits: EdgeLimits) -> HeadTooLarge:
    return HeadTooLarge(f"The header may have {limits.max_header} bytes.")
