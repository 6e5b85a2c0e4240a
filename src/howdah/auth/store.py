"""The connections of accounts, and how their queries are asked.

A query is a named block of the ``.sql`` file beside the module that asks it. It returns one cell of JSON.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from howdah.observe import events
from howdah.postgres import queries
from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.connection import Connection
from howdah.postgres.install import Installation, install, prepare_role, with_effect
from howdah.postgres.pool import Pool
from howdah.project.sections import DatabaseSection

INSTALLED_VERSION = 1
"""What this howdah installs; ``install.sql`` writes the same number."""

_INSTALL = queries.load(Path(__file__).with_name("install.sql"))

Value = str | int | float | bool | bytes | datetime | None | Mapping[str, Any] | Sequence[Any]


class Submitter(Protocol):
    """Whatever runs a statement: the pool, or a connection in a transaction."""

    def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> Awaitable[bytes]:
        """The only cell of the statement."""


@dataclass(frozen=True, slots=True)
class LeastPrivilegeMissing:
    """Accounts do not work as a role of their own, but as the user of the database URL (R66)."""

    level: ClassVar[str] = "warning"
    problem: str


async def ask(where: Submitter, query: str, *values: Value) -> Any:
    """What the query returns, decoded. Raises DatabaseError, and DatabaseUnavailable or ConnectionLost.

    Lists and mappings become JSON, bytes become what Postgres reads as ``bytea``.
    """
    return json.loads(await where.submit(query, [_encode(value) for value in values]))


def _encode(value: Value) -> bytes | None:
    match value:
        case None:
            return None
        case bool():
            return b"true" if value else b"false"
        case str():
            return value.encode()
        case bytes():
            return b"\\x" + value.hex().encode("ascii")
        case int() | float():
            return str(value).encode("ascii")
        case datetime():
            return value.isoformat().encode("ascii")
        case _:
            return json.dumps(value, ensure_ascii=False).encode()


class Store:
    """The rows of accounts, in the schema ``howdah_auth`` of the database at ``dsn``."""

    def __init__(self, dsn: str, *, database: DatabaseSection, size: int) -> None:
        self._dsn = dsn
        self._size = size
        self._options = ConnectOptions(
            application_name="howdah accounts",
            connect_timeout=database.connect_timeout,
            statement_timeout=database.statement_timeout,
            lock_timeout=database.lock_timeout,
        )
        self._pool = self._make_pool(None)
        self.role: str | None = None
        """The role that accounts work as, once they are started; None is the user of the database URL."""

    def _make_pool(self, role: str | None) -> Pool:
        dial = partial(connect, self._dsn, replace(self._options, role=role))
        return Pool(dial, name="accounts", size=self._size)

    async def start(self) -> None:
        """Connected, and the schema is there. Raises CannotConnect and CannotInstall."""
        installation = await self._install()
        if installation.problem is not None:
            events.emit(LeastPrivilegeMissing(installation.problem))
        self.role = installation.role
        self._pool = self._make_pool(installation.role)
        await self._pool.start()

    async def stop(self) -> None:
        """Every connection is closed."""
        await self._pool.close()

    @property
    def pool(self) -> Pool:
        """For statements that stand alone."""
        return self._pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction around the block. Raises DatabaseUnavailable when no connection can be had in time."""
        async with self._pool.transaction() as connection:
            yield connection

    async def dial(self) -> Connection:
        """A connection of its own, as the user of the database URL: to listen, or to install. Raises CannotConnect."""
        return await connect(self._dsn, self._options)

    async def _install(self) -> Installation:
        async with await connect(self._dsn, self._options) as connection:
            await install(connection)
            installation = await install_accounts(connection)
        return await with_effect(installation, lambda role: connect(self._dsn, replace(self._options, role=role)))


async def install_accounts(connection: Connection) -> Installation:
    """The schema ``howdah_auth`` is there and of this version, and so is its role. Safe to call at any time by many.

    ``connection`` works as the user of the database URL, in whose database the schema ``howdah`` is. Raises
    DatabaseError and ConnectionLost as ever.
    """
    async with connection.transaction():
        await connection.script(_INSTALL["lock"])
        version = 0
        if json.loads(await connection.submit(_INSTALL["is_installed"])):
            version = int(await connection.submit(_INSTALL["installed_version"]))
        if version < INSTALLED_VERSION:
            await connection.script(_INSTALL["install"])
        installation = await prepare_role(connection, "auth")
        if installation.role is not None:
            await connection.submit(_INSTALL["name_role"], [installation.role.encode()])
            await connection.script(_INSTALL["grant"])
    return installation
