"""The values of enum tables, read from the database; and which requests may change them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from howdah.data.catalog.condition import TRUE
from howdah.data.catalog.enums import MOST_VALUES, EnumColumns, enum_tables, with_enum_values
from howdah.data.catalog.model import Catalog
from howdah.data.compile import compile_plan
from howdah.data.found.database import Database, EnumValue
from howdah.data.plan.values import ColumnOutput, OrderTerm, RowsPlan, SelectPlan
from howdah.data.query.ast import Arguments, Bulk, Delete, Insert, Request, Select, TableName, Transaction, Update
from howdah.data.sql.render import render
from howdah.data.written.metadata import Metadata
from howdah.postgres.connection import Connection


@dataclass(frozen=True, slots=True)
class EnumsNotRefreshed:
    """The values of an enum table were changed, and could not be read again: `reload_metadata` does so."""

    level: ClassVar[str] = "warning"
    reason: str


async def with_enums(connection: Connection, metadata: Metadata, database: Database) -> Database:
    """The database with the values that the metadata's enum tables have now. Raises DatabaseError, ConnectionLost."""
    found = enum_tables(metadata, database)
    values = {name: await _values(connection, name, columns) for name, columns in found.items()}
    return with_enum_values(database, values)


async def _values(connection: Connection, table: TableName, columns: EnumColumns) -> tuple[EnumValue, ...]:
    outputs = [ColumnOutput(columns.value, "value")]
    if columns.comment is not None:
        outputs.append(ColumnOutput(columns.comment, "comment"))
    order = OrderTerm((), columns.value, descending=False, nulls_first=None)
    rows = RowsPlan(table, tuple(outputs), TRUE, (order,), MOST_VALUES + 1, None)
    answer = await connection.submit(render(compile_plan(SelectPlan(rows))).text)
    return tuple(EnumValue(row["value"], row.get("comment")) for row in json.loads(answer))


def names_of_enums(metadata: Metadata, catalog: Catalog) -> frozenset[TableName]:
    """What requests call the tables that are to be enums, whether they have values now or not."""
    enums = (catalog.tables.get(table.name) for table in metadata.tables if table.is_enum)
    return frozenset(table.exposed_name for table in enums if table is not None)


def may_write(request: Request, tables: frozenset[TableName], catalog: Catalog) -> bool:
    """Whether the request writes one of these, by the names it uses; rows inside rows may be of any table.

    So may be what a function writes.
    """
    match request:
        case Bulk(requests=requests):
            return any(may_write(one, tables, catalog) for one in requests)
        case Transaction(queries=queries):
            return any(may_write(one, tables, catalog) for one in queries)
        case Insert(table=table, objects=objects):
            nested = any(isinstance(value, dict) and "data" in value for row in objects for value in row.values())
            return table in tables or (nested and bool(tables))
        case Update(table=table) | Delete(table=table):
            return table in tables
        case Select(table=name, arguments=Arguments()):
            function = catalog.functions.get(name)
            return function is not None and function.routine.volatile and bool(tables)
        case _:
            return False
