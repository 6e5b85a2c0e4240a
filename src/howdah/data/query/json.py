"""Bytes of a body → JSON, strictly: what two parsers might read differently is refused (R67)."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from howdah.data.errors import InvalidJson
from howdah.data.query.limits import DEFAULT_LIMITS, Limits


def decode(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The JSON value of the body; a number with a fraction or an exponent is a Decimal with the digits as written.

    Raises InvalidJson for what is not JSON in UTF-8, and for what JSON allows but nobody should mean: a key twice in
    one object, integers beyond 64 bits, numbers beyond what a double can hold, NaN, NUL, half a surrogate pair, a byte
    order mark, more than ``limits.depth`` levels.

    >>> decode(b'{"price": 1.10}')
    {'price': Decimal('1.10')}
    """
    try:
        text = body.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise InvalidJson(f"the body is not UTF-8: byte {error.start} cannot be read") from error
    except json.JSONDecodeError as error:
        reason = "unexpected byte order mark" if text.startswith("\ufeff") else error.msg
        raise InvalidJson(f"{reason}: line {error.lineno} column {error.colno}") from error
    except RecursionError as error:
        raise _too_deep(limits) from error
    # Most bodies have fewer brackets than levels are allowed, and no escapes that could hide anything.
    if text.count("{") + text.count("[") > limits.depth or "\\u" in text:
        _inspect(value, limits)
    return value


def _inspect(value: Any, limits: Limits) -> None:
    """Refuse what is too deep, and strings that are no Unicode text or that Postgres cannot hold."""
    level: list[Any] = [value]
    depth = 0
    while level:
        below: list[Any] = []
        if any(isinstance(item, dict | list) for item in level):
            depth += 1
            if depth > limits.depth:
                raise _too_deep(limits)
        for item in level:
            if isinstance(item, str):
                _inspect_text(item)
            elif isinstance(item, dict):
                for key in item:
                    _inspect_text(key)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level = below


def _inspect_text(text: str) -> None:
    if text.isascii():
        if "\0" in text:
            raise InvalidJson("a string contains the character U+0000, which Postgres cannot hold")
        return
    if "\0" in text:
        raise InvalidJson("a string contains the character U+0000, which Postgres cannot hold")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidJson("a string contains half of a surrogate pair") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJson(f"the key {json.dumps(key)} is there twice in one object")
            seen.add(key)
    return value


def _integer(text: str) -> int:
    if len(text) > 18:
        # A quick look at the length first: int() refuses thousands of digits with an error of its own.
        number = int(text) if len(text) <= 20 else None
        if number is None or not -(2**63) <= number < 2**63:
            raise InvalidJson("an integer does not fit into 64 bits")
        return number
    return int(text)


def _fraction(text: str) -> Decimal:
    if float(text) in _INFINITE:
        raise InvalidJson("a number is too large")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidJson("a number has an exponent that is too large") from error


def _constant(text: str) -> Any:
    raise InvalidJson(f"{text} is not JSON")


def _too_deep(limits: Limits) -> InvalidJson:
    return InvalidJson(f"the body is nested deeper than {limits.depth} levels")


_INFINITE = (float("inf"), float("-inf"))

_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)
