"""A gRPC server on threads: who calls is checked before anything is read, and what ends badly ends with a status.

Its health (``grpc.health.v1``) is for whoever starts it; on SIGTERM that says NOT_SERVING first, then calls under way
end, then the process does.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from howdah.kit import context, service, stopping
from howdah.kit.context import Exchange
from howdah.kit.errors import NotConfigured
from howdah.kit.grpc import measures
from howdah.kit.grpc.calls import Doors, Ending, ending_of, served
from howdah.kit.grpc.options import ServerOptions, read, with_environment
from howdah.kit.service import Options

_LETTING_GO = 5.0
"""Seconds for connections to be closed after the last call has ended."""

Register = Callable[[Any], object]
"""Adds servicers to a server, as generated functions do: ``add_RatesServicer_to_server(Rates(), server)``."""

Result = TypeVar("Result")


def serve(register: Register, options: ServerOptions | None = None, **chosen: Any) -> None:
    """Answer calls until SIGTERM or Ctrl-C. The keyword arguments are the fields of `ServerOptions`.

    Raises NotConfigured.
    """
    with running(register, options or ServerOptions(**chosen)) as server:
        server.wait()


class Running:
    """A server that answers."""

    def __init__(self, server: grpc.Server, pulse: health.HealthServicer, options: ServerOptions, port: int) -> None:
        self.port = port
        self._server = server
        self._pulse = pulse
        self._options = options
        self._told = threading.Event()

    def stop(self, *_: object) -> None:
        """It is to end: to be called by a signal's handler, too."""
        self._told.set()

    def wait(self) -> None:
        """Return when it was told to stop and every call has ended, or its time was over."""
        before = {number: signal.signal(number, self.stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._told.wait()
            self.end(stopping.drain_seconds(os.environ.get(stopping.DRAIN_VARIABLE)))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def end(self, drain: float = 0.0) -> None:
        """Not ready any more; then, after ``drain`` seconds, nothing new; then nothing."""
        self._pulse.enter_graceful_shutdown()
        threading.Event().wait(drain)
        # What is left then is no call: the library has waited for clients that neither begin nor hang up.
        self._server.stop(self._options.grace).wait(self._options.grace + _LETTING_GO)


@contextmanager
def running(register: Register, options: ServerOptions) -> Iterator[Running]:
    """The server, listening. Raises NotConfigured."""
    options = with_environment(options, os.environ)
    service.start(Options(), name="grpc")
    measures.start(os.environ)
    doors = Doors(options, os.environ)
    server = grpc.server(
        ThreadPoolExecutor(options.threads, thread_name_prefix="grpc"),
        interceptors=[_Kit(doors)],
        options=options.channel_arguments(),
        maximum_concurrent_rpcs=options.max_concurrent,
    )
    pulse = health.HealthServicer(experimental_non_blocking=False)
    health_pb2_grpc.add_HealthServicer_to_server(pulse, server)
    register(server)
    if options.reflection:
        reflect(server, register)
    port = listen(server, options)
    server.start()
    one = Running(server, pulse, options, port)
    try:
        yield one
    finally:
        one.end()


def listen(server: Any, options: ServerOptions) -> int:
    """The server has its address; the port, 1 for a unix socket. Raises NotConfigured."""
    assert options.address is not None, "with_environment has seen to it"
    try:
        if options.certificate is not None and options.key is not None:
            port = server.add_secure_port(options.address, credentials(options))
        else:
            port = server.add_insecure_port(options.address)
    except RuntimeError as error:
        raise NotConfigured(f"It cannot listen on {options.address}: {error}.") from error
    return int(port)


def credentials(options: ServerOptions) -> grpc.ServerCredentials:
    """TLS, as the options say. Raises NotConfigured."""
    assert options.certificate is not None
    assert options.key is not None
    authority = None if options.client_authority is None else read(options.client_authority)
    return grpc.ssl_server_credentials(
        [(read(options.key), read(options.certificate))], authority, require_client_auth=authority is not None
    )


def reflect(server: Any, register: Register) -> None:
    """What there is to call can be asked."""
    from grpc_reflection.v1alpha import reflection

    names = _Names()
    register(names)
    reflection.enable_server_reflection((*names.found, reflection.SERVICE_NAME), server)


class _Names:
    """Takes what generated functions add, for the names of the services."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self.found += [handler.service_name() for handler in handlers]

    def add_registered_method_handlers(self, name: str, handlers: Any) -> None:
        """Another form of the same."""


class _Kit(grpc.ServerInterceptor):
    """Around every call: who makes it, its id, its log line, and its end."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        if handler is None or self._doors.is_open(details.method):
            return handler
        return _Around(self._doors, details.method, details.invocation_metadata).handler(handler)


class _Around:
    """One call's handler, with the kit around it."""

    def __init__(self, doors: Doors, method: str, metadata: Any) -> None:
        self._doors = doors
        self._method = method
        self._metadata = metadata

    def handler(self, inner: Any) -> Any:
        streams_in, streams_out = inner.request_streaming, inner.response_streaming
        around = self._streaming if streams_out else self._single
        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[streams_in, streams_out]
        behaviour = {
            (False, False): inner.unary_unary,
            (False, True): inner.unary_stream,
            (True, False): inner.stream_unary,
            (True, True): inner.stream_stream,
        }[streams_in, streams_out]
        return make(
            around(behaviour),
            request_deserializer=inner.request_deserializer,
            response_serializer=inner.response_serializer,
        )

    def _single(self, behaviour: Any) -> Any:
        def answer(request: Any, call: grpc.ServicerContext) -> Any:
            one, inside = self._begin(call)
            try:
                return inside.run(behaviour, request, call)
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told something
                self._fail(call, inside, error)
            finally:
                served(one, self._method, call.code())  # type: ignore[attr-defined]

        return answer

    def _streaming(self, behaviour: Any) -> Any:
        def answer(request: Any, call: grpc.ServicerContext) -> Iterator[Any]:
            one, inside = self._begin(call)
            try:
                # Each step in the call's own context, in whichever thread it is taken.
                messages = iter(inside.run(behaviour, request, call))
                while True:
                    try:
                        message = inside.run(next, messages)
                    except StopIteration:
                        return
                    yield message
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(call, inside, error)
            finally:
                served(one, self._method, call.code())  # type: ignore[attr-defined]

        return answer

    def _begin(self, call: grpc.ServicerContext) -> tuple[Exchange, Context]:
        """The call, and a context in which it is the one being answered. Ends it where it may not be made."""
        try:
            one = self._doors.begin(self._metadata, call.time_remaining())
        except Exception as error:  # noqa: BLE001 - as above
            ending = ending_of(error, self._method)
            served(None, self._method, ending.status)
            _abort(call, ending)
        inside = copy_context()
        inside.run(context.enter, one)
        return one, inside

    def _fail(self, call: grpc.ServicerContext, inside: Context, error: Exception) -> None:
        if call.code() not in (None, grpc.StatusCode.OK):  # type: ignore[attr-defined]
            raise error  # the service has ended it by itself
        _abort(call, inside.run(ending_of, error, self._method))


def _abort(call: grpc.ServicerContext, ending: Ending) -> None:
    call.set_trailing_metadata(ending.metadata)
    call.abort(ending.status, ending.details)
