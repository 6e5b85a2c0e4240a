"""Runs one file inside the transaction of a migration, and explains what Postgres refuses by file and line."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from howdah.migrations.errors import MigrationFailed, TransactionControl
from howdah.migrations.load import CallsFile, File, SqlFile
from howdah.migrations.plan import Applied
from howdah.postgres import queries
from howdah.postgres.connect import ConnectOptions
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.postgres.install import Installation
from howdah.postgres.statements import statement_starts

OPTIONS = ConnectOptions(application_name="howdah migrations", statement_timeout=0, idle_in_transaction_timeout=0)
"""How to connect for migrating: as the owner, without a limit on how long a statement takes."""

QUERIES = queries.load(Path(__file__).with_name("apply.sql"))

# However long another instance migrates, we wait for it; for the locks of others we wait as the connection says.
LOCK = "set local lock_timeout = 0; select pg_advisory_xact_lock(7473, 2); reset lock_timeout"

# A file may change settings of its session (dumps empty the search_path); the next begins with the usual ones.
_RESET = "reset session authorization; reset role; reset all"


ApplyCalls = Callable[[Connection, Installation, CallsFile], Awaitable[None]]
"""Carries out the calls of a file. Raises MigrationFailed with the line of the one that was refused."""


@dataclass(frozen=True, slots=True)
class Step:
    """A file that was run, and how long it took."""

    place: str
    milliseconds: float


async def read_applied(connection: Connection) -> tuple[Applied, ...]:
    """The migrations that the database remembers, by version; none when howdah was never there."""
    if not json.loads(await connection.submit(QUERIES["is_installed"])):
        return ()
    return tuple(Applied(*row) for row in json.loads(await connection.submit(QUERIES["applied"])))


async def run_file(
    connection: Connection, installation: Installation, file: File, apply_calls: ApplyCalls | None = None
) -> Step:
    """The file's statements, or its calls by ``apply_calls``, have been run.

    Raises MigrationFailed with the line of the one that was refused.
    """
    started = time.perf_counter()
    if isinstance(file, SqlFile):
        await _run_sql(connection, file)
    else:
        assert apply_calls is not None, "who gives files of calls gives what carries them out"
        await apply_calls(connection, installation, file)
    return Step(file.place, round((time.perf_counter() - started) * 1000, 1))


async def _run_sql(connection: Connection, file: SqlFile) -> None:
    before = await connection.submit(QUERIES["transaction"])
    try:
        await connection.script(file.text)
        await connection.script(_RESET)
        after = await connection.submit(QUERIES["transaction"])
    except DatabaseError as error:
        raise _explain(error, file) from error
    if after != before:
        # Not seen beforehand, and too late to undo: but nothing is recorded on top of it.
        raise TransactionControl(f"{file.place} ended the transaction it was applied in.", path=file.place)


def refuse_transaction_control(files: Iterable[File]) -> None:
    """None of the files begins or ends a transaction. Raises TransactionControl for the first that does."""
    for file in (file for file in files if isinstance(file, SqlFile)):
        for statement in statement_starts(file.text):
            if statement.controls_transaction:
                place = f"{file.place}:{statement.line}"
                raise TransactionControl(
                    f"{place}: {' '.join(statement.words).upper()} is not possible here: all files are applied in one"
                    " transaction.",
                    path=place,
                    hint="Remove the statement; the file is applied whole or not at all anyway.",
                )


def _explain(error: DatabaseError, file: SqlFile) -> MigrationFailed:
    if error.position is not None:
        line = file.text.count("\n", 0, error.position - 1) + 1
    else:
        starts = statement_starts(file.text)
        line = starts[error.statement].line if error.statement < len(starts) else 1
    place = f"{file.place}:{line}"
    hints = [part for part in (error.detail, error.hint) if part]
    if error.sqlstate == "25001":
        hints.append("All files are applied in one transaction, in which this statement is not possible.")
    hints.append("Nothing was applied: mend the file and start again.")
    return MigrationFailed(f"{place}: {error.message}", path=place, hint=" ".join(hints))
