"""The project's database made anew from the files, or put back from a dump."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from howdah.data.execute.known import share
from howdah.data.written import store
from howdah.embedded import clients
from howdah.embedded.dumps import Dump, read_dump
from howdah.embedded.postgres import Postgres
from howdah.maintenance.errors import CannotRestore
from howdah.maintenance.replace import replace_database
from howdah.maintenance.server import PRIVILEGE, QUERIES, statement
from howdah.migrations.apply import Migrated, migrate
from howdah.migrations.run import OPTIONS, Step
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.postgres.install import install, role_of
from howdah.provision import apply_calls, provision, read_files


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. ``strangers`` are roles the server does not have: what they owned is the user's now."""

    dump: Dump
    strangers: tuple[str, ...]


async def reset(root: Path, dsn: Secret) -> tuple[Step, ...]:
    """The database is what the files make of an empty one, seeds included, whatever it was; what was run.

    Raises as `howdah.provision.provision` and `replace_database`; then it is as it was.
    """
    described = read_files(root)

    async def fill(new: Secret) -> Migrated:
        async with await connect(new.reveal(), OPTIONS) as connection:
            return await migrate(
                connection, described.migrations, seeds=described.seeds, apply_calls=apply_calls, with_role=False
            )

    async def settle(migrated: Migrated) -> tuple[Step, ...]:
        # The role the API acts as is named for the database: it and the metadata need the final name.
        await provision(described, dsn)
        return (*migrated.migrations, *migrated.seeds)

    return await replace_database(dsn, fill, settle)


def plan_reset(root: Path) -> tuple[str, ...]:
    """The files that `reset` would run."""
    described = read_files(root)
    return (
        *(file.place for migration in described.migrations if migration.is_written for file in migration.up),
        *(seed.file.place for seed in described.seeds),
    )


async def restore(postgres: Postgres, file: Path, environment: Mapping[str, str]) -> Restored:
    """The database is what the dump in the file was made of, whatever it was.

    Raises CannotRestore, ClientMissing, ClientFailed, and as `replace_database`; then it is as it was.
    """
    dump = await inspect(postgres, file, environment)
    made: list[str] = []

    async def fill(new: Secret) -> None:
        async with await connect(new.reveal(), OPTIONS) as connection:
            await _make_roles(connection, dump, made)
            archive = dump.kind == "archive"
            await clients.restore(postgres, file, await _name(connection), environment, archive=archive)
            async with connection.transaction():
                for role in made:
                    await connection.script(
                        statement("reassign owned by {} to current_user; drop owned by {}", role, role)
                    )
        await _drop_foreign_grants(new, postgres.dsn)

    async def settle(_: None) -> None:
        await _prepare(postgres.dsn)

    try:
        await replace_database(postgres.dsn, fill, settle)
    finally:
        if made:
            async with await connect(postgres.dsn.reveal(), OPTIONS) as connection:
                for role in made:
                    await connection.script(statement("drop role if exists {}", role))
    return Restored(dump, tuple(role for role in made if not role.startswith("howdah_api_")))


async def inspect(postgres: Postgres, file: Path, environment: Mapping[str, str]) -> Dump:
    """What the file is. Raises CannotRestore for what this server cannot take, ClientMissing, ClientFailed."""
    dump = await read_dump(postgres, file, environment)
    async with await connect(postgres.dsn.reveal(), OPTIONS) as connection:
        server = connection.server_version // 10000
    if dump.problem is not None:
        raise CannotRestore(f"{file}: {dump.problem}", hint=dump.remedy)
    if dump.major is not None and dump.major > server:
        raise CannotRestore(
            f"{file} is a dump of Postgres {dump.major}, and the server is Postgres {server}.",
            hint=f"Restore it into a Postgres {dump.major} or newer.",
        )
    return dump


async def _make_roles(connection: Connection, dump: Dump, made: list[str]) -> None:
    """The roles that the dump speaks of and the server does not have are there while it is read, and in ``made``."""
    missing = json.loads(await connection.submit(QUERIES["missing_roles"], [json.dumps(sorted(dump.roles)).encode()]))
    try:
        for role in missing:
            await connection.script(statement("create role {} nologin", role))
            made.append(role)
            await connection.script(statement("grant {} to current_user", role))
    except DatabaseError as error:
        if error.sqlstate != PRIVILEGE:
            raise
        raise CannotRestore(
            f"The dump speaks of roles that are not on this server: {', '.join(missing)}.",
            hint="As a superuser: " + "; ".join(statement("CREATE ROLE {}", role) for role in missing),
        ) from error


async def _name(connection: Connection) -> str:
    return str(json.loads(await connection.submit("select to_json(current_database())")))


async def _drop_foreign_grants(new: Secret, final: Secret) -> None:
    """What a dump of another database grants the role of that one's API is granted no longer."""
    async with await connect(final.reveal(), OPTIONS) as connection:
        role = role_of("api", await _name(connection))
    async with await connect(new.reveal(), OPTIONS) as connection:
        for foreign in json.loads(await connection.submit(QUERIES["foreign_api_roles"], [role.encode()])):
            try:
                await connection.script(statement("drop owned by {}", foreign))
            except DatabaseError as error:
                if error.sqlstate != PRIVILEGE:  # who may not speak for that role leaves it what it has on this server
                    raise


async def _prepare(dsn: Secret) -> None:
    """The API can work on the database: its role may use what is tracked there. Nothing else is changed."""
    async with await connect(dsn.reveal(), OPTIONS) as connection:
        installation = await install(connection)
        await share(connection, installation.role, (await store.read(connection)).metadata)
