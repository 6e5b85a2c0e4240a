"""What both kinds of client are: settings, on whose behalf, and what is done around a call."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import httpx2

from howdah.kit.context import exchange
from howdah.kit.outbound.conversation import Conversation
from howdah.kit.outbound.tracing import tracing_headers
from howdah.kit.outbound.values import Bounds, Call, Failure, Outcome
from howdah.kit.services.errors import CallError, ServiceUnwell
from howdah.kit.services.settings import ServiceSettings
from howdah.kit.services.wire import Asked, call_of, conversation_of, response_of
from howdah.kit.word import own_word
from howdah.observe.events import emit
from howdah.services.breaker import Circuits

Behalf = Literal["whoever", "caller", "service"]
_OF_THE_CONNECTION = frozenset(("connect", "broken", "timeout"))
PING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ServiceCalled:
    """Another service was called, and answered."""

    level: ClassVar[str] = "debug"

    service: str
    method: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ServiceCallFailed:
    """Another service was called, and did not answer."""

    level: ClassVar[str] = "warning"

    service: str
    method: str
    reason: str
    seconds: float


class Underway:
    """One call, from its request to what came of it."""

    __slots__ = ("bounds", "call", "outcome", "response", "steps")

    def __init__(self, call: Call, bounds: Bounds, steps: Conversation) -> None:
        self.call = call
        self.bounds = bounds
        self.steps = steps
        self.outcome: Outcome | None = None
        self.response: httpx2.Response | None = None


class Calling:
    """What a client of one service is, whatever sends for it."""

    def __init__(self, settings: ServiceSettings, behalf: Behalf = "whoever", circuits: Circuits | None = None) -> None:
        self.settings = settings
        self._behalf = behalf
        self._circuits = circuits or Circuits(settings.breaker, emit)

    @property
    def name(self) -> str:
        """The service's name."""
        return self.settings.name

    def as_caller(self) -> Self:
        """The same client, which calls on behalf of whoever calls this service at that moment, or not at all."""
        return self._as("caller")

    def as_service(self) -> Self:
        """The same client, which calls for this service itself, in the role of its settings."""
        return self._as("service")

    def _as(self, behalf: Behalf) -> Self:
        if not self.settings.own:
            raise CallError(f"The service {self.name!r} is not the project's own: it is never told who calls.")
        return self._like(behalf)

    def _like(self, behalf: Behalf) -> Self:
        raise NotImplementedError

    @contextmanager
    def _under_way(self, asked: Asked, timeout: float | None) -> Iterator[Underway]:
        """Around a call: the breaker is asked first and told afterwards, and so is the log.

        Whoever sends sets ``outcome``; in the end there is a response, or an error is raised.
        """
        settings = self.settings
        call = call_of(settings, asked, self._ours())
        left = self._circuits.ask(self.name, settings.base_url)
        if left:
            raise ServiceUnwell(
                f"The service {self.name!r} has not answered lately and is not asked for a moment.", retry_after=left
            )
        bounds = settings.bounds if timeout is None else replace(settings.bounds, timeout=timeout)
        steps = conversation_of(settings, call, bounds, clock=time.monotonic, jitter=random.random)
        one, started = Underway(call, bounds, steps), time.perf_counter()
        try:
            yield one
        finally:
            self._report(one, time.perf_counter() - started)
        assert one.outcome is not None, "whoever sends says what came of it"
        one.response = response_of(settings, call, one.outcome, bounds)

    def _report(self, one: Underway, seconds: float) -> None:
        outcome, method, seconds = one.outcome, one.call.method, round(seconds, 6)
        if outcome is None:  # nobody waits any more
            self._circuits.gave_up(self.name)
        elif isinstance(outcome, Failure):
            if outcome.kind in _OF_THE_CONNECTION:
                self._circuits.failed(self.name, self.settings.base_url)
            else:
                self._circuits.gave_up(self.name)
            emit(ServiceCallFailed(self.name, method, outcome.reason, seconds))
        else:
            self._circuits.succeeded(self.name)
            emit(ServiceCalled(self.name, method, outcome.status, seconds))

    def _ours(self) -> Mapping[str, str]:
        """The headers that say in which request and trace, and to the gateway who asks.

        Raises NotConfigured, OutsideRequest, CallerUnproven, CallerOver.
        """
        headers = tracing_headers() if self.settings.trace else {}
        if not self.settings.own:
            return headers
        for_itself = self._behalf == "service" or (self._behalf == "whoever" and exchange.get() is None)
        word = own_word().for_itself() if for_itself else own_word().for_caller()
        return {**headers, "Authorization": f"Bearer {word}"}

    @property
    def _ping_path(self) -> str:
        return self.settings.ping

    def _check_ping(self, response: httpx2.Response) -> None:
        """Raise CallError for an answer that shows nothing well."""
        if response.status_code >= 500 or (self.settings.own and not response.is_success):
            raise CallError(f"The service {self.name!r} answered its ping with status {response.status_code}.")


def httpx_options(settings: ServiceSettings) -> dict[str, Any]:
    """The options of httpx2's client that the settings say."""
    options = dict(settings.options)
    limits = options.get("limits")
    if isinstance(limits, Mapping):
        options["limits"] = httpx2.Limits(**limits)
    if settings.own:
        options["trust_env"] = False
    return options
