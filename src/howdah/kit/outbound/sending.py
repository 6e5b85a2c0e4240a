"""One attempt over httpx2, from a thread or an event loop: a Call → an Answer, whole and within bounds, or a Failure.

Connections are kept open and used again. A process that forks, as gunicorn's workers do, has connections of its own in
each child: two processes on one connection would read each other's answers. An event loop has its own, too. No cookie
is kept, no redirect followed, and no proxy taken that was not named.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final
from weakref import WeakKeyDictionary

import httpx2

from howdah.kit.outbound import deadline as deadlines
from howdah.kit.outbound.conversation import Conversation
from howdah.kit.outbound.values import Answer, Attempt, Bounds, Call, Failure, Outcome, Pairs

_OF_TRANSPORT: Final = frozenset(
    ("cert", "http1", "http2", "limits", "local_address", "proxy", "socket_options", "trust_env", "uds", "verify")
)
# The body is given on as it was before it was packed, and whole.
_OF_THE_WAY: Final = frozenset(("content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"))
_LEAST: Final = 0.001


class SyncSender:
    """Sends from threads, over httpx2 with these options."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = dict(options or {})
        self._lock = threading.Lock()
        self._client: httpx2.Client | None = None
        self._process = 0

    def run(self, conversation: Conversation, bounds: Bounds) -> Outcome:
        """The conversation's outcome."""
        said: Outcome | None = None
        try:
            while True:
                step = conversation.send(said)
                if isinstance(step, Attempt):
                    said = self.send(step, bounds)
                else:
                    time.sleep(step.seconds)
                    said = None
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome

    def send(self, attempt: Attempt, bounds: Bounds) -> Outcome:
        """What comes of one attempt."""
        call, client = attempt.call, self._usable()
        left = attempt.deadline - time.monotonic()
        if left <= 0:
            return Failure("timeout", "there was no time left")
        try:
            with deadlines.before(attempt.deadline):
                request = _request(client, call, bounds, left)
                response = client.send(request, stream=True)
                try:
                    size, pieces = 0, []
                    for piece in response.iter_bytes():
                        size += len(piece)
                        if size > bounds.max_body:
                            return _too_large(bounds)
                        pieces.append(piece)
                finally:
                    response.close()
        except _FAILURES as error:
            return _failure(error)
        return Answer(response.status_code, _headers(response), b"".join(pieces))

    def close(self) -> None:
        """Its connections are closed; it can be used again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None and self._process == os.getpid():
            client.close()

    def _usable(self) -> httpx2.Client:
        client = self._client
        if client is not None and self._process == os.getpid():
            return client
        with self._lock:
            if self._client is None or self._process != os.getpid():
                transport, rest = _split(self._options)
                self._client = httpx2.Client(transport=deadlines.BoundedTransport(**transport), **rest)
                self._client.cookies.jar.set_policy(_NothingNew())
                self._process = os.getpid()
            return self._client


class AsyncSender:
    """Sends on event loops, over httpx2 with these options."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = dict(options or {})
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx2.AsyncClient] = WeakKeyDictionary()
        self._process = 0

    async def run(self, conversation: Conversation, bounds: Bounds) -> Outcome:
        """The conversation's outcome."""
        said: Outcome | None = None
        try:
            while True:
                step = conversation.send(said)
                if isinstance(step, Attempt):
                    said = await self.send(step, bounds)
                else:
                    await asyncio.sleep(step.seconds)
                    said = None
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome

    async def send(self, attempt: Attempt, bounds: Bounds) -> Outcome:
        """What comes of one attempt."""
        call, client = attempt.call, self._usable()
        left = attempt.deadline - time.monotonic()
        if left <= 0:
            return Failure("timeout", "there was no time left")
        try:
            async with asyncio.timeout(left):
                request = _request(client, call, bounds, left)
                response = await client.send(request, stream=True)
                try:
                    size, pieces = 0, []
                    async for piece in response.aiter_bytes():
                        size += len(piece)
                        if size > bounds.max_body:
                            return _too_large(bounds)
                        pieces.append(piece)
                finally:
                    await response.aclose()
        except (TimeoutError, *_FAILURES) as error:
            return _failure(error)
        return Answer(response.status_code, _headers(response), b"".join(pieces))

    async def close(self) -> None:
        """The connections of the running loop are closed; it can be used again."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None and self._process == os.getpid():
            await client.aclose()

    def _usable(self) -> httpx2.AsyncClient:
        if self._process != os.getpid():
            self._clients, self._process = WeakKeyDictionary(), os.getpid()
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            transport, rest = _split(self._options)
            client = self._clients[loop] = httpx2.AsyncClient(transport=httpx2.AsyncHTTPTransport(**transport), **rest)
            client.cookies.jar.set_policy(_NothingNew())
        return client


Sender = SyncSender | AsyncSender


class _NothingNew(DefaultCookiePolicy):
    """Cookies that were configured are sent; those of answers are forgotten, since many callers share the client."""

    def set_ok(self, cookie: Any, request: Any) -> bool:  # noqa: ARG002 - the signature is the standard library's
        return False


_FAILURES: Final = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError)


def _request(client: httpx2.Client | httpx2.AsyncClient, call: Call, bounds: Bounds, left: float) -> httpx2.Request:
    timeout = httpx2.Timeout(max(left, _LEAST), connect=max(min(left, bounds.connect_timeout), _LEAST))
    return client.build_request(call.method, call.url, headers=call.headers, content=call.content, timeout=timeout)


def _split(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the transport, and those of the client."""
    transport = {name: value for name, value in options.items() if name in _OF_TRANSPORT}
    rest = {name: value for name, value in options.items() if name not in _OF_TRANSPORT}
    jar = CookieJar()
    cookies = httpx2.Cookies(jar)
    cookies.update(rest.pop("cookies", None) or {})
    return transport, {**rest, "cookies": cookies.jar, "trust_env": False}


def _headers(response: httpx2.Response) -> Pairs:
    return tuple(
        (name.lower(), value) for name, value in response.headers.multi_items() if name.lower() not in _OF_THE_WAY
    )


def _failure(error: Exception) -> Failure:
    reason = str(error) or type(error).__name__
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)):
        return Failure("connect", reason or "no connection")
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return Failure("timeout", "no complete answer in time")
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)):
        return Failure("unsendable", reason)
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError | OSError):
        return Failure("broken", reason)
    return Failure("unsendable", reason)


def _too_large(bounds: Bounds) -> Failure:
    return Failure("too-large", f"more than {bounds.max_body} bytes were answered")
