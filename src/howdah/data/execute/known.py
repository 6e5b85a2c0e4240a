"""What a process knows of database and metadata: loaded in one look, replaced as a whole, never changed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from howdah.data.catalog.model import EMPTY_CATALOG, Catalog, catalog_of
from howdah.data.catalog.resolve import resolve
from howdah.data.errors import DataError
from howdah.data.execute.enums import with_enums
from howdah.data.found.database import Database
from howdah.data.found.introspect import introspect
from howdah.data.query.ast import TableName
from howdah.data.written import store
from howdah.data.written.metadata import Metadata, called_functions
from howdah.data.written.problem import Problem
from howdah.observe import events
from howdah.postgres.connection import Connection
from howdah.postgres.install import Installation, share_functions, share_tables


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
class MetadataFilesOutdated:
    """Calls changed metadata that was taken over from files: the next edit of a file takes it back."""

    level: ClassVar[str] = "warning"
    tables: str
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

    stored: store.StoredMetadata
    database: Database
    catalog: Catalog

    @property
    def metadata(self) -> Metadata:
        """What is tracked, as written."""
        return self.stored.metadata

    def with_metadata(self, metadata: Metadata, database: Database) -> Known:
        """The same with other metadata, not yet stored, and what its enums are."""
        catalog = resolve(metadata, database, self.catalog.version, self.catalog)
        return Known(replace(self.stored, metadata=metadata), database, catalog)

    def with_stored(self, stored: store.StoredMetadata) -> Known:
        """The same, stored."""
        return Known(stored, self.database, replace(self.catalog, version=stored.version))


_NEVER = -1  # the version before all of them

NOTHING = Known(store.StoredMetadata(_NEVER, Metadata(), None), Database({}), EMPTY_CATALOG)
"""What a process knows before it has looked."""


async def load(connection: Connection, before: Known = NOTHING) -> Known:
    """What is stored and found now; of that, only what is not as it was ``before`` is read and resolved.

    A document that cannot be read (another version of howdah wrote it) is a problem of the then empty catalog.
    """
    started = time.perf_counter()
    history, version = await store.read_position(connection)
    try:
        # The metadata first: a call that changes both meanwhile writes a version that is not yet known, and heard of.
        stored = await store.read_changes(connection, before.stored)
        database = await introspect(connection, before.database)
        database = await with_enums(connection, stored.metadata, database)
        known = Known(stored, database, resolve(stored.metadata, database, stored.version, before.catalog))
    except DataError as error:
        name = TableName("howdah", "metadata")
        place = f"{error.path or '$'} of the stored document"
        problem = Problem("table", name, str(name), place, "", error.code, error.message)
        stored = store.StoredMetadata(_NEVER, Metadata(), None, history)
        known = Known(stored, before.database, catalog_of(version, EMPTY_CATALOG.tables, (problem,)))
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    catalog = known.catalog
    events.emit(CatalogLoaded(catalog.version, len(catalog.tables), len(catalog.problems), milliseconds))
    known_problems = set(before.catalog.problems)
    for problem in catalog.problems:
        if problem not in known_problems:
            events.emit(MetadataProblem(problem.path, problem.message))
    return known


async def share(connection: Connection, role: str | None, metadata: Metadata) -> None:
    """The API's role may use exactly the tracked tables, and call the functions that requests may lead to.

    What could not be granted is reported.
    """
    await _share(connection, role, (table.name for table in metadata.tables), are_all=True)
    await _share_functions(connection, role, metadata)


async def share_changes(connection: Connection, role: str | None, before: Known, now: Known) -> None:
    """As ``share``, where that was so ``before``: unless a table was untracked, only what has changed is looked at."""
    old, new = _tracked(before), _tracked(now)
    if old.keys() - new.keys():
        await share(connection, role, now.metadata)
        return
    changed = [name for oid, name in new.items() if oid not in old or _marks_differ(before, now, oid)]
    if changed:
        await _share(connection, role, changed, are_all=False)
    if called_functions(before.metadata) != called_functions(now.metadata) or (
        before.database.functions != now.database.functions
    ):
        await _share_functions(connection, role, now.metadata)


async def _share_functions(connection: Connection, role: str | None, metadata: Metadata) -> None:
    if role is not None:
        functions = [(name.schema, name.name) for name in called_functions(metadata)]
        for privilege in await share_functions(connection, role, functions):
            events.emit(GrantRefused(role, privilege))


async def _share(connection: Connection, role: str | None, names: Iterable[TableName], *, are_all: bool) -> None:
    if role is not None:
        tables = [(name.schema, name.name) for name in names]
        for privilege in await share_tables(connection, role, tables, are_all=are_all):
            events.emit(GrantRefused(role, privilege))


def _tracked(known: Known) -> dict[int, TableName]:
    """The tracked tables that exist, by oid: a table that was renamed is still the same."""
    found = ((table.name, known.database.tables.get(table.name)) for table in known.metadata.tables)
    return {table.oid: name for name, table in found if table is not None}


def _marks_differ(before: Known, now: Known, oid: int) -> bool:
    return before.database.marks.get(oid) != now.database.marks.get(oid)


async def publish(
    connection: Connection, metadata: Metadata, installation: Installation, *, source: str | None
) -> Catalog:
    """The metadata is stored as the next version, its tables are shared, and every process hears of it on commit.

    For metadata that comes from files: call it inside the transaction that migrates. Problems do not stop it; they are
    in the catalog that comes back. Raises MetadataChanged.
    """
    await store.lock(connection)
    stored = await store.write(connection, metadata, over=await store.read(connection), source=source)
    await store.note_taken(connection, metadata)
    await share(connection, installation.role, metadata)
    database = await with_enums(connection, metadata, await introspect(connection))
    return resolve(metadata, database, stored.version)
