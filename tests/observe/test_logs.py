"""Events and log records become JSON lines, whatever they hold and whatever the stream does."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.observe import events, lines, logs
from howdah.observe.secret import Secret


@dataclass(frozen=True, slots=True)
class RequestServed:
    method: str
    path: str
    status: int
    seconds: float
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class QueryFailed:
    level: ClassVar[str] = "error"

    detail: Any
    password: str = "hunter2"
    dsn: Secret = field(default_factory=lambda: Secret("hunter2"))


@dataclass(frozen=True, slots=True)
class Noise:
    level: ClassVar[str] = "debug"


@pytest.fixture(autouse=True)
def _no_log_left() -> Iterator[None]:
    yield
    logs.shutdown()


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_becomes_one_json_line() -> None:
    """The line holds time, level, the class name, the service and the fields that are not None."""
    stream = io.StringIO()
    logs.configure(stream, service="platform")
    events.emit(RequestServed("GET", "/articles", 200, 0.003))
    (line,) = written(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "RequestServed",
        "service": "platform",
        "method": "GET",
        "path": "/articles",
        "status": 200,
        "seconds": 0.003,
    }
    assert stream.getvalue().count("\n") == 1


def test_secrets_never_reach_the_log() -> None:
    """A Secret, a field with a secret's name and a password in a URL are masked, at any depth (R75)."""
    stream = io.StringIO()
    logs.configure(stream, service="platform")
    nested = {"headers": [{"Authorization": "hunter2", "X": Secret("hunter2")}], "url": Secret("hunter2")}
    events.emit(QueryFailed(nested))
    events.emit(QueryFailed(ValueError("postgresql://me:hunter2@db/x refused")))
    logging.getLogger("x").error("with %s", Secret("hunter2"), extra={"token": "hunter2"})
    logging.getLogger("x").error("GET /?token=hunter2")
    assert "hunter2" not in stream.getvalue()
    assert len(written(stream)) == 4


@given(st.text())
def test_no_value_can_break_out_of_its_line(text: str) -> None:
    """CR, LF, escapes and lone surrogates of a value are encoded: one event is one line of ASCII (R75)."""
    shape = lines.shape_of(RequestServed, "app")
    line = lines.event_line(RequestServed(text, "/", 200, 0.1, request_id=text), shape, 0.0)
    assert line.endswith("\n")
    assert line[:-1].isascii()
    assert not [letter for letter in line[:-1] if letter < " "]
    json.loads(line)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (b"\xff\n", "\\xff\n"),
        (Path("/tmp/x"), "/tmp/x"),
        ({1: {2}}, {"1": [2]}),
        (ValueError("broken"), "ValueError: broken"),
        (True, True),
    ],
)
def test_a_value_json_does_not_know_becomes_text(value: object, expected: object) -> None:
    """No value of an event makes the log raise."""
    line = lines.event_line(QueryFailed(value), lines.shape_of(QueryFailed, "app"), 0.0)
    assert json.loads(line)["detail"] == expected


def test_values_that_defend_themselves_are_survived() -> None:
    """Cycles, deep nesting and a __str__ that raises become some text."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    cycle: list[Any] = []
    cycle.append(cycle)
    for value in (Broken(), cycle, [Broken()]):
        json.loads(lines.event_line(QueryFailed(value), lines.shape_of(QueryFailed, "app"), 0.0))


def test_records_of_the_standard_library_join_the_log() -> None:
    """Uvicorn and flask log through logging; message, logger, extra fields and traceback are in the line."""
    stream = io.StringIO()
    logs.configure(stream, service="app")
    logger = logging.getLogger("uvicorn.error")
    logger.info("Started %s", "server", extra={"request_id": "r1"})
    logger.debug("too quiet")
    logger.info("wrong %d", "arguments")
    try:
        raise KeyError("article")
    except KeyError:
        logger.exception("failed")
    first, second, third = written(stream)
    assert (first["message"], first["logger"], first["request_id"]) == ("Started server", "uvicorn.error", "r1")
    assert "wrong %d" in second["message"]
    assert third["level"] == "error"
    assert third["exception"].startswith("Traceback")
    assert third["exception"].endswith("KeyError: 'article'")


def test_quiet_events_are_left_out_unless_asked_for() -> None:
    """The level decides; debug is heard at level debug only."""
    stream = io.StringIO()
    logs.configure(stream, service="app")
    events.emit(Noise())
    assert written(stream) == []
    logs.configure(stream, service="app", level="debug")
    events.emit(Noise())
    assert [line["event"] for line in written(stream)] == ["Noise"]


def test_lines_are_collected_for_a_moment_while_a_loop_runs() -> None:
    """In a running loop an info line waits for the timer; an error takes everything waiting with it at once."""

    async def scenario() -> None:
        stream = io.StringIO()
        logs.configure(stream, service="app")
        events.emit(RequestServed("GET", "/", 200, 0.1))
        assert stream.getvalue() == ""
        async with asyncio.timeout(5):
            while not stream.getvalue():  # noqa: ASYNC110 - the log has no event to wait for
                await asyncio.sleep(0.01)
        assert len(written(stream)) == 1
        events.emit(RequestServed("GET", "/", 200, 0.1))
        events.emit(QueryFailed("x"))
        assert len(written(stream)) == 3

    asyncio.run(scenario())


def test_what_waits_is_written_when_there_is_much() -> None:
    """Memory stays bounded: a full buffer is written without waiting for the timer."""

    async def scenario() -> None:
        stream = io.StringIO()
        logs.configure(stream, service="app")
        for _ in range(logs.FLUSH_COUNT - 1):
            events.emit(RequestServed("GET", "/", 200, 0.1))
        assert not stream.getvalue()
        events.emit(RequestServed("GET", "/last", 200, 0.1))
        assert len(written(stream)) == logs.FLUSH_COUNT

    asyncio.run(scenario())


def test_lines_waiting_at_exit_are_written() -> None:
    """A process that ends while lines wait still writes them."""
    program = """
