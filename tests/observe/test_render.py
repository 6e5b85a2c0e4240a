"""What a person sees of a log line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.observe.render import render


def line(**fields: Any) -> str:
    return json.dumps({"time": "2026-11-21T10:15:00.123Z", "level": "info", "service": "app", **fields})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line(message="Booting"), "app | 10:15:00 Booting"),
        (line(event="CatalogLoaded", tables=3), "app | 10:15:00 catalog loaded tables=3"),
        (
            line(event="RequestServed", method="GET", path="/a", status=200, seconds=0.0031, request_id="r"),
            "app | 10:15:00 GET /a 200 3.1 ms request_id=r",
        ),
        (line(message="one\ntwo"), "app | 10:15:00 one\napp | 10:15:00 two"),
        (line(message="no such table", level="error"), "app | 10:15:00 error: no such table"),
        (line(message="ERROR:  syntax", level="error"), "app | 10:15:00 ERROR:  syntax"),  # says so itself
        (line(message="x", hint="two words", empty=""), 'app | 10:15:00 x hint="two words" empty=""'),
        (
            line(message="x", exception="Traceback\n  f()"),
            "app | 10:15:00 x\napp | 10:15:00 Traceback\napp | 10:15:00   f()",
        ),
        ("not json\n", "not json"),
        ("[1]", "[1]"),
        ('{"message": "bare"}', " | bare"),
    ],
)
def test_a_line_reads_as_prefix_time_and_words(text: str, expected: str) -> None:
    """Each kind of line has its form; text of several lines keeps its prefix."""
    assert render(text, colour=False) == expected


def test_prefixes_are_aligned_to_the_longest_service() -> None:
    """With all services known, the bars stand below one another."""
    services = ("postgres", "app")
    assert render(line(message="x"), False, services).startswith("app      | ")


def test_every_service_has_its_own_colour() -> None:
    """On a terminal the prefixes differ in colour, and errors are red."""
    services = ("postgres", "platform", "app")
    tints = {render(line(message="x", service=name), True, services).split(name)[0] for name in services}
    assert len(tints) == 3
    assert "\x1b[31m" in render(line(message="x", level="error"), True, services)


def test_without_colour_there_is_no_escape() -> None:
    """NO_COLOR and pipes get plain text."""
    assert "\x1b" not in render(line(message="x", level="error"), False)


@given(st.text(), st.text())
def test_nothing_a_service_says_can_drive_the_terminal(message: str, value: str) -> None:
    """Control characters and direction overrides of messages, names and values are spelled out."""
    for text in (line(message=message, field=value), json.dumps({value: message}), message):
        shown = render(text, colour=False)
        assert not [letter for letter in shown if letter not in "\t\n" and (letter < " " or "\x7f" <= letter <= "\x9f")]
        assert not {"\u202e", "\u2066", "\u2028"} & set(shown)
