"""A database that others made → the project's first migration and its metadata, which it has applied already."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from howdah.data.change.suggested import suggest
from howdah.data.errors import DataError
from howdah.data.found.introspect import introspect
from howdah.data.query.ast import TableName
from howdah.data.written import store
from howdah.data.written.document import read_document
from howdah.data.written.metadata import OPERATIONS, Metadata
from howdah.data.written.write_files import to_files
from howdah.embedded import clients
from howdah.embedded.postgres import Postgres
from howdah.maintenance.errors import AdoptRefused
from howdah.migrations.dumped import to_migration
from howdah.migrations.load import Migration, load_migrations
from howdah.migrations.run import OPTIONS, read_applied
from howdah.migrations.write import checked_slug, new_migration
from howdah.postgres import queries
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.provision import METADATA, MIGRATIONS, Described, read_files, take_over

_QUERIES = queries.load(Path(__file__).with_name("adopt.sql"))
_DOWN = "-- This is how the database was: there is no way back to before it.\n"
_FOREIGN = ("howdah", "hdb_catalog", "hdb_views")
# What is read of the metadata of later versions of Hasura's; the rest has no place here.
_TABLE_KEYS = (
    "table",
    "is_enum",
    *(f"{kind}_relationships" for kind in ("object", "array")),
    *(f"{operation}_permissions" for operation in OPERATIONS),
)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What to write and to record. ``sql`` is the first migration, or None where the folder has migrations already."""

    name: str
    sql: str | None
    applied: tuple[Migration, ...]
    metadata: Mapping[str, str]
    source: str


async def plan_adoption(root: Path, postgres: Postgres, environment: Mapping[str, str], name: str) -> Adoption:
    """What would be written and recorded; nothing is.

    Raises AdoptRefused where migrations have been applied already, or the folder has some and the database does not
    say that it has them; ClientMissing, ClientFailed, InvalidMigrationName.
    """
    described, slug = read_files(root), checked_slug(name)
    async with await connect(postgres.dsn.reveal(), OPTIONS) as connection:
        if await read_applied(connection):
            raise AdoptRefused(
                "This database has applied migrations of howdah's: it is taken over already.",
                hint="`howdah migration check` shows what no migration describes.",
            )
        found = json.loads(await connection.submit(_QUERIES["found"]))
        applied = await _applied_elsewhere(connection, described, found)
        rows = await _alembic_rows(connection) if found["alembic"] else ()
        metadata, source = await _metadata(connection, found)
    files = {} if described.texts else to_files(metadata)
    if applied:
        return Adoption(slug, None, applied, files, source)
    script = await clients.dump_schema(postgres, environment, without=_FOREIGN)
    return Adoption(slug, to_migration(script, found["user"], rows), (), files, source)


async def adopt(root: Path, postgres: Postgres, adoption: Adoption, now: dt.datetime) -> tuple[str, ...]:
    """The migration and the metadata are in the project, and the database has them; the places that were written.

    When the database refuses, nothing was written.
    """
    written: list[Path] = []
    try:
        migrations = adoption.applied
        if adoption.sql is not None:
            made = new_migration(root / MIGRATIONS, adoption.name, now)
            written.append(made)
            (made / "up.sql").write_text(adoption.sql, encoding="utf-8")
            (made / "down.sql").write_text(_DOWN, encoding="utf-8")
            migrations = tuple(one for one in load_migrations(root / MIGRATIONS) if one.place.endswith(made.name))
        for file, text in adoption.metadata.items():
            path = root / METADATA / file
            path.parent.mkdir(parents=True, exist_ok=True)
            written.append(path)
            path.write_text(text, encoding="utf-8")
        await take_over(root, postgres.dsn, migrations)
    except BaseException:
        for path in written:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise
    return tuple(path.relative_to(root).as_posix() for path in written)


async def _applied_elsewhere(
    connection: Connection, described: Described, found: Mapping[str, Any]
) -> tuple[Migration, ...]:
    """The migrations of the folder that the database has applied as Hasura's; none where the folder has none."""
    if not described.migrations:
        return ()
    versions: set[int] = set()
    if found["hasura_migrations"]:
        versions = {int(one) for one in json.loads(await connection.submit(_QUERIES["hasura_migrations"]))}
    applied = tuple(one for one in described.migrations if one.version in versions)
    if not applied:
        raise AdoptRefused(
            f"{MIGRATIONS}/ has migrations already, and this database does not say that it has applied one of them.",
            hint="Move them away: what the database is made of is written as the first migration.",
        )
    return applied


async def _alembic_rows(connection: Connection) -> tuple[str, ...]:
    """What makes Alembic see the same revision in a database made from the files."""
    revisions = json.loads(await connection.submit(_QUERIES["alembic_version"]))
    insert = sql.SQL("INSERT INTO public.alembic_version (version_num) VALUES ({});")
    return tuple(insert.format(sql.Literal(one)).as_string() for one in revisions)


async def _metadata(connection: Connection, found: Mapping[str, Any]) -> tuple[Metadata, str]:
    """What is said of the tables already, by howdah or by Hasura; otherwise all of them; and who says so."""
    if await connection.submit("select to_json(to_regclass('howdah.metadata') is not null)") == b"true":
        stored = (await store.read(connection)).metadata
        if stored.tables:
            return stored, "howdah"
    try:
        if found["hasura_metadata"]:
            document = json.loads(await connection.submit(_QUERIES["hasura_metadata"]))
            return read_document({"tables": [_known(table) for table in _tables(document)]}), "hdb_catalog"
        if found["hasura_tables"]:
            return read_document(json.loads(await connection.submit(_QUERIES["hasura_tables"]))), "hdb_catalog"
    except DataError as error:
        raise AdoptRefused(
            f"What hdb_catalog says of the tables cannot be read: {error.message} ({error.path})."
        ) from error
    untracked = {TableName(schema, name) for schema, name in found["untracked"]}
    return suggest(await introspect(connection), untracked), "foreign keys"


def _tables(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tables of a document, which later versions list by source."""
    if "sources" not in document:
        return list(document.get("tables", ()))
    return [table for source in document["sources"][:1] for table in source.get("tables", ())]


def _known(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: table[key] for key in _TABLE_KEYS if key in table}
