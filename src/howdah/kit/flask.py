"""One line makes a Flask app a service behind howdah: ``Howdah(app)``.

It brings the caller's Session and the request's id (`current`), JSON errors in one shape for every error, one log line
for each request, and the service's health. docs/kit.md says what else there is, and how to do without.
`howdah.kit.fastapi` does the same for FastAPI.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

import flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions
from werkzeug.routing import Rule

from howdah.errors import HowdahError
from howdah.kit import content_types, context, json_values, service
from howdah.kit.access import Function
from howdah.kit.access import allow as allow
from howdah.kit.actions import Actions, arguments
from howdah.kit.answers import Answer, kept, of_status
from howdah.kit.content_types import accepts as accepts
from howdah.kit.context import current
from howdah.kit.findings import missing_body, no_json
from howdah.kit.service import COMPRESSED_FROM, Options, Service
from howdah.kit.validation import checker
from howdah.kit.wsgi import Around
from howdah.session import Session

_RULE: Final = "howdah.rule"
_ROUTE: Final = "howdah.route"
"""Under this name in the environ, an action says what it is called in metrics."""


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

    @property
    def url_rule(self) -> Any:
        """The rule that matched; kept where it outlives the request, for whoever tells of it afterwards."""
        return self.environ.get(_RULE)

    @url_rule.setter
    def url_rule(self, rule: Any) -> None:
        self.environ[_RULE] = rule

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
    """What is called for the requests of one app."""

    def __init__(self, app: flask.Flask, running: Service) -> None:
        self._app = app
        self._service = running
        app.json = _Json(app)
        app.request_class = type("Request", (_Request, app.request_class), {})
        app.register_error_handler(HTTPException, self._http_error)
        app.register_error_handler(HowdahError, self._howdah_error)
        if running.options.compress:
            self._compress = _compression(app)
            app.after_request(self._finish)
        if running.options.actions is not None:
            self._add_actions(app, running.options.actions)
        app.wsgi_app = Around(  # type: ignore[method-assign]
            app.wsgi_app, running=running, accepted=self._accepted, route=_route, propagates=self._propagates
        )

    def _propagates(self) -> bool:
        chosen: bool | None = self._app.config["PROPAGATE_EXCEPTIONS"]
        return self._app.testing or self._app.debug if chosen is None else chosen

    def _accepted(self, environ: dict[str, Any]) -> tuple[str, ...] | None:
        """The types that the route of a request takes beside JSON, None where there is none."""
        try:
            endpoint, _ = self._app.url_map.bind_to_environ(environ).match(return_rule=False)
        except HTTPException:
            return None
        return content_types.accepted(self._app.view_functions.get(endpoint))

    def _finish(self, response: flask.Response) -> flask.Response:
        """Compressed, for whom takes that."""
        if "HTTP_ACCEPT_ENCODING" not in flask.request.environ:
            return response
        compressed: flask.Response = self._compress.after_request(response)
        return compressed

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
            flask.request.environ[_ROUTE] = f"/{module}/{path}"
            body = {} if not path and not flask.request.get_data() else flask.request.get_json()
            called = action(**arguments(action, body))
            return flask.jsonify(asyncio.run(called) if inspect.iscoroutine(called) else called)

        for name in actions.modules:
            named = {"module": name}
            app.add_url_rule(
                f"/{name}/", f"howdah_{name}", call, methods=["POST"], defaults=named, strict_slashes=False
            )
            app.add_url_rule(f"/{name}/<path:path>", f"howdah_{name}_action", call, methods=["POST"], defaults=named)

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


def _route(environ: dict[str, Any]) -> str | None:
    """The template of the path that matched."""
    named: str | None = environ.get(_ROUTE)
    if named is not None:
        return named
    rule: Rule | None = environ.get(_RULE)
    return None if rule is None else rule.rule


def _compression(app: flask.Flask) -> Any:
    """What compresses answers; the app's own settings for it count."""
    from flask_compress import Compress

    app.config.setdefault("COMPRESS_MIN_SIZE", COMPRESSED_FROM)
    app.config.setdefault("COMPRESS_STREAMS", False)  # an event that waits to be compressed comes late
    app.config["COMPRESS_REGISTER"] = False
    return Compress(app)


def _own_message(error: HTTPException) -> str | None:
    """What whoever raised the error said, None when they left it to the framework."""
    standard = default_exceptions.get(error.code or 0)
    if standard is not None and error.description == standard.description:
        return None
    return error.description


def _answered(answer: Answer) -> ResponseReturnValue:
    one = context.exchange.get()
    if one is not None:
        answer.body["request_id"] = one.request_id
    return flask.jsonify(answer.body), answer.status, answer.headers
