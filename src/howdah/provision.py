"""Brings a project's database to where its files say it is: migrations, metadata and seeds, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from psycopg import sql

from howdah.data.catalog.resolve import resolve
from howdah.data.errors import DataError, NotSupported
from howdah.data.execute import publish
from howdah.data.execute.administration import Administration
from howdah.data.execute.enums import with_enums
from howdah.data.execute.event_triggers import apply_event_triggers, tables_with_events
from howdah.data.execute.known import share
from howdah.data.found.introspect import introspect
from howdah.data.query.ast import Bulk, MetadataCall, Request
from howdah.data.query.json import decode
from howdah.data.query.limits import DEFAULT_LIMITS
from howdah.data.query.parse import parse_request
from howdah.data.written import files, store
from howdah.data.written.metadata import Metadata
from howdah.migrations.apply import Migrated, migrate, record, revert, sow
from howdah.migrations.errors import MigrationFailed
from howdah.migrations.load import Call, CallsFile, Migration, Seed, load_migrations, load_seeds
from howdah.migrations.plan import Standing, find, pending_migrations, reverted_migrations, standings
from howdah.migrations.run import OPTIONS, Step, read_applied
from howdah.observe.events import emit
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.install import Installation
from howdah.tasks.install import install_tasks_within

MIGRATIONS, SEEDS, METADATA = "migrations", "seeds", "metadata"
"""The folders of a project that describe its database."""

_NONE = -1  # the version before all of them


@dataclass(frozen=True, slots=True)
class MetadataRefused:
    """Something a metadata file says does not fit the database: it is left out, and what it would allow is refused."""

    level: ClassVar[str] = "warning"

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class CallsOverruled:
    """Calls of a migration changed the metadata, and the files do not say so: they decide."""

    level: ClassVar[str] = "warning"

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class MetadataApplied:
    """The metadata files were changed, and every process is being told."""

    tables: int


@dataclass(frozen=True, slots=True)
class Described:
    """What the files of a project say its database is."""

    migrations: tuple[Migration, ...]
    seeds: tuple[Seed, ...]
    metadata: Metadata
    texts: files.Files


def read_files(root: Path) -> Described:
    """What the project's files say. Raises the errors of `howdah.migrations` and of metadata files."""
    texts = files.read_folder(root / METADATA)
    return Described(
        load_migrations(root / MIGRATIONS),
        load_seeds(root / SEEDS),
        files.from_files(texts, folder=METADATA),
        texts,
    )


async def provision(described: Described, dsn: Secret) -> Migrated:
    """The database has the project's migrations, metadata and seeds; what was done.

    Raises the errors of `howdah.migrations` and of connecting; then nothing has been changed.
    """
    run = _Run(described.metadata, described.texts)
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        return await migrate(
            connection,
            described.migrations,
            seeds=described.seeds,
            write_metadata=run.write_metadata,
            apply_calls=run.apply_calls,
        )


async def migrate_up(root: Path, dsn: Secret, *, to: str | None = None) -> tuple[Step, ...]:
    """The database has the project's migrations up to ``to``, and its metadata; seeds are left alone. What was run.

    Raises as `provision`, and UnknownMigration.
    """
    described = read_files(root)
    version, run = await _version(described.migrations, dsn, to), _Run(described.metadata, described.texts)
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        done = await migrate(
            connection, described.migrations, write_metadata=run.write_metadata, apply_calls=run.apply_calls, to=version
        )
    return done.migrations


async def plan_up(root: Path, dsn: Secret, *, to: str | None = None) -> tuple[str, ...]:
    """The files that `migrate_up` would run. Nothing is changed, and nobody waits for it."""
    found = load_migrations(root / MIGRATIONS)
    version = await _version(found, dsn, to)
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        pending = pending_migrations(found, await read_applied(connection), to=version)
    return tuple(file.place for migration in pending for file in migration.up)


