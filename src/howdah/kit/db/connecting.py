"""What sync and async connections have in common: how they are made, when one is fit for use, how long one waits.

Nothing here waits or connects by itself.
"""

from __future__ import annotations

import random
import select
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.types.json import JsonbDumper

from howdah.kit.context import request_id
from howdah.kit.db.errors import DatabaseAway, PoolExhausted
from howdah.kit.db.settings import DatabaseSettings
from howdah.postgres.connect import ConnectOptions, connection_parameters, explain_refusal
from howdah.postgres.errors import CannotConnect, DatabaseUnreachable, TooManyConnections

_FIRST_DELAY: Final = 0.05
_LONGEST_DELAY: Final = 2.0
_MAY_PASS: Final = (DatabaseUnreachable, TooManyConnections)
"""What waiting can mend. A wrong password does not become right."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has taken a connection, and when: a place in the service's code, on behalf of a request."""

    place: str
    request: str | None
    since: float


@dataclass(slots=True)
class Lent:
    """A connection's life in a pool: when it was made and last given back, and who has it now."""

    made: float = field(default_factory=time.monotonic)
    rested: float = field(default_factory=time.monotonic)
    holder: Holder | None = None
    unwanted: bool = False
    """Its pool was closed meanwhile, so it is closed instead of given to somebody else."""


def parameters(settings: DatabaseSettings) -> str:
    """What libpq is told. Raises InvalidDatabaseUrl."""
    return connection_parameters(settings.url.reveal(), _options(settings))


def explain(error: Exception, settings: DatabaseSettings) -> CannotConnect:
    """What it means that no connection was made."""
    return explain_refusal(error, settings.url.reveal(), _options(settings))


def may_pass(error: CannotConnect) -> bool:
    """Whether trying again may help."""
    return isinstance(error, _MAY_PASS)


def prepare(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], settings: DatabaseSettings) -> None:
    """The connection takes a dict as JSON, and prepares statements where that is wanted."""
    connection.adapters.register_dumper(dict, JsonbDumper)
    if not settings.prepared_statements:
        connection.prepare_threshold = None


def delays(deadline: float) -> Iterator[float]:
    """How long to wait before each further attempt: longer each time, never all at once, never past the deadline."""
    delay = _FIRST_DELAY
    while (left := deadline - time.monotonic()) > 0:
        yield min(delay * random.uniform(0.5, 1.0), left)  # noqa: S311 - spreads load, keeps no secret
        delay = min(delay * 2, _LONGEST_DELAY)


def waited(error: CannotConnect, seconds: float) -> DatabaseAway:
    """What to say when waiting did not help."""
    return DatabaseAway(f"{error.message} It was tried for {seconds:g} s.", hint=error.hint)


def is_fit(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], lent: Lent, *, max_idle: float) -> bool:
    """Whether a connection that lay unused may be used.

    A server that ended it has said so: there is something to read where nothing was asked. That costs no round trip.
    """
    if connection.closed or (max_idle and time.monotonic() - lent.rested > max_idle):
        return False
    try:
        watched = select.poll()
        watched.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        if not watched.poll(0):
            return True
        connection.pgconn.consume_input()  # a notice or a changed setting is no reason to part
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == pq.ConnStatus.OK and not watched.poll(0)


def is_reusable(
    connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], lent: Lent, *, max_lifetime: float
) -> bool:
    """Whether a connection that is given back can be given to somebody else."""
    if connection.closed or lent.unwanted or (max_lifetime and time.monotonic() - lent.made > max_lifetime):
        return False
    return connection.pgconn.transaction_status == pq.TransactionStatus.IDLE


def holder() -> Holder:
    """Who asks for a connection: the nearest code that is neither this package's nor the standard library's."""
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.stack reads every source file on the way
    while str(frame.f_globals.get("__name__")).startswith(_OWN):
        if frame.f_back is None:
            break
        frame = frame.f_back
    module = frame.f_globals.get("__name__", "?")
    place = f"{module}.{frame.f_code.co_name}, line {frame.f_lineno}"
    return Holder(place, request_id.get(), time.monotonic())


_OWN: Final = ("howdah.kit.db", "contextlib", "asyncio", "functools")


def exhausted(settings: DatabaseSettings, holders: Iterable[Holder]) -> PoolExhausted:
    """What to say when every connection is in use: who has them, the longest first."""
    now = time.monotonic()
    taken = sorted(holders, key=lambda one: one.since)
    places = Counter(one.place for one in taken)
    oldest = {one.place: one for one in reversed(taken)}
    told = [
        f"{count} by {place} (for {now - oldest[place].since:.1f} s"
        + (f", request {oldest[place].request})" if oldest[place].request else ")")
        for place, count in places.items()
    ]
    return PoolExhausted(
        f"All {settings.pool_size} connections to the database {settings.name!r} are in use: {'; '.join(told)}.",
        hint="Hold a connection no longer than its statements take, or raise pool_size.",
    )


def comment() -> str:
    """The request that a statement is for, as a comment before it; nothing outside of a request."""
    current = request_id.get()
    # Accepted ids have none of the characters that could end a comment or begin a placeholder, but code may set any.
    safe = "".join(sign for sign in current or "" if (sign.isascii() and sign.isalnum()) or sign in "-_.:")
    return f"/* request_id={safe} */ " if safe else ""


def name_for_request(settings: DatabaseSettings) -> str | None:
    """What the server's views call a connection during a transaction: service and request; None outside of a request.

    Postgres cuts it at 63 bytes.
    """
    current = request_id.get()
    return None if current is None else f"{settings.application_name} {current}".replace("\0", "")


def _options(settings: DatabaseSettings) -> ConnectOptions:
    return ConnectOptions(
        application_name=settings.application_name,
        connect_timeout=settings.connect_timeout,
        statement_timeout=settings.statement_timeout,
        lock_timeout=settings.lock_timeout,
        idle_in_transaction_timeout=settings.idle_in_transaction_timeout,
    )


def attempt(settings: DatabaseSettings) -> int:
    """The seconds that libpq gives one attempt to connect; it knows no less than two."""
    return max(2, round(settings.connect_timeout)) if settings.connect_timeout else 0
