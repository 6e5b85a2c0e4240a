"""A failed service → the page a developer's browser shows instead of it. Only for development: it holds log lines."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from importlib import resources
from string import Template
from textwrap import dedent
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
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


_PAGE: Final = resources.files("howdah.gateway").joinpath("unavailable.html").read_text("utf-8")
_TEMPLATE: Final = Template(_PAGE)
_POLICY: Final = (
    f"default-src 'none'; style-src {_source(_inside('style', _PAGE))}; "
    f"script-src {_source(_inside('script', _PAGE))}; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGE_HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
)


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


def unavailable_page(service: str, error: UpstreamError, detail: tuple[str, ...], request_id: str) -> bytes:
    """The page that names the service, what is wrong with it and what to do, and reloads when the service is back."""
    lines = tuple(_CONTROL.sub("", _ANSI.sub("", line)).rstrip() for line in detail[-_SHOWN_LINES:])
    cause = what_is_wrong(lines) or error.message
    return _TEMPLATE.substitute(
        service=escape(service),
        status=error.status,
        cause=escape(cause),
        place=escape("\n".join(where_it_is(lines, cause))),
        message=escape(error.message if cause != error.message else ""),
        log=escape("\n".join(lines)) or "It has not logged anything.",
        code=escape(error.code),
        request_id=escape(request_id),
    ).encode("utf-8", "replace")
