"""The sending side of one request: what every answer carries is added here, whoever the answer is from."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from howdah.gateway import answer
from howdah.gateway.headers import OURS_TO_SAY, service_fields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from howdah.gateway.errors import GatewayError

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    Fields = tuple[tuple[bytes, bytes], ...]

_DRAIN_BYTES: Final = 8 * 1024 * 1024
_DRAIN_SECONDS: Final = 2.0


class Reply:
    """Adds what every answer carries and notes what was sent."""

    __slots__ = (
        "_cookies",
        "_cors",
        "_from_service",
        "_leaves_cors",
        "_private",
        "_request_id",
        "_send",
        "_session_cookie",
        "_transport",
        "bytes",
        "complete",
        "status",
    )

    def __init__(self, send: Send, request_id: str, transport: Fields = ()) -> None:
        """``transport`` are fields of every answer that came this way: those about TLS."""
        self._send = send
        self._request_id = (b"x-request-id", request_id.encode("ascii"))
        self._transport = transport
        self._cookies: Fields = ()
        self._cors: Fields = ()
        self._private = False
        self._from_service = False
        self._leaves_cors = False
        self._session_cookie = b""
        self.status = 0
        self.bytes = 0
        self.complete = False

    def speak_for_service(self, *, session_cookie: bytes = b"", leaves_cors: bool = False) -> None:
        """What follows is a service's answer: it says for itself how it is treated, but sets no session's cookie (R49).

        Nor does it speak for us about CORS, unless that is left to it.
        """
        self._from_service = True
        self._session_cookie = session_cookie
        self._leaves_cors = leaves_cors

    def speak_for_platform(self) -> None:
        """What follows is the platform's own answer: data, not to be run, framed or guessed at."""
        self._from_service = False

    def speak_to_page(self, fields: Fields) -> None:
        """Pages of other origins are told these fields."""
        self._cors = fields

    def keep_private(self) -> None:
        """The answer is for one caller alone: nobody keeps it, unless it says for itself who may (R49)."""
        self._private = True

    def expire_cookie(self, field: bytes) -> None:
        """Tell the client to forget its session's cookie (a value of Set-Cookie), unless the answer sets another."""
        self._cookies = ((b"set-cookie", field),) if field else ()
        self._private = True

    async def send(self, message: Any) -> None:
        """Send an ASGI message on."""
        if message["type"] != "http.response.start":
            self.bytes += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            await self._send(message)
            return
        self.status = message["status"]
        headers = list(message.get("headers", ()))
        said = {field[0] for field in headers}
        if self._from_service:
            if not said.isdisjoint(OURS_TO_SAY):
                headers = service_fields(headers, self._session_cookie, leaves_cors=self._leaves_cors)
        else:
            headers += [field for field in answer.SECURITY_HEADERS if field[0] not in said]
        if self._private and b"cache-control" not in said:
            headers.append(answer.PRIVATE)
        headers += (*self._cors, *self._transport, self._request_id)
        headers += [field for field in self._cookies if not _sets_same(field, headers)]
        await self._send({"type": "http.response.start", "status": self.status, "headers": headers})

    async def json(self, status: int, body: bytes, fields: Fields = ()) -> None:
        """Send a whole answer of the platform's own."""
        await self.whole(status, body, (answer.JSON_TYPE, answer.NO_STORE, *fields))

    async def whole(self, status: int, body: bytes, fields: Fields) -> None:
        """Send a whole answer."""
        length = (b"content-length", str(len(body)).encode("ascii"))
        await self.send({"type": "http.response.start", "status": status, "headers": (*fields, length)})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def refuse_body(self, scope: Scope, receive: Receive, error: GatewayError, body: bytes) -> None:
        """Answer at once, then read on for a while before closing.

        A client in the middle of sending might otherwise have its connection reset and never read the answer. One that
        waits for "100 Continue" is not sending.
        """
        length = (b"content-length", str(len(body)).encode("ascii"))
        headers = (answer.PROBLEM_TYPE, answer.NO_STORE, length, (b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": True})
        dropped = 0
        waits = any(name == b"expect" for name, _ in scope["headers"])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while dropped < _DRAIN_BYTES and not waits:
                    message = await receive()
                    if message["type"] != "http.request":
                        return
                    dropped += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        break
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})


def _sets_same(cookie: tuple[bytes, bytes], headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the answer itself sets the cookie of this name: who signs in with an old cookie has a new one."""
    start = cookie[1].partition(b"=")[0] + b"="
    return any(name == b"set-cookie" and value.startswith(start) for name, value in headers)
