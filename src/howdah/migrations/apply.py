"""Applies migrations, metadata and seeds to a database: in one transaction, under a lock, each thing once.

It knows nothing of metadata: whoever calls gives the function that writes it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from howdah.migrations.errors import MigrationFailed, TransactionControl
from howdah.migrations.load import Migration, Seed, SqlFile
from howdah.migrations.plan import Applied, pending_migrations, pending_seeds
from howdah.postgres import queries
from howdah.postgres.connect import ConnectOptions
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.postgres.install import Installation, install
from howdah.postgres.statements import statement_starts

OPTIONS = ConnectOptions(application_name="howdah migrations", statement_timeout=0, idle_in_transaction_timeout=0)
"""How to connect for ``migrate``: as the owner, without a limit on how long a statement takes."""

_QUERIES = queries.load(Path(__file__).with_name("apply.sql"))

# However long another instance migrates, we wait for it; for the locks of others we wait as the connection says.
_LOCK = "set local lock_timeout = 0; select pg_advisory_xact_lock(7473, 2); reset lock_timeout"

# A file may change settings of its session (dumps empty the search_path); the next begins with the usual ones.
_RESET = "reset session authorization; reset role; reset all"

WriteMetadata = Callable[[Connection, Installation], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """A file that was run, and how long it took."""

    place: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done: nothing, when everything had been applied before."""

    installation: Installation
    migrations: tuple[Step, ...] = ()
    seeds: tuple[Step, ...] = ()
    already_applied: int = field(default=0)


async def migrate(
    connection: Connection,
    migrations: Sequence[Migration],
    *,
    seeds: Sequence[Seed] = (),
    write_metadata: WriteMetadata | None = None,
) -> Migrated:
    """Everything pending has been applied and recorded, and the metadata written, or nothing at all has.

    Any number of instances may do this at once: one does it, the others find it done. ``write_metadata`` runs inside
    the transaction, after the migrations and before the seeds. Raises EditedAfterApply, MigrationMissing,
    MigrationFailed, TransactionControl, CannotInstall, and whatever ``write_metadata`` raises.
    """
    installation = await install(connection)
    async with connection.transaction():
        await connection.script(_LOCK)
        applied = [Applied(*row) for row in json.loads(await connection.submit(_QUERIES["applied"]))]
        pending = pending_migrations(migrations, applied)
        sown = pending_seeds(seeds, json.loads(await connection.submit(_QUERIES["applied_seeds"])))
        for file in (*(migration.up for migration in pending), *(seed.file for seed in sown)):
            _refuse_transaction_control(file)
        steps = [await _apply(connection, migration) for migration in pending]
        if steps:
            # Tables are not what they were: every running process is to look again.
            await connection.submit(_QUERIES["announce"])
        if write_metadata is not None:
            await write_metadata(connection, installation)
        sown_steps = [await _sow(connection, seed) for seed in sown]
    return Migrated(installation, tuple(steps), tuple(sown_steps), len(applied))


async def _apply(connection: Connection, migration: Migration) -> Step:
    step = await _run(connection, migration.up)
    values = [b"%d" % migration.version, migration.name.encode(), migration.up.checksum.encode()]
    await connection.submit(_QUERIES["record"], values)
    return step


async def _sow(connection: Connection, seed: Seed) -> Step:
    step = await _run(connection, seed.file)
    await connection.submit(_QUERIES["record_seed"], [seed.name.encode(), seed.file.checksum.encode()])
    return step


async def _run(connection: Connection, file: SqlFile) -> Step:
    """Run a file's statements. Raises MigrationFailed with the line of the one that Postgres refused."""
    started = time.perf_counter()
    before = await connection.submit(_QUERIES["transaction"])
    try:
        await connection.script(file.sql)
        await connection.script(_RESET)
        after = await connection.submit(_QUERIES["transaction"])
    except DatabaseError as error:
        raise _explain(error, file) from error
    if after != before:
        # Not seen beforehand, and too late to undo: but nothing is recorded on top of it.
        raise TransactionControl(f"{file.place} ended the transaction it was applied in.", path=file.place)
    return Step(file.place, round((time.perf_counter() - started) * 1000, 1))


def _refuse_transaction_control(file: SqlFile) -> None:
    for statement in statement_starts(file.sql):
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
        line = file.sql.count("\n", 0, error.position - 1) + 1
    else:
        starts = statement_starts(file.sql)
        line = starts[error.statement].line if error.statement < len(starts) else 1
    place = f"{file.place}:{line}"
    hints = [part for part in (error.detail, error.hint) if part]
    if error.sqlstate == "25001":
        hints.append("All files are applied in one transaction, in which this statement is not possible.")
    hints.append("Nothing was applied: mend the file and start again.")
    return MigrationFailed(f"{place}: {error.message}", path=place, hint=" ".join(hints))
