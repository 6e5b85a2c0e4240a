"""The short way for requests to services: bytes in, bytes out, without an ASGI scope, cycle or task.

It is for the ordinary: a caller who is known, a body that came with its head or none, a service that is well and to
which a connection is open. Whatever is not, or turns out not to be before a byte of the answer has come, goes the long
way, which does all of this again from the beginning and says what is wrong. Both ways decide by the same functions: who
may pass (`access.py`, `csrf.py`), what passes in both directions (`headers.py`), what pages are told (`cors.py`), what
is an answer (`upstream.py`).

Clients send the same head again and again, or the same fields behind another request line, and services the same head
of an answer. What was read before, byte for byte, is not read again.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from howdah.errors import HowdahError
from howdah.gateway import answer
from howdah.gateway.access import check_access
from howdah.gateway.client import client_of
from howdah.gateway.cors import answer_fields, unasked_fields
from howdah.gateway.csrf import SAFE_METHODS, check_page
from howdah.gateway.errors import Stopping, UpstreamError
from howdah.gateway.events import RequestServed, UpstreamFailed
from howdah.gateway.headers import (
    declared_length,
    downstream_headers,
    is_event_stream,
    server_timing,
    service_fields,
    upstream_headers,
)
from howdah.gateway.match import RequestHead, strip_prefix
from howdah.gateway.origins import Pages
from howdah.gateway.request import Request
from howdah.gateway.scopes import check_scope
from howdah.gateway.target import parse_target
from howdah.gateway.upstream import ConnectionStale
from howdah.project.sections import Cors

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.gateway.breaker import Breakers
    from howdah.gateway.errors import GatewayError
    from howdah.gateway.match import RouteTable, Target
    from howdah.gateway.pool import Pool
    from howdah.gateway.session import Presented, Resolver
    from howdah.gateway.site import Site
    from howdah.gateway.upstream import ResponseHead, UpstreamConnection
    from howdah.services.registry import Endpoint, Registry
    from howdah.session import Caller

    Scope = dict[str, Any]

REMEMBERED_HEADS: Final = 512
LONGEST_HEAD: Final = 4096
REMEMBERED_ANSWERS: Final = 512
LONGEST_ANSWER_HEAD: Final = 2048
CLIENT_GONE: Final = 499
# How long what was made for a caller is used: the words of the gateway in it may be good for a short time only.
_PREPARED_SECONDS: Final = 5.0
_NO_CORS: Final = Cors()
_METHODS: Final = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
# RFC 9110 section 9.2.2: what may be sent on a connection that is about to be closed, because it may be sent again.
_IDEMPOTENT: Final = frozenset(("GET", "OPTIONS", "PUT", "DELETE"))
_LINE: Final = re.compile(rb"(GET|POST|PUT|PATCH|DELETE|OPTIONS) (/[!-~]*) HTTP/1\.1\r\n")
_BODILESS: Final = frozenset((204, 304))
_REQUEST_ID: Final = b"x-request-id: "


@dataclass(slots=True)
class Fields:
    """The fields of a request's head: what they say, and what was made of them last, for whom and for which target."""

    headers: tuple[tuple[bytes, bytes], ...]
    host: bytes
    request: Request
    presented: Presented
    own_id: bool
    target: Target | None = None
    caller: Caller | None = None
    address: str = ""
    method: str = ""
    until: float = 0.0
    up: bytes = b""
    """The fields for the service, but for the length and the request's id."""
    down: bytes = b""
    """What is added to the fields of the answer."""
    private: bool = False


@dataclass(slots=True)
class Passage:
    """A request's head that takes the short way: a request line and fields, and what was made of them last."""

    head: RequestHead
    fields: Fields
    target: Target
    raw_path: bytes
    query: bytes
    start: bytes
    """The request line, as the service is sent it."""
    length: int | None
    replayable: bool
    caller: Caller | None = None
    address: str = ""
    until: float = 0.0
    up: bytes = b""
    """The head for the service, up to the value of its last field, the request's id."""
    down: bytes = b""
    private: bool = False

    @property
    def own_id(self) -> bool:
        """Whether the client has given the request an id."""
        return self.fields.own_id


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A head of a service's answer that is followed by so many bytes: what the client is sent of it."""

    status: int
    start: bytes
    fields: bytes
    length: int
    says_who_may_keep: bool


