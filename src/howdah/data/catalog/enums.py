"""Enum tables: a table whose rows are the only values that columns referring to it may have. Pure.

It has a key of one column of text, at most one more column of text, a comment on the value, and at least one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from howdah.data.errors import DataError, InvalidConfiguration
from howdah.data.found.database import Database, DatabaseColumn, DatabaseTable, EnumValue
from howdah.data.query.ast import TableName
from howdah.data.written.metadata import Metadata

MOST_VALUES = 1000


@dataclass(frozen=True, slots=True)
class EnumColumns:
    """Where an enum table has its values, and perhaps what is said of each."""

    value: str
    comment: str | None


def enum_columns(table: DatabaseTable) -> EnumColumns:
    """The columns of an enum table. Raises InvalidConfiguration for a table that cannot be one."""
    key = table.primary_key
    if key is None or len(key.columns) != 1:
        raise InvalidConfiguration(f'"{table.name}" cannot be an enum: it needs a primary key of one column')
    others = [column for column in table.columns if column.name != key.columns[0]]
    if len(others) > 1:
        raise InvalidConfiguration(f'"{table.name}" cannot be an enum: it has more columns than a value and a comment')
    for column in table.columns:
        if column.type.category != "text":
            raise InvalidConfiguration(f'"{table.name}" cannot be an enum: column "{column.name}" is not text')
    return EnumColumns(key.columns[0], others[0].name if others else None)


def check_enum(table: DatabaseTable) -> None:
    """Raises InvalidConfiguration when the table, whose values have been read, cannot be an enum."""
    enum_columns(table)
    if not table.enum_values:
        raise InvalidConfiguration(f'"{table.name}" cannot be an enum: it has no rows')
    if len(table.enum_values) > MOST_VALUES:
        raise InvalidConfiguration(f'"{table.name}" cannot be an enum: it has more than {MOST_VALUES} rows')


def enum_tables(metadata: Metadata, database: Database) -> dict[TableName, EnumColumns]:
    """The tables that are to be enums, and can be as far as their columns go."""
    found: dict[TableName, EnumColumns] = {}
    for written in metadata.tables:
        table = database.tables.get(written.name) if written.is_enum else None
        if table is not None:
            try:
                found[table.name] = enum_columns(table)
            except DataError:
                continue  # which resolving the metadata tells
    return found


def enum_values(database: Database) -> dict[TableName, tuple[EnumValue, ...]]:
    """The rows of every enum table."""
    return {name: table.enum_values for name, table in database.tables.items() if table.enum_values}


def with_enum_values(database: Database, values: Mapping[TableName, tuple[EnumValue, ...]]) -> Database:
    """The database in which these tables are enums, and no others; itself, when that is how it was.

    A table has its values, and the type of a column that refers to it has them as its labels.
    """
    if not values and not any(table.enum_values for table in database.tables.values()):
        return database
    labels = {
        name: tuple(value.value for value in rows) for name, rows in values.items() if 0 < len(rows) <= MOST_VALUES
    }
    tables = {name: _table(table, values, labels) for name, table in database.tables.items()}
    if all(tables[name] is table for name, table in database.tables.items()):
        return database
    return replace(database, tables=tables)


def _table(
    table: DatabaseTable,
    values: Mapping[TableName, tuple[EnumValue, ...]],
    labels: Mapping[TableName, tuple[str, ...]],
) -> DatabaseTable:
    referring: dict[str, tuple[str, ...]] = {}
    for key in table.foreign_keys:
        # The key of an enum table is the one column of text that anything can refer to.
        if key.target in labels and len(key.columns) == 1:
            referring[key.columns[0]] = labels[key.target]
    columns = tuple([_column(column, referring.get(column.name, ())) for column in table.columns])
    own = values.get(table.name, ())
    if own == table.enum_values and all(new is old for new, old in zip(columns, table.columns, strict=True)):
        return table
    return replace(table, columns=columns, enum_values=own)


def _column(column: DatabaseColumn, labels: tuple[str, ...]) -> DatabaseColumn:
    if column.type.category != "text" or column.type.labels == labels:
        return column
    return replace(column, type=replace(column.type, labels=labels))
