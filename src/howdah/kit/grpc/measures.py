"""Metrics of a gRPC server for Prometheus, where prometheus-client is installed, at ``HOWDAH_METRICS_PORT``."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any


def start(environment: Mapping[str, str]) -> None:
    """They can be read from now on, where the environment names a port. Raises NotConfigured."""
    if find_spec("prometheus_client") is not None:
        from howdah.kit import metrics

        metrics.Requests(port=environment.get(metrics.PORT_VARIABLE))


def observe(method: str, code: str, seconds: float) -> None:
    """One more call of the method has ended with the code. Methods are those that the service has."""
    calls = _calls()
    if calls is not None:
        calls.labels(method, code).observe(seconds)


@functools.cache
def _calls() -> Any:
    if find_spec("prometheus_client") is None:
        return None
    from prometheus_client import Histogram

    return Histogram(
        "howdah_grpc_call_seconds",
        "Calls that the service has answered, to their last message.",
        ("method", "code"),
        buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0),
    )
