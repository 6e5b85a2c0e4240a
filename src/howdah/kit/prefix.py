"""What the gateway cut off a path, which a service needs for links to itself (``X-Forwarded-Prefix``)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

HEADER: Final = "X-Forwarded-Prefix"
WSGI_NAME: Final = "HTTP_X_FORWARDED_PREFIX"

_NAME: Final = HEADER.lower().encode()
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()+,;=:@-]+)+")


def accept_prefix(given: str | None) -> str:
    """The prefix, when it is a path that links can begin with; else none.

    >>> accept_prefix("/shop/api"), accept_prefix("//evil.example"), accept_prefix(None)
    ('/shop/api', '', '')
    """
    return given if given is not None and _PREFIX.fullmatch(given) else ""


def prefix_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The prefix that the headers of a request tell."""
    return next((accept_prefix(value.decode("latin-1")) for name, value in headers if name == _NAME), "")
