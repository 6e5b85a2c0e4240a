"""One request on the short way: sent to its service, and the answer sent on, while nothing out of the ordinary happens.

Services send the same head of an answer again and again: what was read before, byte for byte, is not read again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

from howdah.gateway import answer
from howdah.gateway.errors import Stopping, UpstreamError
from howdah.gateway.events import RequestServed, UpstreamFailed
from howdah.gateway.headers import downstream_headers, is_event_stream, server_timing, service_fields
from howdah.gateway.upstream import ConnectionStale

if TYPE_CHECKING:
    from howdah.gateway.direct import DirectRoute, Passage
    from howdah.gateway.errors import GatewayError
    from howdah.gateway.upstream import ResponseHead, UpstreamConnection
    from howdah.services.registry import Endpoint

REMEMBERED_ANSWERS: Final = 512
LONGEST_ANSWER_HEAD: Final = 2048
CLIENT_GONE: Final = 499
_BODILESS: Final = frozenset((204, 304))
REQUEST_ID: Final = b"x-request-id: "


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A head of a service's answer that is followed by so many bytes: what the client is sent of it."""

    status: int
    start: bytes
    fields: bytes
    length: int
    says_who_may_keep: bool


class Connection(Protocol):
    """What a request asks of the connection it came in on."""

    @property
    def address(self) -> str:
        """Where the connection comes from."""
        ...

    @property
    def secure(self) -> bool:
        """Whether TLS ends here."""
        ...

    @property
    def default_fields(self) -> list[tuple[bytes, bytes]]:
        """Header fields of every answer, such as Date. A list that is never changed, only replaced."""
        ...

    @property
    def writing_paused(self) -> bool:
        """Whether the client takes nothing at the moment."""
        ...

    def write(self, pieces: tuple[bytes, ...]) -> None:
        """Send the pieces, one behind the other."""
        ...

    def answered(self, *, keep_alive: bool) -> None:
        """The answer is complete; the next request may follow, or the connection is closed."""
        ...

    def take_long_way(self, request: DirectRequest, error: GatewayError | None) -> None:
        """The request begins again the long way, which answers with the error if there is one."""
        ...

    def abort(self) -> None:
        """Break the connection off, so that the client cannot take a part of the answer for the whole."""
        ...


