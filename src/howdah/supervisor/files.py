"""Log files: JSON lines per process, turned over by size, on a disk that may be full."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from howdah.supervisor.records import Record, from_fields

SUFFIX = ".jsonl"
_KEPT_WHILE_FULL = 1024 * 1024  # bytes that wait for a full disk to have room again


class Disk:
    """What several files on one disk say of it together: one warning when it refuses, one when it goes on."""

    def __init__(self) -> None:
        self._refused: set[Path] = set()
        self._lost = 0

    def refuses(self, path: Path, problem: OSError, lost: int) -> None:
        """A file could not be written, and so many lines of it went for good."""
        first = not self._refused
        self._refused.add(path)
        self._lost += lost
        if first:
            _warn(f"cannot write {path}: {problem.strerror}; everything runs on, lines wait in memory")

    def takes(self, path: Path) -> None:
        """A file was written."""
        if path in self._refused:
            self._refused.discard(path)
            if not self._refused:
                lost, self._lost = self._lost, 0
                _warn(f"{path} is written again" + (f"; {lost} lines were lost" if lost else ""))


class RotatingFile:
    """A file that is renamed to ``name.1`` (and that to ``name.2``) when it reaches its size.

    While the disk refuses, lines wait in memory up to a limit, the oldest go first, and nobody is disturbed: one
    warning on stderr, one when it goes on.
    """

    def __init__(self, path: Path, *, size: int, kept: int, disk: Disk | None = None) -> None:
        self._path = path
        self._size = size
        self._kept = kept
        self._waiting = bytearray()
        self._file = -1
        self._written = 0
        self._disk = disk or Disk()
        self._begun = False

    def add(self, line: str) -> int:
        """The line will be in the file after the next flush; returns how many bytes wait."""
        self._waiting += line.encode("utf-8", "backslashreplace") + b"\n"
        return len(self._waiting)

    @property
    def waits(self) -> bool:
        """Whether there are lines that are not in the file yet."""
        return bool(self._waiting)

    def flush(self) -> None:
        """What waits is in the file, unless the disk refuses it; then it goes on waiting."""
        if not self._waiting:
            return
        try:
            self._open()
            while self._waiting:
                # A whole number of lines at a time, so that a turned-over file ends with a line.
                room = max(self._size - self._written, 1)
                cut = len(self._waiting) if len(self._waiting) <= room else self._waiting.find(b"\n", room - 1) + 1
                count = os.write(self._file, bytes(self._waiting[:cut]))
                self._written += count
                del self._waiting[:count]
                if self._written >= self._size and count == cut:
                    self._turn_over()
        except OSError as problem:
            self._close()
            self._wait_for_room(problem)
        else:
            self._disk.takes(self._path)

    def close(self) -> None:
        """What waited was written, if the disk let it."""
        self.flush()
        self._close()

    def _open(self) -> None:
        if self._file >= 0:
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(self._file).st_ino == self._path.stat().st_ino:
                    return
            self._close()  # somebody removed or replaced the file
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._written = os.fstat(self._file).st_size
        if not self._begun:
            self._begun = True
            if self._written and os.pread(self._file, 1, self._written - 1) != b"\n":
                self._waiting[:0] = b"\n"  # an earlier run was cut off in the middle of a line

    def _turn_over(self) -> None:
        self._close()
        for number in range(self._kept - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                _numbered(self._path, number - 1).replace(_numbered(self._path, number))
        if self._kept <= 1:
            self._path.unlink(missing_ok=True)
        self._open()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _wait_for_room(self, problem: OSError) -> None:
        lost, excess = 0, len(self._waiting) - _KEPT_WHILE_FULL
        if excess > 0:
            end = self._waiting.find(b"\n", excess) + 1
            lost = self._waiting.count(b"\n", 0, end)
            del self._waiting[:end]
        self._disk.refuses(self._path, problem, lost)


def history(
    folder: Path, services: Iterable[str] | None = None, *, since: str = "", request_id: str | None = None
) -> Iterator[Record]:
    """The records in the log files, oldest first across services, from the time ``since`` (RFC 3339) on.

    A line that was cut short by a crash is passed over.
    """
    names = sorted(
        {path.name.split(SUFFIX)[0] for path in folder.glob(f"*{SUFFIX}*")} if services is None else services
    )
    merged = heapq.merge(*(_records(folder, name) for name in names), key=lambda record: record.time)
    for record in merged:
        if record.time >= since and (request_id is None or record.request_id == request_id):
            yield record


def path_of(folder: Path, service: str) -> Path:
    """The file the service's records go to."""
    return folder / f"{service}{SUFFIX}"


def _records(folder: Path, service: str) -> Iterator[Record]:
    path = path_of(folder, service)
    numbers = [int(old.suffix[1:]) for old in folder.glob(f"{path.name}.*") if old.suffix[1:].isdigit()]
    for number in (*sorted(numbers, reverse=True), 0):
        try:
            with _numbered(path, number).open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    with contextlib.suppress(ValueError):
                        fields = json.loads(line)
                        if isinstance(fields, dict):
                            yield from_fields(fields, line.rstrip("\n"))
        except FileNotFoundError:
            continue


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _warn(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # stderr may be on the same disk
        sys.stderr.write(f"howdah: {text}\n")