@dataclass(frozen=True, slots=True)
class DirectRoute:
    """Which requests take the short way: what decides that, and what they need."""

    routes: RouteTable
    resolver: Resolver
    registry: Registry
    pool: Pool
    breakers: Breakers
    site: Site
    emit: Callable[[object], None]
    max_body: int
    server_timing: bool = False
    known: dict[bytes, Passage] = field(default_factory=dict, repr=False)  # it holds secrets that clients sent
    """Heads that were read and found in order. All that is decided from one is decided by its bytes alone."""
    fields: dict[bytes, Fields] = field(default_factory=dict, repr=False)  # so do these
    """Their fields alone: a client that asks for one thing after the other says the same about itself."""
    answers: tuple[dict[bytes, KnownAnswer], dict[bytes, KnownAnswer]] = field(
        default_factory=lambda: ({}, {}), repr=False
    )
    """Heads of answers that were read and found in order: of services that do not speak about CORS, and that do."""

    def recognise(self, scope: Scope, host: bytes) -> Passage | None:
        """What a head says that takes the short way. The scope is the edge's, which has checked it."""
        method = scope["method"]
        if method not in _METHODS:
            return None
        headers = tuple(scope["headers"])
        head = RequestHead(method, host.decode("latin-1"), scope["path"], headers)
        try:
            presented = self.resolver.present(head)
        except HowdahError:
            return None  # the long way explains why
        request = Request(scope)
        if request.transfer_encoding:
            return None
        own_id = any(name == b"x-request-id" for name, _ in headers)
        fields = Fields(headers, host, request, presented, own_id)
        return self._passage(head, fields, scope["raw_path"], scope["query_string"])

    def recognise_line(self, raw: bytes) -> Passage | None:
        """The same of a head whose fields were read before, byte for byte, and whose first line is plain."""
        end = raw.find(b"\r\n") + 2
        fields = self.fields.get(raw[end:])
        if fields is None:
            return None
        line = _LINE.fullmatch(raw, 0, end)
        if line is None:
            return None
        try:
            target = parse_target(line[2], fields.host)
        except HowdahError:
            return None
        head = RequestHead(line[1].decode("ascii"), fields.host.decode("latin-1"), target.path, fields.headers)
        return self._passage(head, fields, target.raw_path, target.query)

    def _passage(self, head: RequestHead, fields: Fields, raw_path: bytes, query: bytes) -> Passage | None:
        length = fields.request.content_length
        if head.path.startswith("/-/") or fields.request.is_preflight(head.method):
            return None
        try:
            target = self.routes.match(head)
        except HowdahError:
            return None
        if target.kind != "service":
            return None
        # Beyond the high-water mark uvicorn stops reading until an application has taken what there is.
        if length is not None and length > min(target.policy.max_body or self.max_body, HIGH_WATER_LIMIT):
            return None
        seen = strip_prefix(raw_path.decode("ascii"), target.prefix).encode("ascii") if target.prefix else raw_path
        what = seen + b"?" + query if query else seen
        start = b"%s %s HTTP/1.1\r\n" % (head.method.encode("ascii"), what)
        return Passage(head, fields, target, raw_path, query, start, length, head.method in _IDEMPOTENT)

    def remember(self, raw: bytes, passage: Passage) -> None:
        """Requests whose head has these bytes need not be read by a parser again."""
        if len(raw) > LONGEST_HEAD or passage.own_id:  # an id of its own comes only once
            return
        if len(self.known) >= REMEMBERED_HEADS:
            self.known.clear()
        self.known[raw] = passage
        if len(self.fields) >= REMEMBERED_HEADS:
            self.fields.clear()
        self.fields[raw[raw.find(b"\r\n") + 2 :]] = passage.fields

    def begin(self, passage: Passage, connection: Connection, *, keep_alive: bool) -> DirectRequest | None:
        """The request of the head; None when its caller may not pass or is not known yet, or the service is not well.

        All of that is for the long way to explain.
        """
        try:
            caller = self.resolver.recall(passage.fields.presented)
            if caller is None or caller.stale_cookie:
                return None
            endpoint = self.registry.get(passage.target.name)
            if endpoint.state != "ready" or not self.breakers.is_quiet(endpoint.name):
                return None
            began = perf_counter()
            address = connection.address
            if caller is not passage.caller or address != passage.address or began > passage.until:
                scheme = "https" if connection.secure else "http"
                self._prepare(passage, caller, address, scheme, began)
        except HowdahError:
            return None
        return DirectRequest(self, passage, connection, endpoint, began, keep_alive=keep_alive)

    def _prepare(self, passage: Passage, caller: Caller, address: str, scheme: str, now: float) -> None:
        """What the head leads to for this caller. Raises whatever keeps the caller from passing."""
        fields, method = passage.fields, passage.head.method
        if not (
            fields.caller is caller
            and fields.target is passage.target
            and fields.address == address
            and fields.method == method
            and now <= fields.until
        ):
            self._prepare_fields(fields, passage.head, passage.target, caller, address, scheme)
            fields.until = now + _PREPARED_SECONDS
        length = declared_length(method, passage.length)
        framing = b"" if length is None else b"content-length: %d\r\n" % length
        passage.up = b"".join((passage.start, fields.up, framing, _REQUEST_ID))
        passage.down, passage.private = fields.down, fields.private
        passage.caller, passage.address, passage.until = caller, address, fields.until

    def _prepare_fields(
        self, fields: Fields, head: RequestHead, target: Target, caller: Caller, address: str, scheme: str
    ) -> None:
        """All of that which depends on no more of the request line than its method and the target it leads to."""
        request, site = fields.request, self.site
        fields.caller = None  # until all is done
        client = client_of(address, site.public_scheme or scheme, head.headers, site.trusted_proxies)
        pages = Pages(target.policy.cors or _NO_CORS, client.scheme, head.host, self.routes.serves)
        check_access(target.policy, caller)
        check_scope(target, head.method, caller)
        if head.method not in SAFE_METHODS:
            check_page(request.evidence, caller, pages, site.tokens)
        passed = upstream_headers(
            head.headers,
            caller.session,
            host=request.host or target.name.encode("ascii", "replace"),
            client=client.address,
            scheme=client.scheme,
            request_id="",
            roles=caller.roles,
            domain=self.routes.domain_of(head.host),
            session_cookie=site.session_cookie,
            internal=site.internal,
            service=target.name,
        )
        fields.up = b"".join([b"%s: %s\r\n" % each for each in passed if each[0] != b"x-request-id"])
        origin = request.origin
        told = unasked_fields(pages.cors) if origin is None else answer_fields(pages, origin)
        added = (*told, *(site.over_tls if client.scheme == "https" else ()))
        fields.down = b"".join([b"%s: %s\r\n" % each for each in added])
        fields.private = caller.credential != "none"
        fields.target, fields.address, fields.method = target, address, head.method
        fields.caller = caller


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
        pieces += (_REQUEST_ID, self.request_id.encode("ascii"), b"\r\n\r\n", body)
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
