"""What a worker tells the outbox, by the functions of the schema ``howdah_tasks``; they are all that it may use.

Postgres may be away for a while: what is to be told is tried again, until the lease is over and somebody else has the
task. Each thread of each process has a connection of its own.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from howdah.kit.tasks.errors import OutboxUnavailable
from howdah.kit.tasks.sending import DATABASE_VARIABLE

_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0

_mine = threading.local()


def start(task_id: str, *, worker: str, lease: float, most_attempts: int, patience: float) -> Mapping[str, Any] | None:
    """The task, which is this worker's for now; None when it is not to be done (any more). Raises OutboxUnavailable."""
    found: Mapping[str, Any] | None = _tell(
        "select howdah_tasks.start(%s::uuid, %s, %s, %s)", (task_id, worker, lease, most_attempts), patience
    )
    return found


def extend(task_id: str, fence: int, *, lease: float) -> bool:
    """Whether the task is still this attempt's, now for longer. Raises OutboxUnavailable."""
    return bool(_tell("select howdah_tasks.extend(%s::uuid, %s, %s)", (task_id, fence, lease), lease / 3))


def finish(task_id: str, fence: int, *, result: str | None, patience: float) -> bool:
    """Whether it is noted that the attempt was successful; it was not this one's to say otherwise.

    Raises OutboxUnavailable.
    """
    # The disk is not waited for: a note that is lost with the server's memory is as one that was never written, and the
    # task is done again. What is noted within the task's own transaction is as durable as that.
    statement = "select howdah_tasks.finish(%s::uuid, %s, %s::jsonb), set_config('synchronous_commit', 'off', true)"
    return bool(_tell(statement, (task_id, fence, result), patience))


def fail(task_id: str, fence: int, *, error: str, seconds: float | None, patience: float) -> str | None:
    """What became of the task; None when it was not this attempt's to say. Raises OutboxUnavailable."""
    statement = "select howdah_tasks.fail(%s::uuid, %s, %s, %s)"
    found: str | None = _tell(statement, (task_id, fence, _plain(error), seconds), patience)
    return found


def begun_by(task_id: str, worker: str) -> Mapping[str, int] | None:
    """Which attempt at the task, by its fence, this worker has begun and not ended. Raises OutboxUnavailable."""
    found: Mapping[str, int] | None = _tell("select howdah_tasks.begun_by(%s::uuid, %s)", (task_id, worker), _PAUSE)
    return found


def announce(worker: str, *, concurrency: int, queues: Sequence[str], tasks: Sequence[Mapping[str, Any]]) -> bool:
    """It is known that the worker is there, and what it can do; whether it has nothing to do, and should have.

    Raises OutboxUnavailable.
    """
    statement = "select howdah_tasks.announce(%s, %s, %s, %s::jsonb)"
    return bool(_tell(statement, (worker, concurrency, list(queues), json.dumps(tasks)), 0))


def leave(worker: str) -> None:
    """It is known that the worker has gone. Raises OutboxUnavailable."""
    _tell("select howdah_tasks.leave(%s)", (worker,), 0)


def _tell(statement: str, parameters: Sequence[Any], patience: float) -> Any:
    """The only cell of the statement, which is tried for so many seconds where the database is away."""
    deadline, pause = time.monotonic() + patience, _PAUSE
    while True:
        try:
            row = _connection().execute(statement, parameters).fetchone()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            _forget()
            if time.monotonic() + pause > deadline:
                raise OutboxUnavailable(f"The database cannot be reached: {_first_line(error)}") from error
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        except psycopg.Error as error:
            raise OutboxUnavailable(_first_line(error)) from error
        else:
            return None if row is None else row[0]


def _connection() -> psycopg.Connection[Any]:
    connection: psycopg.Connection[Any] | None = getattr(_mine, "connection", None)
    if connection is None or connection.closed or _mine.pid != os.getpid():
        url = os.environ.get(DATABASE_VARIABLE)
        if not url:
            raise OutboxUnavailable(f"{DATABASE_VARIABLE} is not set.", hint="`howdah dev` gives it to workers.")
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=5,
            application_name="howdah worker",
            options="-c statement_timeout=15000",
        )
        _mine.connection, _mine.pid = connection, os.getpid()
    return connection


def _forget() -> None:
    connection: psycopg.Connection[Any] | None = getattr(_mine, "connection", None)
    _mine.connection = None
    if connection is not None and _mine.pid == os.getpid():
        connection.close()


def _plain(text: str) -> str:
    return text.replace("\0", "")  # which Postgres cannot say


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
