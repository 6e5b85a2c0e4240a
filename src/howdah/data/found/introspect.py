"""A look into the database: Postgres's catalogue → Database, in a few queries however many tables there are.

The first tells what has changed since the last look, the others read that and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from howdah.data.found.database import (
    ColumnType,
    Database,
    DatabaseArgument,
    DatabaseColumn,
    DatabaseFunction,
    DatabaseTable,
    ForeignKey,
    RelationKind,
    UniqueConstraint,
)
from howdah.data.query.ast import TableName
from howdah.postgres import queries

_QUERIES = queries.load(Path(__file__).with_name("introspect.sql"))

_KINDS: Final[dict[str, RelationKind]] = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}


class Submitter(Protocol):
    """A connection, a transaction or a pool: whatever runs a statement and gives its only cell."""

    async def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> bytes:
        """The cell, as Postgres made it."""


async def introspect(connection: Submitter, before: Database | None = None) -> Database:
    """Every relation and function outside Postgres's and howdah's own schemas, as it is now.

    What has not changed since ``before`` is the same value as there, and ``before`` itself when nothing has. Raises
    DatabaseError and ConnectionLost.
    """
    if before is None:
        before = Database({})
    found = json.loads(await connection.submit(_QUERIES["marks"]))
    marks: dict[int, int] = {_FUNCTIONS: found["functions"], **dict(found["marks"] or ())}
    types = {oid: type_ for oid, type_ in before.types.items() if oid < _FIRST_OF_THE_DATABASE}
    types |= await _read_types(connection, found["types"] or ())
    others = {type_ for oid, type_ in before.types.items() if types.get(oid) != type_}
    known = {table.oid: table for table in before.tables.values() if table.oid in marks}
    changed = {oid for oid, mark in marks.items() if before.marks.get(oid) != mark}
    functions = before.functions
    if others or _FUNCTIONS in changed:
        functions = await _read_functions(connection, types)
    if others:
        changed |= {oid for oid, table in known.items() if any(column.type in others for column in table.columns)}
    if not changed and functions == before.functions and len(marks) == len(before.marks):
        return before
    tables = {oid: table for oid, table in known.items() if oid not in changed}
    tables |= await _read_tables(connection, changed - {_FUNCTIONS}, types)
    # A key has the names of what it refers to, and a new name is not written where the key is.
    renamed = {known[oid].name for oid in changed & known.keys() if not _same_names(known[oid], tables.get(oid))}
    if renamed:
        referring = [oid for oid, table in tables.items() if any(key.target in renamed for key in table.foreign_keys)]
        tables |= await _read_tables(connection, referring, types)
    same = [known[oid] if table == known.get(oid) else table for oid, table in tables.items()]
    return Database(
        {table.name: table for table in sorted(same, key=lambda table: table.name)}, functions, marks, types
    )


_FUNCTIONS = 0  # no relation's oid: the mark of all functions
_FIRST_OF_THE_DATABASE = 16384  # the oids below belong to Postgres, and never change


async def _read_types(connection: Submitter, oids: Iterable[int]) -> dict[int, ColumnType]:
    listed = _array(oids)
    if listed is None:
        return {}
    found = json.loads(await connection.submit(_QUERIES["types"], [listed])) or ()
    return {
        oid: ColumnType(sql, name, category, base, tuple(labels or ()), operators)
        for oid, sql, name, category, base, labels, operators in found
    }


async def _read_functions(
    connection: Submitter, types: dict[int, ColumnType]
) -> dict[TableName, tuple[DatabaseFunction, ...]]:
    """The functions; their types are in ``types`` afterwards."""
    found = json.loads(await connection.submit(_QUERIES["functions"])) or ()
    used = {row[_RETURNS] for row in found} | {argument[1] for row in found for argument in row[_ARGUMENTS] or ()}
    types |= await _read_types(connection, used - types.keys())
    functions: dict[TableName, tuple[DatabaseFunction, ...]] = {}
    for row in found:
        function = _function(row, types)
        functions[function.name] = (*functions.get(function.name, ()), function)
    return functions


_ARGUMENTS, _RETURNS = 3, 4  # where the query lists a function's arguments, and the type it returns


def _function(row: list[Any], types: dict[int, ColumnType]) -> DatabaseFunction:
    oid, schema, name, arguments, returns, relation, returns_set, volatile, oddity, comment = row
    return DatabaseFunction(
        oid,
        TableName(schema, name),
        tuple(
            DatabaseArgument(argument, types[type_number], of_relation, has_default)
            for argument, type_number, of_relation, has_default in arguments or ()
        ),
        types[returns],
        relation,
        returns_set,
        volatile,
        oddity,
        comment,
    )


async def _read_tables(
    connection: Submitter, oids: Iterable[int], types: dict[int, ColumnType]
) -> dict[int, DatabaseTable]:
    """The relations; their types are in ``types`` afterwards."""
    listed = _array(oids)
    if listed is None:
        return {}
    found = json.loads(await connection.submit(_QUERIES["introspect"], [listed]))
    used = {column[_TYPE] for row in found["tables"] or () for column in row[_COLUMNS] or ()}
    types |= await _read_types(connection, used - types.keys())
    comments = {(oid, number): text for oid, number, text in found["comments"] or ()}
    tables = [_table(row, types, comments) for row in found["tables"] or ()]
    return {table.oid: table for table in tables}


_COLUMNS, _TYPE = 7, 2  # where the query lists a relation's columns, and a column's type


def _array(oids: Iterable[int]) -> bytes | None:
    listed = ",".join(map(str, oids))
    return f"{{{listed}}}".encode() if listed else None


def _same_names(one: DatabaseTable, other: DatabaseTable | None) -> bool:
    return (
        other is not None
        and one.name == other.name
        and [(column.number, column.name) for column in one.columns]
        == [(column.number, column.name) for column in other.columns]
    )


def _table(row: list[Any], types: dict[int, ColumnType], comments: dict[tuple[int, int], str]) -> DatabaseTable:
    oid, schema, name, kind, insertable, updatable, deletable, columns, unique, foreign_keys = row
    constraints = tuple(UniqueConstraint(key, tuple(names)) for key, _, names in unique or ())
    return DatabaseTable(
        oid=oid,
        name=TableName(schema, name),
        kind=_KINDS[kind],
        columns=tuple(
            DatabaseColumn(
                column, number, types[type_number], nullable, has_default, generated, comments.get((oid, number))
            )
            for column, number, type_number, nullable, has_default, generated in columns or ()
        ),
        # The query lists the primary key first.
        primary_key=constraints[0] if unique and unique[0][1] else None,
        unique_constraints=constraints,
        foreign_keys=tuple(
            ForeignKey(key, tuple(names), TableName(target_schema, target), tuple(target_names))
            for key, names, target_schema, target, target_names in foreign_keys or ()
        ),
        insertable=insertable,
        updatable=updatable,
        deletable=deletable,
        comment=comments.get((oid, 0)),
    )
