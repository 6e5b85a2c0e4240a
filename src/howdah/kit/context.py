"""The request that is being answered: on whose behalf and under which id, wherever in the code one is.

    from howdah.kit import current

    current.session.role
    current.request_id

It is the same in Flask and FastAPI, in plain functions, in coroutines and in the threads both run functions in.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Final

from howdah.kit.errors import OutsideRequest
from howdah.kit.relay import NOTHING, Relayed
from howdah.session import ANONYMOUS, Session

REQUEST_ID_HEADER: Final = "X-Request-Id"

request_id: ContextVar[str | None] = ContextVar("howdah_request_id", default=None)
"""The id of the request being answered, None outside of one. `current.request_id` raises there."""

_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request: on whose behalf, under which id, since when (in seconds of the performance counter)."""

    session: Session
    request_id: str
    started: float
    relayed: Relayed = NOTHING


exchange: ContextVar[Exchange | None] = ContextVar("howdah_exchange", default=None)
"""The request being answered, for the kit itself; services ask `current`."""


class Current:
    """The request that is being answered; `current` is the only one. Raises OutsideRequest where there is none."""

    __slots__ = ()

    @property
    def session(self) -> Session:
        """On whose behalf: the role and variables that the gateway resolved.

        With a key in the environment (``HOWDAH_INTERNAL_KEY``) the gateway has proven it. Without one the headers are
        believed, so such a service must not be reachable except through the gateway.
        """
        return _exchange().session

    @property
    def request_id(self) -> str:
        """The id under which the gateway, this service and the Data API log the request."""
        return _exchange().request_id


current: Final = Current()


@contextmanager
def acting(session: Session = ANONYMOUS, *, request_id: str | None = None) -> Iterator[Exchange]:
    """For the block, `current` is a request on behalf of this session: for tests, tasks and scripts.

    >>> with acting(Session("editor"), request_id="r-1"):
    ...     current.session.role, current.request_id
    ('editor', 'r-1')
    """
    one = Exchange(session, accept_request_id(request_id), time.perf_counter())
    tokens = enter(one)
    try:
        yield one
    finally:
        leave(tokens)


Tokens = tuple[Token[Exchange | None], Token[str | None]]


def enter(one: Exchange) -> Tokens:
    """From now on, in this context, this is the request being answered; `leave` ends it."""
    return exchange.set(one), request_id.set(one.request_id)


def leave(tokens: Tokens) -> None:
    """The request that was entered is no longer the one being answered."""
    exchange.reset(tokens[0])
    request_id.reset(tokens[1])


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


def _exchange() -> Exchange:
    one = exchange.get()
    if one is None:
        raise OutsideRequest
    return one
