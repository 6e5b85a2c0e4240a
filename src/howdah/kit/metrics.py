"""Metrics for Prometheus: how many requests, of which route, with which status, and how long they took.

Needs prometheus-client. They are at ``/-/metrics``, which the gateway passes on to nobody; with
``HOWDAH_METRICS_PORT`` at that port instead. With several processes (gunicorn's workers) all are counted together:
`howdah.kit.gunicorn` sees to that, or ``PROMETHEUS_MULTIPROC_DIR``.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
from typing import Any, Final

import prometheus_client
from prometheus_client import CollectorRegistry, Histogram, multiprocess

from howdah.kit.errors import NotConfigured

PORT_VARIABLE: Final = "HOWDAH_METRICS_PORT"
DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
UNMATCHED: Final = "unmatched"
"""The route of requests for which there is none: their paths are anybody's, and would make series without end."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_logger = logging.getLogger("howdah.kit")


class Requests:
    """The requests that this process has served."""

    __slots__ = ("_known", "apart")

    def __init__(self, *, port: str | None = None) -> None:
        """``port`` is where they are told, as it was written. Raises NotConfigured."""
        self._known: dict[tuple[str, str | None, int], Any] = {}
        self.apart = _listen(port)

    def served(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """One more request is counted."""
        key = (method, route, status)
        one = self._known.get(key)
        if one is None:
            known = method if method in _METHODS else "OTHER"
            one = self._known[key] = _histogram().labels(known, route or UNMATCHED, status)
        one.observe(seconds)

    @staticmethod
    def text() -> tuple[bytes, str]:
        """All metrics of the service's processes, and their content type."""
        return prometheus_client.generate_latest(_registry()), prometheus_client.CONTENT_TYPE_LATEST


def _listen(written: str | None) -> bool:
    """Whether metrics have a port of their own, at which they are from now on. Raises NotConfigured.

    Where another process of the service has it already, that one tells for all.
    """
    if not written:
        return False
    if not written.isascii() or not written.isdigit() or not 0 < int(written) < 65536:
        raise NotConfigured(f"{PORT_VARIABLE} is no port: {written!r}.")
    try:
        prometheus_client.start_http_server(int(written), registry=_registry())
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise NotConfigured(f"{PORT_VARIABLE}: {error}.") from error
        _logger.info("another process has port %s for metrics", written)
    return True


def _registry() -> CollectorRegistry:
    if not os.environ.get(DIRECTORY_VARIABLE):
        return prometheus_client.REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


@functools.cache
def _histogram() -> Histogram:
    return Histogram(
        "howdah_service_request_seconds",
        "Requests that the service has answered, to their last byte.",
        ("method", "route", "status"),
        buckets=_BUCKETS,
    )
