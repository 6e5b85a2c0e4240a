"""The gateway as a plain ASGI application: request → session → target → a part in this process, or a service's proxy.

Runs under any ASGI server. Under :mod:`howdah.gateway.edge` the request line and the framing have been checked before;
under another server the same path rules are applied here.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from howdah.errors import HowdahError
from howdah.gateway import answer
from howdah.gateway.client import client_of
from howdah.gateway.errors import (
    AmbiguousRequest,
    BodyTooLarge,
    ClientGone,
    GatewayError,
    InternalError,
    ReadOnly,
    Stopping,
    UnknownPath,
    UpgradeRefused,
    UpstreamError,
)
from howdah.gateway.events import RequestFailed, RequestServed, UpstreamFailed
from howdah.gateway.handshake import check_origin
from howdah.gateway.headers import upstream_headers, without_identity
from howdah.gateway.match import RequestHead, RouteTable, Target, strip_prefix
from howdah.gateway.page import PAGE_HEADERS, unavailable_page
from howdah.gateway.proxy import Proxy, ProxyRequest
from howdah.gateway.target import parse_target
from howdah.gateway.tunnel import Opened
from howdah.services.errors import UnknownService

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from howdah.gateway.client import Network
    from howdah.gateway.session import Resolver
    from howdah.services.registry import Registry
    from howdah.session import Caller, Identity

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]
    Readiness = Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]
    Hook = Callable[[], Awaitable[None]]

_UNAVAILABLE: Final = (b"x-howdah-unavailable", b"1")
_DRAIN_BYTES: Final = 8 * 1024 * 1024
_DRAIN_SECONDS: Final = 2.0


class _Answer:
    """The sending side of one request: adds what every answer carries and notes what was sent."""

    __slots__ = ("_added", "_cookies", "_request_id", "_send", "bytes", "complete", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = (b"x-request-id", request_id.encode("ascii"))
        self._cookies: tuple[tuple[bytes, bytes], ...] = ()
        self._added: tuple[tuple[bytes, bytes], ...] = (*answer.SECURITY_HEADERS, self._request_id)
        self.status = 0
        self.bytes = 0
        self.complete = False

    def speak_for(self, *, platform: bool) -> None:
        """Whether what follows is the platform's answer; a service says for itself how its answers are treated."""
        own = answer.SECURITY_HEADERS if platform else ()
        self._added = (*own, self._request_id, *self._cookies)

    def expire_cookie(self, field: bytes) -> None:
        """The answer tells the client to forget its session's cookie: a value of Set-Cookie."""
        self._cookies = ((b"set-cookie", field),) if field else ()
        self.speak_for(platform=True)

    async def send(self, message: Any) -> None:
        """Send an ASGI message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *self._added]
            await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
        else:
            self.bytes += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            await self._send(message)

    async def json(self, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Send a whole answer of the platform's own."""
        await self.whole(status, body, (answer.JSON_TYPE, answer.NO_STORE, *headers))

    async def whole(self, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        """Send a whole answer."""
        length = (b"content-length", str(len(body)).encode("ascii"))
        await self.send({"type": "http.response.start", "status": status, "headers": (*headers, length)})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


class _Request:
    """What one pass over the header fields tells, and who turned out to ask for whom."""

    __slots__ = ("content_length", "host", "request_id", "role", "target", "transfer_encoding", "wants_page")

    def __init__(self, scope: Scope) -> None:
        self.host = b""
        self.request_id = ""
        self.content_length: int | None = None
        self.transfer_encoding = False
        self.wants_page = False
        self.role = ""
        self.target = ""
        hosts = ids = 0
        for name, value in scope["headers"]:
            if name == b"host":
                self.host = value
                hosts += 1
            elif name == b"content-length":
                self.content_length = int(value)
            elif name == b"transfer-encoding":
                self.transfer_encoding = True
            elif name == b"accept":
                self.wants_page = self.wants_page or b"text/html" in value
            elif name == b"x-request-id":
                ids += 1
                self.request_id = answer.accepted_request_id(value) or ""
        if ids != 1 or not self.request_id:  # two ids are no id
            self.request_id = answer.new_request_id()
        if hosts > 1:
            self.host = b"\0"  # matches no host name, so it is refused with a request id


class Gateway:
    """The application in front of everything."""

    def __init__(
        self,
        *,
        parts: Mapping[str, App],
        routes: RouteTable,
        resolver: Resolver,
        registry: Registry,
        proxy: Proxy,
        readiness: Readiness,
        emit: Callable[[object], None],
        startup: Hook,
        shutdown: Hook,
        development: bool = False,
        expired_cookie: str = "",
        trusted_proxies: int | tuple[Network, ...] = 0,
        public_scheme: str | None = None,
    ) -> None:
        self._parts = parts
        self._routes = routes
        self._resolver = resolver
        self._registry = registry
        self._proxy = proxy
        self._readiness = readiness
        self._emit = emit
        self._startup = startup
        self._shutdown = shutdown
        self._development = development
        self._expired_cookie = expired_cookie.encode("ascii")
        self._trusted_proxies = trusted_proxies
        self._public_scheme = public_scheme

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or go through the server's life."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._startup()
        except HowdahError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._proxy.close()
        await self._shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever happens, and tell about it."""
        began = perf_counter()
        self._place_client(scope)
        path = scope["path"]
        request = _Request(scope)
        reply = _Answer(send, request.request_id)
        try:
            await self._dispatch(scope, request, receive, reply)
        except ClientGone as error:
            reply.status = error.status
        except HowdahError as error:
            await self._answer_error(scope, request, receive, reply, error)
        except asyncio.CancelledError:
            # Only a server that has waited long enough while stopping cancels a request. The task ends here anyway.
            await self._answer_error(scope, request, receive, reply, Stopping())
        except Exception as error:  # noqa: BLE001 - the last resort: a bug of ours must not leave the caller unanswered
            self._emit(
                RequestFailed(
                    request.request_id,
                    scope["method"],
                    path,
                    type(error).__name__,
                    "".join(traceback.format_exception(error)),
                )
            )
            await self._answer_error(scope, request, receive, reply, InternalError())
        finally:
            self._emit(
                RequestServed(
                    request.request_id,
                    scope["method"],
                    path,
                    reply.status,
                    perf_counter() - began,
                    request.target,
                    request.role,
                    reply.bytes,
                )
            )

    def _place_client(self, scope: Scope) -> None:
        """The scope's client and scheme are those on which decisions are made, for us and for every part (R11)."""
        peer = scope.get("client")
        client = client_of(
            peer[0] if peer else "",
            self._public_scheme or scope["scheme"],
            scope["headers"],
            self._trusted_proxies,
        )
        if peer is None or client.address != peer[0]:
            scope["client"] = (client.address, 0) if client.address else None
        scope["scheme"] = client.scheme

    async def _dispatch(self, scope: Scope, request: _Request, receive: Receive, reply: _Answer) -> None:
        """Resolve, match, and hand over. Raises every HowdahError that is an answer."""
        path = scope["path"]
        if path.startswith("/-/"):
            await self._answer_health(scope, request, reply)
            return
        if "howdah.edge" not in scope:
            path = _checked_path(scope, request)
        head = RequestHead(scope["method"], request.host.decode("latin-1"), path, tuple(scope["headers"]))
        caller = self._resolver.known(head) or await self._resolver.resolve(head)
        session = caller.session
        request.role = session.role
        if caller.stale_cookie:
            reply.expire_cookie(self._expired_cookie)
        target = self._routes.match(head)
        request.target = target.name
        if target.kind == "part":
            if "howdah.websocket" in scope:
                raise UpgradeRefused("No WebSocket is spoken at this address.")
            scope["howdah.session"] = session
            scope["howdah.caller"] = caller
            scope["howdah.request_id"] = request.request_id
            if target.prefix:
                scope["root_path"] = scope.get("root_path", "") + target.prefix
                scope["path"] = strip_prefix(path, target.prefix)
                scope["raw_path"] = _raw_path(scope, target)
            scope["headers"] = without_identity(head.headers)
            await self._parts[target.name](scope, receive, reply.send)
        else:
            await self._forward(scope, request, head, caller, target, receive, reply)

    async def _answer_health(self, scope: Scope, request: _Request, reply: _Answer) -> None:
        """``/-/live`` asks nothing of anybody; ``/-/ready`` asks whether requests can be answered."""
        path = scope["path"]
        if path not in ("/-/live", "/-/ready"):
            raise UnknownPath(f"Nothing is served at {path}.")
        if scope["method"] not in ("GET", "HEAD"):
            raise ReadOnly
        request.target = "health"
        if path == "/-/live":
            await reply.json(200, b'{"live":true}')
        else:
            ready, detail = await self._readiness()
            await reply.json(200 if ready else 503, msgspec.json.encode({"ready": ready, **detail}))

    async def _forward(
        self,
        scope: Scope,
        request: _Request,
        head: RequestHead,
        caller: Caller,
        target: Target,
        receive: Receive,
        reply: _Answer,
    ) -> None:
        """Send the request to a service and its answer back, or open the WebSocket it asks for."""
        key = scope.get("howdah.websocket")
        if key is not None:
            check_origin(head.headers, request.host, ())
        client = scope.get("client")
        query = scope["query_string"]
        raw_path = _raw_path(scope, target)
        headers = upstream_headers(
            scope["headers"],
            caller.session,
            host=request.host or target.name.encode("ascii", "replace"),
            client=client[0] if client else "",
            scheme=scope["scheme"],
            request_id=request.request_id,
        )
        upstream_request = ProxyRequest(
            scope["method"],
            raw_path + b"?" + query if query else raw_path,
            headers,
            request.content_length,
            chunked=request.content_length is None
            and (request.transfer_encoding or scope["http_version"] not in ("1.0", "1.1")),
            websocket=key,
        )
        reply.speak_for(platform=False)
        if key is None:
            await self._proxy.forward(target.name, upstream_request, receive, reply.send, scope.get("howdah.edge"))
        else:
            opened = Opened(request.request_id, target.name, caller.identity, self._identify(head, caller))
            await self._proxy.open(upstream_request, opened, reply.send, scope["howdah.edge"])

    def _identify(self, head: RequestHead, caller: Caller) -> Callable[[], Awaitable[Identity | None]]:
        """Asks later whether the caller is still who it was when the request came."""

        async def identify() -> Identity | None:
            now = await self._resolver.resolve(head)
            return now.identity if now.session == caller.session else None

        return identify

    def _last_lines(self, service: str) -> tuple[str, ...]:
        try:
            return self._registry.get(service).detail
        except UnknownService:  # forgotten since it failed
            return ()

    async def _answer_error(
        self, scope: Scope, request: _Request, receive: Receive, reply: _Answer, error: HowdahError
    ) -> None:
        """Answer with the error, or break the answer off if it has begun."""
        if isinstance(error, UpstreamError | UnknownService):
            self._emit(UpstreamFailed(request.request_id, request.target, error.code, error.message))
        if reply.status:
            if reply.complete:
                return
            edge = scope.get("howdah.edge")
            if edge is None:
                raise error  # the only way another server knows to break off
            edge.abort()
            return
        reply.speak_for(platform=True)
        if not isinstance(error, GatewayError):
            body = msgspec.json.encode({**error.to_json(), "request_id": request.request_id})
            await reply.json(error.status, body)
        elif isinstance(error, UpstreamError) and self._development and request.wants_page:
            page = unavailable_page(request.target, error, self._last_lines(request.target), request.request_id)
            reply.speak_for(platform=False)  # the page has a policy of its own
            headers = (*PAGE_HEADERS, answer.NO_STORE, _UNAVAILABLE, *error.headers)
            await reply.whole(error.status, page, headers)
        elif isinstance(error, BodyTooLarge):
            await _refuse_body(scope, receive, reply, error, request.request_id)
        else:
            await reply.json(error.status, answer.error_body(error, request.request_id), error.headers)


def _checked_path(scope: Scope, request: _Request) -> str:
    """The path, after the checks the edge makes by itself (R43, R44). Raises RequestRefused."""
    if request.host == b"\0":
        raise AmbiguousRequest("The request has more than one Host header field.")
    target = parse_target(scope.get("raw_path") or scope["path"].encode(), request.host)
    scope["path"], scope["raw_path"] = target.path, target.raw_path
    return target.path


def _raw_path(scope: Scope, target: Target) -> bytes:
    """The path as it was sent, without what the target is not to see."""
    raw_path: bytes = scope["raw_path"]
    return strip_prefix(raw_path.decode("ascii"), target.prefix).encode("ascii") if target.prefix else raw_path


async def _refuse_body(scope: Scope, receive: Receive, reply: _Answer, error: GatewayError, request_id: str) -> None:
    """Answer at once, then read on for a while before closing.

    A client in the middle of sending might otherwise have its connection reset and never read the answer. One that
    waits for "100 Continue" is not sending.
    """
    body = answer.error_body(error, request_id)
    length = (b"content-length", str(len(body)).encode("ascii"))
    headers = (answer.JSON_TYPE, answer.NO_STORE, length, (b"connection", b"close"))
    await reply.send({"type": "http.response.start", "status": error.status, "headers": headers})
    await reply.send({"type": "http.response.body", "body": body, "more_body": True})
    dropped = 0
    waits = any(name == b"expect" for name, _ in scope["headers"])
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while dropped < _DRAIN_BYTES and not waits:
                message = await receive()
                if message["type"] != "http.request":
                    return
                dropped += len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
    await reply.send({"type": "http.response.body", "body": b"", "more_body": False})
