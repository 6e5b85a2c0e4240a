"""The data part as a plain ASGI application: ``POST /v1/query``, and JSON errors for everything else."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from howdah.data.errors import DataError, InvalidJson, UnknownAddress
from howdah.data.execute import Answer, Engine
from howdah.session import ANONYMOUS

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

QUERY_PATHS = frozenset({"/v1/query", "/data/v1/query"})

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")


class MethodNotAllowed(DataError):
    """Only POST is possible here."""

    code = "not-supported"
    status = 405


class BodyTooLarge(DataError):
    """The request's body is larger than is allowed."""

    code = "bad-request"
    status = 413


class DataRoutes:
    """The ASGI application. Reads who asks from ``scope["howdah.session"]``; without one it is anonymous."""

    def __init__(self, engine: Engine, *, max_body: int) -> None:
        self._engine = engine
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http", "the gateway gives us nothing else"
        if scope["path"] not in QUERY_PATHS:
            await _send(send, _refusal(UnknownAddress()))
        elif scope["method"] != "POST":
            await _send(send, _refusal(MethodNotAllowed()), ((b"allow", b"POST"),))
        else:
            await self._query(scope, receive, send)

    async def _query(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /v1/query: answer one query on behalf of the session."""
        session = scope.get("howdah.session", ANONYMOUS)
        try:
            body = await _body(receive, self._max_body)
        except DataError as error:
            # What is left of the body is not read: the connection cannot be used for another request.
            await _send(send, _refusal(error), ((b"connection", b"close"),))
            return
        if body is None:
            return
        answer = await self._engine.answer(body, session)
        await _send(send, answer, ((b"retry-after", b"1"),) if answer.status == 503 else ())


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


async def _send(send: Send, answer: Answer, more: Headers = ()) -> None:
    headers = (_JSON, (b"content-length", b"%d" % len(answer.body)), *more)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
