"""What happens around each request of an ASGI app, whatever framework it is made with; needs Starlette."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from starlette.middleware.gzip import GZipMiddleware

from howdah.errors import HowdahError
from howdah.kit import context, cors, csrf, service
from howdah.kit.answers import Answer
from howdah.kit.context import Exchange
from howdah.kit.health import HEALTH_PATH, LIVE_PATH, METRICS_PATH, OWN_PATHS, READY_PATH
from howdah.kit.prefix import ASGI_NAME, accept_prefix
from howdah.kit.relay import NOTHING, relayed_of
from howdah.kit.service import COMPRESSED_FROM, Service
from howdah.session import ANONYMOUS

if TYPE_CHECKING:
    from howdah.kit.tracing import Served

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]
Told = dict[bytes, bytes]

ROUTE: Final = "howdah_route"
"""Under this name in the scope, a route that is none of FastAPI's says what it is called in metrics."""

HEAD: Final = "howdah_head"
"""This name is in the scope where the request was HEAD, and the app is asked GET for it."""

_CHECKS: Final = frozenset({LIVE_PATH, READY_PATH, HEALTH_PATH})
_REQUEST_ID: Final = context.REQUEST_ID_HEADER.lower().encode()
_NO_STORE: Final = (b"cache-control", b"no-store")
_COMPRESSION: Final = 5  # of nine: the rest costs more than it saves

_logger = logging.getLogger("howdah.kit")


class Around:
    """The kit around an app.

    ``resolve`` says which request the app is given, or refuses it (WrongType); ``check`` raises where an app cannot be
    served, so that it does not start.
    """

    __slots__ = ("_app", "_check", "_compressing", "_resolve", "_service")

    def __init__(
        self, app: App, *, running: Service, resolve: Callable[[Scope], Scope], check: Callable[[], None]
    ) -> None:
        self._check = check
        self._app = app
        self._compressing = GZipMiddleware(app, COMPRESSED_FROM, _COMPRESSION) if running.options.compress else app
        self._service = running
        self._resolve = resolve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered, logged, counted and traced, whatever happens."""
        kind = scope["type"]
        if kind == "http":
            path: str = scope["path"]
            if not path.startswith(OWN_PATHS) or not await self._own(path, send):
                await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._lifespan(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check()
        except HowdahError as error:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})  # raising would only be noted
            return
        service.prepare_stop()
        await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        running = self._service
        headers: RawHeaders = scope["headers"]
        told = dict(headers)
        method: str = scope["method"]
        span = None
        if running.traces is not None:
            span = running.traces.begin(method, scope["path"], _text(told.get(b"traceparent")))
        refused: HowdahError | None = None
        try:
            one = self._identified(told, headers, span)
        except HowdahError as error:
            one, refused = _nobodys(told), error
        tokens = context.enter(one)
        answering = _Answering(running, one, scope, send, span)
        try:
            try:
                if refused is not None:
                    await answering.answer(running.failed(refused))
                    return
                if (running.options.cors or running.csrf) and self._from_pages(answering, method, told):
                    await _send(answering.send, 204, b"", [])
                    return
                if running.options.root_path is not None or ASGI_NAME in told:
                    scope = self._rooted(scope, told)
                answering.scope = scope = self._resolve(scope)
            except HowdahError as error:
                await answering.answer(running.failed(error))
                return
            app = self._compressing if b"gzip" in told.get(b"accept-encoding", b"") else self._app
            await app(scope, receive, answering.send)
        except Exception as error:
            _logger.error("%s %s failed", method, answering.path, exc_info=error)
            if answering.status:
                raise  # it broke in the middle of the answer: only the server can break the connection off
            await answering.answer(running.crashed(error))
        finally:
            answering.over()
            if span is not None:
                span.leave()
            context.leave(tokens)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            one = self._identified(dict(scope["headers"]), scope["headers"], None)
        except HowdahError:
            await send({"type": "websocket.close", "code": 1008})  # before it is open: the server answers 403
            return
        tokens = context.enter(one)
        try:
            await self._app(scope, receive, send)
        finally:
            context.leave(tokens)

    def _identified(self, told: Told, headers: RawHeaders, span: Served | None) -> Exchange:
        """The request, with somebody on whose behalf it is. Raises CallerUnproven."""
        started = time.perf_counter()
        identity = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in headers
            if name[:3] == b"x-h" or name == b"traceparent"
        ]
        relayed = relayed_of(identity) if identity else NOTHING
        if span is not None:
            relayed = replace(relayed, trace=span.traceparent)
        request_id = context.accept_request_id(_text(told.get(_REQUEST_ID)))
        return Exchange(self._service.callers.read(identity), request_id, started, relayed)

    def _from_pages(self, answering: _Answering, method: str, told: Told) -> bool:
        """Whether all a browser asks is what it may do, which the answer's headers say. Raises UnprovenOrigin."""
        rules, guard = self._service.options.cors, self._service.csrf
        if rules is not None:
            origin = _text(told.get(b"origin"))
            wanted = _text(told.get(b"access-control-request-method"))
            if cors.is_preflight(method, wanted):
                names = _text(told.get(b"access-control-request-headers"))
                answering.more = cors.preflight(rules, origin, wanted, names)
                return True
            answering.more = cors.answered(rules, origin)
        if guard is not None:
            cookies = csrf.cookies_of(_text(told.get(b"cookie")))
            answering.cookie = csrf.cookie_for(guard, method, cookies)
            shown = _text(told.get(csrf.HEADER.lower().encode()))
            csrf.check(guard, method, cookies, shown, _text(told.get(b"sec-fetch-site")))
        return False

    def _rooted(self, scope: Scope, told: Told) -> Scope:
        """The request as the client has it: below the path that a proxy took away."""
        root = self._service.options.root_path or accept_prefix(_text(told.get(ASGI_NAME)))
        if not root or scope.get("root_path"):
            return scope
        raw = scope.get("raw_path")
        path, raw_path = root + scope["path"], None if raw is None else root.encode() + raw
        return {**scope, "root_path": root, "path": path, "raw_path": raw_path}

    async def _own(self, path: str, send: Send) -> bool:
        """Whether the path is one of the kit's own, which is answered then: asked by whoever runs the service."""
        if path in _CHECKS:
            health = await self._service.checks.ask_async(path)
            await _send_json(send, health.status, health.body, [_NO_STORE])
            return True
        metrics = self._service.metrics
        if path != METRICS_PATH or metrics is None or metrics.apart:
            return False
        content, kind = metrics.text()
        await _send(send, 200, content, [(b"content-type", kind.encode()), _NO_STORE])
        return True


