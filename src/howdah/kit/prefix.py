"""What the gateway cut off a path, which a service needs for links to itself (``X-Forwarded-Prefix``)."""

from __future__ import annotations

import re
from typing import Final

ASGI_NAME: Final = b"x-forwarded-prefix"
WSGI_NAME: Final = "HTTP_X_FORWARDED_PREFIX"

_PREFIX: Final = re.compile(r"(/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()+,;=:@-]+)+")


def accept_prefix(given: str | None) -> str:
    """The prefix, when it is a path that links can begin with; else none.

    >>> accept_prefix("/shop/api"), accept_prefix("//evil.example"), accept_prefix("/a/../b"), accept_prefix(None)
    ('/shop/api', '', '', '')
    """
    return given if given is not None and _PREFIX.fullmatch(given) else ""
