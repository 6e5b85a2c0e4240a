"""What a command says and how: data to standard output, talk to standard error, JSON where it was asked for."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from howdah.errors import HowdahError

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


@dataclass(slots=True)
class Options:
    """What may be said before or after any command."""

    project: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_input: bool = False


class Console:
    """The two streams of a command, and how much may be said on them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a name in Cyrillic must not break a Latin-1 terminal
                stream.reconfigure(errors="backslashreplace")

    @property
    def json(self) -> bool:
        """Whether standard output is for a program."""
        return self.options.json

    @property
    def is_terminal(self) -> bool:
        """Whether standard output is for a person who looks at it now."""
        return sys.stdout.isatty() and not self.json

    def say(self, text: str = "") -> None:
        """Talk, unless quiet was asked for."""
        if not self.options.quiet:
            _write(sys.stderr, text)

    def data(self, value: Any, text: str) -> None:
        """The result: ``value`` as one line of JSON, or ``text`` for people."""
        _write(sys.stdout, json.dumps(value, ensure_ascii=False, default=str) if self.json else text)

    def line(self, text: str) -> None:
        """One line of a stream of results."""
        _write(sys.stdout, text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table: drawn on a terminal, plain and aligned elsewhere."""
        if self.is_terminal:
            from rich.console import Console as RichConsole  # only where a table is drawn: rich is slow to import
            from rich.table import Table
            from rich.text import Text

            table = Table(box=None, pad_edge=False, header_style="bold")
            for column in columns:
                table.add_column(column, overflow="fold")
            for row in rows:
                table.add_row(*(Text(cell, style=_STATE_STYLES.get(cell, "")) for cell in row))
            RichConsole(highlight=False).print(table)
            return
        widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
        for row in (columns, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            _write(sys.stdout, "  ".join(cells).rstrip())

    @contextmanager
    def step(self, text: str) -> Iterator[list[str]]:
        """Tick off a step with the seconds it took; what is appended to the yielded list replaces ``text``."""
        said: list[str] = []
        began = time.monotonic()
        yield said
        seconds = self.paint(f"{time.monotonic() - began:.2f} s", "dim")
        self.say(f"{self.paint(self.mark('✓', 'ok'), 'green')} {' '.join(said) or text}  {seconds}")

    def mark(self, sign: str, word: str) -> str:
        """The sign where the terminal can show it, else the word."""
        encoding = (sys.stderr.encoding or "ascii").lower().replace("-", "")
        return sign if encoding == "utf8" else word

    def paint(self, text: str, colour: str, stream: TextIO | None = None) -> str:
        """The text in a colour, on a terminal that has not been asked to stay plain (no-color.org)."""
        stream = stream or sys.stderr
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"

    def error(self, error: HowdahError) -> None:
        """Say what went wrong: as JSON with ``--json``, else code, message, hint and where to read on."""
        from howdah.observe.render import visible

        if self.json:
            _write(sys.stdout, json.dumps({"error": error.to_json()}, ensure_ascii=False))
            return
        head = self.paint(f"error[{error.code}]:", "red")
        message = "\n".join(visible(line) for line in error.message.splitlines())
        _write(sys.stderr, f"{head} {message}")
        if error.hint is not None:
            _write(sys.stderr, f"{self.paint('hint:', 'yellow')} {visible(error.hint)}")
        _write(sys.stderr, f"help: docs/errors.md#{error.code.lower()}")


_STATE_STYLES = {"ready": "green", "ok": "green", "failed": "red", "warning": "yellow", "restarting": "yellow"}


def _write(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()
