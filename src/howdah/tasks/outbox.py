"""The outbox as the platform reads and writes it: the queries of `outbox.sql`, on connections of the part's own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from howdah.postgres import queries
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.postgres.pool import Pool
from howdah.tasks.install import install_tasks

_NO_SCHEMA, _NO_TABLE, _NO_FUNCTION = "3F000", "42P01", "42883"
_QUERIES = {
    name: text
    for file in ("outbox.sql", "listing.sql")
    for name, text in queries.load(Path(__file__).with_name(file)).items()
}


class Outbox:
    """Asks the database that ``connect`` leads to."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self.connect = connect
        self._pool = Pool(connect, name="tasks", size=2)

    async def prepare(self) -> None:
        """The schema is there. Raises CannotConnect, DatabaseError."""
        async with self._pool.connection() as connection:
            await install_tasks(connection)

    async def close(self) -> None:
        """Every connection is closed."""
        await self._pool.close()

    async def ask(self, query: str, *parameters: str | None) -> Any:
        """The answer of the query; the schema is made again where it has gone with the database.

        Raises DatabaseError, DatabaseUnavailable.
        """
        try:
            return await self._submit(query, parameters)
        except DatabaseError as error:
            if error.sqlstate not in (_NO_SCHEMA, _NO_TABLE, _NO_FUNCTION):
                raise
        await self.prepare()
        return await self._submit(query, parameters)

    async def _submit(self, query: str, parameters: Sequence[str | None]) -> Any:
        encoded = [None if parameter is None else parameter.encode() for parameter in parameters]
        return json.loads(await self._pool.submit(_QUERIES[query], encoded))
