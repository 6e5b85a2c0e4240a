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
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from howdah.errors import HowdahError
from howdah.kit import content_types, context, json_values, service
from howdah.kit.access import Function
from howdah.kit.access import allow as allow
from howdah.kit.actions import Actions, arguments
from howdah.kit.answers import Answer, kept, of_status
from howdah.kit.content_types import accepts as accepts
from howdah.kit.context import Exchange, current
from howdah.kit.events import RequestServed
from howdah.kit.findings import missing_body, no_json
from howdah.kit.health import HEALTH_PATH, LIVE_PATH, OWN_PATHS, READY_PATH
from howdah.kit.prefix import WSGI_NAME, accept_prefix
from howdah.kit.relay import relayed_of
from howdah.kit.service import Options, Service
from howdah.kit.validation import checker
from howdah.observe.events import emit
from howdah.session import ANONYMOUS, Session

_KEY = "howdah"


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


class _Below:
    """An app that knows what was cut off its path: ``url_for`` begins with that."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """The answer of the app."""
        if (prefix := accept_prefix(environ.get(WSGI_NAME))) and not environ.get("SCRIPT_NAME"):
            environ["SCRIPT_NAME"] = prefix
        return self._app(environ, start_response)


class _Attached:
    """What is called for each request of one app."""

    def __init__(self, app: flask.Flask, running: Service) -> None:
        self._service = running
        app.json = _Json(app)
        app.request_class = type("Request", (_Request, app.request_class), {})
        app.wsgi_app = _Below(app.wsgi_app)  # type: ignore[method-assign]
        app.before_request(self._begin)
        app.after_request(self._finish)
        app.teardown_request(_forget)
        app.register_error_handler(HTTPException, self._http_error)
        app.register_error_handler(HowdahError, self._howdah_error)
        for path in (LIVE_PATH, READY_PATH, HEALTH_PATH):
            app.add_url_rule(path, f"howdah{path.replace('/', '_')}", self._health)
        if running.options.actions is not None:
            self._add_actions(app, running.options.actions)

    def _begin(self) -> None:
        """The request has an id, and somebody on whose behalf it is. Raises CallerUnproven."""
        request = flask.request
        accepted = context.accept_request_id(request.headers.get(context.REQUEST_ID_HEADER))
        started = time.perf_counter()
        flask.g.howdah = [context.enter(Exchange(ANONYMOUS, accepted, started))]
        if not request.path.startswith(OWN_PATHS):  # which is asked by whoever has started the service
            caller = self._service.callers.read(request.headers.items())
            flask.g.howdah.append(
                context.enter(Exchange(caller, accepted, started, relayed_of(request.headers.items())))
            )
            if self._service.options.json_only and request.method in content_types.GUARDED:
                self._check_type(request)

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
            body = {} if not path and not flask.request.get_data() else flask.request.get_json()
            called = action(**arguments(action, body))
            return flask.jsonify(asyncio.run(called) if inspect.iscoroutine(called) else called)

        for name in actions.modules:
            named = {"module": name}
            app.add_url_rule(
                f"/{name}/", f"howdah_{name}", call, methods=["POST"], defaults=named, strict_slashes=False
            )
            app.add_url_rule(f"/{name}/<path:path>", f"howdah_{name}_action", call, methods=["POST"], defaults=named)

    @staticmethod
    def _check_type(request: flask.Request) -> None:
        """The body is of a type that the route takes, or there is none. Raises WrongType."""
        has_body = content_types.has_body(
            request.headers.get("Content-Length"), request.headers.get("Transfer-Encoding")
        )
        if has_body and request.endpoint is not None:  # where nothing is, 404 says more
            function = flask.current_app.view_functions.get(request.endpoint)
            content_types.check(request.headers.get("Content-Type"), content_types.accepted(function))

    def _health(self) -> ResponseReturnValue:
        health = self._service.checks.ask(flask.request.path)
        return flask.jsonify(health.body), health.status, {"Cache-Control": "no-store"}

    def _finish(self, response: flask.Response) -> flask.Response:
        """Log the request when its last byte is sent, or now when the server will not tell us about that."""
        one = context.exchange.get()
        request = flask.request
        if one is None or request.path.startswith(OWN_PATHS):
            return response
        response.headers[context.REQUEST_ID_HEADER] = one.request_id  # the gateway says its own instead
        method, path, status = request.method, request.path, response.status_code

        def served() -> None:
            seconds = round(time.perf_counter() - one.started, 6)
            emit(RequestServed(one.request_id, method, path, status, seconds, one.session.role))

        bodiless = method == "HEAD" or status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        if bodiless or response.direct_passthrough:
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


def _own_message(error: HTTPException) -> str | None:
    """What whoever raised the error said, None when they left it to the framework."""
    standard = default_exceptions.get(error.code or 0)
    if standard is not None and error.description == standard.description:
        return None
    return error.description


def _forget(_error: BaseException | None) -> None:
    for tokens in reversed(flask.g.pop(_KEY, ())):
        context.leave(tokens)


def _answered(answer: Answer) -> ResponseReturnValue:
    one = context.exchange.get()
    if one is not None:
        answer.body["request_id"] = one.request_id
    return flask.jsonify(answer.body), answer.status, answer.headers
