"""The data part as a plain ASGI application. JSON errors for whatever is not below.

::

    POST  /v1/query                           a request: {"type", "args"}
    POST  /v1/query/explain                   the arguments of "explain"
    POST  /api/1/table/<table>/<operation>    the arguments of one, for clients of the time before /v1/query
    GET   /v1/template/<name>?<arguments>     a query template that only reads, with the arguments of the address
    DELETE  /v1/template/<name>?<arguments>   any query template
    POST  /v1/template/<name>                 any, with the arguments of the body; PUT is the same
    GET   /v1/openapi.json                    what the caller's role may ask, as OpenAPI; ?role= for the administrator
    GET   /v1/version                         which howdah this is, for the administrator
    GET   /healthz                            whether requests can be answered, as text

All may have ``/data`` in front, which the gateway takes away on the domain itself but not on the ``data.`` host.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from howdah import __version__
from howdah.data.errors import (
    AccessDenied,
    DataError,
    InvalidJson,
    MethodNotAllowed,
    NotSupported,
    ParseFailed,
    UnknownAddress,
)
from howdah.data.execute import Answer, Engine
from howdah.data.query.address import Address, TemplateAddress, read_address, read_arguments, read_template_name
from howdah.kit import context
from howdah.session import ANONYMOUS, Session

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]

_CALLER: Final = b"authorization, cookie, x-hasura-admin-secret, x-hasura-role"
_BROWSERS_SEND: Final = frozenset((b"origin", b"sec-fetch-site", b"cookie"))
_READ: Final = frozenset({"GET", "HEAD"})
_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")


class BodyTooLarge(DataError):
    """The request's body is larger than is allowed."""

    code = "bad-request"
    status = 413


class NotJson(NotSupported):
    """What a page sends has the content type application/json."""

    status = 415


