"""Introspection: whatever a database may contain is found in one query, and nothing that is not the user's."""

from __future__ import annotations

from dataclasses import replace

from tests.data.support import FIXTURE, fixture_database
from tests.support import run

from howdah.data.catalog.database import Database, DatabaseTable
from howdah.data.catalog.introspect import introspect
from howdah.data.query.ast import TableName
from howdah.postgres.connect import connect


def found(dsn: str, schema: str) -> Database:
    async def scenario() -> Database:
        async with await connect(dsn) as connection:
            await connection.script(schema)
            return await introspect(connection)

    return run(scenario())


def table(database: Database, name: str, schema: str = "public") -> DatabaseTable:
    return database.tables[TableName(schema, name)]


def without_numbers(database: Database) -> dict[TableName, DatabaseTable]:
    return {
        name: replace(
            one,
            oid=0,
            columns=tuple(
                replace(column, number=0, type=replace(column.type, name=column.type.sql)) for column in one.columns
            ),
            unique_constraints=tuple(sorted(one.unique_constraints, key=lambda key: key.name)),
            foreign_keys=tuple(sorted(one.foreign_keys, key=lambda key: key.name)),
        )
        for name, one in database.tables.items()
    }


def test_the_fixture_is_described_as_it_is_found(database: str) -> None:
    """The description that tests without a database use equals what introspection finds in the real one."""
    assert without_numbers(found(database, (FIXTURE / "database.sql").read_text())) == without_numbers(
        fixture_database()
    )
