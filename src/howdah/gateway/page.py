"""What went wrong → the page a browser shows.

One is for a failed service, only in development, for it holds log lines; the other for what a person may not see and
what is not there.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template
from textwrap import dedent
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.errors import HowdahError
    from howdah.gateway.errors import UpstreamError

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_EXCEPTION: Final = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Found|Denied)\b.*")
_FRAME: Final = re.compile(r'\s*File ".*", line \d+.*')
_SHOWN_LINES: Final = 40


def _inside(tag: str, page: str) -> str:
    return page.split(f"<{tag}>", 1)[1].split(f"</{tag}>", 1)[0]


def _source(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


@dataclass(frozen=True, slots=True)
class Page:
    """A whole document, and the header fields without which it is not to be shown."""

    body: bytes
    fields: tuple[tuple[bytes, bytes], ...]


class _Template:
    """A document with gaps, and the policy that lets nothing run in it but its own style and script."""

    def __init__(self, name: str) -> None:
        text = resources.files("howdah.gateway").joinpath(name).read_text("utf-8")
        self._text = Template(text)
        script = f"script-src {_source(_inside('script', text))}; connect-src 'self'; " if "<script>" in text else ""
        policy = (
            f"default-src 'none'; style-src {_source(_inside('style', text))}; {script}"
            "frame-ancestors 'none'; base-uri 'none'"
        )
        self._fields = (
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
        )

    def fill(self, fields: tuple[tuple[bytes, bytes], ...] = (), **gaps: str | int) -> Page:
        return Page(self._text.substitute(gaps).encode("utf-8", "replace"), (*self._fields, *fields))


_UNAVAILABLE: Final = _Template("unavailable.html")
_REFUSED: Final = _Template("refused.html")
_WAITING: Final = ((b"x-howdah-unavailable", b"1"),)  # what the page's script looks for


def what_is_wrong(lines: tuple[str, ...]) -> str | None:
    """The line that names the cause: the last exception among the lines, if there is one.

    >>> what_is_wrong(("Traceback (most recent call last):", '  File "app.py", line 3', "NameError: name 'x'", "bye"))
    "NameError: name 'x'"
    """
    for line in reversed(lines):
        if _EXCEPTION.fullmatch(line):
            return line
    return None


def where_it_is(lines: tuple[str, ...], cause: str) -> tuple[str, ...]:
    """The place the last traceback that ends in ``cause`` points at, with the code it shows; nothing without one.

    >>> where_it_is(('  File "a.py", line 1', "    b", '  File "b.py", line 3', "    x", "KeyError: x"), "KeyError: x")
    ('File "b.py", line 3', '  x')
    """
    if cause not in lines:
        return ()
    end = len(lines) - 1 - lines[::-1].index(cause)
    start = next((number for number in range(end - 1, -1, -1) if _FRAME.fullmatch(lines[number])), end)
    return tuple(dedent("\n".join(lines[start:end])).splitlines())


def unavailable_page(service: str, error: UpstreamError, detail: tuple[str, ...], request_id: str) -> Page:
    """The page that names the service, what is wrong with it and what to do, and reloads when the service is back."""
    lines = tuple(_CONTROL.sub("", _ANSI.sub("", line)).rstrip() for line in detail[-_SHOWN_LINES:])
    cause = what_is_wrong(lines) or error.message
    return _UNAVAILABLE.fill(
        _WAITING,
        service=escape(service),
        status=error.status,
        cause=escape(cause),
        place=escape("\n".join(where_it_is(lines, cause))),
        message=escape(error.message if cause != error.message else ""),
        log=escape("\n".join(lines)) or "It has not logged anything.",
        code=escape(error.code),
        request_id=escape(request_id),
    )


_TITLES: Final = {401: "Please sign in", 403: "This is not for you", 404: "There is nothing here"}
_SAID_TO_PEOPLE: Final[Mapping[str, str]] = {
    "session-required": "Only people who are signed in may see this page.",
    "access-restricted": "Your account does not have a role that may see this page.",
}


def refused_page(error: HowdahError, request_id: str) -> Page:
    """The page that tells a person, not a program, why there is nothing to see."""
    return _REFUSED.fill(
        title=_TITLES.get(error.status, "This cannot be shown"),
        message=escape(_SAID_TO_PEOPLE.get(error.code, error.message)),
        hint=escape(error.hint or ""),
        status=error.status,
        code=escape(error.code),
        request_id=escape(request_id),
    )
