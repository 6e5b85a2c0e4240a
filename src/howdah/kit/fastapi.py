"""One line makes a FastAPI app a service behind howdah: ``Howdah(app)``.

It brings what `howdah.kit.flask` brings to Flask, and behaves the same: the caller's Session and the request's id
(`current`), JSON errors in one shape for every error, one log line for each request, and the service's health.
docs/kit.md says what else there is, and how to do without.
"""

from __future__ import annotations

import datetime as dt
import decimal
import inspect
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Annotated, Any, Final

import fastapi
from fastapi import params
from fastapi.encoders import ENCODERS_BY_TYPE
from fastapi.exceptions import RequestValidationError
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Mount

from howdah.errors import HowdahError
from howdah.kit import access, content_types, context, json_values, service
from howdah.kit.actions import Actions, arguments
from howdah.kit.answers import Answer, of_status
from howdah.kit.content_types import accepts as accepts
from howdah.kit.context import Exchange, current
from howdah.kit.events import RequestServed
from howdah.kit.findings import missing_body, no_json, of_pydantic
from howdah.kit.health import HEALTH_PATH, LIVE_PATH, OWN_PATHS, READY_PATH
from howdah.kit.prefix import prefix_of
from howdah.kit.relay import relayed_of
from howdah.kit.service import Options, Service
from howdah.kit.validation import checker
from howdah.observe.events import emit
from howdah.session import ANONYMOUS, Session

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEALTH: Final = frozenset({LIVE_PATH, READY_PATH, HEALTH_PATH})
_REQUEST_ID: Final = context.REQUEST_ID_HEADER.lower().encode()

_logger = logging.getLogger("howdah.kit")


async def caller() -> Session:
    """On whose behalf the request is; what `Caller` depends on."""
    return current.session


Caller = Annotated[Session, fastapi.Depends(caller)]
"""The caller as an argument of an endpoint: ``async def mine(caller: Caller)``."""


def allowed(*roles: str) -> Any:
    """Only callers with one of these roles get through, as a dependency of a whole router.

    ``APIRouter(dependencies=[allowed("editor")])``. Raises ValueError as `howdah.kit.access.allow` does.
    """
    wanted = access.allow(*roles).roles

    async def ask() -> Session:
        access.check(current.session, wanted)
        return current.session

    return fastapi.Depends(ask)


class allow(access.allow):  # noqa: N801 - written as a decorator
    """Only callers with one of these roles get through; a decorator of an endpoint, below the route's.

    Like `howdah.kit.access.allow`. They are asked before the rest of the request is looked at, so that strangers
    learn nothing of what a valid one would be.
    """

    __slots__ = ()

    def __call__(self, function: access.Function) -> access.Function:
        """The endpoint, for these roles only."""
        depending: access.Function = _depending(super().__call__(function), allowed(*self.roles))
        return depending


def validate(*, body: Any = None, query: Any = None) -> Callable[[access.Function], access.Function]:
    """The endpoint is called only with what is valid, which it is given as its arguments ``body`` and ``query``.

    As `howdah.kit.flask.validate` does, by JSON Schema, marshmallow or pydantic. What FastAPI itself checks by the
    annotations of an endpoint is answered in the same shape. Below the route's decorator.

    Raises WrongSchema, at import.
    """

    def mark(function: access.Function) -> access.Function:
        checks = checker.validation(function, body=body, query=query)

        async def read(request: Request) -> dict[str, Any]:
            content = await request.body() if checks.body is not None else b""
            return checks.arguments(lambda: _json(content), request.query_params.multi_items())

        valid: access.Function = _depending(function, fastapi.Depends(read), given=frozenset({"body", "query"}))
        setattr(valid, checker.MARK, checks)
        return valid

    return mark


def _json(content: bytes) -> Any:
    """The JSON of a body. Raises UnreadableBody."""
    if not content:
        raise missing_body()
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise no_json(error.msg, error.pos) from None
    except (ValueError, RecursionError):
        raise no_json("it cannot be decoded", 0) from None


def _depending(function: Any, dependency: Any, *, given: frozenset[str] = frozenset()) -> Any:
    """The endpoint with one more thing that FastAPI is to resolve.

    What comes of it are the arguments ``given``, of which FastAPI hears nothing, as the endpoint hears nothing of it.
    """
    name = f"howdah_{id(dependency)}"
    signature = inspect.signature(function)
    asked = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=dependency)
    parameters = [one for one in signature.parameters.values() if one.name not in given]
    at = next((n for n, one in enumerate(parameters) if one.kind is one.VAR_KEYWORD), len(parameters))

    def resolved(keywords: dict[str, Any]) -> dict[str, Any]:
        found = keywords.pop(name, None)
        return {**keywords, **found} if given and found else keywords

    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def endpoint(*args: Any, **keywords: Any) -> Any:
            return await function(*args, **resolved(keywords))
    else:

        @wraps(function)
        def endpoint(*args: Any, **keywords: Any) -> Any:
            return function(*args, **resolved(keywords))

    endpoint.__signature__ = signature.replace(parameters=[*parameters[:at], asked, *parameters[at:]])  # type: ignore[attr-defined]
    return endpoint


