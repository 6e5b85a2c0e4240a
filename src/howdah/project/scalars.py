"""One written value → text, number, size or boolean, or the reason why it is none."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from howdah.project.sections import GIB, KIB, MIB

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SIZE = re.compile(r"([0-9]+)\s*(B|KiB|MiB|GiB)?")
_UNITS = {None: 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for a setting, and where; ``is_text`` when it comes from a place that only knows text."""

    value: object
    place: str
    is_text: bool = False


class Unusable(ValueError):
    """What was written is not a value of this setting; the message says why, and what would be.

    ``below`` leads from the setting to the very key or element that is meant, where there is one.
    """

    def __init__(self, message: str, below: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.below = below


def kind_of(value: object) -> str:
    """What a TOML value is, in the words of an error message."""
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "text", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def text(value: object) -> str:
    """The text. Raises Unusable."""
    if not isinstance(value, str):
        raise Unusable(f'this must be text in quotes ("…"), not {kind_of(value)}')
    if not value.isprintable():
        raise Unusable("this must be one line of printable text")
    return value


def integer(value: object, *, is_text: bool) -> int:
    """The integer. Raises Unusable."""
    if is_text and isinstance(value, str):
        if len(value) > 20 or not _INTEGER.fullmatch(value):
            raise Unusable(f'this must be an integer, not "{value}"')
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unusable(f"this must be an integer, not {kind_of(value)}")
    return value


def number(value: object, *, is_text: bool) -> float:
    """The number. Raises Unusable."""
    if is_text and isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise Unusable(f'this must be a number, not "{value}"')
        return float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Unusable(f"this must be a number, not {kind_of(value) if not isinstance(value, float) else value}")
    return float(value)


def size(value: object) -> int:
    """A number of bytes, from a number or a text with a unit. Raises Unusable."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None or len(found[1]) > 18:
        shown = f'"{value}"' if isinstance(value, str) else kind_of(value)
        raise Unusable(f'this must be a size, as 65536, "64 KiB" or "1 MiB", not {shown}')
    return int(found[1]) * _UNITS[found[2]]


def boolean(value: object, *, is_text: bool) -> bool:
    """Whether it is true. Raises Unusable."""
    if is_text and value in {"true", "1"}:
        return True
    if is_text and value in {"false", "0"}:
        return False
    if not isinstance(value, bool):
        shown = f'"{value}"' if is_text else kind_of(value)
        raise Unusable(f"this must be true or false, not {shown}")
    return value


def texts(value: object) -> tuple[str, ...]:
    """The texts of a list. Raises Unusable."""
    if not isinstance(value, list):
        raise Unusable(f"this must be a list of texts, not {kind_of(value)}")
    return tuple(text(element) for element in value)
