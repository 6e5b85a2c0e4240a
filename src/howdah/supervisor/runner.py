"""The life of one process: started, asked until it is ready, restarted when it ends or its files change, ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from howdah.errors import HowdahError
from howdah.observe.events import emit
from howdah.supervisor import ready
from howdah.supervisor.guarding import Guarding
from howdah.supervisor.logs import LogBook
from howdah.supervisor.ports import free_port
from howdah.supervisor.process import NoReady, Process, State, Status
from howdah.supervisor.spawn import Child, environment_of, spawn
from howdah.supervisor.watch import changes

DETAIL_LINES = 40
_FIRST_INTERVAL = 0.02  # seconds between questions for readiness, growing to
_LONGEST_INTERVAL = 0.5
_SURVIVES = 0.2  # seconds a process without a check must live to count as ready
_FAILURES_TO_FAIL = 2  # in a row; the first may be a port somebody else took


@dataclass(frozen=True, slots=True)
class ProcessReady:
    """A process answers."""

    process: str
    seconds: float
    address: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessRestarting:
    """A process is started again."""

    process: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProcessFailed:
    """A process ended or never became ready; it is tried again in the background and when its files change."""

    level: ClassVar[str] = "error"

    process: str
    reason: str


class Runner:
    """Runs one Process until it is told to stop, and says after each change how it fares."""

    def __init__(
        self,
        process: Process,
        *,
        rank: int,
        marker: str,
        guarding: Guarding,
        book: LogBook,
        hurry: asyncio.Event,
        changed: Callable[[Status], None],
    ) -> None:
        self.process = process
        self.rank = rank
        self.status = Status(process.name, State.STARTING, time.time())
        self.was_ready = asyncio.Event()
        self._marker = marker
        self._guarding = guarding
        self._book = book
        self._hurry = hurry
        self._changed = changed
        self._asked = asyncio.Event()
        self._stopping = False
        self._elsewhere: int | None = None  # the port of whatever stands in for the process
        self._reason = ""
        self._failures = 0
        self._said = 0  # lines of this life
        self._tasks: list[asyncio.Task[None]] = []
        book.open(process.name)

    def start(self, after: tuple[Runner, ...]) -> None:
        """The process starts as soon as those before it were ready."""
        self._tasks = [asyncio.create_task(self._run(after), name=f"run {self.process.name}")]
        if self.process.watch:
            self._tasks.append(asyncio.create_task(self._watch(), name=f"watch {self.process.name}"))
        for task in self._tasks:
            task.add_done_callback(self._broke)

    def ask_restart(self, reason: str) -> None:
        """The process is ended and started again, whatever it is doing now, also when it had failed."""
        self._reason = reason
        self._asked.set()

    def stand_in(self, port: int | None) -> None:
        """Another process, which listens on the port, takes the place of this one; with None it has its place again."""
        self._elsewhere = port
        self.ask_restart("another process stands in for it" if port is not None else "it has its place again")

    async def stop(self) -> None:
        """The process and all it started have ended."""
        self._stopping = True
        self._asked.set()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, after: tuple[Runner, ...]) -> None:
        try:
            for runner in after:
                self._become(State.STARTING, reason=f"waits for {runner.process.name}")
                while not (self._stopping or runner.was_ready.is_set()):
                    self._asked.clear()  # a restart of what has not started is nothing to do
                    await self._unless_asked(runner.was_ready.wait())
            while not self._stopping:
                self._asked.clear()
                if self._elsewhere is not None:
                    self._become(State.READY, pid=None, port=self._elsewhere, reason=self._reason, detail=())
                    await self._asked.wait()
                else:
                    await self._once()
        finally:
            self._become(State.STOPPED, pid=None, port=None, reason=None)

    async def _once(self) -> None:
        """One life of the process: from its start to its end, and the wait before the next."""
        # What failed stays failed in everybody's eyes while it is tried in the background: the gateway shows why at
        # once instead of waiting each time. A save or a command is a new chance.
        quiet = self.status.state is State.FAILED and not self._reason
        if self._reason:
            self._failures = min(self._failures, 1)
        self._reason = ""
        began = time.monotonic()
        try:
            if self.process.before_start is not None:
                await self.process.before_start()
            child = await self._spawn(quiet=quiet)
        except (OSError, HowdahError) as problem:
            await self._failed(f"cannot be started: {problem}", code=None)
            return
        ready_since = await self._live(child, began)
        if self._asked.is_set():
            if not self._stopping:
                self._restarting(self._reason)
            await child.end(self.process.stop, self._hurry)
            self._guarding.forget(child.pid)
            return
        reason, code = child.exit_reason(), child.exit_code
        await child.clear(self._hurry)
        self._guarding.forget(child.pid)
        if ready_since is not None and time.monotonic() - ready_since >= self.process.restart.healthy_after:
            self._failures = 0
        await self._failed(reason, code=code)

    async def _spawn(self, *, quiet: bool) -> Child:
        self._said = 0
        port = free_port() if self.process.port else None
        child = await spawn(
            self.process,
            guarding=self._guarding,
            rank=self.rank,
            marker=self._marker,
            port=port,
            take=self._take,
        )
        state = State.FAILED if quiet else State.STARTING
        self._become(state, pid=child.pid, port=port, reason=self.status.reason if quiet else None)
        return child

    def _take(self, line: bytes) -> None:
        self._said += 1
        self._book.add(self.process.name, line)

    async def _live(self, child: Child, began: float) -> float | None:
        """Returns when the process has ended or something is asked of it; says since when it was ready, if it was."""
        becoming = asyncio.create_task(self._become_ready(child, began))
        ending = asyncio.create_task(child.wait())
        asking = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({ending, asking}, return_when=asyncio.FIRST_COMPLETED)
            return becoming.result() if becoming.done() and not becoming.cancelled() else None
        finally:
            for task in (becoming, ending, asking):
                task.cancel()
            await asyncio.gather(becoming, ending, asking, return_exceptions=True)

    async def _become_ready(self, child: Child, began: float) -> float:
        """Asks until the process is ready; a process that takes too long has failed, but is asked on."""
        check = self.process.ready
        limit = None if isinstance(check, NoReady) else check.timeout
        interval = _FIRST_INTERVAL
        if isinstance(check, NoReady):
            await asyncio.sleep(_SURVIVES)
        environment = environment_of(self.process, child.port, self._marker)
        while True:
            answered, said = await ready.is_ready(self.process, child.port, environment)
            if answered and not child.has_ended:
                break
            if limit is not None and time.monotonic() - began > limit:
                self._fail(f"not ready within {limit:g} s: {ready.describe(check)}: {said}")
                limit = None
            await asyncio.sleep(interval)
            interval = min(_LONGEST_INTERVAL, interval * 1.5)
        self._become(State.READY, reason=None, detail=())
        self.was_ready.set()
        emit(ProcessReady(self.process.name, round(time.monotonic() - began, 3), self.status.address))
        return time.monotonic()

    async def _failed(self, reason: str, *, code: int | None) -> None:
        """Waits until the process should be tried again: its back-off, a change of its files, or a command."""
        self._failures += 1
        restart = self.process.restart
        over = restart.policy == "never" or (restart.policy == "on-failure" and code == 0)
        if over and code == 0:
            self._become(State.STOPPED, pid=None, port=None, reason=reason)
        elif over or self._failures >= _FAILURES_TO_FAIL or self.status.state is State.FAILED:
            self._fail(reason, pid=None, port=None)
        else:
            self._restarting(reason, pid=None, port=None)
        await self._unless_asked(asyncio.sleep(restart.delay(self._failures)) if not over else asyncio.Event().wait())

    def _restarting(self, reason: str, **fields: int | None) -> None:
        self._become(State.RESTARTING, reason=reason, restarts=self.status.restarts + 1, **fields)
        emit(ProcessRestarting(self.process.name, reason))

    def _fail(self, reason: str, **fields: int | None) -> None:
        again = self.status.state is State.FAILED
        detail = tuple(record.plain for record in self._book.last(self.process.name, min(self._said, DETAIL_LINES)))
        self._become(
            State.FAILED, reason=reason, detail=detail, restarts=self.status.restarts + (self._failures > 1), **fields
        )
        if not again:
            emit(ProcessFailed(self.process.name, reason))

    def _become(self, state: State, **fields: object) -> None:
        since = self.status.since if state is self.status.state else time.time()
        changed = replace(self.status, state=state, since=since, **fields)  # type: ignore[arg-type]  # replace() is untyped
        if changed != self.status:
            self.status = changed
            self._changed(changed)

    async def _unless_asked(self, waiting: Coroutine[Any, Any, object]) -> None:
        """Returns when the coroutine is done or something is asked of the runner."""
        done = asyncio.create_task(waiting)
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({done, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            done.cancel()
            asked.cancel()

    def _broke(self, task: asyncio.Task[None]) -> None:
        """A fault of ours is not silent: the process is shown as failed, with what happened."""
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._fail(f"fault in howdah: {task.get_name()}: {type(problem).__name__}: {problem}")

    async def _watch(self) -> None:
        async with aclosing(changes(self.process.name, self.process.watch)) as saved:
            async for files in saved:
                more = f" and {len(files) - 1} more" if len(files) > 1 else ""
                self.ask_restart(f"{files[0].name}{more} changed")
