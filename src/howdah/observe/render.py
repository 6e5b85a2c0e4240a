"""A JSON log line as a person reads it: service, time, and what was said.

    app      | 10:15:00 GET /articles 200 3.1 ms
    postgres | 10:15:01 error: relation "artcle" does not exist

Whatever a line holds, no control character reaches the terminal except the colours chosen here.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_LEVEL_COLOURS = {"error": "\x1b[31m", "warning": "\x1b[33m"}
_SERVICE_COLOURS = tuple(f"\x1b[{code}m" for code in (36, 32, 35, 34, 33, 96, 92, 95, 94, 93))
_HEAD_FIELDS = frozenset({"time", "level", "event", "service", "logger", "message", "exception", "stack"})
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 9} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, *range(0x2066, 0x206A))
}


def render(line: str, colour: bool, services: Sequence[str] = ()) -> str:
    """The line for a terminal, without a newline at its end; text of several lines keeps its prefix on each.

    ``services`` are all names that will appear: it decides the width of the prefix, and gives each its own colour. A
    line that is no JSON object is shown as it is, without its control characters.
    """
    record = _record(line)
    if record is None:
        return visible(line.rstrip("\r\n"))
    service = visible(str(record.get("service", "")))
    level = str(record.get("level", "info"))
    text = said(record)
    tint = _LEVEL_COLOURS.get(level, "") if colour else ""
    if level in _LEVEL_COLOURS and not tint and not text.lower().startswith(level):
        text = f"{level}: {text}"
    prefix = _prefix(service, str(record.get("time", "")), colour, services)
    if tint:
        return "\n".join(f"{prefix}{tint}{part}{_RESET}" for part in text.split("\n"))
    return "\n".join(f"{prefix}{part}" for part in text.split("\n"))


def visible(text: str) -> str:
    r"""The text with control characters and direction overrides spelled out, so that it cannot drive a terminal.

    >>> visible("red \x1b[31m, up \x1b[A")
    'red \\x1b[31m, up \\x1b[A'
    """
    return text.translate(_CONTROLS)


def _record(line: str) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _prefix(service: str, time: str, colour: bool, services: Sequence[str]) -> str:
    width = max([len(name) for name in services] + [len(service)])
    clock = visible(time[11:19])
    if not colour:
        return f"{service:<{width}} | {clock} " if clock else f"{service:<{width}} | "
    place = services.index(service) if service in services else zlib.crc32(service.encode())
    tint = _SERVICE_COLOURS[place % len(_SERVICE_COLOURS)]
    return (
        f"{tint}{service:<{width}} |{_RESET} {_DIM}{clock}{_RESET} "
        if clock
        else f"{tint}{service:<{width}} |{_RESET} "
    )


def said(record: Mapping[str, Any]) -> str:
    """The message, the event's name in words or a request at a glance; then the other fields; then the traceback."""
    rest = {name: value for name, value in record.items() if name not in _HEAD_FIELDS}
    if "message" in record:
        parts = [_lines(record["message"])]
    elif {"method", "path", "status"} <= rest.keys():
        parts = [" ".join(visible(str(rest.pop(name))) for name in ("method", "path", "status"))]
    else:
        parts = [_words(visible(str(record.get("event", ""))))]
    seconds = rest.pop("seconds", None)
    if isinstance(seconds, int | float):
        parts.append(_duration(seconds))
    parts += [f"{visible(name)}={_value(value)}" for name, value in rest.items()]
    text = " ".join(part for part in parts if part)
    for name in ("exception", "stack"):
        if name in record:
            text = f"{text}\n{_lines(record[name])}"
    return text


def _lines(value: object) -> str:
    return "\n".join(visible(line) for line in str(value).replace("\r\n", "\n").split("\n"))


def _words(name: str) -> str:
    """An event's name in words: ``RequestServed`` is "request served"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _value(value: object) -> str:
    if isinstance(value, str):
        shown = visible(value)
        return f'"{shown}"' if " " in shown or not shown else shown
    return visible(json.dumps(value, ensure_ascii=False))
