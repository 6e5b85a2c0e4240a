"""Another database in the place of the project's: filled beside it first, then swapped by name; or all is as it was."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from howdah.maintenance.errors import CannotCreateDatabase, CannotSwap
from howdah.maintenance.server import IN_USE, PRIVILEGE, QUERIES, statement, with_database_name
from howdah.migrations.run import OPTIONS
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError, DatabaseMissing, LoginRefused, PostgresError

Filled = TypeVar("Filled")
Settled = TypeVar("Settled")

# Where to stand while the project's database is renamed.
_ELSEWHERE = ("postgres", "template1")
_POLL = 0.05

# One replacement of a database at a time, on whichever machine: what others have left is nobody's then.
_LOCK = "select to_json(true) from (select pg_advisory_lock(7474, hashtext($1::text))) as locked"


async def replace_database(
    dsn: Secret, fill: Callable[[Secret], Awaitable[Filled]], settle: Callable[[Filled], Awaitable[Settled]]
) -> Settled:
    """The database at ``dsn`` is a new one, which ``fill`` filled and then ``settle`` settled under its final name.

    Owner, encoding, settings, grants and comment of the database are those of the old one. Whoever is connected is
    disconnected at the moment of the swap, and finds the new one. When anything fails the old one is there as it was.
    Raises CannotCreateDatabase, CannotSwap, and what ``fill`` and ``settle`` raise.
    """
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        name = json.loads(await connection.submit("select to_json(current_database())"))
    async with _beside(dsn, name) as server:
        await _require_rights(server, name)
        await server.script("set lock_timeout = 0")
        await server.submit(_LOCK, [name.encode()])
        await server.script("reset lock_timeout")
        new, old = (f"howdah_{word}_{_digest(name)}_{secrets.token_hex(4)}" for word in ("new", "old"))
        await _drop_all(server, f"howdah_new_{_digest(name)}_", f"howdah_old_{_digest(name)}_")
        try:
            await server.script(json.loads(await server.submit(QUERIES["creation"], [name.encode(), new.encode()])))
            filled = await fill(with_database_name(dsn, new))
            await _give_properties(server, name, new)
            await _swap(server, dsn, (name, old), (new, name))
        except BaseException:
            await _clear(dsn, name, new)
            raise
        try:
            settled = await settle(filled)
        except BaseException:
            async with _beside(dsn, name) as again:
                await _swap(again, dsn, (name, new), (old, name))
            await _clear(dsn, name, new)
            raise
        await server.script(statement("drop database if exists {} with (force)", old))
    return settled


@asynccontextmanager
async def _beside(dsn: Secret, name: str) -> AsyncIterator[Connection]:
    """A connection to another database of the same server. Raises CannotCreateDatabase."""
    for other in _ELSEWHERE:
        if other == name:
            continue
        try:
            connection = await connect(with_database_name(dsn, other).reveal(), OPTIONS)
        except (DatabaseMissing, LoginRefused):
            continue
        async with connection:
            yield connection
        return
    raise CannotCreateDatabase(
        f'There is no database to stand in while "{name}" is replaced: the user may connect to neither of'
        f" {' and '.join(_ELSEWHERE)}.",
        hint="GRANT CONNECT ON DATABASE postgres TO the user of the database URL.",
    )


async def _require_rights(server: Connection, name: str) -> None:
    rights = json.loads(await server.submit(QUERIES["rights"], [name.encode()]))
    wanted = []
    if not rights["may_create"]:
        wanted.append(statement("ALTER ROLE {} CREATEDB", rights["user"]))
    if not rights["may_rename"]:
        wanted.append(statement("ALTER DATABASE {} OWNER TO {}", name, rights["user"]))
    if wanted:
        raise CannotCreateDatabase(
            f'Another database has to be made and to take the name "{name}", and user "{rights["user"]}" may not.',
            hint=f"As a superuser: {'; '.join(wanted)}",
        )


async def _give_properties(server: Connection, name: str, new: str) -> None:
    statements = json.loads(await server.submit(QUERIES["properties"], [name.encode(), new.encode()]))
    if statements:
        async with server.transaction():
            await server.script("; ".join(statements))


async def _swap(server: Connection, dsn: Secret, *renames: tuple[str, str]) -> None:
    """The databases have their other names, all or none, and nobody is connected to them. Raises CannotSwap.

    The first rename locks the name and then waits for those who are connected: from then on nobody gets in, and those
    who are in are ended meanwhile.
    """
    replaced = renames[0][0]
    async with _beside(dsn, replaced) as other:
        number = json.loads(await other.submit(QUERIES["number"], [replaced.encode()]))
        ending = asyncio.create_task(_keep_disconnecting(other, number))
        try:
            async with server.transaction():
                for before, after in renames:
                    await server.script(statement("alter database {} rename to {}", before, after))
        except DatabaseError as error:
            if error.sqlstate not in (IN_USE, PRIVILEGE):
                raise
            raise CannotSwap(
                f"The database cannot be replaced: {error.message}.",
                hint=error.detail or "Somebody is connected whom the user of the database URL may not disconnect.",
            ) from error
        finally:
            ending.cancel()
            with contextlib.suppress(asyncio.CancelledError, PostgresError):
                await ending


async def _keep_disconnecting(server: Connection, number: str) -> None:
    while True:
        await server.submit(QUERIES["disconnect"], [number.encode()])
        await asyncio.sleep(_POLL)


async def _clear(dsn: Secret, name: str, new: str) -> None:
    """The database that was not wanted in the end is gone; by a connection of its own, for the other may be cut off."""
    async with _beside(dsn, name) as server:
        await server.script(statement("drop database if exists {} with (force)", new))


async def _drop_all(server: Connection, *prefixes: str) -> None:
    """What killed processes have left is gone."""
    for prefix in prefixes:
        for name in json.loads(await server.submit(QUERIES["databases"], [prefix.encode()])):
            await server.script(statement("drop database if exists {} with (force)", name))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
