"""JSON values → the text Postgres reads for a type. Numbers keep their digits, strings are never interpreted."""

from __future__ import annotations

from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, Literal

from howdah.data.errors import ParseFailed, Path, wrong_kind
from howdah.data.sql.geojson import to_wkt

Encoding = Literal[
    "array", "boolean", "datetime", "geometry", "integer", "json", "json array", "number", "text", "pattern", "other"
]
"""How JSON is written for a column: by the category of its type. A ``pattern`` is text with a bounded length."""

_NUMERIC = frozenset({"integer", "number", "other"})

MAX_PATTERN = 1000
"""Characters in a regular expression: Postgres needs time that grows fast with their number (R65)."""


def encode(value: Any, encoding: Encoding, path: Path) -> bytes | None:
    """The value as text for a type of this encoding; None, which is NULL, for null.

    Raises ParseFailed when the type cannot be written with this kind of JSON value.
    """
    # What most values are comes first: this runs for each of them.
    if type(value) is int and encoding in _NUMERIC:
        return b"%d" % value
    if value is None:
        return None
    return _text(value, encoding, path).encode()


def encode_list(values: list[Any], encoding: Encoding, path: Path) -> bytes:
    """The values as the text of a Postgres array of such a type: ``{"a","b"}``.

    Raises ParseFailed for null, which equals nothing and so would silently match nothing.
    """
    elements: list[str] = []
    for index, value in enumerate(values):
        if value is None:
            raise ParseFailed("null cannot be one of the values of a list: use $is_null", path=(path, index))
        elements.append(_quoted(_text(value, encoding, (path, index))))
    return ("{" + ",".join(elements) + "}").encode()


def to_json(value: Any) -> str:
    """The value as JSON, with fractional numbers digit for digit as they came.

    >>> to_json({"a": [1, Decimal("2.50"), None, "x"]})
    '{"a":[1,2.50,null,"x"]}'
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ",".join([f"{encode_basestring(key)}:{to_json(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([to_json(item) for item in value]) + "]"
    return str(value)


def _text(value: Any, encoding: Encoding, path: Path) -> str:
    match encoding:
        case "json":
            return to_json(value)
        case "text" | "datetime":
            if isinstance(value, str):
                return value
            raise _wrong_kind("String", value, path)
        case "number" | "integer":
            if isinstance(value, str):
                return value
            if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
                if encoding == "integer" and isinstance(value, Decimal) and value == int(value):
                    value = int(value)  # 2.0 and 2e0 are the integer 2 to JSON, and to Postgres they are not
                return str(value)
            raise _wrong_kind("Number", value, path)
        case "boolean":
            if isinstance(value, bool):
                return "true" if value else "false"
            raise _wrong_kind("Boolean", value, path)
        case "pattern":
            if not isinstance(value, str):
                raise _wrong_kind("String", value, path)
            if len(value) > MAX_PATTERN:
                raise ParseFailed(f"a pattern has at most {MAX_PATTERN} characters", path=path)
            return value
        case "array" | "json array":
            if isinstance(value, list):
                return _array(value, as_json=encoding == "json array")
            if isinstance(value, str):
                return value
            raise _wrong_kind("Array", value, path)
        case "geometry":
            if isinstance(value, str):  # as PostGIS writes it: WKT or hexadecimal
                return value
            return to_wkt(value, path)
        case "other":
            if isinstance(value, str):
                return value
            if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
                return str(value)
            raise _wrong_kind("String", value, path)


def _array(values: list[Any], *, as_json: bool) -> str:
    return "{" + ",".join([_element(value, as_json=as_json) for value in values]) + "}"


def _element(value: Any, *, as_json: bool) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list) and not as_json:
        return _array(value, as_json=False)
    if as_json or isinstance(value, dict | bool):
        return _quoted(to_json(value))
    return _quoted(str(value))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wrong_kind(expected: str, value: Any, path: Path) -> ParseFailed:
    return ParseFailed(wrong_kind(expected, value), path=path)
