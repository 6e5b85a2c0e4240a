"""Traces for OpenTelemetry: each request is a span, below the one its caller named in ``traceparent``.

Needs the extra ``otel``. It is on where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set, or where
the service has set up a provider of its own. Without it ``traceparent`` is passed on as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

SWITCHES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_PROPAGATOR: Final = TraceContextTextMapPropagator()


class Traces:
    """Makes a span of each request."""

    __slots__ = ("_tracer",)

    def __init__(self, service: str) -> None:
        """A provider that exports over OTLP is set up, unless the service has one."""
        if not isinstance(trace.get_tracer_provider(), TracerProvider):
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            provider = TracerProvider(resource=Resource.create({"service.name": service}))
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            trace.set_tracer_provider(provider)
        self._tracer = trace.get_tracer("howdah.kit")

    def begin(self, method: str, path: str, traceparent: str | None) -> Served:
        """The request's span, which is the current one until it ends."""
        carrier = {"traceparent": traceparent} if traceparent is not None else {}
        span = self._tracer.start_span(
            method,
            context=_PROPAGATOR.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": path},
        )
        return Served(span, otel_context.attach(trace.set_span_in_context(span)))


class Served:
    """The span of one request."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span, token: Token[Context]) -> None:
        self._span = span
        self._token: Token[Context] | None = token

    @property
    def traceparent(self) -> str:
        """What those are sent who are called meanwhile."""
        own = self._span.get_span_context()
        return f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"

    def leave(self) -> None:
        """It is no longer the current span; it goes on until its answer has left."""
        if self._token is not None:
            otel_context.detach(self._token)
            self._token = None

    def end(self, method: str, route: str | None, status: int, request_id: str) -> None:
        """The request was answered."""
        self._span.set_attribute("http.response.status_code", status)
        self._span.set_attribute("howdah.request_id", request_id)
        if route:
            self._span.set_attribute("http.route", route)
            self._span.update_name(f"{method} {route}")
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether somebody said where traces go, or the service has set up a provider."""
    return any(environment.get(name) for name in SWITCHES) or isinstance(trace.get_tracer_provider(), TracerProvider)
