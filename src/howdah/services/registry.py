"""Where every service is right now: name → Endpoint.

In development the supervisor reports each change and :meth:`Registry.update` takes it in; for ``serve`` the endpoints
are fixed and always ready. Readers ask per request and may wait for a service that is just starting. Everything here
runs on one event loop, so there is no lock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from howdah.services.errors import InvalidServiceUrl, UnknownService

if TYPE_CHECKING:
    from collections.abc import Iterable

State = Literal["starting", "ready", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service's address and state; ``detail`` is the last lines it logged, oldest first."""

    name: str
    host: str
    port: int
    state: State
    detail: tuple[str, ...] = ()


def fixed_endpoint(name: str, url: str) -> Endpoint:
    """The always ready Endpoint of a service somebody else runs at ``http://host:port``.

    Raises InvalidServiceUrl for another scheme, a path, a query or credentials: none of them would be obeyed.

    >>> fixed_endpoint("api", "http://127.0.0.1:5000")
    Endpoint(name='api', host='127.0.0.1', port=5000, state='ready', detail=())
    """
    # The URL itself is not repeated in the error: it may hold a password.
    hint = "It must look like http://127.0.0.1:5000."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidServiceUrl(f"The url of service {name!r} is not a URL.", hint=hint) from None
    if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
        raise InvalidServiceUrl(f"The url of service {name!r} is not of the form http://host:port.", hint=hint)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidServiceUrl(f"The url of service {name!r} holds more than a scheme, host and port.", hint=hint)
    return Endpoint(name, parts.hostname, port or 80, "ready")


class Registry:
    """The endpoints by name, and who waits for one of them to change."""

    def __init__(self, endpoints: Iterable[Endpoint] = ()) -> None:
        self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def get(self, name: str) -> Endpoint:
        """The service's Endpoint as last reported. Raises UnknownService."""
        try:
            return self._endpoints[name]
        except KeyError:
            raise UnknownService(f"There is no service {name!r}.") from None

    def update(self, endpoint: Endpoint) -> None:
        """From now on the service is what ``endpoint`` says; whoever waits for a change of it goes on."""
        if self._endpoints.get(endpoint.name) == endpoint:
            return
        self._endpoints[endpoint.name] = endpoint
        self._wake(endpoint.name)

    def forget(self, name: str) -> None:
        """From now on there is no such service."""
        self._endpoints.pop(name, None)
        self._wake(name)

    def snapshot(self) -> tuple[Endpoint, ...]:
        """All endpoints, in the order of their names."""
        return tuple(self._endpoints[name] for name in sorted(self._endpoints))

    async def wait_ready(self, name: str, timeout: float) -> Endpoint:  # noqa: ASYNC109 - the answer is the last state
        """The service's Endpoint once it is no longer starting, or as it is after ``timeout`` seconds.

        Raises UnknownService, also when the service is forgotten meanwhile.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while (endpoint := self.get(name)).state == "starting":
            if not await self._changed(name, deadline):
                return self.get(name)
        return endpoint

    async def wait_changed(self, seen: Endpoint, timeout: float) -> Endpoint:  # noqa: ASYNC109 - as above
        """The service's Endpoint once it differs from ``seen``, or ``seen`` itself after ``timeout`` seconds.

        Log lines alone are no difference. Raises UnknownService.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            now = self.get(seen.name)
            if (now.host, now.port, now.state) != (seen.host, seen.port, seen.state):
                return now
            if not await self._changed(seen.name, deadline):
                return self.get(seen.name)

    async def _changed(self, name: str, deadline: float) -> bool:
        """Whether the service was reported again before the deadline (in the loop's time)."""
        loop = asyncio.get_running_loop()
        change: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(name, set()).add(change)
        try:
            await asyncio.wait((change,), timeout=max(0.0, deadline - loop.time()))
        finally:
            waiting = self._waiting.get(name)
            if waiting is not None:
                waiting.discard(change)
                if not waiting:
                    del self._waiting[name]
        return change.done()

    def _wake(self, name: str) -> None:
        for change in self._waiting.pop(name, ()):
            if not change.done():
                change.set_result(None)
