"""Postgres's own programs, psql, pg_dump and pg_restore, of the server that is used."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from howdah.embedded.errors import ClientFailed, ClientMissing
from howdah.embedded.postgres import OwnPostgres, Postgres
from howdah.postgres.connect import SCHEMA


async def shell(postgres: Postgres, words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Psql has run on the streams of this process, with ``words`` as its arguments; its exit code.

    Raises ClientMissing.
    """
    program = find("psql", postgres, environment)
    with _ignored(signal.SIGINT):  # it ends a query of psql's, not psql
        process = await asyncio.create_subprocess_exec(program, *words, env=_told(postgres, environment))
        return await process.wait()


async def dump(postgres: Postgres, file: Path, environment: Mapping[str, str]) -> int:
    """The file is a dump of the database in Postgres's custom format, for this user's eyes only; its size in bytes.

    It is there when it is complete, and not before. Raises ClientMissing, ClientFailed, OSError.
    """
    program = find("pg_dump", postgres, environment)
    return await asyncio.to_thread(_dump, program, file, _told(postgres, environment))


async def dump_schema(postgres: Postgres, environment: Mapping[str, str], *, without: Sequence[str]) -> str:
    """What pg_dump says of the database but for its rows and the schemas ``without``, as SQL.

    Raises ClientMissing, ClientFailed.
    """
    words = ("--schema-only", "--no-password", "--no-subscriptions", "--no-security-labels")
    left_out = (f"--exclude-schema={schema}" for schema in without)
    process = await asyncio.create_subprocess_exec(
        find("pg_dump", postgres, environment),
        *words,
        *left_out,
        env=_told(postgres, environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    script, said = await process.communicate()
    if process.returncode != 0:
        raise ClientFailed("\n  ".join(["pg_dump failed:", *said.decode(errors="replace").splitlines()[-8:]]))
    return script.decode()


async def restore(
    postgres: Postgres, file: Path, database: str, environment: Mapping[str, str], *, archive: bool
) -> None:
    """What the dump has in it is in the database of this name, which was empty. Raises ClientMissing, ClientFailed.

    ``archive``: it is one of pg_restore's formats, and not SQL.
    """
    words: tuple[str, ...]
    if archive:
        name = "pg_restore"
        words = ("--exit-on-error", "--no-password", f"--dbname={database}", str(file))
    else:
        name = "psql"
        words = ("-X", "-q", "--no-password", "-v", "ON_ERROR_STOP=1", "-f", str(file))
    program = find(name, postgres, environment)
    told = {**_told(postgres, environment), "PGDATABASE": database}
    process = await asyncio.create_subprocess_exec(
        program,
        *words,
        env=told,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except BaseException:
        process.terminate()
        await process.wait()
        raise
    if process.returncode != 0:
        lines = said.decode(errors="replace").splitlines()
        raise ClientFailed(
            "\n  ".join([f"{name} failed:", *lines[-8:]]), hint="The database is as it was: nothing was replaced."
        )


def _dump(program: str, file: Path, environment: Mapping[str, str]) -> int:
    descriptor, name = tempfile.mkstemp(prefix=".dump-", dir=file.parent)  # mode 0600
    building = Path(name)
    try:
        with os.fdopen(descriptor, "rb"):
            done = subprocess.run(
                (program, "--format=custom", "--no-password", f"--file={name}"),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
            )
            os.fsync(descriptor)
        size = building.stat().st_size
        if done.returncode == 0:
            building.rename(file)
    finally:
        building.unlink(missing_ok=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").splitlines()
        raise ClientFailed("\n  ".join(["pg_dump failed:", *said[-8:]]))
    return size


def find(name: str, postgres: Postgres, environment: Mapping[str, str]) -> str:
    """The program that came with the project's own server; for another's, the first on PATH. Raises ClientMissing."""
    if isinstance(postgres, OwnPostgres):
        beside = postgres.binaries.program(name)
        if os.access(beside, os.X_OK):
            return beside
    found = shutil.which(name, path=environment.get("PATH"))
    if found is None:
        raise ClientMissing(f"{name} is not on this machine.", hint="Install Postgres's client programs.")
    return found


def _told(postgres: Postgres, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the database in it: what stands among the arguments, others could read."""
    names = {option.keyword.decode(): (option.envvar or b"").decode() for option in pq.Conninfo.get_defaults()}
    given = conninfo_to_dict(postgres.dsn.reveal())
    inherited = {name: value for name, value in environment.items() if not name.startswith("PG")}
    if not isinstance(postgres, OwnPostgres):  # a URL may leave things to the environment
        inherited = dict(environment)
    told = {**inherited, **{names[key]: str(value) for key, value in given.items() if names.get(key)}}
    if given.get("user") == SCHEMA:
        # Postgres makes things first in a schema of the user's name, and that one is not for things of the user's.
        told["PGOPTIONS"] = f"{told.get('PGOPTIONS', '')} -c search_path=public".strip()
    return told


@contextmanager
def _ignored(number: signal.Signals) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)
