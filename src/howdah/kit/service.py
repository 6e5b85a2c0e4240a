"""What both frameworks' `Howdah` have in common: what was chosen, and what a process of a service is set up with."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from howdah.errors import HowdahError
from howdah.kit import context, stopping
from howdah.kit.actions import Actions
from howdah.kit.answers import Answer, of_crash, of_error
from howdah.kit.health import DEFAULT_TIMEOUT, Check, Checks
from howdah.kit.identity import SERVICE_VARIABLE, Callers
from howdah.observe import logs

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


class Service:
    """One service in this process: its options, and what follows of them and of the environment."""

    __slots__ = ("callers", "checks", "in_development", "options")

    def __init__(self, options: Options, environment: Mapping[str, str]) -> None:
        """Raises NotConfigured: the environment says something impossible."""
        self.options = options
        self.callers = Callers(environment)
        self.checks = Checks(options.checks, timeout=options.check_timeout)
        if options.actions is not None:
            options.actions.check_configured(proven=self.callers.proven)
        self.in_development = environment.get(ENVIRONMENT_VARIABLE) == "development"

    def failed(self, error: HowdahError) -> Answer:
        """What the caller is told of an error raised on purpose; the log is told of those that are the service's."""
        if error.status >= 500:
            _logger.error("%s: %s", error.code, error, exc_info=error)
        return of_error(error, in_development=self.in_development)

    def crashed(self, error: BaseException | None) -> Answer:
        """What the caller is told of an error nobody raised on purpose. Who noticed it has logged it."""
        return of_crash(error, in_development=self.in_development)


def start(options: Options, *, name: str) -> Service:
    """A service, for which the process is set up: its log. ``name`` is used where nobody gave it one.

    Raises NotConfigured.
    """
    service = Service(options, os.environ)
    _log(os.environ.get(SERVICE_VARIABLE) or name)
    return service


def prepare_stop() -> None:
    """SIGTERM makes the service unready first. To be called when the server has set its own handler."""
    stopping.install(stopping.drain_seconds(os.environ.get(stopping.DRAIN_VARIABLE)))


def _log(name: str) -> None:
    """Log JSON lines to this process's output, unless whoever runs it has set up logging already."""
    root = logging.getLogger()
    if root.handlers:
        return
    logs.configure(sys.stdout, service=name)
    for door in root.handlers:
        door.addFilter(context.RequestIdFilter())
    _take_over("uvicorn", "uvicorn.error", "gunicorn.error")
    access = logging.getLogger("uvicorn.access")  # the kit's own line says more
    access.handlers.clear()
    access.propagate = False


def _take_over(*loggers: str) -> None:
    """What the server logs goes where the service's own lines go."""
    for name in loggers:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
