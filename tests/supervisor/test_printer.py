"""The stream a person reads: prefixed, coloured on a terminal only, and never in the way of the supervisor."""

from __future__ import annotations

import io
import os
import pty
import threading
import time
from typing import Any

import pytest

from howdah.supervisor.printer import Printer, wants_colour
from howdah.supervisor.records import Reader


def show(printer: Printer, *said: tuple[str, str]) -> None:
    for service, _ in said:
        printer.know(service)
    for service, text in said:
        printer.show(Reader(service).read(text.encode(), time.time()))
    printer.close()


def test_lines_are_prefixed_and_aligned() -> None:
    """Each line tells its service, and the bars are below one another."""
    stream = io.StringIO()
    show(Printer(stream), ("postgres", "ready"), ("app", "hello"))
    first, second = stream.getvalue().splitlines()
    assert first.startswith("postgres | ")
    assert first.endswith(" ready")
    assert second.startswith("app      | ")
    assert "\x1b" not in stream.getvalue()


def test_json_style_passes_the_records_on() -> None:
    """With ``--json`` the stream is the records themselves, one per line."""
    stream = io.StringIO()
    show(Printer(stream, style="json"), ("app", "hello"))
    assert '"message":"hello"' in stream.getvalue()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),  # no-color.org: only when it is not empty
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(environment: dict[str, str], expected: bool) -> None:
    """A terminal gets colours unless it was asked to stay plain; a pipe never does."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal, os.fdopen(leader):
        assert wants_colour(terminal, environment) is expected
    assert wants_colour(io.StringIO(), environment) is False


def test_a_terminal_that_does_not_take_more_stops_nobody() -> None:
    """While somebody holds the terminal (Ctrl-S), records are taken without waiting; what was missed is said after."""
    released = threading.Event()

    class Held(io.StringIO):
        def write(self, text: str, /) -> int:
            released.wait(10)
            return super().write(text)

    stream = Held()
    printer = Printer(stream)
    printer.know("app")
    record = Reader("app").read(b"x", 0.0)
    before = time.monotonic()
    for _ in range(25_000):
        printer.show(record)
    assert time.monotonic() - before < 5
    released.set()
    printer.close()
    deadline = time.monotonic() + 10
    while "lines were not shown" not in stream.getvalue():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_reader_that_has_gone_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """``howdah dev | head`` ends its output and nothing else."""

    class Gone(io.StringIO):
        def write(self, text: str, /) -> int:
            raise BrokenPipeError

    show(Printer(Gone()), ("app", "hello"), ("app", "again"))
    captured: Any = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
