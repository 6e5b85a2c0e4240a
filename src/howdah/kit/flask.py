"""One line makes a Flask app a service behind howdah: ``Howdah(app)``.

It brings the caller's Session and the request's id (``session()``, ``request_id()``), JSON errors in one shape for
every error, one log line for each request, and ``/-/health``. It changes nothing else about the app.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError

from howdah import session as identity
from howdah.errors import HowdahError
from howdah.kit import context
from howdah.kit.identity import SERVICE_VARIABLE, Callers
from howdah.observe import logs
from howdah.observe.events import emit

HEALTH_PATH = "/-/health"
ENVIRONMENT_VARIABLE = "HOWDAH_ENVIRONMENT"

_logger = logging.getLogger("howdah.kit")


@dataclass(frozen=True, slots=True)
class RequestServed:
    """A service has answered a request, to its last byte."""

    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    role: str


@dataclass(frozen=True, slots=True)
class _Current:
    """The request being answered: on whose behalf, under which id, since when."""

    session: identity.Session
    request_id: str
    started: float
    token: Token[str | None]


def session() -> identity.Session:
    """On whose behalf the current request is: the role and variables the gateway resolved.

    With a key in the environment (``HOWDAH_INTERNAL_KEY``) the gateway has proven it. Without one the headers are
    believed, so such a service must not be reachable except through the gateway.
    """
    current: _Current = flask.g.howdah
    return current.session


def request_id() -> str:
    """The id under which the gateway, this service and the Data API log the current request."""
    current: _Current = flask.g.howdah
    return current.request_id


class Howdah:
    """The kit, attached to a Flask app.

    ``checks`` are what the service needs in order to work, by name: functions that raise when it is not there. They
    are asked by ``/-/health``, which answers 503 and names them when one raises.
    """

    def __init__(
        self, app: flask.Flask | None = None, *, checks: Mapping[str, Callable[[], object]] | None = None
    ) -> None:
        self._checks = dict(checks or {})
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """The app answers, logs and fails as a service of howdah's from now on."""
        _configure_logs(app)
        self._callers = Callers(os.environ)
        app.before_request(self._begin)
        app.after_request(_finish)
        app.teardown_request(_forget)
        app.register_error_handler(HTTPException, _http_error)
        app.register_error_handler(HowdahError, _howdah_error)
        app.add_url_rule(HEALTH_PATH, "howdah_health", self._health)

    def _begin(self) -> None:
        """The request has an id, and somebody on whose behalf it is. Raises CallerUnproven."""
        request = flask.request
        accepted = context.accept_request_id(request.headers.get(context.REQUEST_ID_HEADER))
        flask.g.howdah = current = _Current(
            identity.ANONYMOUS, accepted, time.perf_counter(), context.request_id.set(accepted)
        )
        if request.path != HEALTH_PATH:  # which is asked by whoever has started the service
            flask.g.howdah = replace(current, session=self._callers.read(request.headers.items()))

    def _health(self) -> ResponseReturnValue:
        failed = {}
        for name, check in self._checks.items():
            try:
                check()
            except Exception:
                _logger.warning("the check %s failed", name, exc_info=True)
                failed[name] = "failed"
        if failed:
            return {"status": "failed", "checks": {**dict.fromkeys(self._checks, "ok"), **failed}}, 503
        return {"status": "ok"}


def _configure_logs(app: flask.Flask) -> None:
    """Log JSON lines to this process's output, unless whoever runs it has set up logging already."""
    root = logging.getLogger()
    if root.handlers:
        return
    logs.configure(sys.stdout, service=os.environ.get(SERVICE_VARIABLE) or app.name)
    for door in root.handlers:
        door.addFilter(context.RequestIdFilter())


def _finish(response: flask.Response) -> flask.Response:
    """Log the request when its last byte is sent, or now when the server will not tell us about that."""
    current: _Current | None = flask.g.get("howdah")
    request = flask.request
    if current is None or request.path == HEALTH_PATH:
        return response
    response.headers[context.REQUEST_ID_HEADER] = current.request_id  # the gateway says its own instead
    method, path, status = request.method, request.path, response.status_code

    def served() -> None:
        seconds = round(time.perf_counter() - current.started, 6)
        emit(RequestServed(current.request_id, method, path, status, seconds, current.session.role))

    bodiless = method == "HEAD" or status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
    if bodiless or response.direct_passthrough:
        served()
    else:
        response.call_on_close(served)
    return response


def _forget(_error: BaseException | None) -> None:
    current: _Current | None = flask.g.pop("howdah", None)
    if current is not None:
        context.request_id.reset(current.token)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    """An HTTP error as JSON, with the headers that belong to it (Allow, Retry-After, WWW-Authenticate)."""
    if error.response is not None:
        return error.response
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    body: dict[str, Any] = {"code": _slug(status), "message": error.description or status.description}
    if isinstance(error, InternalServerError):
        body = {"code": "internal", "message": "The service failed to answer. Its log says why."}
        original = error.original_exception
        if original is not None and _in_development():
            body["exception"] = f"{type(original).__name__}: {original}"
    headers = [header for header in error.get_headers(flask.request.environ) if header[0] != "Content-Type"]
    return _answer(body, status, headers)


def _howdah_error(error: HowdahError) -> ResponseReturnValue:
    """An error of howdah's as JSON; what a failure was about is for the log, and in development for the page."""
    status = HTTPStatus(error.status)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer(error.to_json(), status, [])
    _logger.error("%s: %s", error.code, error, exc_info=error)
    if _in_development():
        return _answer(error.to_json(), status, [])
    # What the class says is fixed text; what this one says may name addresses and data.
    return _answer({"code": error.code, "message": (inspect.getdoc(type(error)) or "").partition("\n")[0]}, status, [])


def _in_development() -> bool:
    return os.environ.get(ENVIRONMENT_VARIABLE) == "development"


def _answer(body: dict[str, Any], status: HTTPStatus, headers: list[tuple[str, str]]) -> ResponseReturnValue:
    current: _Current | None = flask.g.get("howdah")
    if current is not None:
        body["request_id"] = current.request_id
    return flask.jsonify(body), status, headers


def _slug(status: HTTPStatus) -> str:
    """The code of a plain HTTP error: ``method-not-allowed``."""
    return status.phrase.lower().replace("'", "").replace(" ", "-")
