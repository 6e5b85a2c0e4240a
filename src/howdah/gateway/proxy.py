"""One request → its service, streaming both ways; ends with the answer sent, or with an error that says who failed.

Nothing is buffered beyond what one side sent and the other has not taken yet. Whoever disappears first takes the other
side along: a client that leaves closes the exchange with the service, and a service that breaks off resets the client's
connection, because half an answer must never look like a whole one.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

from howdah.gateway.errors import (
    BodyTooLarge,
    ClientGone,
    GatewayError,
    ServiceDown,
    ServiceStarting,
    UpstreamBroken,
    UpstreamTimeout,
)
from howdah.gateway.handshake import check_acceptance
from howdah.gateway.headers import declared_length, downstream_headers, is_event_stream, server_timing
from howdah.gateway.upstream import ConnectionStale, UpstreamConnection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from howdah.gateway.breaker import Breakers
    from howdah.gateway.headers import Headers
    from howdah.gateway.place import ClientConnection
    from howdah.gateway.pool import Pool
    from howdah.gateway.tunnel import Opened, Tunnels
    from howdah.services.registry import Endpoint, Registry

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]

# RFC 9110 section 9.2.2: the only methods a proxy may send again by itself.
_IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
_BODILESS: Final = frozenset((204, 304))
_SWITCHING_PROTOCOLS: Final = 101
_SWITCHES: Final = ((b"connection", b"upgrade"), (b"upgrade", b"websocket"))
# How long a refused connection may be a restart the supervisor has not reported yet.
_REPORT_SECONDS: Final = 0.3
_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """The largest body in bytes, how many seconds a request waits for a starting service, whether times are told."""

    max_body: int = 20 * 1024 * 1024
    start_timeout: float = 10.0
    server_timing: bool = False


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """A request as its service will see it. ``headers`` are final but for the framing of the body.

    ``length`` is the declared length of the body, ``chunked`` whether it has one of unknown length. With a
    ``websocket``'s key it asks for one. ``max_body`` and ``timeout`` are the route's, where it has its own.
    """

    method: str
    target: bytes
    headers: Headers
    length: int | None
    chunked: bool
    websocket: bytes | None = None
    max_body: int | None = None
    timeout: float | None = None


class _Upload:
    """The request's body on its way: its first piece, kept for a repetition, and whether all of it has come."""

    def __init__(self, request: ProxyRequest, receive: Receive, max_body: int) -> None:
        self._receive = receive
        self._max_body = max_body
        self._received = 0
        self.first: bytes | None = None
        self.complete = not (request.length or request.chunked)
        self.sent = False

    @property
    def repeatable(self) -> bool:
        """Whether the whole body is still at hand."""
        return self.complete and self._received == len(self.first or b"")

    async def begin(self) -> None:
        """Receive the first piece, unless there is none or that has been done. Raises ClientGone and BodyTooLarge."""
        if self.first is None and not self.complete:
            self.first = await self.next()

    async def next(self) -> bytes:
        """The next piece. Raises ClientGone and BodyTooLarge."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGone
        body = cast("bytes", message.get("body", b""))
        self._received += len(body)
        if self._received > self._max_body:
            raise body_too_large(self._max_body)
        self.complete = not message.get("more_body", False)
        return body

    async def client_gone(self) -> None:
        """Return when the client has left; only for after the whole body has come."""
        while (await self._receive())["type"] == "http.request":
            pass


def body_too_large(max_body: int) -> BodyTooLarge:
    """The error for a body over the limit."""
    return BodyTooLarge(
        f"The request's body may have {max_body} bytes.", hint="The limit is the route's max_body, or gateway.max_body."
    )


@dataclass(slots=True)
class _Asking:
    """A service that is being asked: where, and on which connection."""

    endpoint: Endpoint
    connection: UpstreamConnection | None = None


class Proxy:
    """The way to all services of a project."""

    def __init__(
        self, registry: Registry, pool: Pool, limits: ProxyLimits, tunnels: Tunnels, breakers: Breakers
    ) -> None:
        self._registry = registry
        self._pool = pool
        self._limits = limits
        self._tunnels = tunnels
        self._breakers = breakers

    def close(self) -> None:
        """Drop every connection to services."""
        self._pool.close()

    async def forward(
        self, service: str, request: ProxyRequest, receive: Receive, send: Send, client: ClientConnection | None
    ) -> None:
        """Send the request to the service and its answer to the client.

        Without ``client`` (under another server than ours) a client's leaving is noticed through ``receive``. Raises
        UnknownService, ServiceDown, ServiceStarting, ServiceBusy, ServiceUnwell, UpstreamBroken, UpstreamTimeout,
        BodyTooLarge and ClientGone; after the first byte of the answer has been sent, too.
        """
        max_body = request.max_body or self._limits.max_body
        if request.length is not None and request.length > max_body:
            raise body_too_large(max_body)
        upload = _Upload(request, receive, max_body)
        may_repeat = request.method in _IDEMPOTENT
        attempts = 0
        began = perf_counter()
        with self._asking(await self._ready(service)) as asking:
            while True:
                attempts += 1
                connection = asking.connection = await self._connect(asking, replayable=may_repeat)
                try:
                    await self._exchange(connection, request, upload, send, client, began)
                except ConnectionStale as error:
                    # Nothing came back. If the whole request is still at hand, sending it again changes nothing.
                    if not ((may_repeat or not error.sent) and upload.repeatable and attempts < _ATTEMPTS):
                        raise
                else:
                    return

    async def open(self, request: ProxyRequest, opened: Opened, send: Send, client: ClientConnection) -> None:
        """Open the WebSocket that the request asks for, or send the client what the service answers instead.

        Raises as `forward` does. The connection of the client belongs to the tunnel afterwards.
        """
        key = request.websocket
        if key is None:
            raise ValueError("the request opens no WebSocket")
        with self._asking(await self._ready(opened.service)) as asking:
            connection = asking.connection = await self._connect(asking, replayable=True, fresh=True)
            await self._switch(connection, request, key, opened, send, client)

    async def _switch(
        self,
        connection: UpstreamConnection,
        request: ProxyRequest,
        key: bytes,
        opened: Opened,
        send: Send,
        client: ClientConnection,
    ) -> None:
        kept = False
        try:
            connection.begin(request.method, self._pool.limits.upstream_timeout, may_switch=True)
            client.when_gone(lambda: connection.fail(ClientGone()))
            connection.write(_handshake(request))
            head = await connection.response()
            if head.status != _SWITCHING_PROTOCOLS:
                await _relay(connection, send)
                return
            check_acceptance(key, head.headers)
            service, behind = connection.hand_over()
            client.when_gone(None)
            headers = [*downstream_headers(head.headers, bodiless=True), *_SWITCHES]
            await send({"type": "http.response.start", "status": head.status, "headers": headers})
            transport, place = client.hand_over()
            kept = True
            self._pool.detach(connection)
            tunnel = self._tunnels.connect(opened, transport, service, behind, place)
            if client.stopping:
                tunnel.shutdown()
        finally:
            if not kept:
                client.when_gone(None)
                self._pool.release(connection, reusable=False)

    @contextmanager
    def _asking(self, endpoint: Endpoint) -> Iterator[_Asking]:
        """The service is asked, and its circuit told how that went. Raises ServiceUnwell when it is not to be."""
        self._breakers.ask(endpoint)
        asking = _Asking(endpoint)
        unanswered = False
        try:
            yield asking
        except (ServiceDown, UpstreamBroken, UpstreamTimeout):
            unanswered = asking.connection is None or asking.connection.head is None
            raise
        finally:
            if unanswered:
                self._breakers.failed(asking.endpoint)
            elif asking.connection is not None and asking.connection.head is not None:
                self._breakers.succeeded(asking.endpoint)
            else:
                self._breakers.gave_up(asking.endpoint)

    async def _ready(self, service: str) -> Endpoint:
        """Where the service is, once it is no longer starting."""
        endpoint = self._registry.get(service)
        if endpoint.state == "starting":
            endpoint = await self._registry.wait_ready(service, self._limits.start_timeout)
            if endpoint.state == "starting":
                raise ServiceStarting(f"The service {service!r} is still starting.", hint="Try again in a moment.")
        if endpoint.state != "ready":
            raise ServiceDown(f"The service {service!r} is not running.", hint=_see_log(service))
        return endpoint

    async def _connect(self, asking: _Asking, *, replayable: bool, fresh: bool = False) -> UpstreamConnection:
        """A connection to the service, wherever it is by then."""
        while True:
            endpoint = asking.endpoint
            asking.connection = None
            try:
                return await self._pool.acquire(endpoint.host, endpoint.port, replayable=replayable, fresh=fresh)
            except ServiceDown as error:
                # It may just be restarting, with the report about that on its way.
                now = await self._registry.wait_changed(endpoint, _REPORT_SECONDS)
                if (now.host, now.port, now.state) == (endpoint.host, endpoint.port, endpoint.state):
                    raise ServiceDown(error.message, hint=_see_log(endpoint.name)) from error
                asking.endpoint = await self._ready(endpoint.name)

    async def _exchange(
        self,
        connection: UpstreamConnection,
        request: ProxyRequest,
        upload: _Upload,
        send: Send,
        client: ClientConnection | None,
        began: float,
    ) -> None:
        """One request and one answer on this connection, which is kept or dropped afterwards."""
        reusable = True
        uploading: asyncio.Task[None] | None = None
        try:
            await upload.begin()  # only now is a client that waits for "100 Continue" told to send its body
            reusable = False
            connection.begin(request.method, request.timeout or self._pool.limits.upstream_timeout)
            if client is not None:
                client.when_gone(lambda: connection.fail(ClientGone()))
            asked = perf_counter()
            connection.write(_first_bytes(request, upload))
            upload.sent = upload.complete
            if client is None or not upload.sent:
                uploading = asyncio.create_task(_upload_rest(connection, request, upload, watch=client is None))
            await _relay(connection, send, times=(began, asked) if self._limits.server_timing else None)
            reusable = connection.finish() and upload.sent
        finally:
            if client is not None:
                client.when_gone(None)
            if uploading is not None:
                uploading.cancel()
            self._pool.release(connection, reusable=reusable)


def _see_log(service: str) -> str:
    return f"`howdah logs {service}` shows why."


def _handshake(request: ProxyRequest) -> bytes:
    fields = (b"%s: %s\r\n" % field for field in (*request.headers, *_SWITCHES))
    return b"%s %s HTTP/1.1\r\n%s\r\n" % (request.method.encode("ascii"), request.target, b"".join(fields))


def _first_bytes(request: ProxyRequest, upload: _Upload) -> bytes:
    """The head and as much of the body as there is, in one piece."""
    parts = [request.method.encode("ascii"), b" ", request.target, b" HTTP/1.1\r\n"]
    for name, value in request.headers:
        parts += (name, b": ", value, b"\r\n")
    body = upload.first or b""
    if request.chunked and not upload.complete:
        parts.append(b"transfer-encoding: chunked\r\n\r\n")
        parts.append(_chunk(body))
    else:
        length = declared_length(request.method, len(body) if request.chunked else request.length)
        parts.append(b"\r\n" if length is None else b"content-length: %d\r\n\r\n" % length)
        parts.append(body)
    return b"".join(parts)


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body) if body else b""


async def _upload_rest(connection: UpstreamConnection, request: ProxyRequest, upload: _Upload, *, watch: bool) -> None:
    """Send the rest of the body as fast as the service takes it; then, with ``watch``, see whether the client leaves.

    What goes wrong ends the exchange, and so reaches whoever waits for the answer.
    """
    try:
        while not upload.complete:
            await connection.drained()
            connection.stop_clock()
            body = await upload.next()
            connection.touch()
            connection.write(_chunk(body) if request.chunked else body)
        if not upload.sent:
            if request.chunked:
                connection.write(b"0\r\n\r\n")
            upload.sent = True
        if watch:
            await upload.client_gone()
            raise ClientGone
    except GatewayError as error:
        connection.fail(error)


async def _relay(connection: UpstreamConnection, send: Send, *, times: tuple[float, float] | None = None) -> None:
    """Send the client what the service answers, as it comes; ``times`` are when the request came and was passed on."""
    head = await connection.response()
    if is_event_stream(head.headers):
        connection.be_patient()
    headers = downstream_headers(head.headers, bodiless=head.status in _BODILESS)
    if times is not None:
        headers.append(server_timing(times[1] - times[0], perf_counter() - times[1]))
    await send({"type": "http.response.start", "status": head.status, "headers": headers})
    while True:
        body = connection.take()
        complete = connection.complete
        if body or complete:
            await send({"type": "http.response.body", "body": body, "more_body": not complete})
        if complete:
            return
        await connection.progress()
