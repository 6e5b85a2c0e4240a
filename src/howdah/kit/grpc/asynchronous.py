"""gRPC on an event loop: the server, and clients for coroutines. They do what those on threads do."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from howdah.kit import context, service, stopping
from howdah.kit.context import Exchange
from howdah.kit.grpc import measures
from howdah.kit.grpc.calls import Doors, ending_of, served
from howdah.kit.grpc.channels import channel_async
from howdah.kit.grpc.client import BOUNDS, Calling
from howdah.kit.grpc.directory import metadata, token_for_async
from howdah.kit.grpc.options import ServerOptions, with_environment
from howdah.kit.grpc.server import Register, listen, reflect
from howdah.kit.outbound.conversation import pause_before
from howdah.kit.outbound.values import Failure
from howdah.kit.service import Options
from howdah.kit.services.errors import CallError, ServiceTimeout


async def serve_async(register: Register, options: ServerOptions | None = None, **chosen: Any) -> None:
    """Answer calls until SIGTERM or Ctrl-C. The keyword arguments are the fields of `ServerOptions`.

    Raises NotConfigured.
    """
    options = with_environment(options or ServerOptions(**chosen), os.environ)
    service.start(Options(), name="grpc")
    measures.start(os.environ)
    server = grpc.aio.server(
        interceptors=(_Kit(Doors(options, os.environ)),),
        options=options.channel_arguments(),
        maximum_concurrent_rpcs=options.max_concurrent,
    )
    pulse = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(pulse, server)
    register(server)
    if options.reflection:
        reflect(server, register)
    listen(server, options)
    await pulse.set("", health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    try:
        await told.wait()
        await pulse.enter_graceful_shutdown()
        await asyncio.sleep(stopping.drain_seconds(os.environ.get(stopping.DRAIN_VARIABLE)))
        await server.stop(options.grace)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


class _Kit(grpc.aio.ServerInterceptor):
    """Around every call: who makes it, its id, its log line, and its end."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        if handler is None or self._doors.is_open(details.method):
            return handler
        return _Around(self._doors, details.method, details.invocation_metadata).handler(handler)


class _Around:
    """One call's handler, with the kit around it."""

    def __init__(self, doors: Doors, method: str, metadata_: Any) -> None:
        self._doors = doors
        self._method = method
        self._metadata = metadata_

    def handler(self, inner: Any) -> Any:
        streams_in, streams_out = inner.request_streaming, inner.response_streaming
        make, behaviour = {
            (False, False): (grpc.unary_unary_rpc_method_handler, inner.unary_unary),
            (False, True): (grpc.unary_stream_rpc_method_handler, inner.unary_stream),
            (True, False): (grpc.stream_unary_rpc_method_handler, inner.stream_unary),
            (True, True): (grpc.stream_stream_rpc_method_handler, inner.stream_stream),
        }[streams_in, streams_out]
        around = self._streaming if streams_out else self._single
        return make(
            around(behaviour),
            request_deserializer=inner.request_deserializer,
            response_serializer=inner.response_serializer,
        )

    def _single(self, behaviour: Any) -> Any:
        async def answer(request: Any, call: Any) -> Any:
            one = await self._begin(call)
            tokens = context.enter(one)
            try:
                return await behaviour(request, call)
            except grpc.aio.AbortError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told something
                await _abort(call, error, self._method)
            finally:
                served(one, self._method, call.code())
                context.leave(tokens)

        return answer

    def _streaming(self, behaviour: Any) -> Any:
        async def answer(request: Any, call: Any) -> AsyncIterator[Any]:
            one = await self._begin(call)
            tokens = context.enter(one)
            try:
                said = behaviour(request, call)
                if hasattr(said, "__aiter__"):
                    async for message in said:
                        yield message
                else:
                    await said  # it writes for itself
            except grpc.aio.AbortError:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                await _abort(call, error, self._method)
            finally:
                served(one, self._method, call.code())
                context.leave(tokens)

        return answer

    async def _begin(self, call: Any) -> Exchange:
        """The call. Ends it where it may not be made."""
        try:
            return self._doors.begin(self._metadata, call.time_remaining())
        except Exception as error:
            served(None, self._method, ending_of(error, self._method).status)
            await _abort(call, error, self._method)
            raise


async def _abort(call: Any, error: Exception, method: str) -> None:
    ending = ending_of(error, method)
    call.set_trailing_metadata(ending.metadata)
    await call.abort(ending.status, ending.details)


class AsyncClient(Calling):
    """A gRPC service, called from coroutines on any event loop."""

    async def call(self, method: str, request: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - in all
        """The one message that is answered. Raises what `Client.call` does."""
        seconds = self.timeout if timeout is None else timeout
        deadline, attempt = time.monotonic() + seconds, 1
        while True:
            sent = metadata(await token_for_async(self.service, self._behalf))
            invoke = getattr(self.stub(channel_async(self.where())), method)
            left = deadline - time.monotonic()
            if left <= 0:
                raise ServiceTimeout(f"The service {self.service!r} did not answer within {seconds:g} s.")
            try:
                return await invoke(request, timeout=left, metadata=sent)
            except grpc.RpcError as error:
                pause = pause_before(attempt, Failure("broken", ""), BOUNDS, random.random())  # noqa: S311 - jitter
                if not self.may_try_again(method, error, attempt) or time.monotonic() + pause >= deadline:
                    raise self.error(error, seconds) from error
                await asyncio.sleep(pause)
                attempt += 1

    async def stream(
        self,
        method: str,
        request: Any,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - for all of it
    ) -> AsyncIterator[Any]:
        """The messages that are answered, one after the other. Raises what `Client.call` does."""
        seconds = self.timeout if timeout is None else timeout
        sent = metadata(await token_for_async(self.service, self._behalf))
        messages = getattr(self.stub(channel_async(self.where())), method)(request, timeout=seconds, metadata=sent)
        try:
            async for message in messages:
                yield message
        except grpc.RpcError as error:
            raise self.error(error, seconds) from error
        finally:
            messages.cancel()

    async def ping(self) -> None:
        """Return if the service says that it is well: a check of health. Raises CallError."""
        stub = health_pb2_grpc.HealthStub(channel_async(self.where()))
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2.0)
        except grpc.RpcError as error:
            raise self.error(error, 2.0) from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise CallError(f"The service {self.service!r} says that it is not serving.")
