"""The databases of a server: one that is only needed for a while, and nothing of it left behind, not even by a kill."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from psycopg import sql
from psycopg.conninfo import make_conninfo

from howdah.maintenance.errors import CannotCreateDatabase
from howdah.migrations.run import OPTIONS
from howdah.observe.secret import Secret
from howdah.postgres import queries
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError

QUERIES = queries.load(Path(__file__).with_name("server.sql"))

PRIVILEGE, IN_USE = "42501", "55006"
"""SQLSTATEs: the user may not, and somebody is connected."""

# Whoever makes such a database or clears up dead ones does so alone, in the database that it is made for.
_LOCK = "set lock_timeout = 0; select pg_advisory_lock(7473, 3)"
_UNLOCK = "select pg_advisory_unlock(7473, 3)"


def with_database_name(dsn: Secret, name: str) -> Secret:
    """The address of another database of the same server."""
    return Secret(make_conninfo(dsn.reveal(), dbname=name))


@asynccontextmanager
async def scratch_database(dsn: Secret) -> AsyncIterator[Secret]:
    """An empty database beside the one at ``dsn`` for the time of the block; its address.

    It is held by a connection for as long as it is needed. One that nobody is connected to is what a killed process
    left: whoever makes the next one drops it. Raises CannotCreateDatabase.
    """
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        name, holder = await _make_scratch(connection, dsn)
        try:
            yield with_database_name(dsn, name)
        finally:
            holder.close()
            await connection.script(statement("drop database if exists {} with (force)", name))


async def _make_scratch(connection: Connection, dsn: Secret) -> tuple[str, Connection]:
    prefix = await _scratch_prefix(connection)
    await connection.script(_LOCK)
    try:
        await _drop_abandoned(connection, prefix)
        name = prefix + secrets.token_hex(4)
        await create_database(connection, name)
        return name, await connect(with_database_name(dsn, name).reveal(), OPTIONS)
    finally:
        await connection.script(_UNLOCK)


async def _scratch_prefix(connection: Connection) -> str:
    current = await connection.submit("select to_json(current_database())")
    return f"howdah_scratch_{hashlib.sha256(current).hexdigest()[:8]}_"


async def _drop_abandoned(connection: Connection, prefix: str) -> None:
    for name in json.loads(await connection.submit(QUERIES["databases"], [prefix.encode()])):
        try:
            await connection.script(statement("drop database if exists {}", name))
        except DatabaseError as error:
            if error.sqlstate not in (IN_USE, PRIVILEGE):
                raise


async def create_database(connection: Connection, name: str) -> None:
    """An empty database of this name. Raises CannotCreateDatabase."""
    try:
        await connection.script(statement("create database {} template template0", name))
    except DatabaseError as error:
        if error.sqlstate != PRIVILEGE:
            raise
        raise CannotCreateDatabase(
            f"A database has to be made beside the project's, and the user may not: {error.message}.",
            hint="As a superuser: ALTER ROLE … CREATEDB. Or use the Postgres that howdah brings.",
        ) from error


def statement(template: str, *names: str) -> str:
    """A statement with the names in it, quoted."""
    return sql.SQL(template).format(*map(sql.Identifier, names)).as_string()
