"""Tables, tracked and not: what there is, what could be tracked, and which relationships foreign keys suggest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from howdah.data.execute.known import Known
from howdah.data.found.database import Database, DatabaseTable, ForeignKey
from howdah.data.query.ast import TableName
from howdah.data.written import files
from howdah.data.written.edit_files import edited_files
from howdah.data.written.metadata import (
    OPERATIONS,
    ForeignKeyOn,
    ManualMapping,
    Metadata,
    RelationshipMetadata,
    TableMetadata,
    arranged,
)
from howdah.maintenance.errors import UnknownTable
from howdah.provision import METADATA
from howdah.session import ADMIN_ROLE


@dataclass(frozen=True, slots=True)
class Seen:
    """A table of the database, or one that only the metadata knows (``kind`` None)."""

    name: TableName
    kind: str | None
    tracked: bool
    columns: int
    relationships: tuple[str, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is tracked, in words, and the files that say so: new texts by name, None for one that goes."""

    done: tuple[str, ...]
    changes: dict[str, str | None]


def seen_tables(known: Known) -> tuple[Seen, ...]:
    """Every table of the database and of the metadata, by name."""
    tracked = {table.name: table for table in known.metadata.tables}
    seen = []
    for name in sorted({*tracked, *known.database.tables}):
        table, written = known.database.tables.get(name), tracked.get(name)
        seen.append(
            Seen(
                name,
                None if table is None else table.kind,
                written is not None,
                0 if table is None else len(table.columns),
                () if written is None else tuple(one.name for one in written.relationships),
                () if written is None else tuple(sorted({one.role for one in written.permissions})),
            )
        )
    return tuple(seen)


def described(known: Known, name: TableName) -> dict[str, Any]:
    """A table as JSON: columns with the keys they are in, relationships with where they lead, roles with operations."""
    table, tracked = known.database.tables[name], known.catalog.tables.get(name)
    keys: dict[str, list[str]] = {}
    for constraint in table.unique_constraints:
        label = "primary" if constraint == table.primary_key else "unique"
        for column in constraint.columns:
            keys.setdefault(column, []).append(label)
    for key in table.foreign_keys:
        for column, target in zip(key.columns, key.target_columns, strict=True):
            keys.setdefault(column, []).append(f"→ {key.target}.{target}")
    relationships = () if tracked is None else tracked.relationships.values()
    permissions = {} if tracked is None else tracked.permissions
    return {
        "table": {"schema": name.schema, "name": name.name},
        "kind": table.kind,
        "tracked": tracked is not None,
        "columns": [
            {
                "name": column.name,
                "type": column.type.sql,
                "nullable": column.nullable,
                "has_default": column.has_default,
                "generated": column.generated,
                "keys": keys.get(column.name, []),
            }
            for column in table.columns
        ],
        "relationships": [{"name": one.name, "kind": one.kind, "table": str(one.target)} for one in relationships],
        "roles": {
            role: [operation for operation in OPERATIONS if getattr(one, operation) is not None]
            for role, one in sorted(permissions.items())
            if role != ADMIN_ROLE
        },
    }


def plan_tracking(root: Path, database: Database, names: Iterable[TableName], *, relationships: bool) -> Tracking:
    """The files with these tables in them; with ``relationships`` also those that foreign keys suggest.

    Between the named tables and all that are tracked, in both directions. What is tracked already stays as it is, but
    for the relationships. Raises InvalidMetadataFiles.
    """
    texts = files.read_folder(root / METADATA)
    metadata = files.from_files(texts, folder=METADATA)
    done: list[str] = []
    wanted = tuple(names)
    for name in wanted:
        if metadata.table(name) is None:
            metadata = metadata.with_table(TableMetadata(name))
            done.append(f"table {name}")
    if relationships:
        for name, one in suggested(metadata, database, wanted):
            table = metadata.table(name)
            assert table is not None, "a relationship is suggested for tracked tables"
            metadata = metadata.with_table(replace(table, relationships=(*table.relationships, one)))
            done.append(f"relationship {name}.{one.name}")
    return Tracking(tuple(done), edited_files(texts, arranged(metadata)))


