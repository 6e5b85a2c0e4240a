"""One log line: an event, a log record or a piece of text becomes one line of JSON.

    {"time": "2026-11-21T10:15:00.123Z", "level": "info", "event": "RequestServed", "service": "platform", ...}

Pure: the time is an argument. Nothing here can raise on account of a value, because a log line must never break the
code it reports on. A line is ASCII without control characters, so it can carry no CR, LF or terminal escape (R75).
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import time
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter

from howdah.observe.secret import MASK, Secret, is_secret_name, redact

LEVELS: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}

# What logging.LogRecord carries by itself; anything else was passed as extra= and belongs into the line.
_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_OWN_FIELDS = frozenset({"time", "level", "event", "service", "logger"})
_DEEPEST = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """What is the same for every event of one class: its level, the line's fixed text and how to read its fields."""

    level: int
    head: str
    keys: tuple[str, ...]  # ',"name":' of each field that is shown
    read: Callable[[object], tuple[object, ...]]
    masked: tuple[str, ...]  # ',"name":"***"' of each field that is not
    read_masked: Callable[[object], tuple[object, ...]]


def shape_of(kind: type, service: str) -> Shape:
    """The Shape of an event class as a service reports it: what a log keeps per class, to write events cheaply."""
    level = str(getattr(kind, "level", "info"))
    level = level if level in LEVELS else "info"
    names = tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()
    hidden = tuple(name for name in names if is_secret_name(name))
    shown = tuple(name for name in names if name not in hidden)
    head = f'","level":"{level}","event":{_escape(kind.__name__)},"service":{_escape(service)}'
    return Shape(
        LEVELS[level],
        head,
        tuple(f',"{name}":' for name in shown),
        _reader(shown),
        tuple(f',"{name}":"{MASK}"' for name in hidden),
        _reader(hidden),
    )


def event_line(event: object, shape: Shape, now: float) -> str:
    """The event as one JSON line, with its newline; a field that is None is left out."""
    # By hand and not by a JSON encoder: this runs for every request, and fields are mostly short texts and numbers.
    parts = ['{"time":"', timestamp(now), shape.head]
    for key, value in zip(shape.keys, shape.read(event), strict=True):
        if value is not None:
            parts.append(key)
            parts.append(_WRITERS[type(value)](value))
    for key, value in zip(shape.masked, shape.read_masked(event), strict=True):
        if value is not None:
            parts.append(key)
    parts.append("}\n")
    return "".join(parts)


def record_line(record: logging.LogRecord, service: str, now: float) -> str:
    """A record of the standard library's logging as one JSON line, with its traceback and its ``extra`` fields."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # logging's own answer to wrong arguments is a traceback on stderr
        message = f"{record.msg} {record.args!r}"
    fields: dict[str, object] = {"logger": record.name, "message": redact(message)}
    for name, value in record.__dict__.items():
        if name not in _RECORD_FIELDS and name not in _OWN_FIELDS:
            fields[name] = MASK if is_secret_name(name) else _plain(value, _DEEPEST)
    if record.exc_info and record.exc_info[0] is not None:
        fields["exception"] = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
    if record.stack_info:
        fields["stack"] = record.stack_info
    level = level_name(record.levelno)
    return f'{{"time":"{timestamp(now)}","level":"{level}","service":{_escape(service)},{encode_fields(fields)[1:]}\n'


def text_line(message: str, *, service: str, level: str, now: float) -> str:
    """A line of plain text that a service printed, as one JSON line."""
    return (
        f'{{"time":"{timestamp(now)}","level":"{level}","service":{_escape(service)},"message":{_escape(message)}}}\n'
    )


def level_name(number: int) -> str:
    """The name howdah gives to a level of the standard library.

    >>> [level_name(number) for number in (0, 10, 20, 35, 50)]
    ['debug', 'debug', 'info', 'warning', 'error']
    """
    return "error" if number >= 40 else "warning" if number >= 30 else "info" if number >= 20 else "debug"


def timestamp(now: float) -> str:
    """Seconds since 1970 as RFC 3339, UTC, milliseconds.

    >>> timestamp(1.0129)
    '1970-01-01T00:00:01.012Z'
    """
    return _millisecond(math.floor(now * 1000))


def encode_fields(fields: Mapping[str, object]) -> str:
    """The fields as a JSON object, whatever they hold: what JSON does not know becomes text, a Secret ``***``."""
    try:
        return _encode(fields)
    except (TypeError, ValueError):  # an object inside a container, or NaN
        return _encode(_plain(fields, _DEEPEST))


def _reader(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    match names:
        case ():
            return lambda _event: ()
        case (name,):
            return lambda event: (getattr(event, name),)
        case _:
            return attrgetter(*names)


@lru_cache(maxsize=8)
def _millisecond(milliseconds: int) -> str:
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _text_of(value: str) -> str:
    if "=" in value or ":" in value or " " in value:  # nothing else can hide a secret
        value = redact(value)
    return _escape(value)


def _number_of(value: float) -> str:
    """A float as JSON, with six decimals at most unless it is tiny or huge: all of them take twice the time to write.

    >>> [_number_of(number) for number in (16.7, 3.0, 0.007610702999, 1e-7)]
    ['16.7', '3.0', '0.007611', '1e-07']
    """
    if 1e-4 < value < 1e9:
        text = f"{value:.6f}".rstrip("0")
        return text + "0" if text[-1] == "." else text
    return repr(value) if math.isfinite(value) else _other(value)


def _other(value: object) -> str:
    return _encode(_plain(value, _DEEPEST))


def _plain(value: object, depth: int) -> object:
    """The value in JSON's own types; nested secrets are masked by type and by name."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping() if depth:
            return {
                str(key): MASK if is_secret_name(str(key)) else _plain(item, depth - 1) for key, item in value.items()
            }
        case tuple() | list() | set() | frozenset() if depth:
            return [_plain(item, depth - 1) for item in value]
        case _:
            return _text(value)


def _text(value: object) -> str:
    match value:
        case Secret():
            return MASK
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode("utf-8", "backslashreplace")
        case BaseException():
            return redact(f"{type(value).__name__}: {value}")
    try:
        return redact(str(value))
    except Exception:  # noqa: BLE001 - a broken __str__ must not break the code that logs
        return f"<{type(value).__name__}>"


_escape = json.encoder.encode_basestring_ascii  # a JSON string: ASCII, and no control character
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class _Writers(dict[type, Callable[..., str]]):
    """How values of a type are written as JSON."""

    def __missing__(self, kind: type) -> Callable[..., str]:
        return _other


_WRITERS = _Writers({str: _text_of, int: int.__repr__, float: _number_of})