class DataRoutes:
    """The ASGI application. Reads who asks from ``scope["howdah.session"]``; without one it is anonymous."""

    def __init__(self, engine: Engine, *, max_body: int) -> None:
        self._engine = engine
        self._max_body = max_body
        self._readable: dict[str, Callable[[Scope, Send], Awaitable[None]]] = {
            "/v1/openapi.json": self._openapi,
            "/v1/version": self._version,
            "/healthz": self._health,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http", "the gateway gives us nothing else"
        path: str = scope["path"]
        if path.startswith("/data/"):
            path = path.removeprefix("/data")
        address = read_address(path)
        if address is not None or path == "/v1/query":
            if scope["method"] == "POST":
                await self._query(scope, receive, send, address)
            else:
                await _refuse_method(send, b"POST")
        elif (template := read_template_name(path)) is not None:
            await self._template(scope, receive, send, template)
        elif path in self._readable:
            if scope["method"] in _READ:
                await self._readable[path](scope, send)
            else:
                await _refuse_method(send, b"GET, HEAD")
        else:
            await _send(send, _refusal(UnknownAddress()))

    async def _query(self, scope: Scope, receive: Receive, send: Send, address: Address | None) -> None:
        """POST: answer one query on behalf of the session."""
        try:
            body = await _body(receive, self._max_body)
        except DataError as error:
            # What is left of the body is not read: the connection cannot be used for another request.
            await _send(send, _refusal(error), ((b"connection", b"close"),))
            return
        if body is None:
            return
        try:
            _check_type(scope)
        except NotJson as error:
            await _send(send, _refusal(error))
        else:
            await self._answer(body, scope, send, address)

    async def _answer(self, body: bytes, scope: Scope, send: Send, address: Address | None) -> None:
        context.request_id.set(scope.get("howdah.request_id"))  # for what is caused by it later (R72)
        answer = await self._engine.answer(body, _session(scope), address)
        await _send(send, answer, ((b"retry-after", b"1"),) if answer.status == 503 else ())

    async def _template(self, scope: Scope, receive: Receive, send: Send, name: str) -> None:
        """Execute a query template: with the arguments of the body, or (GET, DELETE) of the address."""
        method: str = scope["method"]
        address = TemplateAddress(name, textual=method in ("GET", "DELETE"), only_reading=method == "GET")
        if method in ("POST", "PUT"):
            await self._query(scope, receive, send, address)
        elif method in ("GET", "DELETE"):
            try:
                body = read_arguments(scope.get("query_string", b""))
            except DataError as error:
                await _send(send, _refusal(error))
            else:
                await self._answer(body, scope, send, address)
        else:
            await _refuse_method(send, b"GET, POST, PUT, DELETE")

    async def _openapi(self, scope: Scope, send: Send) -> None:
        """The document of the caller's role; 304 when the caller has it already."""
        try:
            document = await self._engine.document(_session(scope), _role(scope))
        except DataError as error:
            await _send(send, _refusal(error))
            return
        # What it says depends on who asks, and may be something else at any time.
        fields = ((b"etag", document.etag), (b"cache-control", b"private, no-cache"), (b"vary", _CALLER))
        if _has(scope, document.etag):
            await send({"type": "http.response.start", "status": 304, "headers": fields})
            await send({"type": "http.response.body", "body": b""})
        else:
            await _send(send, Answer(200, document.body), fields)

    async def _version(self, scope: Scope, send: Send) -> None:
        """Which howdah this is; nobody else's business (R56)."""
        if _session(scope).is_admin:
            await _send(send, Answer(200, json.dumps({"version": __version__}).encode()))
        else:
            await _send(send, _refusal(AccessDenied()))

    async def _health(self, _: Scope, send: Send) -> None:
        """Whether requests can be answered, without a word about why not."""
        ready, _ = await self._engine.readiness()
        await _send(send, Answer(200, b"OK") if ready else Answer(503, b"ERROR"), type_=_TEXT)


def _session(scope: Scope) -> Session:
    session: Session = scope.get("howdah.session", ANONYMOUS)
    return session


def _role(scope: Scope) -> str | None:
    """The role of the query string; None when there is none. Raises ParseFailed for anything else in it."""
    try:
        found = parse_qsl(scope.get("query_string", b"").decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise ParseFailed("the query string is not UTF-8", path="$") from None
    if any(name != "role" or not value for name, value in found) or len(found) > 1:
        raise ParseFailed('expected nothing, or one "role"', path="$.role")
    return found[0][1] if found else None


def _has(scope: Scope, etag: bytes) -> bool:
    """Whether the caller says that it has what the tag stands for."""
    given = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
    return any(tag.strip().removeprefix(b"W/") in {etag, b"*"} for tag in given.split(b","))


def _check_type(scope: Scope) -> None:
    """Return if the body may be taken for JSON: what a browser sends says that it is JSON (R54). Raises NotJson.

    A page can make a browser send a form, or nothing but text, to any address without asking first. What no browser
    sends need not say what it is, for there is only one thing it can be: `curl -d` works as people type it.
    """
    by_browser = False
    type_ = b""
    for name, value in scope.get("headers", ()):
        if name in _BROWSERS_SEND:
            by_browser = True
        elif name == b"content-type":
            type_ = value
    if by_browser and type_.partition(b";")[0].strip().lower() != b"application/json":
        raise NotJson


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None when the client went away. Raises BodyTooLarge, and InvalidJson when there is none."""
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        parts, size = [body], len(body)
        while message.get("more_body", False) and size <= limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if len(body) > limit:
        raise BodyTooLarge(f"the body is larger than {limit} bytes")
    if not body:
        raise InvalidJson("the body is empty")
    return body


def _refusal(error: DataError) -> Answer:
    return Answer(error.status, json.dumps(error.to_body(), ensure_ascii=False, separators=(",", ":")).encode())


async def _refuse_method(send: Send, allowed: bytes) -> None:
    await _send(send, _refusal(MethodNotAllowed()), ((b"allow", allowed),))


async def _send(send: Send, answer: Answer, more: Headers = (), *, type_: Header = _JSON) -> None:
    headers = (type_, (b"content-length", b"%d" % len(answer.body)), *more)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
