"""One line makes a Flask app a service behind howdah: ``Howdah(app)``.

It brings the caller's Session and the request's id (`current`), JSON errors in one shape for every error, one log line
for each request, and the service's health. docs/kit.md says what else there is, and how to do without.
`howdah.kit.fastapi` does the same for FastAPI.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from howdah.errors import HowdahError
from howdah.kit import content_types, context, cors, csrf, json_values, service
from howdah.kit.access import Function
from howdah.kit.access import allow as allow
from howdah.kit.actions import Actions, arguments
from howdah.kit.answers import Answer, kept, of_status
from howdah.kit.content_types import accepts as accepts
from howdah.kit.context import Exchange, current
from howdah.kit.findings import missing_body, no_json
from howdah.kit.health import HEALTH_PATH, LIVE_PATH, METRICS_PATH, OWN_PATHS, READY_PATH
from howdah.kit.prefix import WSGI_NAME, accept_prefix
from howdah.kit.relay import relayed_of
from howdah.kit.service import COMPRESSED_FROM, Options, Service
from howdah.kit.validation import checker
from howdah.session import ANONYMOUS, Session

if TYPE_CHECKING:
    from howdah.kit.tracing import Served

_KEY: Final = "howdah"
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


def session() -> Session:
    """On whose behalf the current request is: `current.session`."""
    return current.session


def request_id() -> str:
    """The id of the current request: `current.request_id`."""
    return current.request_id


def validate(*, body: Any = None, query: Any = None) -> Callable[[Function], Function]:
    """The function is called only with what is valid, which it is given as its arguments ``body`` and ``query``.

    Each is checked by a file of JSON Schema (its name; it is beside the function's module, or in ``schemas/`` there), a
    schema itself, a schema of marshmallow or a model of pydantic. Everything else is answered with all that is wrong
    with it. Below the route's decorator. Raises WrongSchema, at import.
    """

    def mark(function: Function) -> Function:
        checks = checker.validation(function, body=body, query=query)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def valid(*args: Any, **keywords: Any) -> Any:
                return await function(*args, **keywords, **_arguments(checks))
        else:

            @functools.wraps(function)
            def valid(*args: Any, **keywords: Any) -> Any:
                return function(*args, **keywords, **_arguments(checks))

        return valid  # type: ignore[return-value]

    return mark


def _arguments(checks: checker.Validation) -> dict[str, Any]:
    return checks.arguments(flask.request.get_json, flask.request.args.items(multi=True))


class Howdah:
    """The kit, attached to a Flask app. The keyword arguments are the fields of `Options`."""

    def __init__(self, app: flask.Flask | None = None, options: Options | None = None, **chosen: Any) -> None:
        self.options = options or Options(**chosen)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """The app answers, logs and fails as a service of howdah's from now on. Raises NotConfigured."""
        _Attached(app, service.start(self.options, name=app.name))
        service.prepare_stop()


class _Json(flask.json.provider.DefaultJSONProvider):
    """Times with their zone, UUID and Decimal as text; and the order of what is answered is left alone."""

    default = staticmethod(json_values.default)
    sort_keys = False


class _Request(flask.Request):
    """A request that says what is wrong with its JSON, outside of debugging too."""

    def get_json(self, *arguments: Any, **keywords: Any) -> Any:
        """The body as JSON. Raises UnreadableBody, also where it is nested without end."""
        try:
            return super().get_json(*arguments, **keywords)
        except RecursionError:
            raise no_json("it cannot be decoded", 0) from None

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Raises UnreadableBody: a body that is no JSON, or none at all."""
        if e is None:  # no JSON by its type
            return super().on_json_loading_failed(e)
        if not self.get_data():
            raise missing_body()
        raise no_json(getattr(e, "msg", "it cannot be decoded"), getattr(e, "pos", 0)) from e


class _Attached:
    """What is called for each request of one app."""

    def __init__(self, app: flask.Flask, running: Service) -> None:
        self._service = running
        self._options = running.options
        self._compress = _compression(app) if running.options.compress else None
        app.json = _Json(app)
        app.request_class = type("Request", (_Request, app.request_class), {})
        app.wsgi_app = _below(app.wsgi_app, running.options.root_path)  # type: ignore[method-assign]
        app.before_request(self._begin)
        app.after_request(self._finish)
        app.teardown_request(_forget)
        app.register_error_handler(HTTPException, self._http_error)
        app.register_error_handler(HowdahError, self._howdah_error)
        for path in (LIVE_PATH, READY_PATH, HEALTH_PATH):
            app.add_url_rule(path, f"howdah{path.replace('/', '_')}", self._health)
        if running.metrics is not None and not running.metrics.apart:
            app.add_url_rule(METRICS_PATH, "howdah_metrics", self._metrics)
        if running.options.actions is not None:
            self._add_actions(app, running.options.actions)

    def _begin(self) -> ResponseReturnValue | None:
        """The request has an id, and somebody on whose behalf it is.

        Raises CallerUnproven, UnprovenOrigin, WrongType.
        """
        environ = flask.request.environ
        accepted = context.accept_request_id(environ.get("HTTP_X_REQUEST_ID"))
        one = Exchange(ANONYMOUS, accepted, time.perf_counter())
        flask.g.howdah = serving = _Serving(context.enter(one))
        path = environ.get("PATH_INFO", "/")
        if path.startswith(OWN_PATHS):  # which is asked by whoever runs the service
            return None
        serving.is_public = True
        if self._service.traces is not None:
            serving.span = self._service.traces.begin(environ["REQUEST_METHOD"], path, environ.get("HTTP_TRACEPARENT"))
        told = _told(environ)
        relayed = relayed_of(told)
        if serving.span is not None:
            relayed = replace(relayed, trace=serving.span.traceparent)
        context.exchange.set(Exchange(self._service.callers.read(told), accepted, one.started, relayed))
        if (self._options.cors or self._service.csrf) and self._from_pages(serving, environ):
            return flask.Response(status=204)
        if self._options.json_only and environ["REQUEST_METHOD"] in content_types.GUARDED:
            _check_type(flask.request)
        return None

    def _from_pages(self, serving: _Serving, environ: Mapping[str, Any]) -> bool:
        """Whether all a browser asks is what it may do, which the answer's headers say. Raises UnprovenOrigin."""
        rules, guard = self._options.cors, self._service.csrf
        method: str = environ["REQUEST_METHOD"]
        if rules is not None:
            origin = environ.get("HTTP_ORIGIN")
            wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
            if cors.is_preflight(method, wanted):
                names = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
                serving.more = cors.preflight(rules, origin, wanted, names)
                return True
            serving.more = cors.answered(rules, origin)
        if guard is not None:
            cookies = csrf.cookies_of(environ.get("HTTP_COOKIE"))
            serving.cookie = csrf.cookie_for(guard, method, cookies)
            csrf.check(guard, method, cookies, environ.get("HTTP_X_CSRF_TOKEN"), environ.get("HTTP_SEC_FETCH_SITE"))
        return False

    def _add_actions(self, app: flask.Flask, actions: Actions) -> None:
        """Each module is below its name, and takes POST alone."""

        def call(module: str, path: str = "") -> ResponseReturnValue:
            action = actions.find(
                module,
                path,
                session=current.session,
                proven=self._service.callers.proven,
                authorization=flask.request.headers.getlist("Authorization"),
            )
            flask.g.howdah.route = f"/{module}/{path}"
            body = {} if not path and not flask.request.get_data() else flask.request.get_json()
            called = action(**arguments(action, body))
            return flask.jsonify(asyncio.run(called) if inspect.iscoroutine(called) else called)

        for name in actions.modules:
            named = {"module": name}
            app.add_url_rule(
                f"/{name}/", f"howdah_{name}", call, methods=["POST"], defaults=named, strict_slashes=False
            )
            app.add_url_rule(f"/{name}/<path:path>", f"howdah_{name}_action", call, methods=["POST"], defaults=named)

    def _health(self) -> ResponseReturnValue:
        health = self._service.checks.ask(flask.request.path)
        return flask.jsonify(health.body), health.status, {"Cache-Control": "no-store"}

    def _metrics(self) -> ResponseReturnValue:
        assert self._service.metrics is not None
        content, kind = self._service.metrics.text()
        return content, 200, {"Content-Type": kind, "Cache-Control": "no-store"}

    def _finish(self, response: flask.Response) -> flask.Response:
        """Tell of the request when its last byte is sent, or now when the server will not tell us about that."""
        one = context.exchange.get()
        serving: _Serving | None = flask.g.get(_KEY)
        if one is None or serving is None or not serving.is_public:
            return response
        headers = response.headers
        headers[context.REQUEST_ID_HEADER] = one.request_id  # the gateway says its own instead
        if serving.more:
            merged = cors.merged(list(headers.items()), serving.more)
            headers.clear()
            headers.extend(merged)
        if serving.cookie is not None:
            headers.add("Set-Cookie", serving.cookie)
        request = flask.request
        environ = request.environ
        if self._compress is not None and "HTTP_ACCEPT_ENCODING" in environ:
            response = self._compress.after_request(response)
        method, path, status, span = environ["REQUEST_METHOD"], request.path, response.status_code, serving.span
        route = serving.route or (None if request.url_rule is None else request.url_rule.rule)

        def served() -> None:
            self._service.served(one, method, path, route, status, span)

        if method == "HEAD" or status in _BODILESS or response.direct_passthrough:
            served()
        else:
            response.call_on_close(served)
        return response

    def _http_error(self, error: HTTPException) -> ResponseReturnValue:
        """An HTTP error as JSON, with the headers that belong to it (Allow, Retry-After, WWW-Authenticate)."""
        if error.response is not None:
            return error.response
        headers = kept(error.get_headers(flask.request.environ))
        if isinstance(error, InternalServerError) and error.original_exception is not None:
            return _answered(self._service.crashed(error.original_exception))
        status = error.code or 500
        return _answered(of_status(status, _own_message(error), headers=headers))

    def _howdah_error(self, error: HowdahError) -> ResponseReturnValue:
        return _answered(self._service.failed(error))


class _Serving:
    """What is to be remembered of a request until it is answered."""

    __slots__ = ("cookie", "is_public", "more", "route", "span", "tokens")

    def __init__(self, tokens: context.Tokens) -> None:
        self.tokens = tokens
        self.is_public = False
        self.span: Served | None = None
        self.more: tuple[tuple[str, str], ...] = ()
        self.cookie: str | None = None
        self.route: str | None = None


def _told(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers that could say on whose behalf a request is, and in which trace it is."""
    return [
        (name[5:].replace("_", "-"), value)
        for name, value in environ.items()
        if name.startswith("HTTP_X_H") or name == "HTTP_TRACEPARENT"
    ]


def _check_type(request: flask.Request) -> None:
    """The body is of a type that the route takes, or there is none. Raises WrongType."""
    environ = request.environ
    if not content_types.has_body(environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING")):
        return
    if request.endpoint is not None:  # where nothing is, 404 says more
        function = flask.current_app.view_functions.get(request.endpoint)
        content_types.check(environ.get("CONTENT_TYPE"), content_types.accepted(function))


def _compression(app: flask.Flask) -> Any:
    """What compresses answers; the app's own settings for it count."""
    from flask_compress import Compress

    app.config.setdefault("COMPRESS_MIN_SIZE", COMPRESSED_FROM)
    app.config.setdefault("COMPRESS_STREAMS", False)  # an event that waits to be compressed comes late
    app.config["COMPRESS_REGISTER"] = False
    return Compress(app)


def _below(wsgi_app: Any, root_path: str | None) -> Any:
    """The app below the path that a proxy took away: links it makes lead to where clients find it."""

    def below(environ: dict[str, Any], start_response: Any) -> Any:
        root = root_path or accept_prefix(environ.get(WSGI_NAME))
        if root and not environ.get("SCRIPT_NAME"):
            environ["SCRIPT_NAME"] = root
        return wsgi_app(environ, start_response)

    return below


def _own_message(error: HTTPException) -> str | None:
    """What whoever raised the error said, None when they left it to the framework."""
    standard = default_exceptions.get(error.code or 0)
    if standard is not None and error.description == standard.description:
        return None
    return error.description


def _forget(_error: BaseException | None) -> None:
    serving: _Serving | None = flask.g.pop(_KEY, None)
    if serving is not None:
        if serving.span is not None:
            serving.span.leave()
        context.leave(serving.tokens)


def _answered(answer: Answer) -> ResponseReturnValue:
    one = context.exchange.get()
    if one is not None:
        answer.body["request_id"] = one.request_id
    return flask.jsonify(answer.body), answer.status, answer.headers