class Howdah:
    """The kit, attached to a FastAPI app. The keyword arguments are the fields of `Options`."""

    def __init__(self, app: fastapi.FastAPI | None = None, options: Options | None = None, **chosen: Any) -> None:
        self.options = options or Options(**chosen)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: fastapi.FastAPI) -> None:
        """The app answers, logs and fails as a service of howdah's from now on. Raises NotConfigured."""
        running = service.start(self.options, name=app.title)
        app.add_exception_handler(HTTPException, _http_error)
        app.add_exception_handler(RequestValidationError, _invalid)
        app.add_exception_handler(HowdahError, _howdah_error(running))
        # Values without a model are written as pydantic writes those with one, and as howdah.kit.flask does.
        ENCODERS_BY_TYPE.update({decimal.Decimal: str, dt.datetime: json_values.moment})
        if running.options.actions is not None:
            _add_actions(app, running, running.options.actions)
        build = app.build_middleware_stack

        def build_with_kit() -> Any:
            # Outside of all that was added, whenever it was: what they refuse is logged and has an id, too.
            app.user_middleware.insert(0, Middleware(_Kit, running=running, routes=app.router.routes))
            return build()

        app.build_middleware_stack = build_with_kit  # type: ignore[method-assign]


def _add_actions(app: fastapi.FastAPI, running: Service, actions: Actions) -> None:
    """Each module is below its name, and takes POST alone. Of these the API's description says nothing."""

    def calling(module: str) -> Callable[[Request], Awaitable[Response]]:
        async def call(request: Request) -> Response:
            path: str = request.path_params.get("path", "")
            action = actions.find(
                module,
                path,
                session=current.session,
                proven=running.callers.proven,
                authorization=request.headers.getlist("authorization"),
            )
            content = await request.body()
            given = arguments(action, {} if not path and not content else _json(content))
            called = action(**given) if inspect.iscoroutinefunction(action) else run_in_threadpool(action, **given)
            return Response(json_values.dumps(await called), media_type="application/json")

        return call

    for name in actions.modules:
        for path in (f"/{name}", f"/{name}/", f"/{name}/{{path:path}}"):
            app.router.add_route(path, calling(name), methods=["POST"], include_in_schema=False)