def plan_untracking(root: Path, database: Database, names: Iterable[TableName]) -> Tracking:
    """The files without these tables, and without the relationships to them. Raises UnknownTable."""
    texts = files.read_folder(root / METADATA)
    metadata = files.from_files(texts, folder=METADATA)
    done: list[str] = []
    for name in names:
        if metadata.table(name) is None:
            raise UnknownTable(f'"{name}" is not tracked.', hint="`howdah table list` shows what is.")
        metadata = metadata.without_table(name)
        done.append(f"table {name}")
        for table in metadata.tables:
            kept = tuple(
                one for one in table.relationships if not _leads_to(one, database.tables.get(table.name), name)
            )
            if kept != table.relationships:
                done += [f"relationship {table.name}.{one.name}" for one in table.relationships if one not in kept]
                metadata = metadata.with_table(replace(table, relationships=kept))
    return Tracking(tuple(done), edited_files(texts, metadata))


def _leads_to(one: RelationshipMetadata, table: DatabaseTable | None, name: TableName) -> bool:
    """Whether the relationship leads there; where it names a column of its own, the foreign key says it."""
    match one.using:
        case ManualMapping(remote_table):
            return remote_table == name
        case ForeignKeyOn(column, None):
            keys = () if table is None else table.foreign_keys
            return any(key.columns == (column,) and key.target == name for key in keys)
        case ForeignKeyOn(_, remote):
            return remote == name


def suggested(
    metadata: Metadata, database: Database, about: Iterable[TableName]
) -> Iterator[tuple[TableName, RelationshipMetadata]]:
    """For each foreign key from or to one of the tables: a relationship there and one back, where there is none yet."""
    wanted = set(about)
    taken = {
        table.name: {one.name for one in table.relationships} | _columns(database, table.name)
        for table in metadata.tables
    }
    existing = {table.name: {(one.kind, one.using) for one in table.relationships} for table in metadata.tables}
    for table in metadata.tables:
        found = database.tables.get(table.name)
        if found is None:
            continue
        for key in found.foreign_keys:
            if key.target in taken and ({table.name, key.target} & wanted):
                for name, one in _both_ways(found, key, taken):
                    if (one.kind, one.using) not in existing[name]:
                        taken[name].add(one.name)
                        yield name, one


def _both_ways(
    table: DatabaseTable, key: ForeignKey, taken: dict[TableName, set[str]]
) -> Iterator[tuple[TableName, RelationshipMetadata]]:
    if len(key.columns) == 1:
        (column,) = key.columns
        there: ForeignKeyOn | ManualMapping = ForeignKeyOn(column)
        back: ForeignKeyOn | ManualMapping = ForeignKeyOn(column, table.name)
    else:
        column = key.name
        there = ManualMapping(key.target, tuple(zip(key.columns, key.target_columns, strict=True)))
        back = ManualMapping(table.name, tuple(zip(key.target_columns, key.columns, strict=True)))
    stem = column.removesuffix("_id")
    name = _free((stem if stem != column else key.target.name, f"{key.target.name}_by_{column}"), taken[table.name])
    yield table.name, RelationshipMetadata(name, "object", there)
    one_only = any(set(constraint.columns) <= set(key.columns) for constraint in table.unique_constraints)
    plural = table.name.name if one_only else _plural(table.name.name)
    name = _free((plural, f"{plural}_by_{stem}"), taken[key.target])
    yield key.target, RelationshipMetadata(name, "object" if one_only else "array", back)


def _free(names: tuple[str, ...], taken: set[str]) -> str:
    """The first name that is not taken, or the last with a number."""
    for name in names:
        if name not in taken:
            return name
    number = 2
    while f"{names[-1]}_{number}" in taken:
        number += 1
    return f"{names[-1]}_{number}"


def _plural(name: str) -> str:
    """A name for many of them, good enough to be kept or changed.

    >>> _plural("article"), _plural("category"), _plural("news"), _plural("box")
    ('articles', 'categories', 'news', 'boxes')
    """
    if name.endswith("s"):
        return name
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("x", "ch", "sh")) else f"{name}s"


def _columns(database: Database, name: TableName) -> set[str]:
    table = database.tables.get(name)
    return set() if table is None else {column.name for column in table.columns}
