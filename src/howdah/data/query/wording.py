"""Wordings: the same body again, with other values in it, is recognised without being parsed.

A program writes its requests in one way: the same keys in the same order with the same blanks, and other values. Such a
wording is learned from a body that was read in full: its bytes between the values. A body that has the same bytes
there, and in each gap a plain value of the kind that was there, is JSON of the same shape, and what the strict reading
of it would give is known. A value that is not plain (a fraction, a list, an escape, letters beyond ASCII, a number of
many digits) is no match, and its body is read in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from howdah.data.query.shape import Holes

LONGEST: Final = 2048
"""Bytes. A longer body is mostly values, and a long expression."""

OPENING: Final = 48
"""So many bytes come before the first hole and are looked up, so that few wordings have to be tried."""

_TEXT: Final = re.compile(rb"[ !#-\[\]-~]*")
_INTEGER: Final = re.compile(rb"0|-?[1-9][0-9]{0,17}")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[^\s"\[\]{},:]+')


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to write a shape."""

    beginning: bytes
    gaps: tuple[tuple[bool, bytes], ...]
    """Of each value whether it is a text, else it is an integer; and the bytes up to the next one, quotes included."""

    def read(self, body: bytes) -> list[str | int] | None:
        """The values of the body, in the order of its shape; None when it is worded in another way."""
        if not body.startswith(self.beginning):
            return None
        values: list[str | int] = []
        start = len(self.beginning)
        for is_text, after in self.gaps:
            # No plain value contains what follows it: a text has no quote in it, and an integer nothing but digits.
            end = body.find(after, start)
            if end < 0:
                return None
            value = body[start:end]
            if (_TEXT if is_text else _INTEGER).fullmatch(value) is None:
                return None
            values.append(value.decode("ascii") if is_text else int(value))
            start = end + len(after)
        return values if start == len(body) else None


def opening(body: bytes) -> bytes:
    """What all bodies of a wording begin with."""
    return body[:OPENING]


def word(body: bytes, value: Any, holes: Holes) -> Wording | None:
    """The wording of a body that was decoded into the value, whose shape has these holes; None when it has none."""
    if len(body) > LONGEST:
        return None
    wanted = {(id(container), key): number for number, (container, key) in enumerate(holes)}
    pieces: list[bytes] = []
    texts: list[bool] = []
    end = 0
    scalars = (token for token in _TOKEN.finditer(body) if not token[1])
    for token, (container, key) in zip(scalars, _scalars(value), strict=True):
        number = wanted.get((id(container), key))
        if number is None:
            continue
        is_text = type(container[key]) is str
        start = token.start() + is_text
        if number != len(texts) or (not end and start < OPENING):
            return None
        pieces.append(body[end:start])
        texts.append(is_text)
        end = token.end() - is_text
    if not texts or len(texts) != len(holes):  # where it differs, one of them is an object or a list
        return None
    pieces.append(body[end:])
    wording = Wording(pieces[0], tuple(zip(texts, pieces[1:], strict=True)))
    # Tried once, so that no mistake above can give a body another meaning.
    return wording if wording.read(body) == [container[key] for container, key in holes] else None


def _scalars(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where the value's strings, numbers and constants are, in the order in which they are written."""
    for key, item in value.items() if type(value) is dict else enumerate(value):
        if type(item) in (dict, list):
            yield from _scalars(item)
        else:
            yield value, key