class _Kit:
    """What happens around each request of one app."""

    __slots__ = ("_app", "_json_only", "_routes", "_service")

    def __init__(self, app: App, *, running: Service, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._service = running
        self._json_only = running.options.json_only
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered and logged, whatever happens."""
        kind = scope["type"]
        if kind == "lifespan":
            service.prepare_stop()
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        given, identity = _told(scope["headers"])
        accepted = context.accept_request_id(given)
        path: str = scope["path"]
        if path.startswith(OWN_PATHS) and path in _HEALTH and kind == "http":  # asked by whoever started the service
            health = await self._service.checks.ask_async(path)
            await _send(
                send, health.status, health.body, [(b"cache-control", b"no-store"), (_REQUEST_ID, accepted.encode())]
            )
            return
        one = Exchange(ANONYMOUS, accepted, started)
        tokens = context.enter(one)
        answering = _Answering(one, scope, send)
        try:
            try:
                one = Exchange(self._service.callers.read(identity), accepted, started, relayed_of(identity))
                context.exchange.set(one)
                answering.one = one
                if kind == "http":
                    scope = self._resolved(scope)
            except HowdahError as error:
                await answering.answer(self._service.failed(error))
                return
            await self._app(_below(scope), receive, answering.send if kind == "http" else send)
        except Exception as error:
            if kind != "http":
                raise
            _logger.error("%s %s failed", scope["method"], path, exc_info=error)
            if answering.status:
                raise  # it broke in the middle of the answer: only the server can break the connection off
            await answering.answer(self._service.crashed(error))
        finally:
            answering.over()
            context.leave(tokens)

    def _resolved(self, scope: Scope) -> Scope:
        """The request, whose body is of a type that its route takes; HEAD is GET without the body. Raises WrongType.

        The route is looked for only where the answer depends on it: neither for GET nor for a body of JSON.
        """
        method = scope["method"]
        if method == "HEAD":
            return scope if _route(self._routes, scope) is not None else {**scope, "method": "GET"}
        if method not in content_types.GUARDED or not self._json_only:
            return scope
        kind, length, chunked = _body_of(scope["headers"])
        if not content_types.has_body(length, chunked) or content_types.is_json(kind):
            return scope
        route = _route(self._routes, scope)
        if route is not None:
            content_types.check(kind, _accepted(route))
        return scope


def _route(routes: Sequence[BaseRoute], scope: Scope) -> RouteContext | None:
    """The route that answers the request, with its method."""
    for route in iter_route_contexts(routes):
        if route.matches(dict(scope))[0] is Match.FULL:
            return route
    return None


def _accepted(route: RouteContext) -> tuple[str, ...]:
    """The types an endpoint takes beside JSON: what it says, and forms where it has them among its arguments."""
    if isinstance(route.original_route, Mount):
        return ("*/*",)  # an application of its own knows best
    field = getattr(route, "body_field", None)
    forms = content_types.FORMS if field is not None and isinstance(field.field_info, params.Form) else ()
    return (*content_types.accepted(route.endpoint), *forms)


def _body_of(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, str | None, str | None]:
    """Content-Type, Content-Length and Transfer-Encoding."""
    found = dict(headers)
    kind, length, chunked = (found.get(name) for name in (b"content-type", b"content-length", b"transfer-encoding"))
    return (
        None if kind is None else kind.decode("latin-1"),
        None if length is None else length.decode("latin-1"),
        None if chunked is None else chunked.decode("latin-1"),
    )


class _Answering:
    """The answer to one request on its way: it is given its id, and logged with its last byte."""

    __slots__ = ("_logged", "_scope", "_send", "one", "status")

    def __init__(self, one: Exchange, scope: Scope, send: Send) -> None:
        self.one = one
        self.status = 0
        self._scope = scope
        self._send = send
        self._logged = False

    async def send(self, message: Message) -> None:
        """The message is on its way."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (_REQUEST_ID, self.one.request_id.encode())]
            await self._send(message)
            return
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.over()

    async def answer(self, answer: Answer) -> None:
        """The error is answered."""
        answer.body["request_id"] = self.one.request_id
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await _send(self.send, answer.status, answer.body, headers)

    def over(self) -> None:
        """The request is in the log, once."""
        if self._logged or not self.status:
            return
        self._logged = True
        one = self.one
        emit(
            RequestServed(
                one.request_id,
                self._scope["method"],
                self._scope["path"],
                self.status,
                round(time.perf_counter() - one.started, 6),
                one.session.role,
            )
        )


def _below(scope: Scope) -> Scope:
    """The request as its app sees it: in ASGI ``root_path`` is what was cut off, and the path is the whole one."""
    prefix = prefix_of(scope["headers"])
    if not prefix or scope.get("root_path"):
        return scope
    raw = scope.get("raw_path")
    whole = {"root_path": prefix, "path": prefix + scope["path"]}
    return {**scope, **whole, **({} if raw is None else {"raw_path": prefix.encode() + raw})}


def _told(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, list[tuple[str, str]]]:
    """The id that the request came with, and the headers that could say on whose behalf it is, and in which trace."""
    given = None
    identity = []
    for name, value in headers:
        if name.startswith(b"x-h") or name == b"traceparent":
            identity.append((name.decode("latin-1"), value.decode("latin-1")))
        elif name == _REQUEST_ID:
            given = value.decode("latin-1")
    return given, identity


async def _send(send: Send, status: int, body: Any, headers: list[tuple[bytes, bytes]]) -> None:
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _http_error(_request: Request, error: Exception) -> Response:
    """An HTTP error as JSON, with the headers that belong to it (Allow, Retry-After, WWW-Authenticate)."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST and isinstance(error.__cause__, ValueError | RecursionError):
        unreadable = no_json("it cannot be decoded", 0)  # bytes that are no text, a number or a nesting without end
        return _response(Answer(unreadable.status, unreadable.to_json()))
    headers = tuple((error.headers or {}).items())
    detail: object = error.detail  # FastAPI takes anything, not only text
    if isinstance(detail, str):
        own = None if detail == _phrase(error.status_code) else detail
        return _response(of_status(error.status_code, own, headers=headers))
    return _response(of_status(error.status_code, detail=detail, headers=headers))


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    refused = of_pydantic(error.errors())
    return _response(Answer(refused.status, refused.to_json()))


def _howdah_error(running: Service) -> Any:
    async def answer(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HowdahError)
        return _response(running.failed(error))

    return answer


def _response(answer: Answer) -> Response:
    answer.body["request_id"] = current.request_id
    return JSONResponse(answer.body, answer.status, dict(answer.headers))


def _phrase(status: int) -> str | None:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return None
