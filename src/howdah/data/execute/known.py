"""What a process knows of database and metadata: loaded in one look, replaced as a whole, never changed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from howdah.data.catalog import store
from howdah.data.catalog.database import Database
from howdah.data.catalog.introspect import introspect
from howdah.data.catalog.metadata import Metadata
from howdah.data.catalog.model import EMPTY_CATALOG, Catalog, Problem, catalog_of
from howdah.data.catalog.resolve import resolve
from howdah.data.errors import DataError
from howdah.data.query.ast import TableName
from howdah.observe import events
from howdah.postgres.connection import Connection
from howdah.postgres.install import Installation, share_tables


@dataclass(frozen=True, slots=True)
class CatalogLoaded:
    """A process has a new catalog."""

    version: int
    tables: int
    problems: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class MetadataProblem:
    """Something in the metadata does not hold in the database, and was left out."""

    level: ClassVar[str] = "warning"
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class GrantRefused:
    """The API's role could not be given, or relieved of, a privilege."""

    level: ClassVar[str] = "warning"
    role: str
    privilege: str


@dataclass(frozen=True, slots=True)
class LeastPrivilegeMissing:
    """The API cannot act as a role of its own: it works as the user of the database URL, or a role too powerful."""

    level: ClassVar[str] = "warning"
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """The metadata as stored, the database as it was found, and what both make."""

    metadata: Metadata
    database: Database
    catalog: Catalog


NOTHING = Known(Metadata(), Database({}), EMPTY_CATALOG)


async def load(connection: Connection) -> Known:
    """What is stored and found now.

    A document that cannot be read (another version of howdah wrote it) is a problem of the then empty catalog.
    """
    started = time.perf_counter()
    database = await introspect(connection)
    try:
        stored = await store.read(connection)
        known = Known(stored.metadata, database, resolve(stored.metadata, database, stored.version))
    except DataError as error:
        name = TableName("howdah", "metadata")
        place = f"{error.path or '$'} of the stored document"
        problem = Problem("table", name, str(name), place, "", error.code, error.message)
        version = await store.read_version(connection)
        known = Known(Metadata(), database, catalog_of(version, EMPTY_CATALOG.tables, (problem,)))
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    catalog = known.catalog
    events.emit(CatalogLoaded(catalog.version, len(catalog.tables), len(catalog.problems), milliseconds))
    for problem in catalog.problems:
        events.emit(MetadataProblem(problem.path, problem.message))
    return known


async def share(connection: Connection, role: str | None, metadata: Metadata) -> None:
    """The API's role may use exactly the tracked tables; what could not be granted is reported."""
    if role is not None:
        tables = [(table.name.schema, table.name.name) for table in metadata.tables]
        for privilege in await share_tables(connection, role, tables):
            events.emit(GrantRefused(role, privilege))


async def publish(
    connection: Connection, metadata: Metadata, installation: Installation, *, source: str | None
) -> Catalog:
    """The metadata is stored as the next version, its tables are shared, and every process hears of it on commit.

    For metadata that comes from files: call it inside the transaction that migrates. Problems do not stop it; they are
    in the catalog that comes back. Raises MetadataChanged.
    """
    version = await store.read_version(connection, lock=True)
    stored = await store.write(connection, metadata, over=version, source=source)
    await share(connection, installation.role, metadata)
    return resolve(metadata, await introspect(connection), stored.version)
