"""A database made from the project's files for tests, and thrown away."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from psycopg import sql

from howdah.maintenance.check import Elsewhere
from howdah.maintenance.errors import CannotCreateDatabase
from howdah.maintenance.server import scratch_database
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.postgres.errors import DatabaseError
from howdah.provision import Described, provision


@asynccontextmanager
async def throwaway_database(described: Described, dsn: Secret, elsewhere: Elsewhere) -> AsyncIterator[Secret]:
    """A database that has the project's migrations, metadata and seeds, for the time of the block; its address.

    It is made on the server of ``dsn``, or on one that ``elsewhere`` lends. Raises the errors of `howdah.migrations`
    and of connecting.
    """
    async with AsyncExitStack() as stack:
        try:
            made = await stack.enter_async_context(_made(described, dsn))
        except CannotCreateDatabase:
            server = await stack.enter_async_context(elsewhere())
            made = await stack.enter_async_context(_made(described, server))
        yield made


@asynccontextmanager
async def _made(described: Described, server: Secret) -> AsyncIterator[Secret]:
    try:
        async with scratch_database(server) as dsn:
            await provision(described, dsn)
            yield dsn
    finally:
        await _drop_roles(server)


async def _drop_roles(server: Secret) -> None:
    """Roles belong to the server and outlive the database they were made for."""
    async with await connect(server.reveal()) as connection:
        found = await connection.submit(_ABANDONED)
        for role in json.loads(found):
            with contextlib.suppress(DatabaseError):  # somebody else was quicker, or it is not ours to drop
                await connection.script(sql.SQL("drop role {}").format(sql.Identifier(role)).as_string())


_ABANDONED = """
    select coalesce(json_agg(rolname), '[]') from pg_roles
    where starts_with(rolname, 'howdah_api_howdah_scratch_')
      and not exists (select from pg_database where datname = substr(rolname, length('howdah_api_') + 1))
"""
