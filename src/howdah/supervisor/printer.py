"""Shows log records to a person while they happen, without ever making the supervisor wait for the terminal."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Mapping
from typing import Literal, TextIO

from howdah.observe.render import render
from howdah.supervisor.records import Record

_QUEUE = 20_000  # lines; a terminal stopped by Ctrl-S or a slow pager loses what is beyond
_LAST_WORDS = 2.0  # seconds to finish at the end


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether the stream is a terminal that has not been asked to stay plain (no-color.org)."""
    plain = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
    return not plain and stream.isatty()


class Printer:
    """Writes each record to a stream from a thread of its own; a stream whose reader has gone is left alone."""

    def __init__(
        self, stream: TextIO, *, style: Literal["human", "json"] = "human", colour: bool | None = None
    ) -> None:
        self._stream = stream
        self._style = style
        self._colour = wants_colour(stream, os.environ) if colour is None else colour
        self._services: tuple[str, ...] = ()
        self._queue: queue.Queue[Record | None] = queue.Queue(_QUEUE)
        self._skipped = 0
        self._thread = threading.Thread(target=self._write, name="printer", daemon=True)
        self._thread.start()

    def know(self, service: str) -> None:
        """The service will appear, so room is made for its name."""
        if service not in self._services:
            self._services = (*self._services, service)

    def show(self, record: Record) -> None:
        """The record will be shown, unless the reader is far behind."""
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._skipped += 1

    def close(self) -> None:
        """Everything was shown, or the reader does not take it."""
        try:
            self._queue.put(None, timeout=_LAST_WORDS)
        except queue.Full:
            return
        self._thread.join(_LAST_WORDS)

    def _write(self) -> None:
        while (record := self._queue.get()) is not None:
            text = record.text if self._style == "json" else render(record.text, self._colour, self._services)
            skipped, self._skipped = self._skipped, 0
            if skipped and self._style == "human":
                text = f"... {skipped} lines were not shown\n{text}"
            try:
                self._stream.write(text + "\n")
                if self._queue.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # its reader has gone, or the disk behind it is full: the files have it all
                continue
