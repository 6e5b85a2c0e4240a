"""Starts one process under the guard's eyes, reads what it prints, and ends it with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Any

from howdah.supervisor import guard
from howdah.supervisor.guarding import Guarding, announcement
from howdah.supervisor.process import HOST, Process, StopStep

LONGEST_LINE = 64 * 1024
HURRIED = 1.0  # seconds a step may still take once the user is impatient
_DRAIN = 1.0  # seconds for the last output of a process that has ended
_KILLED = 5.0  # seconds for the kernel to end a process after SIGKILL

# The shell announces its own pid to the guard on standard input, and then becomes the program: never a process without
# a guard. Without a guard the write fails, SIGPIPE ends the shell, and nothing was started.
_SHIM = 'printf "+ %s %s\\n" "$$" "$1" >&0 && shift && exec "$@" </dev/null'


class Lines:
    """Cuts a stream of bytes into lines; one longer than LONGEST_LINE is cut and says how much is missing."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._rest = b""
        self._skipped = 0

    def feed(self, data: bytes) -> None:
        """Every line completed by the data is taken."""
        *complete, rest = (self._rest + data).split(b"\n")
        for line in complete:
            self._give(line)
        if len(rest) > LONGEST_LINE:
            self._skipped += len(rest) - LONGEST_LINE
            rest = rest[:LONGEST_LINE]
        self._rest = rest

    def end(self) -> None:
        """A last line without its newline is taken as well."""
        if self._rest:
            self._give(self._rest)
            self._rest = b""

    def _give(self, line: bytes) -> None:
        missing = self._skipped + max(0, len(line) - LONGEST_LINE)
        self._skipped = 0
        self._take(line[:LONGEST_LINE] + f" ... ({missing} bytes more)".encode() if missing else line)


class _Output(asyncio.SubprocessProtocol):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self.lines = Lines(take)
        self.ended: asyncio.Future[None] = loop.create_future()
        self.drained: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - asyncio's signature
        self.lines.feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lines.end()
        if not self.drained.done():
            self.drained.set_result(None)

    def process_exited(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class Child:
    """A running process; made by `spawn`."""

    def __init__(
        self, transport: asyncio.SubprocessTransport, output: _Output, process: Process, marker: str, port: int | None
    ) -> None:
        self._transport = transport
        self._output = output
        self._process = process
        self._marker = marker
        self.pid = transport.get_pid()
        self.port = port

    async def wait(self) -> None:
        """The process has ended by itself or through somebody else."""
        await asyncio.shield(self._output.ended)

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone (others of its group may be left)."""
        return self._output.ended.done()

    @property
    def exit_code(self) -> int | None:
        """Its exit code, the negative number of the signal that ended it, or None while it runs."""
        return self._transport.get_returncode()

    def exit_reason(self) -> str:
        """How it ended, in words."""
        code = self.exit_code
        if code is None:
            return "it is still running"
        if code >= 0:
            return f"exit code {code}"
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-code).name}"
        return f"ended by signal {-code}"

    async def end(self, steps: tuple[StopStep, ...], hurry: asyncio.Event) -> None:
        """The process and everything it started have ended: each step in turn, then SIGKILL."""
        for step in steps:
            if self.has_ended:
                break
            guard.send(self.pid, step.signal)
            await self._ended_within(step.timeout, hurry)
        if not self.has_ended:
            guard.send_group(self.pid, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), _KILLED)
        await self.clear(hurry)

    async def clear(self, hurry: asyncio.Event) -> None:
        """Nothing is left of an ended process: not its group, not what left its group, and its output is read."""
        grace = 0.0 if hurry.is_set() else guard.LEFTOVER_GRACE
        await asyncio.to_thread(self._end_leftovers, grace)
        await asyncio.wait({self._output.drained}, timeout=_DRAIN)
        self._transport.close()

    def _end_leftovers(self, grace: float) -> None:
        guard.end_group(self.pid, grace)
        guard.end_marked(self._marker, grace)

    async def _ended_within(self, seconds: float, hurry: asyncio.Event) -> None:
        hurried = asyncio.create_task(hurry.wait())
        try:
            events: set[asyncio.Future[Any]] = {self._output.ended, hurried}
            await asyncio.wait(events, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if hurry.is_set() and not self.has_ended:
                await asyncio.wait({self._output.ended}, timeout=min(seconds, HURRIED))
        finally:
            hurried.cancel()


async def spawn(
    process: Process,
    *,
    guarding: Guarding,
    rank: int,
    marker: str,
    port: int | None,
    take: Callable[[bytes], None],
) -> Child:
    """The process runs in a session of its own, known to the guard; each line it prints is given to ``take``.

    Raises OSError when it cannot be started at all (a missing folder, no permission). A missing program is not noticed
    here: the shell says so on the output, and exits with 127.
    """
    captured = process.output == "capture"
    said = announcement(rank, process.stop)
    output = _Output(take)
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        lambda: output,
        *("/bin/sh", "-c", _SHIM, "howdah", said, *arguments(process, port)),
        stdin=guarding.pipe,
        stdout=asyncio.subprocess.PIPE if captured else None,
        stderr=asyncio.subprocess.STDOUT if captured else None,
        cwd=process.folder,
        env=environment_of(process, port, marker),
        start_new_session=True,
        pass_fds=process.sockets,
        user=process.user,
        group=process.group,
        extra_groups=process.extra_groups if process.user is not None else None,
    )
    if not captured:
        output.drained.set_result(None)
    guarding.know(transport.get_pid(), said)
    return Child(transport, output, process, marker, port)


def arguments(process: Process, port: int | None) -> tuple[str, ...]:
    """The command with its port and host filled in.

    >>> from pathlib import Path
    >>> arguments(Process(name="app", command=("serve", "--bind=$HOST:${PORT}"), folder=Path()), 5000)
    ('serve', '--bind=127.0.0.1:5000')
    """
    if port is None:
        return process.command
    return tuple(
        part.replace("${PORT}", str(port)).replace("$PORT", str(port)).replace("${HOST}", HOST).replace("$HOST", HOST)
        for part in process.command
    )


def environment_of(process: Process, port: int | None, marker: str) -> dict[str, str]:
    """The environment the process gets: its own, its address, and the marker by which its descendants are found."""
    environment = {**process.environment, guard.MARKER: marker}
    if port is not None:
        environment |= {"PORT": str(port), "HOST": HOST}
    return environment
