"""Clients of gRPC services, as thin as a class with a method for each call.

class Rates(Client):
    service = "rates"
    stub = rates_pb2_grpc.RatesStub
    safe = frozenset({"GetRate", "ListRates", "WatchRates"})

    def rate(self, currency: str) -> float:
        return self.call("GetRate", rates_pb2.RateRequest(currency=currency)).value
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import grpc

from howdah.kit.grpc.channels import channel
from howdah.kit.grpc.directory import Behalf, address_of, metadata, token_for
from howdah.kit.grpc.errors import CODE_METADATA, error_of
from howdah.kit.outbound.conversation import pause_before
from howdah.kit.outbound.values import Bounds, Failure
from howdah.kit.services.errors import CallError, ServiceTimeout

BOUNDS = Bounds()


class Calling:
    """What both kinds of client are. ``service`` is the name it is found by, ``stub`` the generated class.

    ``safe`` are the methods that may be called twice, so that a call is tried again when its answer is lost.
    """

    service: ClassVar[str] = ""
    stub: ClassVar[type[Any]]
    safe: ClassVar[frozenset[str]] = frozenset()
    timeout: ClassVar[float] = BOUNDS.timeout

    def __init__(self, address: str | None = None, *, behalf: Behalf = "whoever") -> None:
        """``address`` is where the service is, if the environment does not say it under its name."""
        self._address = address
        self._behalf: Behalf = behalf

    def as_caller(self) -> Self:
        """The same client, on behalf of whoever calls this service at that moment, or not at all."""
        return type(self)(self._address, behalf="caller")

    def as_service(self) -> Self:
        """The same client, for this service itself."""
        return type(self)(self._address, behalf="service")

    def where(self) -> str:
        """Its address. Raises UnknownService."""
        return self._address or address_of(self.service)

    def may_try_again(self, method: str, error: grpc.RpcError, attempt: int) -> bool:
        """Whether another attempt can do good and no harm."""
        return attempt < BOUNDS.attempts and method in self.safe and error.code() is grpc.StatusCode.UNAVAILABLE

    def error(self, error: Any, seconds: float) -> CallError:
        """What went wrong with a call."""
        trailing = dict(error.trailing_metadata() or ())
        return error_of(self.service, error.code(), error.details(), trailing.get(CODE_METADATA), seconds)


class Client(Calling):
    """A gRPC service, called from plain functions in any thread."""

    def call(self, method: str, request: Any, *, timeout: float | None = None) -> Any:
        """The one message that is answered.

        Raises ServiceUnreachable, ServiceTimeout, ServiceUnwell, RemoteRefused, UnknownService, and what proving who
        calls does.
        """
        seconds = self.timeout if timeout is None else timeout
        deadline, attempt = time.monotonic() + seconds, 1
        while True:
            sent = metadata(token_for(self.service, self._behalf))
            invoke = getattr(self.stub(channel(self.where())), method)
            left = deadline - time.monotonic()
            if left <= 0:
                raise ServiceTimeout(f"The service {self.service!r} did not answer within {seconds:g} s.")
            try:
                return invoke(request, timeout=left, metadata=sent)
            except grpc.RpcError as error:
                pause = pause_before(attempt, Failure("broken", ""), BOUNDS, random.random())  # noqa: S311 - jitter
                if not self.may_try_again(method, error, attempt) or time.monotonic() + pause >= deadline:
                    raise self.error(error, seconds) from error
                time.sleep(pause)
                attempt += 1

    def stream(self, method: str, request: Any, *, timeout: float | None = None) -> Iterator[Any]:
        """The messages that are answered, one after the other; leaving early ends the call. Raises as `call` does."""
        seconds = self.timeout if timeout is None else timeout
        sent = metadata(token_for(self.service, self._behalf))
        messages = getattr(self.stub(channel(self.where())), method)(request, timeout=seconds, metadata=sent)
        try:
            yield from messages
        except grpc.RpcError as error:
            raise self.error(error, seconds) from error
        finally:
            messages.cancel()

    def ping(self) -> None:
        """Return if the service says that it is well: a check of health. Raises CallError."""
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        try:
            answer = health_pb2_grpc.HealthStub(channel(self.where())).Check(
                health_pb2.HealthCheckRequest(), timeout=2.0
            )
        except grpc.RpcError as error:
            raise self.error(error, 2.0) from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise CallError(f"The service {self.service!r} says that it is not serving.")
