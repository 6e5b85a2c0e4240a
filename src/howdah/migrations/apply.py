"""Applies migrations, metadata and seeds to a database: in one transaction, under a lock, each thing once.

It knows nothing of metadata: whoever calls gives the functions that write it and that carry out a file's calls.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from howdah.migrations.load import Migration, Seed
from howdah.migrations.plan import Applied, pending_migrations, pending_seeds, replacements, reverted_migrations
from howdah.migrations.run import LOCK, QUERIES, ApplyCalls, Step, read_applied, refuse_transaction_control, run_file
from howdah.postgres.connection import Connection
from howdah.postgres.install import Installation, install

WriteMetadata = Callable[[Connection, Installation], Awaitable[object]]


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
    apply_calls: ApplyCalls | None = None,
    to: int | None = None,
    with_role: bool = True,
) -> Migrated:
    """Everything pending (up to version ``to``) has been applied and recorded, and the metadata written, or nothing.

    Any number of instances may do this at once: one does it, the others find it done. ``write_metadata`` runs inside
    the transaction, after the migrations and before the seeds; ``with_role`` is as in `install`. Raises
    EditedAfterApply, MigrationMissing, MigrationFailed, TransactionControl, CannotInstall, and whatever
    ``write_metadata`` raises.
    """
    installation = await install(connection, with_role=with_role)
    async with connection.transaction():
        await connection.script(LOCK)
        applied = await read_applied(connection)
        await _record_replacements(connection, migrations, applied)
        pending = pending_migrations(migrations, applied, to=to)
        sown = pending_seeds(seeds, json.loads(await connection.submit(QUERIES["applied_seeds"])))
        refuse_transaction_control(file for migration in pending for file in migration.up)
        refuse_transaction_control(seed.file for seed in sown)
        steps = [
            step for migration in pending for step in await _apply(connection, installation, migration, apply_calls)
        ]
        if steps:
            # Tables are not what they were: every running process is to look again.
            await connection.submit(QUERIES["announce"])
        if write_metadata is not None:
            await write_metadata(connection, installation)
        sown_steps = [await _sow(connection, installation, seed) for seed in sown]
    return Migrated(installation, tuple(steps), tuple(sown_steps), len(applied))


async def revert(
    connection: Connection,
    migrations: Sequence[Migration],
    *,
    count: int = 1,
    to: int | None = None,
    write_metadata: WriteMetadata | None = None,
    apply_calls: ApplyCalls | None = None,
) -> tuple[Step, ...]:
    """The last ``count`` migrations, or all that are newer than ``to``, have been taken back, or nothing has.

    They are no longer recorded, so they are pending again. ``write_metadata`` runs last in the transaction. Raises
    NoDown, MigrationMissing, MigrationFailed, TransactionControl, CannotInstall.
    """
    installation = await install(connection)
    async with connection.transaction():
        await connection.script(LOCK)
        applied = await read_applied(connection)
        chosen = reverted_migrations(migrations, applied, count=count, to=to)
        await _record_replacements(connection, migrations, applied)
        refuse_transaction_control(file for migration in chosen for file in migration.down)
        steps: list[Step] = []
        for migration in chosen:
            steps += [await run_file(connection, installation, file, apply_calls) for file in migration.down]
            await _forget(connection, migration.version)
        if steps:
            await connection.submit(QUERIES["announce"])
        if write_metadata is not None:
            await write_metadata(connection, installation)
    return tuple(steps)


async def sow(connection: Connection, seeds: Sequence[Seed]) -> tuple[Step, ...]:
    """The seeds that have not been run yet have been, or none has.

    Raises MigrationFailed, TransactionControl, CannotInstall.
    """
    installation = await install(connection)
    async with connection.transaction():
        await connection.script(LOCK)
        sown = pending_seeds(seeds, json.loads(await connection.submit(QUERIES["applied_seeds"])))
        refuse_transaction_control(seed.file for seed in sown)
        return tuple([await _sow(connection, installation, seed) for seed in sown])


async def _apply(
    connection: Connection, installation: Installation, migration: Migration, apply_calls: ApplyCalls | None
) -> list[Step]:
    steps = [await run_file(connection, installation, file, apply_calls) for file in migration.up]
    await record(connection, migration, milliseconds=sum(step.milliseconds for step in steps))
    return steps


async def record(connection: Connection, migration: Migration, *, milliseconds: float = 0) -> None:
    """The database remembers the migration as applied."""
    values = [b"%d" % migration.version, migration.name.encode(), migration.checksum.encode(), b"%.1f" % milliseconds]
    await connection.submit(QUERIES["record"], values)


async def _record_replacements(
    connection: Connection, migrations: Sequence[Migration], applied: Sequence[Applied]
) -> None:
    """What the database has in the form of the migrations it was made of is remembered under its own name."""
    for replacement in replacements(migrations, applied):
        for version in replacement.versions:
            await _forget(connection, version)
        await record(connection, replacement.migration)


async def _forget(connection: Connection, version: int) -> None:
    await connection.submit(QUERIES["forget"], [b"%d" % version])


async def _sow(connection: Connection, installation: Installation, seed: Seed) -> Step:
    step = await run_file(connection, installation, seed.file)
    await connection.submit(QUERIES["record_seed"], [seed.name.encode(), seed.file.checksum.encode()])
    return step
