"""What happens around each request of a WSGI app: what `asgi.py` is to an ASGI app. Standard library only."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from http.client import responses
from typing import TYPE_CHECKING, Any, Final

from howdah.errors import HowdahError
from howdah.kit import content_types, context, cors, csrf
from howdah.kit.answers import Answer
from howdah.kit.context import Exchange
from howdah.kit.health import HEALTH_PATH, LIVE_PATH, METRICS_PATH, OWN_PATHS, READY_PATH
from howdah.kit.prefix import WSGI_NAME, accept_prefix
from howdah.kit.relay import relayed_of
from howdah.kit.service import Service
from howdah.session import ANONYMOUS

if TYPE_CHECKING:
    from howdah.kit.tracing import Served

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_CHECKS: Final = frozenset({LIVE_PATH, READY_PATH, HEALTH_PATH})
_JSON: Final = ("Content-Type", "application/json")
_NO_STORE: Final = ("Cache-Control", "no-store")

_logger = logging.getLogger("howdah.kit")


class Around:
    """The kit around an app.

    ``accepted`` says which types of body the route of a request takes beside JSON, None where there is no route; it is
    asked only where the body is no JSON. ``route`` is the template of the route that has answered. ``propagates`` says
    whether what the app raises is somebody else's to see.
    """

    __slots__ = ("_accepted", "_app", "_propagates", "_route", "_service")

    def __init__(
        self,
        app: App,
        *,
        running: Service,
        accepted: Callable[[Environ], tuple[str, ...] | None],
        route: Callable[[Environ], str | None],
        propagates: Callable[[], bool],
    ) -> None:
        self._propagates = propagates
        self._app = app
        self._service = running
        self._accepted = accepted
        self._route = route

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The answer, of which log, metrics and traces are told when its last byte is sent."""
        path: str = environ.get("PATH_INFO") or "/"
        if path.startswith(OWN_PATHS):
            own = self._own(path, start_response)
            if own is not None:
                return own
        running = self._service
        started = time.perf_counter()
        request_id = context.accept_request_id(environ.get("HTTP_X_REQUEST_ID"))
        answering = _Answering(self, environ, path, start_response)
        if running.traces is not None:
            method, parent = environ["REQUEST_METHOD"], environ.get("HTTP_TRACEPARENT")
            answering.span = running.traces.begin(method, path, parent)
        told = _told(environ)
        relayed = relayed_of(told)
        if answering.span is not None:
            relayed = replace(relayed, trace=answering.span.traceparent)
        refused: HowdahError | None = None
        try:
            caller = running.callers.read(told)
        except HowdahError as error:
            caller, refused = ANONYMOUS, error
        answering.one = one = Exchange(caller, request_id, started, relayed)
        tokens = context.enter(one)
        try:
            if refused is not None:
                return answering.answer(running.failed(refused))
            if (running.options.cors or running.csrf) and self._from_pages(answering, environ):
                answering.start("204 No Content", [])
                return answering.over(())
            self._check_type(environ)
            _root(environ, running.options.root_path)
            return answering.over(self._app(environ, answering.start))
        except HowdahError as error:
            return answering.answer(running.failed(error))
        except Exception as error:
            if self._propagates():  # to a test, or to a debugger
                raise
            _logger.error("%s %s failed", environ["REQUEST_METHOD"], path, exc_info=error)
            if answering.status:
                raise
            return answering.answer(running.crashed(error))
        finally:
            context.leave(tokens)
            if answering.span is not None:
                answering.span.leave()

    def served(self, answering: _Answering) -> None:
        """Log, metrics and traces know of the request."""
        environ = answering.environ
        route = self._route(environ)
        method = environ["REQUEST_METHOD"]
        self._service.served(answering.one, method, answering.path, route, answering.status, answering.span)

    def _check_type(self, environ: Environ) -> None:
        """The body is of a type that the route takes, or there is none. Raises WrongType."""
        if not self._service.options.json_only or environ["REQUEST_METHOD"] not in content_types.GUARDED:
            return
        kind = environ.get("CONTENT_TYPE")
        if not content_types.has_body(environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING")):
            return
        if not content_types.is_json(kind):
            types = self._accepted(environ)
            if types is not None:  # where nothing is, 404 says more
                content_types.check(kind, types)

    def _from_pages(self, answering: _Answering, environ: Environ) -> bool:
        """Whether all a browser asks is what it may do, which the answer's headers say. Raises UnprovenOrigin."""
        rules, guard = self._service.options.cors, self._service.csrf
        method: str = environ["REQUEST_METHOD"]
        if rules is not None:
            origin = environ.get("HTTP_ORIGIN")
            wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
            if cors.is_preflight(method, wanted):
                names = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
                answering.more = cors.preflight(rules, origin, wanted, names)
                return True
            answering.more = cors.answered(rules, origin)
        if guard is not None:
            cookies = csrf.cookies_of(environ.get("HTTP_COOKIE"))
            answering.cookie = csrf.cookie_for(guard, method, cookies)
            csrf.check(guard, method, cookies, environ.get("HTTP_X_CSRF_TOKEN"), environ.get("HTTP_SEC_FETCH_SITE"))
        return False

    def _own(self, path: str, start_response: StartResponse) -> Iterable[bytes] | None:
        """The answer at one of the kit's own paths, None at others: asked by whoever runs the service."""
        if path in _CHECKS:
            health = self._service.checks.ask(path)
            return _send(start_response, health.status, json.dumps(health.body).encode(), [_JSON, _NO_STORE])
        metrics = self._service.metrics
        if path != METRICS_PATH or metrics is None or metrics.apart:
            return None
        content, kind = metrics.text()
        return _send(start_response, 200, content, [("Content-Type", kind), _NO_STORE])


class _Answering:
    """The answer to one request on its way: it is given what belongs to every answer, and told of at its end."""

    __slots__ = ("_around", "_start", "cookie", "environ", "more", "one", "path", "span", "status")

    one: Exchange

    def __init__(self, around: Around, environ: Environ, path: str, start_response: StartResponse) -> None:
        self.environ = environ
        self.path = path
        self.status = 0
        self.span: Served | None = None
        self.more: tuple[tuple[str, str], ...] = ()
        self.cookie: str | None = None
        self._around = around
        self._start = start_response

    def start(self, status: str, headers: Headers, *problem: Any) -> Any:
        """The head of the answer is on its way (PEP 3333's start_response)."""
        self.status = int(status[:3])
        if self.more:
            headers = list(cors.merged(headers, self.more))
        if self.cookie is not None:
            headers.append(("Set-Cookie", self.cookie))
        headers.append((context.REQUEST_ID_HEADER, self.one.request_id))
        return self._start(status, headers, *problem)

    def over(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body, after whose last byte whoever listens is told; now, where the server itself sends a file."""
        wrapper = self.environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            self._around.served(self)
            return body
        return _Body(body, self, self._around)

    def answer(self, answer: Answer) -> Iterable[bytes]:
        """The error is answered."""
        answer.body["request_id"] = self.one.request_id
        content = json.dumps(answer.body).encode()
        return self.over(_send(self.start, answer.status, content, [_JSON, *answer.headers]))


class _Body:
    """The body of an answer; while it is made, the request is still the current one."""

    __slots__ = ("_answering", "_around", "_body", "_pieces")

    def __init__(self, body: Iterable[bytes], answering: _Answering, around: Around) -> None:
        self._body = body
        self._pieces = iter(body)
        self._answering: _Answering | None = answering
        self._around = around

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._answering is None:
            return next(self._pieces)
        tokens = context.enter(self._answering.one)
        try:
            return next(self._pieces)
        finally:
            context.leave(tokens)

    def close(self) -> None:
        """The server is done with it."""
        answering, self._answering = self._answering, None
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            if answering is not None:
                self._around.served(answering)


def _told(environ: Environ) -> list[tuple[str, str]]:
    """The headers that could say on whose behalf a request is, and in which trace it is."""
    return [
        (name[5:].replace("_", "-"), value)
        for name, value in environ.items()
        if name[:8] == "HTTP_X_H" or name == "HTTP_TRACEPARENT"
    ]


def _root(environ: Environ, root_path: str | None) -> None:
    """Links begin with the path that a proxy took away, if one did."""
    if root_path is None and WSGI_NAME not in environ:
        return
    root = root_path or accept_prefix(environ.get(WSGI_NAME))
    if root and not environ.get("SCRIPT_NAME"):
        environ["SCRIPT_NAME"] = root


def _send(start_response: StartResponse, status: int, content: bytes, headers: Headers) -> list[bytes]:
    start_response(f"{status} {responses.get(status, 'Error')}", [("Content-Length", str(len(content))), *headers])
    return [content]
