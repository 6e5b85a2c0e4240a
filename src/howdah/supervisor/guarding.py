"""The supervisor's end of the guard's pipe: keeps a guard alive and tells it of every process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from howdah.observe.events import emit
from howdah.supervisor import guard
from howdah.supervisor.process import StopStep

_RESTART_DELAY = 0.05


@dataclass(frozen=True, slots=True)
class GuardReplaced:
    """The guard was killed; a new one knows all processes again."""

    level: ClassVar[str] = "warning"

    processes: int


def announcement(rank: int, steps: tuple[StopStep, ...]) -> str:
    """What a process says about itself after its pid: its rank, and how it wants to be ended."""
    return f"{rank} " + ",".join(f"{step.signal.name.removeprefix('SIG')}:{step.timeout:g}" for step in steps)


class Guarding:
    """A guard, replaced when it dies, and the pipe through which processes are announced to it."""

    def __init__(self, marker: str, keep_open: tuple[int, ...] = ()) -> None:
        self._marker = marker
        self._keep_open = keep_open
        self._known: dict[int, str] = {}
        self._pipe = -1
        self._guard: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def pipe(self) -> int:
        """The file descriptor a new process writes its announcement to."""
        return self._pipe

    @property
    def pid(self) -> int | None:
        """The guard's own pid."""
        return None if self._guard is None else self._guard.pid

    async def start(self) -> None:
        """A guard is running, and is replaced should it die."""
        await self._launch()
        self._watching = asyncio.create_task(self._watch(), name="guard")

    async def stop(self) -> None:
        """The guard has seen the end of its pipe and has ended what was still known to it."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        self._close_pipe()
        if self._guard is not None:
            await self._guard.wait()
            self._guard = None

    def know(self, pid: int, said: str) -> None:
        """A later guard will be told of this process, which told the present one itself."""
        self._known[pid] = said

    def forget(self, pid: int) -> None:
        """The process is gone with its whole group, and its number may be reused."""
        if self._known.pop(pid, None) is not None:
            self._say(f"- {pid}\n")

    async def _launch(self) -> None:
        reading, writing = os.pipe()
        try:
            self._guard = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", guard.__file__, self._marker),
                stdin=reading,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": os.defpath},
                cwd=Path("/"),
                start_new_session=True,
                pass_fds=self._keep_open,
            )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        self._close_pipe()
        self._pipe = writing
        for pid, said in self._known.items():
            self._say(f"+ {pid} {said}\n")

    async def _watch(self) -> None:
        while True:
            assert self._guard is not None
            await self._guard.wait()
            await asyncio.sleep(_RESTART_DELAY)  # not in a tight loop should it die at once each time
            await self._launch()
            emit(GuardReplaced(len(self._known)))

    def _say(self, line: str) -> None:
        # A broken pipe means that the guard has just died: its successor is told everything.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, line.encode("ascii"))

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
