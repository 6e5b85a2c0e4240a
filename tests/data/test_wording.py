"""Wordings: a body that is recognised without being read means what the full reading of it would have said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.test_shape import EXAMPLES, REQUESTS, body_of, fresh, with_other_values

from howdah.data.errors import DataError
from howdah.data.execute.remembered import REMEMBERED, WORDINGS, Statements
from howdah.data.plan import standpoint
from howdah.data.query.json import decode
from howdah.data.query.shape import split
from howdah.data.query.wording import OPENING, Wording, word
from howdah.session import ADMIN

TEMPLATE = '{{"type": "count", "args": {{"table": "article", "where": {{"{column}": {{"$eq": {value}}}}}}}}}'


def body(value: str, column: str = "title") -> bytes:
    return TEMPLATE.format(column=column, value=value).encode()


def wording_of(raw: bytes) -> Wording | None:
    value = decode(raw)
    shaped = split(value)
    return None if shaped is None else word(raw, value, shaped[1])


def read_in_full(raw: bytes) -> tuple[Any, list[Any]]:
    """Shape and values by the strict reading. Raises DataError."""
    shaped = split(decode(raw))
    assert shaped is not None
    return shaped[0], [container[key] for container, key in shaped[1]]


def agrees(wording: Wording, learned_from: bytes, raw: bytes) -> bool:
    """Whether the wording matched; then it must have said what the strict reading says."""
    values = wording.read(raw)
    if values is None:
        return False
    shape, expected = read_in_full(raw)
    assert shape == read_in_full(learned_from)[0]
    assert values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]
    return True


@settings(max_examples=EXAMPLES)
@given(REQUESTS, st.booleans(), st.data())
def test_other_values_are_read_as_in_full(request_: Any, blanks: bool, data: st.DataObject) -> None:
    """Whatever values are put into the holes, a wording that matches says what they are."""
    first = body_of(request_)
    second = with_other_values(first, data)
    if blanks:
        first, second = (json.dumps(json.loads(raw), ensure_ascii=False, indent=1).encode() for raw in (first, second))
    wording = wording_of(first)
    if wording is not None:
        assert agrees(wording, first, first)
        agrees(wording, first, second)


PIECES = st.sampled_from(
    [b'"', b"\\", b"0", b"1", b"-", b".", b"e", b"}", b"{", b"[", b"]", b":", b",", b" ", b"\n"]
) | (st.binary(min_size=0, max_size=3))


@settings(max_examples=EXAMPLES)
@given(REQUESTS, st.lists(st.tuples(st.integers(0), st.integers(0, 3), PIECES), min_size=1, max_size=3))
def test_no_change_of_a_byte_is_overlooked(request_: Any, changes: list[tuple[int, int, bytes]]) -> None:
    """Bytes put in, taken out and exchanged anywhere: what still matches is JSON of the shape, with those values."""
    raw = body_of(request_)
    wording = wording_of(raw)
    if wording is None:
        return
    changed = raw
    for position, length, piece in changes:
        at = position % (len(changed) + 1)
        changed = changed[:at] + piece + changed[at + length :]
    agrees(wording, raw, changed)


@settings(max_examples=EXAMPLES)
@given(st.text(st.characters(codec="utf-8", exclude_categories=()), max_size=8) | st.integers() | st.floats())
def test_whatever_stands_in_the_gap(value: object) -> None:
    """Any text or number in the gap, however it is written, is read as in full or not at all."""
    for learned in (body('"Ann"'), body("7")):
        wording = wording_of(learned)
        assert wording is not None
        for ascii_only in (True, False):
            try:
                raw = body(json.dumps(value, ensure_ascii=ascii_only))
                read_in_full(raw)
            except (DataError, UnicodeEncodeError):
                continue
            agrees(wording, learned, raw)


GAPS = {
    "a text": ('"x"', '"y"', True),
    "an empty text": ('"x"', '""', True),
    "what looks like the rest of the body": ('"x"', '"}}}}"', True),
    "an integer": ("1", "-23", True),
    "zero": ("1", "0", True),
    "18 digits": ("1", "9" * 18, True),
    "19 digits": ("1", "9" * 19, False),
    "minus zero": ("1", "-0", False),
    "a leading zero": ("1", "01", False),
    "nothing": ("1", "", False),
    "a fraction": ("1", "1.0", False),
    "an exponent": ("1", "1e1", False),
    "another kind": ("1", '"1"', False),
    "null": ('"x"', "null", False),
    "an escape": ('"x"', '"\\n"', False),
    "an escaped quote": ('"x"', '"\\""', False),
    "NUL": ('"x"', '"\\u0000"', False),
    "letters beyond ASCII": ('"x"', '"ä"', False),
    "a control character": ('"x"', '"\x01"', False),
    "DEL": ('"x"', '"\x7f"', False),
    "digits of another script": ("1", "١", False),
    "two values": ('"x"', '"a", "$ne": "b"', False),
    "a blank": ("1", " 1", False),
}


@pytest.mark.parametrize("name", GAPS)
def test_gap(name: str) -> None:
    """What counts as a plain value, and its neighbours that do not."""
    learned, value, matches = GAPS[name]
    wording = wording_of(body(learned))
    assert wording is not None
    assert (wording.read(body(value)) is not None) is matches


def test_a_value_in_the_opening_has_no_wording() -> None:
    """What all bodies of a wording begin with is looked up, so no value may be in it."""
    early = b'{"args": {"where": {"id": 1}, "table": "article"}, "type": "count"}'
    assert early.index(b"1") < OPENING
    assert wording_of(early) is None
    assert wording_of(body("[1]")) is None
    assert wording_of(body('"' + "x" * 3000 + '"')) is None


def ask(statements: Statements, raw: bytes) -> None:
    """What the engine does with a body whose wording it does not know."""
    asking, value = standpoint(ADMIN), decode(raw)
    shaped = split(value)
    assert shaped is not None
    known = statements.find(asking, shaped[0])
    if known is None:
        _, statement = fresh(value, ADMIN)
        statements.remember(asking, *shaped, statement, lambda: fresh(value, ADMIN))
    else:
        statements.learn(asking, raw, value, shaped[1], known)


def test_what_is_kept_is_bounded() -> None:
    """Neither one shape in many wordings, nor many shapes, fill the memory."""
    statements = Statements()
    asking = standpoint(ADMIN)
    for blanks in range(20):
        ask(statements, body('"x"') + b" " * blanks)
    assert sum(len(alike) for alike in statements._wordings.values()) == WORDINGS
    assert statements.recall(asking, body('"y"') + b" ") is not None
    assert statements.recall(asking, body('"y"') + b" " * 19) is None
    many = b'{"type": "select", "args": {"table": "article", "columns": ["id"], "limit": %d, "where": {"id": 1}}}'
    for number in range(REMEMBERED + 10):
        for _ in range(2):
            ask(statements, many % number)
    assert sum(len(alike) for alike in statements._wordings.values()) <= REMEMBERED * WORDINGS
    assert len(statements._tried) <= REMEMBERED


def test_a_wording_belongs_to_who_asked() -> None:
    """Two who see different things never share a statement by way of a wording."""
    statements = Statements()
    asking = standpoint(ADMIN)
    raw = body('"x"')
    for _ in range(2):
        ask(statements, raw)
    assert statements.recall(asking, raw) is not None
    assert statements.recall(asking._replace(role="user"), raw) is None
    assert statements.recall(asking._replace(backend=True), raw) is None
