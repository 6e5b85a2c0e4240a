"""Whether a service can work: what it needs is asked, all at once, each with a deadline.

``/-/live`` asks nothing: the process answers. ``/-/ready`` and ``/-/health`` ask every check, and answer 503 with their
names when one fails; a process that is about to stop is not ready either. No reason is given: those are in the log.
The gateway does not pass on what begins with ``/-/``, so only who is beside the service can ask.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from howdah.kit import stopping

LIVE_PATH: Final = "/-/live"
READY_PATH: Final = "/-/ready"
HEALTH_PATH: Final = "/-/health"
METRICS_PATH: Final = "/-/metrics"
OWN_PATHS: Final = "/-/"
"""What the kit answers itself is below this."""

DEFAULT_TIMEOUT: Final = 2.0

Check = Callable[[], object] | Callable[[], Awaitable[object]]
"""A plain or ``async`` function that raises when what it asks for is not there."""

_logger = logging.getLogger("howdah.kit")


@dataclass(frozen=True, slots=True)
class Health:
    """How a service fares: a status of HTTP, and the JSON that says more."""

    status: int
    body: dict[str, Any]


LIVE: Final = Health(200, {"status": "ok"})


class Checks:
    """What a service needs, by name. Each check has ``timeout`` seconds; one that still hangs is not asked again."""

    def __init__(self, checks: Mapping[str, Check], *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self._checks = dict(checks)
        self._timeout = timeout
        self._running: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    def ask(self, path: str) -> Health:
        """How the service fares, for one of the kit's paths, from a thread; ``async`` checks have a loop each."""
        if path == LIVE_PATH:
            return LIVE
        deadline = time.monotonic() + self._timeout
        started = {name: self._start(name, check) for name, check in self._checks.items()}
        return self._health({name: self._result(name, future, deadline) for name, future in started.items()})

    async def ask_async(self, path: str) -> Health:
        """How the service fares, from an event loop, in which ``async`` checks run; plain ones have a thread each."""
        if path == LIVE_PATH:
            return LIVE
        names = tuple(self._checks)
        return self._health(
            dict(zip(names, await asyncio.gather(*(self._ask_one(name) for name in names)), strict=True))
        )

    async def _ask_one(self, name: str) -> str:
        check = self._checks[name]
        if not inspect.iscoroutinefunction(check):
            future = self._start(name, check)
            waited = asyncio.wrap_future(future)
            waited.add_done_callback(_retrieved)
            await asyncio.wait([waited], timeout=self._timeout)
            return self._result(name, future, 0)
        try:
            await asyncio.wait_for(check(), self._timeout)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not there
            return _failed(name, error)
        return "ok"

    def _start(self, name: str, check: Check) -> Future[None]:
        """The check, under way in a thread of its own; the same one when it still is from before."""
        with self._lock:
            running = self._running.get(name)
            if running is not None and not running.done():
                return running
            future = self._running[name] = Future()
        # A daemon, so that a check that hangs for ever keeps no process from ending.
        threading.Thread(target=_run, args=(check, future, self._timeout), name=f"check {name}", daemon=True).start()
        return future

    def _result(self, name: str, future: Future[None], deadline: float) -> str:
        try:
            future.result(max(0, deadline - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not there
            return _failed(name, error)
        return "ok"

    def _health(self, results: Mapping[str, str]) -> Health:
        if stopping.begun():
            return Health(503, {"status": "stopping"})
        if any(result != "ok" for result in results.values()):
            return Health(503, {"status": "failed", "checks": dict(results)})
        return Health(200, {"status": "ok"})


def _run(check: Check, future: Future[None], timeout: float) -> None:
    try:
        if inspect.iscoroutinefunction(check):
            asyncio.run(asyncio.wait_for(check(), timeout))
        else:
            check()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the future is told
        future.set_exception(error)
    else:
        future.set_result(None)


def _retrieved(waited: asyncio.Future[None]) -> None:
    """Nobody waits for a check that was late, and asyncio would log what it ended with."""
    if not waited.cancelled():
        waited.exception()


def _failed(name: str, error: BaseException) -> str:
    late = isinstance(error, TimeoutError)
    _logger.warning("the check %s %s", name, "did not answer in time" if late else "failed", exc_info=error)
    return "timed out" if late else "failed"
