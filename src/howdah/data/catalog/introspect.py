"""A look into the database, in one query however many tables there are: Postgres's catalogue → Database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from howdah.data.catalog.database import (
    ColumnType,
    Database,
    DatabaseColumn,
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


async def introspect(connection: Submitter) -> Database:
    """Every relation outside Postgres's and howdah's own schemas, as it is now.

    Raises DatabaseError and ConnectionLost.
    """
    return read_introspection(json.loads(await connection.submit(_QUERIES["introspect"])))


def read_introspection(found: dict[str, Any]) -> Database:
    """The answer of the query as values. Types and names that occur often are made once."""
    types = {
        number: ColumnType(sql, name, category, base, tuple(labels or ()))
        for number, sql, name, category, base, labels in found["types"] or ()
    }
    comments = {(oid, number): text for oid, number, text in found["comments"] or ()}
    tables = [_table(row, types, comments) for row in found["tables"] or ()]
    return Database({table.name: table for table in sorted(tables, key=lambda table: table.name)})


def _table(row: list[Any], types: dict[int, ColumnType], comments: dict[tuple[int, int], str]) -> DatabaseTable:
    oid, schema, name, kind, insertable, updatable, columns, unique, foreign_keys = row
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
        comment=comments.get((oid, 0)),
    )