import asyncio, logging, sys
from howdah.observe import logs
async def main():
    logs.configure(sys.stdout, service="app")
    logging.getLogger("x").info("last words")
    assert logs._current._waiting
    sys.exit(3)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["message"] == "last words"


def test_a_forked_child_does_not_repeat_the_parents_lines() -> None:
    """Gunicorn forks workers: a line waiting in the parent is written once, and the child can log."""
    program = """
import asyncio, logging, os, sys
from howdah.observe import logs
async def main():
    logs.configure(sys.stdout, service="app")
    logging.getLogger("x").info("parent")
    if os.fork() == 0:
        logging.getLogger("x").error("child")
        os._exit(0)
    os.wait()
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert sorted(json.loads(line)["message"] for line in done.stdout.splitlines()) == ["child", "parent"]


def test_a_full_disk_costs_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """ENOSPC is said once on stderr; when the stream takes lines again the log says how many it lost."""

    class Disk(io.StringIO):
        full = False

        def write(self, text: str, /) -> int:
            if self.full:
                os.write(os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC), b"x")
            return super().write(text)

    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    disk = Disk()
    logs.configure(disk, service="app")
    events.emit(RequestServed("GET", "/1", 200, 0.1))
    disk.full = True
    for _ in range(3):
        events.emit(RequestServed("GET", "/2", 200, 0.1))
    assert capsys.readouterr().err.count("cannot be written") == 1
    disk.full = False
    events.emit(RequestServed("GET", "/3", 200, 0.1))
    first, lost, last = written(disk)
    assert (first["path"], lost["event"], lost["lines"], last["path"]) == ("/1", "LogLinesLost", 3, "/3")


def test_an_ended_log_hears_nothing_more() -> None:
    """After shutdown neither events nor records reach the stream."""
    stream = io.StringIO()
    logs.configure(stream, service="app")
    logs.shutdown()
    events.emit(RequestServed("GET", "/", 200, 0.1))
    assert stream.getvalue() == ""


def test_a_sink_hears_events_until_it_is_removed() -> None:
    """Whoever wants events as values registers a function."""
    heard: list[object] = []
    remove = events.add_sink(heard.append)
    event = RequestServed("GET", "/", 200, 0.1)
    events.emit(event)
    remove()
    events.emit(event)
    assert heard == [event]


def test_lines_of_threads_are_collected_where_that_is_asked_for(tmp_path: Path) -> None:
    """A moment later they are written together; a warning at once, and what is left at the end of the process."""
    code = (
        "import logging, sys, time\nfrom howdah.observe import logs\n"
        "class Counting:\n"
        "    texts = []\n"
        "    def write(self, text): self.texts.append(text)\n"
        "    def flush(self): pass\n"
        "stream = Counting()\nlogs.configure(stream, service='app', threaded=True)\n"
        "for number in range(10): logging.info('line %d', number)\n"
        "assert stream.texts == []\n"
        "end = time.monotonic() + 10\n"
        "while not stream.texts and time.monotonic() < end: time.sleep(0.01)\n"
        "assert len(stream.texts) == 1 and stream.texts[0].count('line') == 10, stream.texts\n"
        "logging.warning('now')\nassert 'now' in stream.texts[-1]\n"
        "sys.stdout.flush()\nlogs.configure(sys.stdout, service='app', threaded=True)\nlogging.info('last')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["message"] == "last"
