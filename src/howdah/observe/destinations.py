"""Where log lines go, as URLs say: ``stdout``, a file that is changed when it is full, a fluentd.

stdout
file:///var/log/app.jsonl?max_bytes=10485760&keep=15
file:///var/log/app.jsonl?daily=true&keep=15
fluent://logs.internal:24224/shop.app?ack=true
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from howdah.errors import HowdahError
from howdah.observe.fluent import FluentForward
from howdah.observe.log_file import FULL, KEPT, RotatingFile
from howdah.observe.logs import Stream

FLUENT_PORT = 24_224


class WrongDestination(HowdahError):
    """Log lines cannot go there."""

    code = "log-wrong-destination"
    status = 500


class Several:
    """A stream that is several: each gets every text; one that fails does not keep it from the others."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = tuple(streams)

    def write(self, text: str) -> None:
        """Every stream has the text. Raises OSError, ValueError of the last that refused it."""
        self._each("write", text)

    def flush(self) -> None:
        """Every stream has let go of what it held."""
        self._each("flush")

    def _each(self, what: str, *arguments: str) -> None:
        problem: OSError | ValueError | None = None
        for stream in self._streams:
            try:
                getattr(stream, what)(*arguments)
            except (OSError, ValueError) as error:
                problem = error
        if problem is not None:
            raise problem


def open_streams(written: str, *, tag: str) -> Stream:
    """The stream that ``written`` names, or all of them with blanks between; ``tag`` is for fluentds that have none.

    Raises WrongDestination.
    """
    streams = [_open(one, tag) for one in written.split()]
    if not streams:
        raise WrongDestination("No destination is named.", hint="stdout")
    return streams[0] if len(streams) == 1 else Several(streams)


def _open(written: str, tag: str) -> Stream:
    if written in {"stdout", "stderr"}:
        return sys.stdout if written == "stdout" else sys.stderr
    parts = urlsplit(written)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        match parts.scheme:
            case "file" if not parts.netloc and parts.path.strip("/"):
                stream: Stream = RotatingFile(
                    Path(unquote(parts.path)),
                    max_bytes=_number(options.pop("max_bytes", str(FULL))),
                    daily=_truth(options.pop("daily", "false")),
                    keep=_number(options.pop("keep", str(KEPT))),
                )
            case "fluent" if parts.hostname:
                stream = FluentForward(
                    parts.hostname,
                    parts.port or FLUENT_PORT,
                    tag=unquote(parts.path.strip("/")) or tag,
                    acknowledged=_truth(options.pop("ack", "false")),
                )
            case _:
                raise WrongDestination(
                    f'"{written}" is no place for a log.',
                    hint="stdout, file:///var/log/app.jsonl or fluent://host:24224",
                )
    except (OSError, ValueError) as error:
        raise WrongDestination(f'"{written}" cannot be used: {error}.') from error
    if options:
        raise WrongDestination(f'"{written}" has options that nobody knows: {", ".join(options)}.')
    return stream


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text} is no number")
    return int(text)


def _truth(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"{text} is neither true nor false")
    return text == "true"