async def take_over(root: Path, dsn: Secret, migrations: Iterable[Migration]) -> None:
    """The database has applied these migrations of the project's without running them, and has the project's metadata.

    Raises as `provision`; then nothing has been changed.
    """
    described = read_files(root)
    run = _Run(described.metadata, described.texts)

    async def write(connection: Connection, installation: Installation) -> None:
        for migration in migrations:
            await record(connection, migration)
        await run.write_metadata(connection, installation)

    async with await connect(dsn.reveal(), OPTIONS) as connection:
        await migrate(connection, described.migrations, write_metadata=write, to=_NONE)


async def migrate_down(root: Path, dsn: Secret, *, count: int = 1, to: str | None = None) -> tuple[Step, ...]:
    """The last ``count`` migrations, or all that are newer than ``to``, are taken back; what was run.

    What the calls in them say of the metadata is done, too; what files say of tables that are gone counts again when
    they are back. Raises the errors of `howdah.migrations`, of metadata files and of connecting; then nothing has been
    changed.
    """
    described = read_files(root)
    version, run = await _version(described.migrations, dsn, to), _Run(described.metadata, described.texts)
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        return await revert(
            connection,
            described.migrations,
            count=count,
            to=version,
            write_metadata=run.write_metadata_after_calls,
            apply_calls=run.apply_calls,
        )


async def plan_down(root: Path, dsn: Secret, *, count: int = 1, to: str | None = None) -> tuple[str, ...]:
    """The files that `migrate_down` would run. Nothing is changed, and nobody waits for it."""
    found = load_migrations(root / MIGRATIONS)
    version = await _version(found, dsn, to)
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        chosen = reverted_migrations(found, await read_applied(connection), count=count, to=version)
    return tuple(file.place for migration in chosen for file in migration.down)


async def sow_seeds(root: Path, dsn: Secret) -> tuple[Step, ...]:
    """The project's seeds that were not run before have been; what was run. Raises as `provision`."""
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        return await sow(connection, load_seeds(root / SEEDS))


async def read_standings(root: Path, dsn: Secret) -> tuple[Standing, ...]:
    """Every migration of the folder and of the database, by version. Nothing is changed."""
    found = load_migrations(root / MIGRATIONS)
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        return standings(found, await read_applied(connection))


async def _version(found: tuple[Migration, ...], dsn: Secret, word: str | None) -> int | None:
    """The version that a word of the command line means; 0, where none has it, is before all of them."""
    if word is None:
        return None
    if word == "0" and not any(migration.version == 0 for migration in found):
        return 0
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        return find(standings(found, await read_applied(connection)), word).version


async def provision_metadata(root: Path, dsn: Secret) -> None:
    """The database has the project's metadata as the files say now. Raises as `provision`; then it has what it had."""
    texts = files.read_folder(root / METADATA)
    metadata = files.from_files(texts, folder=METADATA)

    async def write_metadata(connection: Connection, installation: Installation) -> None:
        if await _Run(metadata, texts).write_metadata(connection, installation):
            emit(MetadataApplied(len(metadata.tables)))

    async with await connect(dsn.reveal(), OPTIONS) as connection:
        # No migration: one that is being written at this moment is not to be applied by a save of another file.
        await migrate(connection, load_migrations(root / MIGRATIONS), write_metadata=write_metadata, to=_NONE)


async def count_rows(described: Described, dsn: Secret) -> Mapping[str, int]:
    """How many rows each table of the project's metadata has."""
    counts: dict[str, int] = {}
    async with await connect(dsn.reveal()) as connection:
        for name in (table.name for table in described.metadata.tables):
            statement = sql.SQL("select to_json(count(*)) from {}").format(sql.Identifier(name.schema, name.name))
            counts[str(name)] = int(await connection.submit(statement.as_string()))
    return counts


