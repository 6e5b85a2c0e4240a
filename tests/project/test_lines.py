"""Where each key of a TOML text is written."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from howdah.project.lines import key_lines

CASES = [
    # a table, its key, a comment between
    ("[server]\n# the port\nport = 1\n", {("server",): 1, ("server", "port"): 3}),
    # a dotted key makes the tables it passes through
    ('a.b."c d".e = 1\n', {("a",): 1, ("a", "b", "c d"): 1, ("a", "b", "c d", "e"): 1}),
    # escapes in a quoted key are read as the parser reads them
    ('"\\u00e9" = 1\n', {("é",): 1}),
    # blanks around the dots of a key and of a header
    ("[ a . 'b' ]\nx . y = 1", {("a", "b"): 1, ("a", "b", "x", "y"): 2}),
    # nested inline tables over one line
    ("ready = { path = '/', more = { x = 1 } }", {("ready", "path"): 1, ("ready", "more", "x"): 1}),
    # an array over several lines, with comments and a trailing comma
    ("a = [ # first\n  1,\n  # two\n  2 ,\n]\nb = 1", {("a", 0): 2, ("a", 1): 4, ("b",): 6}),
    # brackets, hashes and quotes inside strings mean nothing
    ('a = "x ] # \\" }"\nb = \'\\\'\nc = 1', {("b",): 2, ("c",): 3}),
    # multi-line strings of both kinds, with quotes touching the end
    ('a = """x\n[not.a]\ny""""\'\n'.replace("'", "") + "b = '''\nc = 1\n''''\nd = 1", {("b",): 4, ("d",): 7}),
    # arrays of tables count, and a table below belongs to the last of them
    ("[[s]]\nn = 1\n[[s]]\n[s.t]\nm = 1\n", {("s", 0, "n"): 2, ("s", 1): 3, ("s", 1, "t", "m"): 5}),
    # an array of tables within one
    ("[[s]]\n[[s.r]]\nx = 1\n[[s.r]]\nx = 2\n", {("s", 0, "r", 0, "x"): 3, ("s", 0, "r", 1, "x"): 5}),
    # dates hold blanks and colons
    ("a = 1979-05-27 07:32:00\nb = [1979-05-27, 07:32:00]\nc = 1", {("b", 1): 2, ("c",): 3}),
    # Windows line ends
    ("a = 1\r\n\r\nb = 2\r\n", {("b",): 3}),
    # a table that only a longer name implies
    ("\n[a.b.c]\n[a]\nx = 1", {("a",): 2, ("a", "b"): 2, ("a", "x"): 4}),
    # nothing at all
    ("# only a comment", {}),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_key_is_found_on_its_line(text: str, expected: dict[tuple[str | int, ...], int]) -> None:
    """Each way TOML has to write a key leads to the line it is written on."""
    tomllib.loads(text)  # the case itself is TOML
    lines = key_lines(text)
    assert {path: lines.get(path) for path in expected} == expected


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path of a parsed document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path_ for key, inner in items for path_ in ((*path, key), *paths(inner, (*path, key)))]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x7f"), max_size=8)
scalars = st.one_of(st.integers(-9, 9), st.booleans(), texts, st.floats(allow_nan=False), st.dates(), st.datetimes())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_every_key_of_any_document_has_a_line(document: dict[str, Any]) -> None:
    """Whatever tomlkit writes, every path of it is found, and a named key stands on the line that is given."""
    text = tomlkit.dumps(document)
    lines = key_lines(text)
    written = text.replace("\r\n", "\n").split("\n")
    for path in paths(tomllib.loads(text)):
        assert path in lines
        key = path[-1]
        if isinstance(key, str) and key.isascii() and key.isalnum():
            assert key in written[lines[path] - 1]


@given(
    st.lists(st.tuples(st.sampled_from(["", "# note", "  "]), st.sampled_from(["{}", '"{}"', " '{}' "])), max_size=8)
)
def test_lines_are_counted_through_blanks_and_comments(rows: list[tuple[str, str]]) -> None:
    """However keys are quoted and whatever stands between them, the n-th key is on the line it was put on."""
    text, expected = "", {}
    for number, (between, shape) in enumerate(rows):
        text += f"{between}\n{shape.format(f'k{number}')} = {number}\n"
        expected[(f"k{number}",)] = 2 * number + 2
    assert key_lines(text) == expected
