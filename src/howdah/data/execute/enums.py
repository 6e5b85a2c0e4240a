"""The values of enum tables, read from the database."""

from __future__ import annotations

import json

from howdah.data.catalog.condition import TRUE
from howdah.data.catalog.database import Database, EnumValue
from howdah.data.catalog.enums import MOST_VALUES, EnumColumns, enum_tables, with_enum_values
from howdah.data.catalog.metadata import Metadata
from howdah.data.compile import compile_plan
from howdah.data.plan.values import ColumnOutput, OrderTerm, RowsPlan, SelectPlan
from howdah.data.query.ast import TableName
from howdah.data.sql.render import render
from howdah.postgres.connection import Connection


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
