"""The supervisor: keeps a set of processes running in the order of their dependencies, and ends them in reverse.

    async def start() -> None:
        supervisor.add(postgres)
        await supervisor.ready("postgres")
        supervisor.add(platform, service)

    async with Supervisor(key=..., book=book) as supervisor:
        await supervisor.run(start())          # until Ctrl-C, SIGTERM, or `request_stop`

Needs the event loop of the standard library: uvloop cannot start a process as another user.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from howdah.observe.events import emit
from howdah.supervisor import guard
from howdah.supervisor.errors import UnknownProcess
from howdah.supervisor.guarding import Guarding
from howdah.supervisor.logs import LogBook
from howdah.supervisor.process import Process, State, Status
from howdah.supervisor.runner import Runner

_BEHIND = 1000  # changes a slow listener may be behind before it misses the oldest


@dataclass(frozen=True, slots=True)
class LeftoversEnded:
    """Processes of an earlier run that outlived both its supervisor and its guard were ended."""

    processes: int


class Supervisor:
    """Runs processes. ``key`` names the project: processes of an earlier run under the same key are ended at the start.

    The caller holds the project's lock (`lock`), whose descriptor goes into ``keep_open``: should this process be
    killed, the guard keeps the lock until it has ended everything.
    """

    def __init__(self, *, key: str, book: LogBook, keep_open: tuple[int, ...] = ()) -> None:
        self._key = key
        self._run = f"{key}/{secrets.token_hex(8)}/"
        self._book = book
        self._guarding = Guarding(self._run, keep_open)
        self._runners: dict[str, Runner] = {}
        self._listeners: set[asyncio.Queue[Status | None]] = set()
        self._news = asyncio.Event()  # set, and replaced, at each change
        self._hurry = asyncio.Event()
        self._stop_requested = asyncio.Event()
        self._stopped = False

    async def __aenter__(self) -> Self:
        ended = await asyncio.to_thread(guard.end_marked, f"{self._key}/")
        if ended:
            emit(LeftoversEnded(ended))
        await self._guarding.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def book(self) -> LogBook:
        """What the processes said."""
        return self._book

    @property
    def guard_pid(self) -> int | None:
        """The pid of the guard that watches over this process."""
        return self._guarding.pid

    @property
    def stop_requested(self) -> asyncio.Event:
        """Set once somebody wants all processes to end."""
        return self._stop_requested

    def add(self, *processes: Process) -> None:
        """The processes will run, each as soon as those it depends on were ready once.

        Raises UnknownProcess when one depends on a process that was not added before or together with it.
        """
        for process in processes:
            after = tuple(self._runner(name) for name in process.depends_on)
            runner = Runner(
                process,
                rank=1 + max((other.rank for other in after), default=0),
                marker=f"{self._run}{process.name}",
                guarding=self._guarding,
                book=self._book,
                hurry=self._hurry,
                changed=self._tell,
            )
            self._runners[process.name] = runner
            self._tell(runner.status)
            runner.start(after)

    def statuses(self) -> tuple[Status, ...]:
        """How all processes fare, in the order in which they were added."""
        return tuple(runner.status for runner in self._runners.values())

    def status(self, name: str) -> Status:
        """How one process fares. Raises UnknownProcess."""
        return self._runner(name).status

    async def ready(self, *names: str) -> tuple[Status, ...]:
        """How the named processes (all, if none is named) fare once each is ready, has failed or has stopped."""
        chosen = [self._runner(name) for name in names or self._runners]
        settled = (State.READY, State.FAILED, State.STOPPED)
        while not all(runner.status.state in settled for runner in chosen):
            await self._news.wait()
        return tuple(runner.status for runner in chosen)

    def restart(self, name: str, reason: str = "asked to") -> None:
        """The process is ended and started again. Raises UnknownProcess."""
        self._runner(name).ask_restart(reason)

    @contextmanager
    def standing_in(self, name: str, port: int) -> Iterator[None]:
        """Whatever listens on the port takes the place of the process, which does not run meanwhile.

        Raises UnknownProcess.
        """
        runner = self._runner(name)
        runner.stand_in(port)
        try:
            yield
        finally:
            runner.stand_in(None)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Status | None]]:
        """A queue of every change of a status from now on; None says that there will be no more."""
        queue: asyncio.Queue[Status | None] = asyncio.Queue(_BEHIND)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def request_stop(self) -> None:
        """All processes shall end; asked a second time, without patience."""
        if self._stop_requested.is_set():
            self._hurry.set()
        self._stop_requested.set()

    async def run(self, start: Coroutine[Any, Any, None] | None = None) -> None:
        """Keeps the processes running until a stop is requested, then ends them.

        Ctrl-C, SIGTERM and a closed terminal request a stop; a second one hurries it. ``start`` adds the processes and
        waits for what it needs: it is cancelled by a stop, and what it raises ends everything and is raised again.
        """
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self.request_stop)
        try:
            starting = None if start is None else asyncio.create_task(start)
            await self._until_stop(starting)
            await self.stop()
            if starting is not None and not starting.cancelled():
                starting.result()
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    async def _until_stop(self, starting: asyncio.Task[None] | None) -> None:
        """Returns when a stop is requested or the start has failed; the start is over then."""
        stop = asyncio.create_task(self._stop_requested.wait())
        try:
            if starting is not None:
                await asyncio.wait({stop, starting}, return_when=asyncio.FIRST_COMPLETED)
            if starting is None or (starting.done() and not starting.cancelled() and starting.exception() is None):
                await stop
        finally:
            stop.cancel()
            if starting is not None and not starting.done():
                starting.cancel()
                await asyncio.wait({starting})

    async def stop(self) -> None:
        """Every process has ended, those that depend on others before those, and the guard has gone."""
        self._stop_requested.set()
        for rank in sorted({runner.rank for runner in self._runners.values()}, reverse=True):
            await asyncio.gather(*(runner.stop() for runner in self._runners.values() if runner.rank == rank))
        await self._guarding.stop()
        if not self._stopped:
            self._stopped = True
            for listener in self._listeners:
                _put(listener, None)

    def _runner(self, name: str) -> Runner:
        try:
            return self._runners[name]
        except KeyError:
            known = ", ".join(self._runners) or "none"
            raise UnknownProcess(f"no process is called {name!r}", hint=f"There is: {known}.") from None

    def _tell(self, status: Status) -> None:
        for listener in self._listeners:
            _put(listener, status)
        self._news.set()
        self._news = asyncio.Event()


def _put(queue: asyncio.Queue[Status | None], status: Status | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(status)
