"""The log book: what every process said, in memory for the control socket, in files for later, and on the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from howdah.supervisor.files import Disk, RotatingFile, path_of
from howdah.supervisor.printer import Printer
from howdah.supervisor.records import Reader, Record

FLUSH_AFTER = 0.2
FLUSH_AGAIN = 1.0  # after the disk refused, also when nobody says anything more
FLUSH_SIZE = 256 * 1024
_BEHIND = 10_000  # records a slow follower may be behind before it misses the oldest


class LogBook:
    """Takes lines from processes and keeps them; without a folder there are no files, without a printer no output."""

    def __init__(
        self,
        folder: Path | None = None,
        printer: Printer | None = None,
        *,
        remembered: int = 1000,
        file_size: int = 10 * 1024 * 1024,
        files: int = 3,
    ) -> None:
        self._folder = folder
        self._printer = printer
        self._remembered = remembered
        self._file_size = file_size
        self._kept = files
        self._readers: dict[str, Reader] = {}
        self._rings: dict[str, deque[Record]] = {}
        self._files: dict[str, RotatingFile] = {}
        self._disk = Disk()
        self._followers: set[asyncio.Queue[Record | None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """The names of all that may speak."""
        return tuple(self._rings)

    def open(self, service: str) -> None:
        """The service may speak."""
        if service in self._rings:
            return
        self._readers[service] = Reader(service)
        self._rings[service] = deque(maxlen=self._remembered)
        if self._folder is not None:
            path = path_of(self._folder, service)
            self._files[service] = RotatingFile(path, size=self._file_size, kept=self._kept, disk=self._disk)
        if self._printer is not None:
            self._printer.know(service)

    def add(self, service: str, raw: bytes) -> None:
        """The line a service printed is remembered, shown, told to followers and on its way to its file."""
        record = self._readers[service].read(raw, time.time())
        self._rings[service].append(record)
        if self._printer is not None:
            self._printer.show(record)
        for follower in self._followers:
            if follower.full():
                follower.get_nowait()
            follower.put_nowait(record)
        if service in self._files and self._files[service].add(record.text) >= FLUSH_SIZE:
            self._files[service].flush()
        elif self._timer is None and self._files:
            self._flush_later()

    def last(self, service: str, count: int) -> tuple[Record, ...]:
        """The service's last records, oldest first."""
        ring = self._rings.get(service, ())
        return tuple(ring)[-count:] if count else ()

    def remembered(
        self, services: Iterable[str] | None = None, *, since: str = "", request_id: str | None = None
    ) -> tuple[Record, ...]:
        """What is remembered of these services (all if None), oldest first, from a time on, of one request."""
        chosen = self._rings if services is None else [name for name in services if name in self._rings]
        found = [
            record
            for name in chosen
            for record in self._rings[name]
            if record.time >= since and (request_id is None or record.request_id == request_id)
        ]
        return tuple(sorted(found, key=lambda record: record.time))

    @contextmanager
    def following(self) -> Iterator[asyncio.Queue[Record | None]]:
        """A queue of every record from now on; None says that the book is closed."""
        follower: asyncio.Queue[Record | None] = asyncio.Queue(_BEHIND)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def flush(self) -> None:
        """The files hold everything, as far as the disk allows; what it refuses is tried again."""
        self._timer = None
        for file in self._files.values():
            file.flush()
        if any(file.waits for file in self._files.values()):
            with contextlib.suppress(RuntimeError):  # no loop runs any more, and with it goes what waits
                self._timer = asyncio.get_running_loop().call_later(FLUSH_AGAIN, self.flush)

    def _flush_later(self) -> None:
        try:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)
        except RuntimeError:  # no loop runs any more: the last words of a process that ends
            self.flush()

    def close(self) -> None:
        """All is written and shown; followers have been told that there is no more."""
        if self._timer is not None:
            self._timer.cancel()
        for file in self._files.values():
            file.close()
        for follower in self._followers:
            if follower.full():
                follower.get_nowait()
            follower.put_nowait(None)
        if self._printer is not None:
            self._printer.close()


class BookStream:
    """A text stream into the log book, for this process's own log (`observe.logs.configure`)."""

    def __init__(self, book: LogBook, service: str) -> None:
        self._book = book
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        book.open(service)

    def write(self, text: str) -> int:
        """Each line of the text is in the book; from another thread, as soon as the loop comes to it."""
        for line in text.splitlines():
            raw = line.encode("utf-8", "backslashreplace")
            if self._loop.is_running() and threading.get_ident() != self._thread:
                self._loop.call_soon_threadsafe(self._book.add, self._service, raw)
            else:
                self._book.add(self._service, raw)
        return len(text)

    def flush(self) -> None:
        """Nothing waits in the stream itself."""