class _Answering:
    """The answer to one request on its way: it is given what belongs to every answer, and told of at its end."""

    __slots__ = ("_over", "_send", "_service", "cookie", "more", "one", "path", "scope", "span", "status")

    def __init__(self, running: Service, one: Exchange, scope: Scope, send: Send, span: Served | None) -> None:
        self.one = one
        self.scope = scope
        self.path: str = scope["path"]
        self.status = 0
        self.span = span
        self.more: tuple[tuple[str, str], ...] = ()
        self.cookie: str | None = None
        self._service = running
        self._send = send
        self._over = False

    async def send(self, message: Message) -> None:
        """The message is on its way."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (_REQUEST_ID, self.one.request_id.encode())]
            message["headers"] = headers if not self.more and self.cookie is None else self._with_more(headers)
            await self._send(message)
            return
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.over()

    async def answer(self, answer: Answer) -> None:
        """The error is answered."""
        answer.body["request_id"] = self.one.request_id
        await _send_json(self.send, answer.status, answer.body, _raw(answer.headers))

    def over(self) -> None:
        """Whoever listens has been told of the request, once."""
        if self._over or not self.status:
            return
        self._over = True
        method = "HEAD" if HEAD in self.scope else self.scope["method"]
        self._service.served(self.one, method, self.path, _route_of(self.scope), self.status, self.span)

    def _with_more(self, headers: RawHeaders) -> RawHeaders:
        texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        found = _raw(cors.merged(texts, self.more) if self.more else texts)
        if self.cookie is not None:
            found.append((b"set-cookie", self.cookie.encode("latin-1")))
        return found


def _nobodys(told: Told) -> Exchange:
    """The request of whom nothing is known."""
    request_id = context.accept_request_id(_text(told.get(_REQUEST_ID)))
    return Exchange(ANONYMOUS, request_id, time.perf_counter())


def _route_of(scope: Scope) -> str | None:
    """The template of the path that matched: of a router that was included, with what is before it."""
    named: str | None = scope.get(ROUTE)
    if named is not None:
        return named
    included = scope.get("fastapi", {}).get("effective_route_context")
    route = scope.get("route") if included is None else included
    found: str | None = getattr(route, "path_format", None)
    return found


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _raw(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _send_json(send: Send, status: int, body: Any, headers: RawHeaders) -> None:
    content = json.dumps(body).encode()
    await _send(send, status, content, [(b"content-type", b"application/json"), *headers])


async def _send(send: Send, status: int, content: bytes, headers: RawHeaders) -> None:
    if status != 204:
        headers = [(b"content-length", str(len(content)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
