"""A log in a file that is changed for a new one when it is full, or when a day is over; several processes may write.

Each write is one call of the system at the file's end, so that lines of different processes do not mix. Whoever finds
the file full renames it, under a lock; the others notice that it is another one, and open that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FULL: Final = 10 * 1024 * 1024
KEPT: Final = 15


class RotatingFile:
    """A stream whose text goes to a file; the ``keep`` newest of those before it are kept."""

    def __init__(self, path: Path, *, max_bytes: int = FULL, daily: bool = False, keep: int = KEPT) -> None:
        """Raises OSError: the file cannot be written."""
        self._path = path
        self._max_bytes = max_bytes
        self._daily = daily
        self._keep = keep
        self._lock = threading.Lock()
        self._file = -1
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def write(self, text: str) -> None:
        """The text is in the file. Raises OSError."""
        with self._lock:
            for data in self._pieces(text.encode()):
                if self._moved() or self._over(os.fstat(self._file), len(data)):
                    self._change(len(data))
                os.write(self._file, data)

    def flush(self) -> None:
        """Nothing: what is written is with the system."""

    def close(self) -> None:
        """The file is closed."""
        with self._lock:
            os.close(self._file)
            self._file = -1

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """The lines, as many at once as fit into one file; a line that is longer than a file has one of its own."""
        if self._max_bytes <= 0 or len(data) <= self._max_bytes:
            yield data
            return
        piece = b""
        for line in data.splitlines(keepends=True):
            if piece and len(piece) + len(line) > self._max_bytes:
                yield piece
                piece = b""
            piece += line
        yield piece

    def _open(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        # Nobody else's to read: what services log is about people.
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _moved(self) -> bool:
        """Whether somebody else has renamed or removed the file that is open here."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        here = os.fstat(self._file)
        return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino)

    def _over(self, here: os.stat_result, more: int) -> bool:
        if not here.st_size:
            return False
        if self._daily and int(here.st_mtime // 86_400) != int(time.time() // 86_400):
            return True
        return self._max_bytes > 0 and here.st_size + more > self._max_bytes

    def _change(self, more: int) -> None:
        """A file with room is open: another process's new one, or one of our own."""
        with self._alone():
            self._open()
            if not self._over(os.fstat(self._file), more):
                return
            self._path.rename(self._free_name())
            self._open()
            for old in sorted(self._path.parent.glob(f"{self._path.name}.2*"))[: -self._keep or None]:
                with contextlib.suppress(FileNotFoundError):
                    old.unlink()

    def _free_name(self) -> Path:
        """A name for what is full, in the order of time."""
        seconds, rest = divmod(time.time_ns(), 1_000_000_000)
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
        return self._path.with_name(f"{self._path.name}.{moment}.{rest:09d}Z")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process changes the file meanwhile."""
        lock = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
