"""Custom names: what requests and answers call tables and columns. Metadata and its rules speak the database's names.

A name that cannot be, or that something else has, is left out; what it was for keeps its own name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable

from howdah.data.errors import AlreadyExists, DataError, InvalidConfiguration, NotExists, Path
from howdah.data.query.ast import TableName
from howdah.data.query.predicate import RESERVED
from howdah.data.written.metadata import CustomNames, TableMetadata

CUSTOM_SCHEMA = "public"
"""A custom name of a table is written without a schema, wherever the table is."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
"""What Hasura allows (a Name of GraphQL), as far as Postgres does not cut it."""

_COLUMNS: Path = (None, "custom_column_names")


def name_columns(
    names: CustomNames, columns: Iterable[str], relationships: Container[str]
) -> tuple[dict[str, str], list[tuple[str, DataError]]]:
    """What requests call each column, and what is wrong with a column's custom name."""
    errors: list[tuple[str, DataError]] = []
    exposed = {column: column for column in columns}
    custom: dict[str, str] = {}
    for column, name in names.columns:
        try:
            _refuse_malformed(name, (_COLUMNS, column))
            if column not in exposed:
                raise NotExists(f'column "{column}" does not exist', path=(_COLUMNS, column))
            if name in relationships:
                message = f'relationship with name "{name}" already exists'
                raise AlreadyExists(message, path=(_COLUMNS, column))
            custom[column] = name
        except DataError as error:
            errors.append((column, error))
    while True:
        exposed |= custom
        counted = Counter(exposed.values())
        clashing = [column for column in custom if counted[exposed[column]] > 1]
        if not clashing:
            return exposed, errors
        # Without its custom name a column has its own, which may be another's custom name: look again.
        for column in clashing:
            message = f'more than one column would have the name "{custom.pop(column)}"'
            errors.append((column, AlreadyExists(message, path=(_COLUMNS, column))))
            exposed[column] = column


def name_tables(
    tables: Iterable[TableMetadata],
) -> tuple[dict[TableName, TableName], list[tuple[TableName, DataError]]]:
    """What requests call each table that has a custom name, and what is wrong with one."""
    written = list(tables)
    taken = {table.name for table in written}
    exposed: dict[TableName, TableName] = {}
    errors: list[tuple[TableName, DataError]] = []
    for table in written:
        if table.custom_names.table is None:
            continue
        name = TableName(CUSTOM_SCHEMA, table.custom_names.table)
        try:
            _refuse_malformed(name.name, (None, "custom_name"))
            if name in taken and name != table.name:
                raise AlreadyExists(f'table "{name}" is tracked already', path=(None, "custom_name"))
        except DataError as error:
            errors.append((table.name, error))
        else:
            taken.add(name)
            exposed[table.name] = name
    return exposed, errors


def _refuse_malformed(name: str, path: Path) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidConfiguration("a custom name has 1 to 63 of the characters a-z, A-Z, 0-9 and _", path=path)
    if name in RESERVED:
        raise InvalidConfiguration(f'"{name}" is an operator and cannot be a custom name', path=path)
