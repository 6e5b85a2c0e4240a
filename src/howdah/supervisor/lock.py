"""One run per project folder: a lock that the kernel gives back whatever happens, and says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from howdah.supervisor.errors import AlreadyRunning
from howdah.supervisor.guard import is_alive, started_at

_POLL = 0.05


class Lock:
    """A held lock; made by `acquire`. Its file descriptor may be inherited by the guard, which then holds it too."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self.descriptor = descriptor

    def describe(self, **facts: Any) -> None:
        """Whoever finds the lock held can read our pid and these facts (such as ``url``) in its file."""
        text = json.dumps({"pid": os.getpid(), "started": started_at(os.getpid()), **facts}).encode()
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text, 0)

    def release(self) -> None:
        """The folder is free, as soon as the guard has gone too."""
        if self.descriptor >= 0:
            os.ftruncate(self.descriptor, 0)
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(path: Path, *, patience: float = 30.0) -> Lock:
    """The lock is ours; the file is made if need be.

    When its holder was killed and its guard is still ending the processes, this waits for the guard.

    Raises AlreadyRunning when a living process holds it, naming pid and URL.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, path, patience)
    except BaseException:
        os.close(descriptor)
        raise
    lock = Lock(path, descriptor)
    lock.describe()
    return lock


def holder_of(path: Path) -> dict[str, Any] | None:
    """What the living process that described itself in the lock's file said, or None if there is none."""
    try:
        facts = json.loads(path.read_bytes())
        pid = int(facts["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    same = is_alive(pid) and started_at(pid) == facts.get("started")
    return facts if same else None


def _take(descriptor: int, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not _taken(descriptor):
        holder = holder_of(path)
        if holder is not None:
            url = f" at {holder['url']}" if holder.get("url") else ""
            raise AlreadyRunning(
                f"howdah is already running for this project: pid {holder['pid']}{url}",
                hint="Use `howdah status` to look at it, `howdah stop` to end it.",
            )
        if time.monotonic() >= deadline:
            raise AlreadyRunning(
                "an earlier run of howdah was killed and its processes are still ending", hint="Try again shortly."
            )
        time.sleep(_POLL)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