class _Run:
    """What one run of migrations does to the metadata: their calls change it, and then the files decide."""

    def __init__(self, metadata: Metadata, texts: files.Files) -> None:
        self._metadata = metadata
        self._texts = texts
        self._before: store.StoredMetadata | None = None  # the first call

    async def apply_calls(self, connection: Connection, installation: Installation, file: CallsFile) -> None:
        """See `apply_calls`."""
        if self._before is None:
            self._before = await store.read(connection)
        await apply_calls(connection, installation, file)

    async def write_metadata(self, connection: Connection, installation: Installation) -> bool:
        """Publish what the files say where it is not in force; whether that was so.

        Files decide as soon as they are edited, or a migration's calls say something else. What other calls changed
        between two edits is kept until then; and so a project that never had such a file has what calls made. What does
        not fit the database is said at every start, with the place where it was written.
        """
        stored, source = await store.read(connection), files.source_hash(self._texts)
        edited = stored.source != source and (bool(self._texts) or stored.source is not None)
        overruled = bool(self._texts) and self._before is not None and stored.metadata != self._metadata
        if overruled:
            self._tell_overruled(stored)
        if edited or overruled:
            catalog = await publish(connection, self._metadata, installation, source=source)
        else:
            # Tables that migrations made anew are shared with nobody yet.
            await share(connection, installation.role, stored.metadata)
            database = await with_enums(connection, stored.metadata, await introspect(connection))
            catalog = resolve(stored.metadata, database, stored.version)
        now = self._metadata if edited or overruled else stored.metadata
        if tables_with_events(now) or tables_with_events(stored.metadata):
            await install_tasks_within(connection)
            await apply_event_triggers(connection, now, await introspect(connection), catalog)
        for problem in catalog.problems:
            emit(MetadataRefused(files.place_of(problem, self._texts, folder=METADATA) or METADATA, problem.message))
        return edited or overruled

    async def write_metadata_after_calls(self, connection: Connection, installation: Installation) -> None:
        """The same, if there was a call; otherwise the metadata stays as it is."""
        if self._before is not None:
            await self.write_metadata(connection, installation)

    def _tell_overruled(self, stored: store.StoredMetadata) -> None:
        """Say which tables calls changed in vain. In a new database that is no news: old calls, newer files."""
        if self._before is None or self._before.source is None:
            return
        before, after = ({table.name: table for table in one.metadata.tables} for one in (self._before, stored))
        wanted = {table.name: table for table in self._metadata.tables}
        changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
        names = sorted(str(name) for name in changed if after.get(name) != wanted.get(name))
        if names:
            emit(
                CallsOverruled(METADATA, f"the calls of a migration say otherwise of {', '.join(names)}: files decide")
            )


async def apply_calls(connection: Connection, installation: Installation, file: CallsFile) -> None:
    """The calls of a migration's file are carried out, as the administrator's would be. Raises MigrationFailed."""
    administration = await Administration.begin(connection, installation.role)
    for call in file.calls:
        place = f"{file.place}:{call.line}"
        try:
            await _carry_out(administration, parse_request(_as_json(call)))
        except DataError as error:
            internal = error.internal if isinstance(error.internal, dict) else {}
            said = internal.get("error", {}).get("message") or error.message  # Postgres's own words
            raise MigrationFailed(
                f"{place}: {call.type}: {said}",
                path=place,
                hint=f"At {error.path or '$'} of the call. Nothing was applied: mend the file and start again.",
            ) from error
    await administration.finish()


async def _carry_out(administration: Administration, request: Request) -> None:
    match request:
        case MetadataCall():
            await administration.call(request)
        case Bulk(requests=requests):
            for one in requests:
                await _carry_out(administration, one)
        case _:
            raise NotSupported("a migration changes tables and metadata; rows are for its SQL", path=request.path)


def _as_json(call: Call) -> Any:
    """The call as a request's body would be read: with the same strictness, and the same numbers."""
    return decode(json.dumps({"type": call.type, "args": call.args}).encode(), DEFAULT_LIMITS)
