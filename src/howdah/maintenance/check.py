"""Whether the database is what the project's files make: they are replayed beside it, and both are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from howdah.data.sql.encode import to_json as json_text
from howdah.data.written import files, store
from howdah.data.written.document import to_document
from howdah.data.written.metadata import Metadata
from howdah.data.written.write_files import NotWritableAsToml, to_files
from howdah.maintenance.errors import CannotCreateDatabase, DriftFound
from howdah.maintenance.server import scratch_database
from howdah.migrations.apply import migrate
from howdah.migrations.drift import Difference, compare, to_json
from howdah.migrations.errors import MigrationFailed
from howdah.migrations.load import Migration
from howdah.migrations.plan import standings
from howdah.migrations.run import OPTIONS, read_applied
from howdah.migrations.snapshot import DatabaseObject, Snapshot, of_objects, take_snapshot
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.provision import METADATA, apply_calls, read_files

_DUPLICATE_OBJECT = "42710"

Elsewhere = Callable[[], AbstractAsyncContextManager[Secret]]
"""Lends a Postgres of our own, for when the database's server will not do."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the check found. What is ``pending`` is not in the comparison: the database cannot have it yet."""

    differences: tuple[Difference, ...]
    pending: tuple[str, ...]
    edited: tuple[str, ...]
    missing: tuple[str, ...]
    replayed: int

    @property
    def is_clean(self) -> bool:
        """Whether the database is what the files make."""
        return not (self.differences or self.edited or self.missing)

    def refuse_drift(self) -> None:
        """Nothing, when all is well. Raises DriftFound."""
        if not self.is_clean:
            raise DriftFound([to_json(one) for one in self.differences], edited=self.edited, missing=self.missing)


async def check(root: Path, dsn: Secret, elsewhere: Elsewhere | None = None) -> Report:
    """How the project's database differs from what its files make. Nothing in it is changed.

    The migrations that it has applied are replayed into a database made for that, on the same server; on one that
    ``elsewhere`` lends, where the user may make none or a migration makes a role that the server has already.
    Raises the errors of `howdah.migrations` and of connecting, and CannotCreateDatabase.
    """
    described = read_files(root)
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        found = standings(described.migrations, await read_applied(connection))
        applied = tuple(one.migration for one in found if one.migration is not None and one.applied is not None)
        database = await take_snapshot(connection)
        stored, source = await _stored_metadata(connection)
    pending = [f"{one.version}_{one.name}" for one in found if one.state == "pending"]
    replayed, replayed_metadata = await _replayed(applied, dsn, elsewhere)
    wanted = described.metadata if described.texts else replayed_metadata
    if described.texts and source != files.source_hash(described.texts):
        pending.append(METADATA)  # what was saved since is not drift
        wanted = stored
    return Report(
        compare(_with_metadata(replayed, wanted), _with_metadata(database, stored)),
        tuple(pending),
        tuple(f"{one.version}_{one.name}" for one in found if one.state == "edited"),
        tuple(f"{one.version}_{one.name}" for one in found if one.state == "missing"),
        len(applied),
    )


async def _replayed(
    migrations: tuple[Migration, ...], dsn: Secret, elsewhere: Elsewhere | None
) -> tuple[Snapshot, Metadata]:
    try:
        return await _replay(migrations, dsn)
    except (CannotCreateDatabase, MigrationFailed) as error:
        if elsewhere is None or not (isinstance(error, CannotCreateDatabase) or _is_about_a_role(error)):
            raise
    async with elsewhere() as server:
        return await _replay(migrations, server)


async def _replay(migrations: tuple[Migration, ...], server: Secret) -> tuple[Snapshot, Metadata]:
    """What the migrations make of an empty database of this server."""
    async with scratch_database(server) as dsn, await connect(dsn.reveal(), OPTIONS) as connection:
        await migrate(connection, migrations, apply_calls=apply_calls, with_role=False)
        return await take_snapshot(connection), (await store.read(connection)).metadata


def _is_about_a_role(error: MigrationFailed) -> bool:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, DatabaseError):
        cause = cause.__cause__  # of a call it is further away
    return cause is not None and cause.sqlstate == _DUPLICATE_OBJECT and "role " in cause.message


async def _stored_metadata(connection: Connection) -> tuple[Metadata, str | None]:
    if await connection.submit("select to_json(to_regclass('howdah.metadata') is null)") == b"true":
        return Metadata(), None
    stored = await store.read(connection)
    return stored.metadata, stored.source


def _with_metadata(snapshot: Snapshot, metadata: Metadata) -> Snapshot:
    return of_objects([*snapshot.objects.values(), *_metadata_objects(metadata)])


def _metadata_objects(metadata: Metadata) -> Iterator[DatabaseObject]:
    """What the metadata says, as its files would say it."""
    try:
        texts = to_files(metadata)
    except NotWritableAsToml:
        texts = {"document": json_text(to_document(metadata))}
    for name, text in texts.items():
        yield DatabaseObject("metadata", name, None, {"definition": text})
