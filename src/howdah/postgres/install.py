"""The schema ``howdah`` in a database, and the role the API acts as there.

The API's connections do not work as the user of the database URL, who owns the tables, but as a role of this database
that owns nothing, cannot log in and cannot bypass row level security (R66). It may use what is tracked, nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from howdah.postgres import queries
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError, PostgresError

INSTALLED_VERSION = 5
"""What this howdah installs; ``install.sql`` writes the same number."""

_QUERIES = queries.load(Path(__file__).with_name("install.sql"))

# Any two numbers that nobody else is likely to lock on; advisory locks are per database.
_LOCK = "set local lock_timeout = 0; set local statement_timeout = 0; select pg_advisory_xact_lock(7473, 1)"

_NAME_BYTES = 63


class CannotInstall(PostgresError):
    """The schema "howdah" cannot be made in the database."""

    code = "E150"


@dataclass(frozen=True, slots=True)
class Installation:
    """The role the API shall act as (None: as the user of the database URL) and what is not as it should be there."""

    role: str | None
    problem: str | None


def role_of(part: str, database: str) -> str:
    """The name of a part's role for a database: roles belong to the whole server, so it has the database's name in it.

    >>> role_of("api", "shop")
    'howdah_api_shop'
    >>> role_of("api", "x" * 60)
    'howdah_api_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_24fecae6'
    """
    name = f"howdah_{part}_{database}"
    encoded = name.encode()
    if len(encoded) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return encoded[: _NAME_BYTES - 9].decode(errors="ignore") + "_" + digest


POOLED = (
    "A connection pooler between howdah and Postgres drops the session settings howdah connects with (role, timeouts). "
    "Give howdah the address of Postgres itself: it pools its connections."
)


async def install(connection: Connection, *, with_role: bool = True) -> Installation:
    """The schema is there and of this version, and so is the role where that may be. Safe to call at any time by many.

    Without ``with_role`` there is none: roles belong to the whole server, and not every database is there to stay.
    ``connection`` must work as the user of the database URL. Raises CannotInstall when that user may not make a schema
    and there is none, DatabaseError and ConnectionLost as ever.
    """
    async with connection.transaction():
        await connection.script(_LOCK)
        try:
            if await _installed_version(connection) < INSTALLED_VERSION:
                await connection.script(_QUERIES["install"])
        except DatabaseError as error:
            if error.sqlstate == "42501":
                raise CannotInstall(
                    f'The schema "howdah" cannot be made in the database: {error.message}.',
                    hint="Connect as the owner of the database, or GRANT CREATE ON DATABASE to the user.",
                ) from error
            raise
        if not with_role:
            return Installation(None, None)
        return await prepare_role(connection, "api")


async def prepare_role(connection: Connection, part: str) -> Installation:
    """The role a part acts as is there: it owns nothing, cannot log in and cannot bypass row level security (R66).

    The schema ``howdah`` has to be there. Raises DatabaseError and ConnectionLost as ever.
    """
    database = json.loads(await connection.submit(_QUERIES["database"]))
    answer = json.loads(await connection.submit(_QUERIES["prepare_role"], [role_of(part, database).encode()]))
    return Installation(answer["role"], answer["problem"])


async def with_effect(installation: Installation, connect: Callable[[str], Awaitable[Connection]]) -> Installation:
    """The installation as it is when one connects by ``connect(role)``: a pooler in between may keep the role from us.

    Raises CannotConnect, DatabaseError and ConnectionLost.
    """
    if installation.role is None:
        return installation
    async with await connect(installation.role) as connection:
        role = installation.role.encode()
        if await connection.submit("select to_json(current_setting('role') = $1)", [role]) == b"true":
            return installation
    return Installation(None, POOLED)


async def _installed_version(connection: Connection) -> int:
    if not json.loads(await connection.submit(_QUERIES["is_installed"])):
        return 0
    return int(await connection.submit(_QUERIES["installed_version"]))


async def share_tables(
    connection: Connection, role: str, tables: Iterable[tuple[str, str]], *, are_all: bool = True
) -> tuple[str, ...]:
    """``role`` may use ``tables`` (schema and name; those that are missing are skipped); what was refused.

    Where these ``are_all``, it may use nothing else.
    """
    tracked = json.dumps([{"schema": schema, "name": name} for schema, name in tables])
    parameters = [role.encode(), tracked.encode(), b"true" if are_all else b"false"]
    return tuple(json.loads(await connection.submit(_QUERIES["share_tables"], parameters)))


async def share_functions(connection: Connection, role: str, functions: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """``role`` may call exactly ``functions`` (schema and name), as far as not everybody may; what was refused."""
    tracked = json.dumps([{"schema": schema, "name": name} for schema, name in functions])
    return tuple(json.loads(await connection.submit(_QUERIES["share_functions"], [role.encode(), tracked.encode()])))
