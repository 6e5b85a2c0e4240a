"""A task is asked for: one call of ``howdah_tasks.enqueue`` with whatever connection the caller has.

Who asks travels with the task: the id of the request that is being answered, and on whose behalf that is (R72).
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from howdah.kit import context
from howdah.kit.tasks import transactions, values
from howdah.kit.tasks.errors import OutboxUnavailable, WrongArguments
from howdah.kit.tasks.transactions import Statement

if TYPE_CHECKING:
    import psycopg

DATABASE_VARIABLE: Final = "DATABASE_URL"

_NAMES: Final = (
    ("task", "text"),
    ("args", "jsonb"),
    ("key", "text"),
    ("idempotency_key", "text"),
    ("queue", "text"),
    ("request_id", "text"),
    ("session", "jsonb"),
    ("source", "text"),
)


_ENQUEUE: Final = Statement(
    "select cast(howdah_tasks.enqueue({given}, at => coalesce(cast(:at as timestamptz),"
    " now() + make_interval(secs => cast(:delay as float8)))) as text)".format(
        given=", ".join(f"{name} => cast(:{name} as {kind})" for name, kind in _NAMES)
    )
)

Asked = Mapping[str, Any]
"""The parameters of the call."""


def ask(
    name: str,
    args: Mapping[str, Any],
    *,
    delay: float | None,
    at: datetime | None,
    key: str | None,
    idempotency_key: str | None,
    queue: str | None,
) -> Asked:
    """What is asked for, and by whom. Raises WrongArguments."""
    if delay is not None and at is not None:
        raise WrongArguments(f"{name}: it is done after a delay, or at a time; not both.")
    if at is not None and at.tzinfo is None:
        raise WrongArguments(f"{name}: at has no zone.", hint="datetime.now(UTC) + timedelta(hours=1) has one.")
    exchange = context.exchange.get()
    session = None if exchange is None else exchange.session
    return {
        "task": name,
        "args": values.write_json(name, args),
        "at": at,
        "delay": delay,
        "key": key,
        "idempotency_key": idempotency_key,
        "queue": queue,
        "request_id": context.request_id.get(),
        "session": None
        if session is None
        else json.dumps({"role": session.role, "variables": dict(session.variables)}),
        "source": "send",
    }


def send(tx: Any, asked: Asked) -> Any:
    """The id, or what is to be awaited for it. Raises NotATransaction."""
    return transactions.cell(tx, _ENQUEUE, asked)


# -- without a transaction ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Own:
    """The connection of this process for tasks that are sent without a transaction."""

    pid: int = 0
    connection: psycopg.Connection[Any] | None = None


_own = _Own()
_lock = threading.Lock()


def send_now(asked: Asked) -> str:
    """The id of the task, which is committed. Raises OutboxUnavailable."""
    import psycopg

    with _lock:
        again = _own.connection is not None and _own.pid == os.getpid()
        while True:
            try:
                found = _connection(psycopg).execute(_ENQUEUE.psycopg, asked).fetchone()
            except psycopg.OperationalError as error:
                _own.connection = None  # whatever was left of it
                if again:  # it may have been lost while nobody looked
                    again = False
                    continue
                raise OutboxUnavailable(f"The database cannot be reached: {_first_line(error)}") from error
            except psycopg.Error as error:
                raise OutboxUnavailable(_first_line(error), hint=_hint(error)) from error
            return str(found[0]) if found is not None else ""


async def send_now_async(asked: Asked) -> str:
    """The same, in a thread. Raises OutboxUnavailable."""
    return await asyncio.to_thread(send_now, asked)


def _connection(driver: Any) -> psycopg.Connection[Any]:
    if _own.connection is None or _own.pid != os.getpid() or _own.connection.closed:
        url = os.environ.get(DATABASE_VARIABLE)
        if not url:
            raise OutboxUnavailable(f"{DATABASE_VARIABLE} is not set.", hint="`howdah dev` gives it to services.")
        _own.connection = driver.connect(url, autocommit=True, connect_timeout=10, application_name="howdah tasks")
        _own.pid = os.getpid()
    assert _own.connection is not None
    return _own.connection


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _hint(error: psycopg.Error) -> str | None:
    if error.sqlstate in ("3F000", "42883"):
        return "The platform makes the outbox: start `howdah dev` or `howdah serve` once with this database."
    return None
