"""The client of one service for coroutines, on any event loop."""

from __future__ import annotations

from typing import Any, Self

import httpx2

from howdah.kit.outbound.sending import AsyncSender
from howdah.kit.services.calling import PING_SECONDS, Behalf, Calling, httpx_options
from howdah.kit.services.settings import ServiceSettings
from howdah.kit.services.wire import Asked, json_of
from howdah.services.breaker import Circuits


class AsyncClient(Calling):
    """One service. Responses are httpx2's, whole, whatever their status; no redirect leads to another host."""

    def __init__(
        self,
        settings: ServiceSettings,
        behalf: Behalf = "whoever",
        circuits: Circuits | None = None,
        sender: AsyncSender | None = None,
    ) -> None:
        super().__init__(settings, behalf, circuits)
        self._sender = sender or AsyncSender(httpx_options(settings))

    async def request(
        self,
        method: str,
        path: str = "/",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - for every attempt and pause in all
        **asked: Any,
    ) -> httpx2.Response:
        """What the service answers at the path, which is below its base URL.

        The other arguments are ``params``, one of ``json``, ``content`` and ``data`` (a form), ``headers``, and
        ``safe``: whether the call may be sent twice, as GET, PUT and DELETE may.

        Raises CallError: BadPath, ServiceUnreachable, ServiceTimeout, ServiceUnwell, ServiceBadAnswer.
        """
        with self._under_way(Asked(method, path, **asked), timeout) as one:
            one.outcome = await self._sender.run(one.steps, one.bounds)
        assert one.response is not None, "or an error was raised"
        return one.response

    async def get(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with GET."""
        return await self.request("GET", path, **asked)

    async def head(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with HEAD."""
        return await self.request("HEAD", path, **asked)

    async def post(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with POST."""
        return await self.request("POST", path, **asked)

    async def put(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with PUT."""
        return await self.request("PUT", path, **asked)

    async def patch(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with PATCH."""
        return await self.request("PATCH", path, **asked)

    async def delete(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with DELETE."""
        return await self.request("DELETE", path, **asked)

    async def ask(self, method: str, path: str = "/", **asked: Any) -> Any:
        """The JSON of an answer with 2xx. Raises what `request` does, and ServiceRefused for any other status."""
        return json_of(self.settings, await self.request(method, path, **asked))

    async def ping(self) -> None:
        """Return if the service is well: a check of health. Raises CallError."""
        self._check_ping(await self.get(self._ping_path, timeout=PING_SECONDS))

    async def close(self) -> None:
        """Its connections are closed; it can be used again."""
        await self._sender.close()

    def _like(self, behalf: Behalf) -> Self:
        return type(self)(self.settings, behalf, self._circuits, self._sender)
