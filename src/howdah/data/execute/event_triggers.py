"""The triggers in the database that event triggers of the metadata are; and who writes, for what those tell.

They write the outbox of the schema ``howdah_tasks`` in the transaction of whoever changes a row, by whichever way: a
request, a service, psql. That schema is there before the first of them is made.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from howdah.data.catalog.model import Catalog
from howdah.data.found.database import Database
from howdah.data.query.ast import TableName
from howdah.data.written.metadata import EventTriggerMetadata, Metadata, TableMetadata
from howdah.kit import context
from howdah.postgres.connection import Connection
from howdah.postgres.pool import Pool
from howdah.session import ROLE_HEADER, Session

_SET_CALLER = (
    "select to_json(set_config('hasura.user', $1::text, true) || set_config('howdah.request_id', $2::text, true))"
)


def tables_with_events(metadata: Metadata) -> frozenset[TableName]:
    """The tables whose changes are told."""
    return frozenset(table.name for table in metadata.tables if table.event_triggers)


async def apply_event_triggers(connection: Connection, metadata: Metadata, database: Database, catalog: Catalog) -> int:
    """The database has a trigger for each event trigger that holds, and none for another; how many were changed.

    ``connection`` works as the owner of the tables. Raises DatabaseError.
    """
    broken = {(problem.table, problem.name) for problem in catalog.problems if problem.kind == "event trigger"}
    wanted = [
        _wanted(table, trigger, database)
        for table in metadata.tables
        for trigger in table.event_triggers
        if table.name in database.tables and (table.name, trigger.name) not in broken
    ]
    statement = "select to_json(howdah_tasks.apply_row_events($1::jsonb))"
    return int(await connection.submit(statement, [json.dumps(wanted).encode()]))


def _wanted(table: TableMetadata, trigger: EventTriggerMetadata, database: Database) -> dict[str, Any]:
    primary_key = database.tables[table.name].primary_key
    return {
        "name": trigger.name,
        "task": trigger.task,
        "schema": table.name.schema,
        "table": table.name.name,
        "on": trigger.operations,
        "keys": None if primary_key is None else primary_key.columns,
        "columns": trigger.columns,
        "payload": trigger.payload,
    }


@asynccontextmanager
async def transaction_of(pool: Pool, session: Session) -> AsyncIterator[Connection]:
    """A transaction in which triggers can tell on whose behalf it is, and because of which request (R72)."""
    async with pool.transaction() as connection:
        await tell_caller(connection, session)
        yield connection


async def tell_caller(connection: Connection, session: Session) -> None:
    """Until the end of the transaction, ``hasura.user`` is the session, as triggers made for Hasura expect it."""
    caller = json.dumps({ROLE_HEADER: session.role, **session.variables})
    await connection.submit(_SET_CALLER, [caller.encode(), (context.request_id.get() or "").encode()])