class _Starts:
    """What answers begin with, as bytes: made anew when the server has new default fields, which is every second."""

    __slots__ = ("_fields", "_said")

    def __init__(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._said = b""

    def of(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        """The default fields."""
        if fields is not self._fields:
            self._fields = fields
            self._said = b"".join([b"%s: %s\r\n" % each for each in fields])
        return self._said


_starts: Final = _Starts()


class DirectRequest:
    """One request on the short way. Has the fields of uvicorn's cycle that its protocol looks at or sets."""

    __slots__ = (
        "_asked",
        "_began",
        "_bytes",
        "_chunked",
        "_connection",
        "_endpoint",
        "_known",
        "_left",
        "_over",
        "_parsing",
        "_raw",
        "_route",
        "_status",
        "_upstream",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "passage",
        "request_id",
        "response_complete",
        "response_started",
    )

    def __init__(
        self,
        route: DirectRoute,
        passage: Passage,
        connection: Connection,
        endpoint: Endpoint,
        began: float,
        *,
        keep_alive: bool,
    ) -> None:
        self._route = route
        self._connection = connection
        self._endpoint = endpoint
        self._upstream: UpstreamConnection | None = None
        self._began = self._asked = began
        self._status = self._bytes = 0
        self._left = 0  # bytes of the body that are still to come, where nothing else need be known of them
        self._parsing = self._chunked = False
        self._raw = b""  # the head of the answer, while it is read for the first time
        self._known: KnownAnswer | None = None
        self._over: asyncio.Future[None] | None = None
        self.passage = passage
        self.request_id = passage.fields.request.request_id if passage.own_id else answer.new_request_id()
        self.body: bytes | bytearray = bytearray()
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    @property
    def message_event(self) -> DirectRequest:
        """Stands for the event with which uvicorn wakes whoever reads the body piece by piece, or waits for the end."""
        return self

    def set(self) -> None:
        """Something happened to the connection: a client that leaves takes its request along."""
        if self.disconnected and not self.response_complete:
            self.response_complete = True
            self._let_go(reusable=False)
            self._tell(CLIENT_GONE)

    # The request

    def complete(self) -> None:
        """The body is whole: send all of it to the service."""
        passage, route = self.passage, self._route
        upstream = route.pool.take(self._endpoint.host, self._endpoint.port, replayable=passage.replayable)
        if upstream is None:
            self._connection.take_long_way(self, None)
            return
        self._upstream = upstream
        self._asked = perf_counter()
        patience = passage.target.policy.timeout or route.pool.limits.upstream_timeout
        upstream.begin(passage.head.method, patience, watcher=self)
        request_id = self.request_id.encode("ascii")
        upstream.write(b"".join((passage.up, request_id, b"\r\n\r\n", self.body)))

    # The answer

    def arrived(self, data: bytes) -> bool:
        """Whether these bytes of the answer need no parser; they have been sent on then."""
        if self._left:
            return self._pass_on(data)
        if self._parsing:
            return False
        end = data.find(b"\r\n\r\n") + 4
        known = self._answers.get(data[:end])
        if known is None or len(data) - end > known.length:
            self._parsing = True
            self._raw = data[:end]
            return False
        self._status = known.status
        self._left = known.length - len(data) + end
        self._bytes = len(data) - end
        self._send(known, data[end:])
        if not self._left:
            self._finish(reusable=True)
        elif self._connection.writing_paused:
            self.hold()
        return True

    def _pass_on(self, data: bytes) -> bool:
        reusable = len(data) <= self._left
        if not reusable:
            data = data[: self._left]  # more than it said: what follows is nobody's answer
        self._left -= len(data)
        self._bytes += len(data)
        self._connection.write((data,))
        if not self._left:
            self._finish(reusable=reusable)
        elif self._connection.writing_paused:
            self.hold()
        return True

    def advance(self) -> None:
        """The parser has got on, or the exchange has failed."""
        upstream = self._upstream
        if upstream is None:
            return
        head = upstream.head
        if head is not None and not self.response_started:
            self._start(head, upstream)
        complete, error = upstream.complete, upstream.error
        if self._connection.writing_paused and not complete and error is None:
            upstream.hold()
            return
        body = upstream.take()
        if body:
            self._bytes += len(body)
            self._connection.write((b"%x\r\n" % len(body), body, b"\r\n") if self._chunked else (body,))
        if complete:
            if self._chunked:
                self._connection.write((b"0\r\n\r\n",))
            reusable = upstream.finish()
            if reusable and self._known is not None:
                self._remember(self._known)
            self._finish(reusable=reusable)
        elif error is not None:
            self._fail(error)

    def _start(self, head: ResponseHead, upstream: UpstreamConnection) -> None:
        """Send the head of the answer."""
        status = self._status = head.status
        bodiless = status in _BODILESS
        fields = downstream_headers(head.headers, bodiless=bodiless)
        cors = self.passage.target.policy.cors
        fields = service_fields(
            fields, self._route.site.session_cookie, leaves_cors=cors is not None and cors.mode == "upstream"
        )
        length = 0 if bodiless else next((int(value) for name, value in fields if name == b"content-length"), -1)
        names = {name for name, _ in fields}
        if length < 0:
            self._chunked = True
            fields = [*fields, (b"transfer-encoding", b"chunked")]
        if is_event_stream(head.headers):
            upstream.be_patient()
        known = KnownAnswer(
            status,
            b"HTTP/1.1 %d %s\r\n" % (status, _phrase(status)),
            b"".join([b"%s: %s\r\n" % each for each in fields]),
            length,
            b"cache-control" in names,
        )
        if length >= 0 and b"set-cookie" not in names and self._raw.startswith(b"HTTP/1.1 %d " % status):
            self._known = known
        self._send(known, b"")

    def _send(self, known: KnownAnswer, body: bytes) -> None:
        self.response_started = True
        connection, passage = self._connection, self.passage
        pieces = [known.start, _starts.of(connection.default_fields), known.fields, passage.down]
        if passage.private and not known.says_who_may_keep:
            pieces.append(_PRIVATE)
        if not self.keep_alive:
            pieces.append(b"connection: close\r\n")
        if self._route.server_timing:
            now = perf_counter()
            pieces.append(b"%s: %s\r\n" % server_timing(self._asked - self._began, now - self._asked))
        pieces += (REQUEST_ID, self.request_id.encode("ascii"), b"\r\n\r\n", body)
        connection.write(tuple(pieces))

    @property
    def _answers(self) -> dict[bytes, KnownAnswer]:
        cors = self.passage.target.policy.cors
        return self._route.answers[cors is not None and cors.mode == "upstream"]

    def _remember(self, known: KnownAnswer) -> None:
        answers = self._answers
        if len(self._raw) <= LONGEST_ANSWER_HEAD:
            if len(answers) >= REMEMBERED_ANSWERS:
                answers.clear()
            answers[self._raw] = known

    # The client takes nothing for a while

    def hold(self) -> None:
        """Read no more of the answer."""
        if self._upstream is not None:
            self._upstream.hold()

    def go_on(self) -> None:
        """Read on."""
        if self._upstream is not None:
            self._upstream.go_on()
            if self._parsing:
                self.advance()

    # The end

    def _finish(self, *, reusable: bool) -> None:
        self.response_complete = True
        self._let_go(reusable=reusable)
        self._tell(self._status)
        self._connection.answered(keep_alive=self.keep_alive)

    def _fail(self, error: GatewayError) -> None:
        """End with the error: the long way says it, unless a part of the answer has been sent."""
        headless = self._upstream is not None and self._upstream.head is None
        self._let_go(reusable=False)
        if self.response_started:
            self._route.emit(UpstreamFailed(self.request_id, self.passage.target.name, error.code, error.message))
            self.response_complete = True
            self._tell(self._status)
            self._connection.abort()
            return
        again = isinstance(error, ConnectionStale) and (self.passage.replayable or not error.sent)
        if headless and not again and isinstance(error, UpstreamError):
            self._route.breakers.failed(self._endpoint)
        self._connection.take_long_way(self, None if again else error)

    def _let_go(self, *, reusable: bool) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.finish()
            self._route.pool.release(upstream, reusable=reusable)

    async def outlast(self) -> None:
        """Return once the request is answered; when that is not waited for any longer, it is told so."""
        self._over = over = asyncio.get_running_loop().create_future()
        try:
            await over
        except asyncio.CancelledError:
            if not self.response_complete:
                self._fail(Stopping())
            raise

    def _tell(self, status: int) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        passage = self.passage
        self._route.emit(
            RequestServed(
                self.request_id,
                passage.head.method,
                passage.head.path,
                status,
                perf_counter() - self._began,
                passage.target.name,
                "" if passage.caller is None else passage.caller.session.role,
                self._bytes,
            )
        )


_PRIVATE: Final = b"%s: %s\r\n" % answer.PRIVATE


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
