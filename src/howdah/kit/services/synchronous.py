"""The client of one service for plain functions, in any thread."""

from __future__ import annotations

from typing import Any, Self

import httpx2

from howdah.kit.outbound.sending import SyncSender
from howdah.kit.services.calling import PING_SECONDS, Behalf, Calling, httpx_options
from howdah.kit.services.settings import ServiceSettings
from howdah.kit.services.wire import Asked, json_of
from howdah.services.breaker import Circuits


class Client(Calling):
    """One service. Responses are httpx2's, whole, whatever their status; no redirect leads to another host."""

    def __init__(
        self,
        settings: ServiceSettings,
        behalf: Behalf = "whoever",
        circuits: Circuits | None = None,
        sender: SyncSender | None = None,
    ) -> None:
        super().__init__(settings, behalf, circuits)
        self._sender = sender or SyncSender(httpx_options(settings))

    def request(self, method: str, path: str = "/", *, timeout: float | None = None, **asked: Any) -> httpx2.Response:
        """What the service answers at the path, which is below its base URL.

        The other arguments are ``params``, one of ``json``, ``content`` and ``data`` (a form), ``headers``, and
        ``safe``: whether the call may be sent twice, as GET, PUT and DELETE may.

        Raises CallError: BadPath, ServiceUnreachable, ServiceTimeout, ServiceUnwell, ServiceBadAnswer.
        """
        with self._under_way(Asked(method, path, **asked), timeout) as one:
            one.outcome = self._sender.run(one.steps, one.bounds)
        assert one.response is not None, "or an error was raised"
        return one.response

    def get(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with GET."""
        return self.request("GET", path, **asked)

    def head(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with HEAD."""
        return self.request("HEAD", path, **asked)

    def post(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with POST."""
        return self.request("POST", path, **asked)

    def put(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with PUT."""
        return self.request("PUT", path, **asked)

    def patch(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with PATCH."""
        return self.request("PATCH", path, **asked)

    def delete(self, path: str = "/", **asked: Any) -> httpx2.Response:
        """`request` with DELETE."""
        return self.request("DELETE", path, **asked)

    def ask(self, method: str, path: str = "/", **asked: Any) -> Any:
        """The JSON of an answer with 2xx. Raises what `request` does, and ServiceRefused for any other status."""
        return json_of(self.settings, self.request(method, path, **asked))

    def ping(self) -> None:
        """Return if the service is well: a check of health. Raises CallError."""
        self._check_ping(self.get(self._ping_path, timeout=PING_SECONDS))

    def close(self) -> None:
        """Its connections are closed; it can be used again."""
        self._sender.close()

    def _like(self, behalf: Behalf) -> Self:
        return type(self)(self.settings, behalf, self._circuits, self._sender)
