"""The log of this process: events and log records go, as JSON lines, to one stream.

What is logged is collected, made into lines and written together: when there is much, when a warning or an error is
among it, a moment after the first (by the running event loop's timer, or by a thread where that was asked for) and at
exit; without a running loop and without that thread, at once.
Lines that are made one after the other cost half of what each costs between two requests.
A stream that fails (disk full, reader gone) costs the lines it refused and nothing else: one note on stderr, and a
line with their number as soon as it takes lines again.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from howdah.observe import events, lines

FLUSH_AFTER = 0.05  # seconds; what a kill -9 may cost
FLUSH_COUNT = 64  # events and records: so many are made into lines in a fraction of a millisecond


class Stream(Protocol):
    """What a log is written to: sys.stdout, a text file."""

    def write(self, text: str, /) -> object:
        """The text is on its way."""

    def flush(self) -> object:
        """The text has left this process."""


_Event = tuple[object, lines.Shape, float]
"""An event that is no line yet, what its class has in common, and when it happened."""


@dataclass(frozen=True, slots=True)
class LogLinesLost:
    """The stream refused lines for a while (disk full, reader gone)."""

    level: ClassVar[str] = "warning"

    lines: int


class Log:
    """Writes events and log records to a stream; made by `configure`."""

    def __init__(self, stream: Stream, *, service: str, level: int, threaded: bool = False) -> None:
        self._flusher = _Flusher(self.flush) if threaded else None
        self._stream = stream
        self._service = service
        self._level = level
        self._lock = threading.RLock()  # re-entrant: a signal may be handled, and logged, in the middle of a write
        self._waiting: list[_Event | str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lost = 0
        self._shapes: dict[type, lines.Shape] = {}

    def event(self, event: object) -> None:
        """The event is on its way to the stream, when it is loud enough."""
        shape = self._shapes.get(type(event)) or self._shape(type(event))
        if shape.level >= self._level:
            self._add((event, shape, time.time()), shape.level)

    def record(self, record: logging.LogRecord) -> None:
        """The standard library's log record is on its way to the stream, when it is loud enough."""
        if record.levelno >= self._level:
            self._add(lines.record_line(record, self._service, record.created), record.levelno)

    def flush(self) -> None:
        """Everything collected is written, or counted as lost."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = self._loop = None
            if not self._waiting:
                return
            waiting, self._waiting = self._waiting, []
            text = "".join([one if type(one) is str else lines.event_line(*one) for one in waiting])
            if self._lost:
                text = self._note(LogLinesLost(self._lost)) + text
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError) as problem:  # ValueError: the stream was closed
                self._refused(len(waiting), problem)
            else:
                self._lost = 0

    def forget(self) -> None:
        """Nothing is waiting any more: in a forked child the lines are the parent's to write."""
        self._lock = threading.RLock()
        self._waiting, self._timer, self._loop = [], None, None
        if self._flusher is not None:
            self._flusher = _Flusher(self.flush)

    def _add(self, one: _Event | str, level: int) -> None:
        with self._lock:
            self._waiting.append(one)
            if level >= logging.WARNING or len(self._waiting) >= FLUSH_COUNT or not self._will_be_flushed():
                self.flush()

    def _will_be_flushed(self) -> bool:
        """Whether the running loop's timer is set, which it is now if there is a running loop."""
        if self._timer is not None and self._loop is not None and self._loop.is_running():
            return True  # without asking for the running loop, which is a system call on Python 3.11
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if self._loop is not None and self._loop.is_running():
                return True
            return self._flusher is not None and self._flusher.wake()
        if self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(FLUSH_AFTER, self.flush)
        return True

    def _refused(self, count: int, problem: Exception) -> None:
        first = not self._lost
        self._lost += count
        if first and self._stream is not sys.stderr:
            try:
                sys.stderr.write(f"howdah: the log cannot be written ({problem}); lines are dropped until it can\n")
            except (OSError, ValueError):
                return  # nowhere left to say it; the count is written once the stream recovers

    def _note(self, event: object) -> str:
        return lines.event_line(event, self._shape(type(event)), time.time())

    def _shape(self, kind: type) -> lines.Shape:
        shape = self._shapes.get(kind)
        if shape is None:
            shape = self._shapes[kind] = lines.shape_of(kind, self._service)
        return shape


class _Flusher:
    """A thread that writes what was collected, a moment after the first of it: in processes without an event loop.

    Threads that each write their own line wait for each other at every one of them.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> bool:
        """True: what is collected will be written soon. False: the process is at its end, and has no more threads."""
        if not self._woken.is_set():
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # Python starts no threads while it ends
                    self._thread = None
                    return False
            self._woken.set()
        return True

    def _run(self) -> None:
        while True:
            self._woken.wait()
            time.sleep(FLUSH_AFTER)
            self._woken.clear()
            self._flush()


class _Records(logging.Handler):
    """The door through which the standard library's logging (uvicorn, flask) enters the log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.record(record)


_current: Log | None = None
_remove_current: Callable[[], None] | None = None
_door: _Records | None = None


def configure(stream: Stream, *, service: str, level: str = "info", threaded: bool = False) -> Log:
    """Events and log records of at least this level are written to the stream from now on; an earlier log is ended.

    The root logger's other handlers are removed: one log, one format. ``threaded`` collects lines where no event loop
    runs, too.
    """
    global _current, _remove_current, _door  # the process has one log
    shutdown()
    log = Log(stream, service=service, level=lines.LEVELS[level], threaded=threaded)
    _current = log
    _remove_current = events.add_sink(log.event)
    _door = _Records(log)
    root = logging.getLogger()
    root.handlers[:] = [_door]
    root.setLevel(lines.LEVELS[level])
    logging.captureWarnings(capture=True)
    return log


def shutdown() -> None:
    """What was collected is written and the process has no log any more."""
    global _current, _door  # the process has one log
    if _current is None:
        return
    if _remove_current is not None:
        _remove_current()
    root = logging.getLogger()
    if _door is not None and _door in root.handlers:
        root.removeHandler(_door)
        logging.captureWarnings(capture=False)
    _current.flush()
    _current = _door = None


def _after_fork() -> None:
    if _current is not None:
        _current.forget()


def _at_exit() -> None:
    if _current is not None:
        _current.flush()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
