"""What is known of a project's database, and what its Data API answers: asked from outside, without a platform."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from howdah.data.execute import Engine
from howdah.data.execute.known import Known, load
from howdah.data.found.database import Database
from howdah.data.query.ast import TableName
from howdah.data.sql.encode import to_json
from howdah.data.written.document_parts import table_to_json
from howdah.maintenance.errors import RequestRefused, UnknownTable
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.postgres.install import install
from howdah.project.schema import nearest
from howdah.project.sections import Project
from howdah.session import ADMIN


async def read_known(dsn: Secret) -> Known:
    """The metadata as stored, the database as it is, and what both make. Howdah's own schema is there afterwards."""
    async with await connect(dsn.reveal()) as connection:
        await install(connection)
        return await load(connection)


async def ask(project: Project, dsn: Secret, kind: str, args: Mapping[str, Any]) -> Any:
    """What the administrator is answered. Raises RequestRefused."""
    engine = Engine(dsn.reveal(), database=project.database, data=project.data)
    await engine.start()
    try:
        answer = await engine.answer(to_json({"type": kind, "args": dict(args)}).encode(), ADMIN)
    finally:
        await engine.stop()
    told = json.loads(answer.body)
    if answer.status != 200:
        raise RequestRefused(f"{told['error'].strip()} ({told['code']})", path=told["path"])
    return told


def table_name(text: str) -> TableName:
    """A table as one types it: ``article`` or ``app.note``."""
    schema, dot, name = text.partition(".")
    return TableName(schema, name) if dot else TableName("public", text)


def find_table(database: Database, text: str) -> TableName:
    """The table of the database that is meant. Raises UnknownTable."""
    name = table_name(text)
    if name not in database.tables:
        near = nearest(str(name), [str(one) for one in database.tables])
        raise UnknownTable(
            f'There is no table "{name}" in the database.',
            hint=f"Did you mean {near}?" if near else "`howdah table list` shows all of them.",
        )
    return name


def table_json(text: str) -> Any:
    """The same as requests write it."""
    return table_to_json(table_name(text))


def key_of(known: Known, name: TableName, value: str) -> dict[str, Any]:
    """The condition that means the row with this primary key. Raises UnknownTable where none of one column is."""
    table = known.database.tables[name]
    if table.primary_key is None or len(table.primary_key.columns) != 1:
        raise UnknownTable(f'"{name}" has no primary key of one column: say --where.')
    (column,) = table.primary_key.columns
    tracked = known.catalog.tables.get(name)
    exposed = column if tracked is None else tracked.columns[column].exposed_name
    return {exposed: json.loads(value) if value.lstrip("-").isdecimal() else value}
