"""What both frameworks' `Howdah` have in common: what was chosen, and what a process of a service is set up with."""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from howdah.errors import HowdahError
from howdah.kit import log, stopping
from howdah.kit.actions import Actions
from howdah.kit.answers import Answer, of_crash, of_error
from howdah.kit.context import Exchange
from howdah.kit.cors import Cors
from howdah.kit.csrf import Csrf
from howdah.kit.errors import NotConfigured
from howdah.kit.events import RequestServed
from howdah.kit.health import DEFAULT_TIMEOUT, Check, Checks
from howdah.kit.identity import SERVICE_VARIABLE, Callers
from howdah.kit.prefix import accept_prefix
from howdah.observe.events import emit

if TYPE_CHECKING:
    from howdah.kit.metrics import Requests
    from howdah.kit.tracing import Served, Traces

ENVIRONMENT_VARIABLE: Final = "HOWDAH_ENVIRONMENT"

_logger = logging.getLogger("howdah.kit")


@dataclass(frozen=True, slots=True)
class Options:
    """Which pieces of the kit a service has; the keyword arguments of `Howdah`."""

    checks: Mapping[str, Check] = field(default_factory=dict)
    """What the service needs, by name: plain or ``async`` functions that raise when it is not there."""

    check_timeout: float = DEFAULT_TIMEOUT
    """How many seconds each check may take."""

    json_only: bool = True
    """Bodies that are not JSON are refused with 415, except where a route says ``@accepts``."""

    actions: Actions | None = None
    """An API that takes only POST: `howdah.kit.actions`."""

    cors: Cors | None = None
    """Pages of other origins that may call: `howdah.kit.cors`. Behind the gateway that is the route's ``cors``."""

    csrf: Csrf | None = None
    """What keeps other people's pages from acting with cookies: `howdah.kit.csrf`. The gateway has it anyway."""

    compress: bool = True
    """Answers from `COMPRESSED_FROM` bytes on are compressed for clients that take it, event streams never."""

    logs: bool = True
    """The process logs JSON lines to where ``HOWDAH_LOG`` says, unless somebody has set up logging before."""

    metrics: bool | None = None
    """Requests are counted for Prometheus: `howdah.kit.metrics`. None: where prometheus-client is installed."""

    traces: bool | None = None
    """Requests are spans of OpenTelemetry: `howdah.kit.tracing`. None: where somebody said where spans go."""

    root_path: str | None = None
    """The path below which clients find the service, if a proxy takes it away; None: ``X-Forwarded-Prefix`` says."""

    docs: bool = True
    """FastAPI's page of the API is the kit's, which needs nothing from elsewhere."""

    def __post_init__(self) -> None:
        """Raises NotConfigured: the root path is none."""
        if self.root_path is not None and not accept_prefix(self.root_path):
            raise NotConfigured(f"{self.root_path!r} is no path below which a service can be.", hint="/shop/api")


COMPRESSED_FROM: Final = 1000


class Service:
    """One service in this process: its options, and what follows of them and of the environment."""

    __slots__ = ("callers", "checks", "csrf", "in_development", "metrics", "name", "options", "traces")

    def __init__(self, options: Options, environment: Mapping[str, str], *, name: str) -> None:
        """Raises NotConfigured: the environment says something impossible."""
        self.options = options
        self.name = environment.get(SERVICE_VARIABLE) or name
        self.callers = Callers(environment)
        self.checks = Checks(options.checks, timeout=options.check_timeout)
        self.csrf = None if self.callers.proven else options.csrf  # the gateway has checked it already
        if options.actions is not None:
            options.actions.check_configured(proven=self.callers.proven)
        self.in_development = environment.get(ENVIRONMENT_VARIABLE) == "development"
        self.metrics = _metrics(options.metrics, environment)
        self.traces = _traces(options.traces, environment, self.name)

    def failed(self, error: HowdahError) -> Answer:
        """What the caller is told of an error raised on purpose; the log is told of those that are the service's."""
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _logger.error("%s: %s", error.code, error, exc_info=error)
        return of_error(error, in_development=self.in_development)

    def crashed(self, error: BaseException | None) -> Answer:
        """What the caller is told of an error nobody raised on purpose. Who noticed it has logged it."""
        return of_crash(error, in_development=self.in_development)

    def served(
        self, one: Exchange, method: str, path: str, route: str | None, status: int, span: Served | None
    ) -> None:
        """A request was answered, to its last byte: log, metrics and traces know."""
        seconds = round(time.perf_counter() - one.started, 6)
        emit(RequestServed(one.request_id, method, path, status, seconds, one.session.role))
        if self.metrics is not None:
            self.metrics.served(method, route, status, seconds)
        if span is not None:
            span.end(method, route, status, one.request_id)


def start(options: Options, *, name: str) -> Service:
    """A service, for which the process is set up: its log. ``name`` is used where nobody gave it one.

    Raises NotConfigured, WrongDestination.
    """
    if options.logs:
        log.start(os.environ, os.environ.get(SERVICE_VARIABLE) or name)
    return Service(options, os.environ, name=name)


def prepare_stop() -> None:
    """SIGTERM makes the service unready first. To be called when the server has set its own handler."""
    stopping.install(stopping.drain_seconds(os.environ.get(stopping.DRAIN_VARIABLE)))


def _metrics(wanted: bool | None, environment: Mapping[str, str]) -> Requests | None:
    if wanted is False or (wanted is None and importlib.util.find_spec("prometheus_client") is None):
        return None
    from howdah.kit import metrics

    return metrics.Requests(port=environment.get(metrics.PORT_VARIABLE))


def _traces(wanted: bool | None, environment: Mapping[str, str], name: str) -> Traces | None:
    if wanted is False or (wanted is None and not _is_installed("opentelemetry", "sdk")):
        return None
    from howdah.kit import tracing

    return tracing.Traces(name) if wanted or tracing.wanted(environment) else None


def _is_installed(package: str, module: str) -> bool:
    """Whether a module of a package is there, of which nothing may be."""
    return importlib.util.find_spec(package) is not None and importlib.util.find_spec(f"{package}.{module}") is not None
