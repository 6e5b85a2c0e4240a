"""What was written for one setting → the value its section holds, or the reason why it cannot be."""

from __future__ import annotations

import math
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from howdah.observe.secret import Secret
from howdah.project.sections import GIB, KIB, MIB, Route, Setting

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SIZE = re.compile(r"([0-9]+)\s*(B|KiB|MiB|GiB)?")
_UNITS = {None: 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@/-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

RESERVED_NAMES = ("data", "auth", "files", "hooks", "console", "-")
"""First path segments and subdomains that are the platform's own."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for a setting, and where; ``is_text`` when it comes from a place that only knows text."""

    value: object
    place: str
    is_text: bool = False


class Unusable(ValueError):
    """What was written is not a value of this setting; the message says why, and what would be."""


def convert(setting: Setting, written: Written) -> Any:
    """The value of ``setting``: text is read as its kind says, TOML values must already be of that kind.

    Raises Unusable.
    """
    value = written.value
    match setting.kind:
        case "text":
            return _within_choices(_text(value), setting)
        case "secret":
            return Secret(_within_choices(_text(value), setting))
        case "integer":
            return _within_bounds(_integer(value, is_text=written.is_text), setting)
        case "number":
            return _within_bounds(_number(value, is_text=written.is_text), setting)
        case "size":
            return _within_bounds(_size(value), setting)
        case "boolean":
            return _boolean(value, is_text=written.is_text)
        case "command":
            return _command(value)
        case "texts":
            return _texts(_toml(value) if written.is_text else value)
        case "routes":
            return _routes(_toml(value) if written.is_text else value)
        case "environment":
            return _environment(_toml(value) if written.is_text else value)
    assert_never(setting.kind)


def _kind_of(value: object) -> str:
    """What a TOML value is, in the words of an error message."""
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "text", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unusable(f'this must be text in quotes ("…"), not {_kind_of(value)}')
    if not value.isprintable():
        raise Unusable("this must be one line of printable text")
    return value


def _within_choices(value: str, setting: Setting) -> str:
    if not value:
        raise Unusable("this must not be empty; leave the line out for the default")
    if setting.choices and value not in setting.choices:
        raise Unusable(f'this must be one of {", ".join(setting.choices)}, not "{value}"')
    return value


def _integer(value: object, *, is_text: bool) -> int:
    if is_text and isinstance(value, str):
        if len(value) > 20 or not _INTEGER.fullmatch(value):
            raise Unusable(f'this must be an integer, not "{value}"')
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unusable(f"this must be an integer, not {_kind_of(value)}")
    return value


def _number(value: object, *, is_text: bool) -> float:
    if is_text and isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise Unusable(f'this must be a number, not "{value}"')
        return float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Unusable(f"this must be a number, not {_kind_of(value) if not isinstance(value, float) else value}")
    return float(value)


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None or len(found[1]) > 18:
        shown = f'"{value}"' if isinstance(value, str) else _kind_of(value)
        raise Unusable(f'this must be a size, as 65536, "64 KiB" or "1 MiB", not {shown}')
    return int(found[1]) * _UNITS[found[2]]


def _boolean(value: object, *, is_text: bool) -> bool:
    if is_text and value in {"true", "1"}:
        return True
    if is_text and value in {"false", "0"}:
        return False
    if not isinstance(value, bool):
        shown = f'"{value}"' if is_text else _kind_of(value)
        raise Unusable(f"this must be true or false, not {shown}")
    return value


def _within_bounds(value: Any, setting: Setting) -> Any:
    low, high = setting.minimum, setting.maximum
    if low is not None and value < low and high is not None:
        raise Unusable(f"this must be between {low:g} and {high:g}, not {value}")
    if low is not None and value < low:
        raise Unusable(f"this must be {low:g} or more, not {value}")
    if high is not None and value > high:
        between = f"between {low:g} and {high:g}" if low is not None else f"{high:g} or less"
        raise Unusable(f"this must be {between}, not {value}")
    return value


def _command(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        words = _texts(value)
    else:
        try:
            words = tuple(shlex.split(_text(value)))
        except ValueError as error:
            if isinstance(error, Unusable):
                raise
            raise Unusable(f"this cannot be split into words as a shell would: {error}") from error
    if not words or not words[0]:
        raise Unusable("this must name a program to run")
    return words


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Unusable(f"this must be a list of texts, not {_kind_of(value)}")
    return tuple(_text(element) for element in value)


def _toml(value: object) -> object:
    """The TOML value that a text from the environment or the command line spells."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise Unusable(f'this must be a TOML value such as ["a", "b"], not "{value}"') from error


def _routes(value: object) -> tuple[Route, ...]:
    if not isinstance(value, list):
        raise Unusable(f"this must be a list of routes, not {_kind_of(value)}")
    return tuple(_route(element) for element in value)


def _route(value: object) -> Route:
    if isinstance(value, str):
        value = {"path": value}
    if not isinstance(value, Mapping):
        raise Unusable(f"a route is a path or a table, not {_kind_of(value)}")
    unknown = set(value) - {"subdomain", "path", "strip_prefix"}
    if unknown:
        raise Unusable(f"a route has subdomain, path and strip_prefix, not {', '.join(sorted(unknown))}")
    if not value:
        raise Unusable("a route needs a subdomain or a path")
    path, subdomain = _text(value.get("path", "/")), value.get("subdomain")
    if not _PATH.fullmatch(path) or "//" in path or {".", ".."} & set(path.split("/")):
        raise Unusable(f'a route\'s path begins with "/" and has neither "//" nor dot segments; "{path}" is not one')
    if subdomain is not None and not _SUBDOMAIN.fullmatch(_text(subdomain)):
        raise Unusable(f'a subdomain is lower-case letters, digits and dashes; "{subdomain}" is not one')
    reserved = subdomain if subdomain in RESERVED_NAMES else None
    if subdomain is None and path.split("/")[1] in RESERVED_NAMES:
        reserved = "/" + path.split("/")[1]
    if reserved is not None:
        raise Unusable(f"{reserved} is the platform's own and cannot be routed to a service")
    strip_prefix = value.get("strip_prefix", False)
    return Route(subdomain, path, _boolean(strip_prefix, is_text=False))


def _environment(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise Unusable(f"this must be a table of texts, not {_kind_of(value)}")
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name):
            raise Unusable(f'"{name}" cannot be the name of an environment variable')
        if not isinstance(text, str) or "\0" in text:
            raise Unusable(f"{name} must be text in quotes, not {_kind_of(text)}")
    return dict(value)
