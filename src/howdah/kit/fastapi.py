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
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial, wraps
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
from howdah.kit import access, content_types, fastapi_docs, json_values, service
from howdah.kit.actions import Actions, arguments
from howdah.kit.answers import Answer, of_status
from howdah.kit.asgi import HEAD, ROUTE, Around, Scope
from howdah.kit.content_types import accepts as accepts
from howdah.kit.context import current
from howdah.kit.findings import missing_body, no_json, of_pydantic
from howdah.kit.service import Options, Service
from howdah.kit.validation import checker
from howdah.session import Session

_UNPARSED: Final = "There was an error parsing the body"
"""What FastAPI says of a body that it cannot even decode."""


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
        fastapi_docs.name_operations(app)
        fastapi_docs.describe(app)
        if self.options.docs:
            fastapi_docs.replace_pages(app)
        build = app.build_middleware_stack
        resolve = _resolving(app.router.routes, json_only=self.options.json_only)

        def build_with_kit() -> Any:
            # Outside of all that was added, whenever it was: what they refuse is logged and has an id, too.
            check = partial(fastapi_docs.check_operations, app)
            app.user_middleware.insert(0, Middleware(Around, running=running, resolve=resolve, check=check))
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
            request.scope[ROUTE] = f"/{module}/{path if path in actions.modules[module].actions else ''}"
            content = await request.body()
            given = arguments(action, {} if not path and not content else _json(content))
            called = action(**given) if inspect.iscoroutinefunction(action) else run_in_threadpool(action, **given)
            return Response(json_values.dumps(await called), media_type="application/json")

        return call

    for name in actions.modules:
        for path in (f"/{name}", f"/{name}/", f"/{name}/{{path:path}}"):
            app.router.add_route(path, calling(name), methods=["POST"], include_in_schema=False)


def _resolving(routes: Sequence[BaseRoute], *, json_only: bool) -> Callable[[Scope], Scope]:
    """Makes of a request the one that the app is given: its body is of a type that its route takes; HEAD is GET.

    The route is looked for only where the answer depends on it: neither for GET nor for a body of JSON.
    """

    def resolve(scope: Scope) -> Scope:
        method = scope["method"]
        if method == "HEAD" and _route(routes, scope) is None:
            return {**scope, "method": "GET", HEAD: True}
        if method not in content_types.GUARDED or not json_only:
            return scope
        kind, length, chunked = _body_of(scope["headers"])
        if not content_types.has_body(length, chunked) or content_types.is_json(kind):
            return scope
        route = _route(routes, scope)
        if route is not None:
            content_types.check(kind, _accepted(route))
        return scope

    return resolve


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


async def _http_error(_request: Request, error: Exception) -> Response:
    """An HTTP error as JSON, with the headers that belong to it (Allow, Retry-After, WWW-Authenticate)."""
    assert isinstance(error, HTTPException)
    if error.detail == _UNPARSED and isinstance(error.__cause__, ValueError | RecursionError):
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
