"""The request that is being answered: its id, wherever in the code one is, and in whatever is logged meanwhile."""

from __future__ import annotations

import logging
import re
import secrets
from contextvars import ContextVar

REQUEST_ID_HEADER = "X-Request-Id"

request_id: ContextVar[str | None] = ContextVar("howdah_request_id", default=None)
"""The id of the request being answered, None outside of one."""

_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def accept_request_id(given: str | None) -> str:
    """The id a request came with, when it is one that can stand in logs and headers; else a new one.

    >>> accept_request_id("01J-abc.7")
    '01J-abc.7'
    >>> len(accept_request_id('"<script>"'))
    32
    """
    return given if given is not None and _ID.fullmatch(given) else secrets.token_hex(16)


class RequestIdFilter(logging.Filter):
    """Adds the request's id to every log record made while it is answered; refuses none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True, always."""
        current = request_id.get()
        if current is not None and not hasattr(record, "request_id"):
            record.request_id = current
        return True
