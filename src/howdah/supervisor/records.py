"""What a process printed becomes a log record: JSON lines stay what they are, other text is wrapped."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Never

from howdah.observe import lines
from howdah.observe.render import said

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
# How loud other programs say they are: Python's logging, Postgres, gunicorn's [ERROR].
_LEVEL = re.compile(
    r"^(?:\[[^\]]*\] ){0,3}\[?(DEBUG|INFO|NOTICE|LOG|WARNING|WARN|ERROR|FATAL|PANIC|CRITICAL)\b[\]:]", re.IGNORECASE
)
_LEVELS = {
    "DEBUG": "debug",
    "WARNING": "warning",
    "WARN": "warning",
    "ERROR": "error",
    "FATAL": "error",
    "PANIC": "error",
    "CRITICAL": "error",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One log record: its JSON text without a newline, and the fields it is looked up by."""

    service: str
    time: str
    level: str
    request_id: str | None
    text: str

    @property
    def plain(self) -> str:
        """What was said, in words, for a list of last lines."""
        return said(json.loads(self.text))


class Reader:
    """Reads the output of one process; it remembers whether it is inside a traceback."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._in_traceback = False

    def read(self, raw: bytes, now: float) -> Record:
        """The line as a Record; never fails, whatever the bytes are."""
        text = raw.rstrip(b"\r").decode("utf-8", "backslashreplace")
        if text.startswith("{"):
            record = self._structured(text, now)
            if record is not None:
                return record
        return self._wrapped(text, now)

    def _structured(self, text: str, now: float) -> Record | None:
        """The line as the JSON object it is, with what howdah needs added; None if it is no valid JSON object."""
        try:
            fields = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return None
        known = fields.get("service") == self._service and "time" in fields and fields.get("level") in lines.LEVELS
        if not known or not text.isascii():
            if fields.get("level") not in lines.LEVELS:
                fields["level"] = _LEVELS.get(str(fields.get("level", "")).upper(), "info")
            fields = {"time": lines.timestamp(now), **fields, "service": self._service}
            text = lines.encode_fields(fields)
        return from_fields(fields, text)

    def _wrapped(self, text: str, now: float) -> Record:
        text = _COLOUR.sub("", text)
        level = self._level(text)
        line = lines.text_line(text, service=self._service, level=level, now=now)
        return Record(self._service, lines.timestamp(now), level, None, line[:-1])

    def _level(self, text: str) -> str:
        if text.startswith(_TRACEBACK):
            self._in_traceback = True
            return "error"
        if self._in_traceback:
            # It ends with the first line at the margin, which names the exception; chained ones go on after it.
            if text and not text[0].isspace():
                self._in_traceback = False
            return "error"
        if text.startswith(_CHAINED):
            return "error"
        said = _LEVEL.match(text)
        return _LEVELS.get(said[1].upper(), "info") if said else "info"


def from_fields(fields: dict[str, Any], text: str) -> Record:
    """A Record of fields that were read from its text."""
    request_id = fields.get("request_id")
    return Record(
        service=str(fields.get("service", "")),
        time=str(fields.get("time", "")),
        level=str(fields.get("level", "info")),
        request_id=None if request_id is None else str(request_id),
        text=text,
    )


def _refuse(constant: str) -> Never:
    raise ValueError(constant)
