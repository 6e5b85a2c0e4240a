"""Postgres processes that outlived the run which started them: found safely, and ended cleanly before the next start.

A pid in a file proves nothing, because numbers are reused. A process is the server of a data folder when it is a
``postgres`` whose working directory is that folder (Linux), or whose command line names it (elsewhere).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from howdah.observe.events import emit

PID_FILE = "postmaster.pid"
# How to end a server: fast, then at once without a checkpoint, then by force. All are safe: the log is replayed.
STEPS: tuple[tuple[signal.Signals, float], ...] = (
    (signal.SIGINT, 30.0),
    (signal.SIGQUIT, 5.0),
)
_STATUS_LINE = 7  # LOCK_FILE_LINE_PM_STATUS of miscadmin.h, counted from 0
_PROC = Path("/proc")
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class OrphanEnded:
    """A Postgres of an earlier run was still working on the project's data, and was ended."""

    level: ClassVar[str] = "warning"

    pid: int


def end(data: Path) -> None:
    """No process works on the data folder, and no stale pid file stands in the way of the next server.

    The caller holds the project's lock, so that whatever runs here is a leftover.
    """
    postmaster = _postmaster(data)
    if postmaster is not None:
        emit(OrphanEnded(postmaster))
        for number, seconds in (*STEPS, (signal.SIGKILL, 5.0)):
            _send(postmaster, number)
            if _gone(data, {postmaster}, seconds):
                break
    # Backends of a server that was killed: they lead sessions of their own, and notice only when they wait.
    for number in (signal.SIGQUIT, signal.SIGKILL):
        left = workers(data)
        for pid in left:
            _send(pid, number)
        if _gone(data, left, 5.0):
            break
    if _postmaster(data) is None:
        (data / PID_FILE).unlink(missing_ok=True)


def is_open(data: Path) -> bool:
    """Whether the data folder's pid file says that its server takes connections."""
    try:
        lines = (data / PID_FILE).read_text(errors="replace").splitlines()
    except OSError:
        return False
    return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"


def workers(data: Path) -> set[int]:
    """The Postgres processes that work on the data folder, as far as this system and user can see them."""
    if not (_PROC / "self").exists():
        pid = _postmaster(data)
        return set() if pid is None else {pid}
    real = os.path.realpath(data)
    pids = (int(entry.name) for entry in os.scandir(_PROC) if entry.name.isdigit())
    return {pid for pid in pids if _works_in(pid, real)}


def _postmaster(data: Path) -> int | None:
    """The pid of the server that runs on the data folder, if there is one."""
    try:
        pid = int((data / PID_FILE).read_text(errors="replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    real = os.path.realpath(data)
    return pid if pid > 0 and _works_in(pid, real) else None


def _works_in(pid: int, data: str) -> bool:
    folder = _PROC / str(pid)
    if (_PROC / "self").exists():
        try:
            here = os.readlink(folder / "cwd") == data  # noqa: PTH115 - the text, not a Path
            return here and (folder / "comm").read_text(errors="replace").startswith("postgres")
        except OSError:  # gone, a zombie, or another user's
            return False
    shown = subprocess.run(("ps", "-o", "command=", "-p", str(pid)), capture_output=True, text=True, check=False)
    return "postgres" in shown.stdout and data in shown.stdout


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _gone(data: Path, pids: set[int], seconds: float) -> bool:
    real = os.path.realpath(data)
    deadline = time.monotonic() + seconds
    while any(_works_in(pid, real) for pid in pids):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True
