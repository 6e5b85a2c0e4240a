"""Bodies become JSON strictly (R67): what two parsers might read differently is refused with invalid-json."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.data.errors import InvalidJson
from howdah.data.query.json import decode
from howdah.data.query.limits import Limits
from howdah.data.sql.encode import to_json

REFUSED = {
    "empty": b"",
    "not json": b"{'a': 1}",
    "two values": b"{} {}",
    "truncated": b'{"a": [1, 2',
    "trailing comma": b"[1,]",
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, further in": b'[{"x": {"a": 1, "b": 2, "a": 1}}]',
    "a key twice, once escaped": b'{"a": 1, "\\u0061": 2}',
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "1e400": b"[1e400]",
    "-1e400": b"[-1e400]",
    "an exponent beyond words": b"[0e99999999999999999999]",
    "2^63": b"[9223372036854775808]",
    "-2^63-1": b"[-9223372036854775809]",
    "5000 digits": b"[" + b"9" * 5000 + b"]",
    "NUL escaped": b'["\\u0000"]',
    "NUL escaped in a key": b'{"a\\u0000": 1}',
    "NUL as it is": b'["\x00"]',
    "NUL beside other letters": '["é\\u0000"]'.encode(),
    "half a pair, high": b'["\\ud800"]',
    "half a pair, low": b'["\\uDC00"]',
    "half a pair in a key": b'{"\\ud800": 1}',
    "a pair in the wrong order": b'["\\udc00\\ud800"]',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "Latin-1": b'["\xe9"]',
    "an overlong encoding": b'["\xc0\xaf"]',
    "a surrogate as bytes": b'["\xed\xa0\x80"]',
    "a control character": b'["\x01"]',
    "65 levels": b"[" * 65 + b"]" * 65,
    "65 levels of objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "100000 levels": b"[" * 100_000,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(body: bytes) -> None:
    """Each of these is invalid-json with status 400, never anything else."""
    with pytest.raises(InvalidJson) as caught:
        decode(body)
    assert caught.value.to_body()["code"] == "invalid-json"
    assert caught.value.status == 400


ACCEPTED = {
    "2^63-1": (b"[9223372036854775807]", [2**63 - 1]),
    "-2^63": (b"[-9223372036854775808]", [-(2**63)]),
    "a fraction keeps its digits": (b"[1.10]", [Decimal("1.10")]),
    "a long fraction keeps its digits": (b"[0.1234567890123456789012345]", [Decimal("0.1234567890123456789012345")]),
    "an exponent": (b"[1e3]", [Decimal("1e3")]),
    "a whole pair": (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
    "an escaped backslash before u0000": (b'["\\\\u0000"]', ["\\u0000"]),
    "64 levels": (b"[" * 64 + b"]" * 64, None),
    "64 levels with a scalar in the last": (b"[" * 64 + b"1" + b"]" * 64, None),
    "many brackets on few levels": (b"[" + b",".join([b"[]"] * 1000) + b"]", [[]] * 1000),
    "brackets inside a string": (b'["' + b"[" * 1000 + b'"]', ["[" * 1000]),
    "blanks around it": (b" \n[1] \t", [[1][0]]),
}


@pytest.mark.parametrize(("body", "value"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepts(body: bytes, value: object) -> None:
    """The neighbours of what is refused are read."""
    decoded = decode(body)
    if value is not None:
        assert decoded == value


def test_the_depth_is_a_setting() -> None:
    """A lower limit refuses what the default accepts."""
    assert decode(b"[[1]]", Limits(depth=2)) == [[1]]
    with pytest.raises(InvalidJson, match="deeper than 1 levels"):
        decode(b"[[1]]", Limits(depth=1))


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    """Whatever the bytes are, nothing but InvalidJson is raised."""
    with contextlib.suppress(InvalidJson):
        decode(body)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_what_is_decoded_can_be_written_again(value: object, escaped: bool) -> None:
    """JSON that any encoder writes is read as it was meant, and written so that it is read the same."""
    assert decode(json.dumps(value, ensure_ascii=escaped).encode()) == value
    assert decode(to_json(value).encode()) == value
