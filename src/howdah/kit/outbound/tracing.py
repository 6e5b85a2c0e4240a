"""By which headers the logs and traces of whoever is asked fit those of the request being answered."""

from __future__ import annotations

import sys

from howdah.kit.context import REQUEST_ID_HEADER, exchange, request_id
from howdah.kit.relay import TRACE_HEADER


def tracing_headers() -> dict[str, str]:
    """The request's id and its trace; none of them outside of a request."""
    headers = {}
    current, one = request_id.get(), exchange.get()
    if current is not None:
        headers[REQUEST_ID_HEADER] = current
    if one is not None and one.relayed.trace is not None:
        headers[TRACE_HEADER] = one.relayed.trace
    if "opentelemetry.sdk.trace" in sys.modules:  # somebody traces: the current span is the nearer parent
        from opentelemetry.propagate import inject

        inject(headers)
    return headers
