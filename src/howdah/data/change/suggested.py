"""A database → metadata as one would begin with it: every table, and a relationship for each foreign key. Pure."""

from __future__ import annotations

from collections.abc import Container

from howdah.data.found.database import Database, DatabaseTable, ForeignKey
from howdah.data.query.ast import TableName
from howdah.data.written.metadata import (
    ForeignKeyOn,
    ManualMapping,
    Metadata,
    RelationshipMetadata,
    TableMetadata,
    arranged,
)


def suggest(database: Database, untracked: Container[TableName] = ()) -> Metadata:
    """The relations are tracked but for the ``untracked``, and foreign keys can be followed both ways.

    A key is called like its column without ``_id``, or like the table it points at; the way back like the other table,
    in the plural where there may be many. Who is allowed what, is for people to say.
    """
    tables = {name: table for name, table in database.tables.items() if name not in untracked}
    found: dict[TableName, list[RelationshipMetadata]] = {name: [] for name in tables}
    for table in tables.values():
        for key in table.foreign_keys:
            if key.target in tables:
                _add(found[table.name], table, _forward(table, key))
                _add(found[key.target], tables[key.target], _back(table, key))
    return arranged(Metadata(tuple(TableMetadata(name, tuple(relationships)) for name, relationships in found.items())))


def _forward(table: DatabaseTable, key: ForeignKey) -> tuple[RelationshipMetadata, ...]:
    """The relationship from the row to the one it points at, by each name that would do, best first."""
    (first, *more) = key.columns
    using = (
        ForeignKeyOn(first)
        if not more and _is_only(table, key)
        else ManualMapping(key.target, tuple(zip(key.columns, key.target_columns, strict=True)))
    )
    stem = first.removesuffix("_id").removesuffix("_fk")
    names = [key.target.name, f"{key.target.name}_by_{'_'.join(key.columns)}"]
    if stem and stem != first and not more:
        names.insert(0, stem)
    return tuple(RelationshipMetadata(name, "object", using) for name in names)


def _back(table: DatabaseTable, key: ForeignKey) -> tuple[RelationshipMetadata, ...]:
    """The relationship from the row pointed at to those that point at it, by each name that would do, best first."""
    is_one = any(set(one.columns) <= set(key.columns) for one in table.unique_constraints)
    using = (
        ForeignKeyOn(key.columns[0], table.name)
        if len(key.columns) == 1 and _is_only(table, key)
        else ManualMapping(table.name, tuple(zip(key.target_columns, key.columns, strict=True)))
    )
    name = table.name.name if is_one else plural(table.name.name)
    names = (name, f"{name}_by_{'_'.join(key.columns)}")
    return tuple(RelationshipMetadata(one, "object" if is_one else "array", using) for one in names)


def _is_only(table: DatabaseTable, key: ForeignKey) -> bool:
    """Whether the columns say which key is meant."""
    return sum(one.columns == key.columns for one in table.foreign_keys) == 1


def _add(
    listed: list[RelationshipMetadata], table: DatabaseTable, candidates: tuple[RelationshipMetadata, ...]
) -> None:
    """The first whose name is neither a column's nor another relationship's; none when all are taken."""
    taken = {column.name for column in table.columns} | {one.name for one in listed}
    chosen = next((one for one in candidates if one.name not in taken), None)
    if chosen is not None:
        listed.append(chosen)


def plural(name: str) -> str:
    """The English plural of a table's name, as far as it is regular; what looks like one is left.

    >>> [plural(name) for name in ("article", "category", "day", "box", "articles", "address")]
    ['articles', 'categories', 'days', 'boxes', 'articles', 'addresses']
    """
    if name.endswith(("ss", "x", "z", "ch", "sh")):
        return f"{name}es"
    if name.endswith("s"):
        return name
    return f"{name[:-1]}ies" if name.endswith("y") and name[-2:-1] not in "aeiou" else f"{name}s"
