"""One HTTP request to the one address that was configured: no redirect is followed, no proxy taken, no cookie kept."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from howdah.services.errors import ServiceUnreachable

MOST = 64 * 1024
"""Bytes of an answer that are read, unless it is said otherwise."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request with an absolute URL."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A status, and the beginning of the body."""

    status: int
    body: bytes


async def send(request: HttpRequest, timeout: float, *, most: int = MOST) -> HttpAnswer:  # noqa: ASYNC109 - see below
    """The answer, with at most so many bytes of its body.

    ``timeout`` bounds each step of it; who wants to bound the whole cancels this, which ends it.

    Raises ServiceUnreachable.
    """
    parts = urlsplit(request.url)
    assert parts.hostname is not None, "settings without a host are refused"
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def exchange() -> HttpAnswer:
        connection.request(request.method, path, request.body, {**request.headers, "Connection": "close"})
        answer = connection.getresponse()
        return HttpAnswer(answer.status, answer.read(most))

    try:
        return await asyncio.to_thread(exchange)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceUnreachable(f"{parts.hostname} cannot be asked: {_reason(error)}.") from error
    finally:
        _end(connection)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLError):
        return "its certificate cannot be trusted"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it broke off" if isinstance(error, OSError) else "what it says is not HTTP"


def _end(connection: http.client.HTTPConnection) -> None:
    """The connection is closed, also under a thread that still reads from it."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
