"""From the bytes a process prints to the records that are kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.supervisor.records import Reader
from howdah.supervisor.spawn import LONGEST_LINE, Lines


def cut(chunks: list[bytes]) -> list[bytes]:
    taken: list[bytes] = []
    lines = Lines(taken.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.end()
    return taken


def read(*raw: bytes) -> list[dict[str, Any]]:
    reader = Reader("app")
    return [json.loads(reader.read(line, 0.0).text) for line in raw]


@given(st.lists(st.binary(max_size=20)))
def test_lines_do_not_depend_on_how_the_bytes_arrive(chunks: list[bytes]) -> None:
    """However a pipe cuts the output, the lines are those of the whole."""
    whole = b"".join(chunks)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert cut(chunks) == expected


@pytest.mark.parametrize("size", [1, 4096, 1_000_000])
def test_a_line_without_end_is_bounded(size: int) -> None:
    """Memory stays bounded, the cut is said, and the next line is whole again."""
    endless = b"x" * (3 * LONGEST_LINE)
    pieces = [endless[start : start + size] for start in range(0, len(endless), size)] if size > 1 else [endless]
    first, second = cut([*pieces, b"\nnext\n"])
    assert first == b"x" * LONGEST_LINE + f" ... ({2 * LONGEST_LINE} bytes more)".encode()
    assert second == b"next"


def test_plain_text_is_wrapped() -> None:
    """Text becomes a record with time, level, service and message."""
    assert read(b"Listening on 5000\r") == [
        {"time": "1970-01-01T00:00:00.000Z", "level": "info", "service": "app", "message": "Listening on 5000"}
    ]


def test_json_lines_keep_their_structure() -> None:
    """A service that logs JSON keeps its fields; what is missing is added, and it cannot speak as another service."""
    own = b'{"time":"2026-01-01T00:00:00.000Z","level":"warning","service":"app","event":"X","request_id":"r1"}'
    record = Reader("app").read(own, 0.0)
    assert record.text == own.decode()
    assert (record.level, record.request_id) == ("warning", "r1")
    (added,) = read(b'{"msg":"hi","level":"ERROR","service":"postgres"}')
    assert added == {"time": "1970-01-01T00:00:00.000Z", "msg": "hi", "level": "error", "service": "app"}


@pytest.mark.parametrize("raw", [b"{", b"{not json}", b'{"a": NaN}', b"[1]", b'{"a":' * 5000, b"\xff\xfe{"])
def test_what_only_looks_like_json_is_text(raw: bytes) -> None:
    """Broken JSON, NaN and other values are kept as text."""
    (record,) = read(raw)
    assert record["message"]


@given(st.binary())
def test_any_bytes_become_one_valid_record(raw: bytes) -> None:
    """Non-UTF-8, control characters and broken JSON are survived; the record is one line of ASCII."""
    record = Reader("app").read(raw.replace(b"\n", b""), 0.0)
    assert record.text.isascii()
    assert "\n" not in record.text
    assert json.loads(record.text)["service"] == "app"
    assert isinstance(record.plain, str)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("ERROR:  relation does not exist", "error"),  # Postgres
        ("LOG:  checkpoint starting", "info"),
        ("WARNING:root:careful", "warning"),  # logging.basicConfig
        ("[2026-01-01 00:00:00 +0000] [12] [ERROR] Worker failed", "error"),  # gunicorn
        ("FATAL:  password authentication failed", "error"),
        ("Error rate is low", "info"),  # a sentence, not a level
        ("\x1b[31mDEBUG: x\x1b[0m", "debug"),
    ],
)
def test_levels_of_other_programs_are_understood(text: str, level: str) -> None:
    """How loud a line says it is, in the forms of Postgres, logging and gunicorn."""
    assert read(text.encode())[0]["level"] == level


def test_a_traceback_is_an_error_from_its_first_to_its_last_line() -> None:
    """All lines of a traceback, chained ones too, are errors and in order; what follows is not."""
    text = """before
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    f()
ValueError: one

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 2, in <module>
KeyError: 'two'
after"""
    records = read(*text.encode().split(b"\n"))
    assert [record["message"] for record in records] == text.split("\n")
    loud = [record["message"] for record in records if record["level"] == "error" and record["message"]]
    quiet = [record["message"] for record in records if record["level"] == "info" and record["message"]]
    assert quiet == ["before", "after"]
    assert len(loud) == 8
