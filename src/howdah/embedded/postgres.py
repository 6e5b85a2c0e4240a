"""The project's Postgres, wherever it comes from: a given URL, programs on this machine, or the wheel.

`choose` decides; what comes back is a value that says how to reach the database and, for one of our own, how to run it:

    match await choose(url, home=project / ".howdah/postgres", database="shop", environment=os.environ):
        case GivenPostgres() as postgres: await postgres.check()
        case OwnPostgres() as postgres:   ...start postgres.command as a supervised process, wait for is_ready...
    await postgres.create_database()
    connect to postgres.dsn.reveal()
"""

from __future__ import annotations

import asyncio
import signal
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from howdah.embedded import account, binaries, cluster, orphans, place, private
from howdah.embedded.binaries import Binaries, Origin
from howdah.embedded.errors import PostgresNotStarted
from howdah.embedded.place import Place
from howdah.observe.secret import Secret
from howdah.postgres import queries
from howdah.postgres.connect import ConnectOptions, connect

_QUERIES = queries.load(Path(__file__).with_name("queries.sql"))
_PORT = 5432  # part of the socket's name; nothing listens on TCP
_PROTOCOL = 3 << 16
_LONGEST_NAME = 63  # bytes of a Postgres name


@dataclass(frozen=True, slots=True)
class GivenPostgres:
    """A database that somebody else runs."""

    dsn: Secret
    origin: Literal["url"] = "url"

    async def check(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - connect keeps it
        """The database answers and lets us in. Raises CannotConnect, in whichever of its kinds fits."""
        (await connect(self.dsn.reveal(), ConnectOptions(connect_timeout=timeout))).close()

    async def create_database(self) -> None:
        """Nothing: the URL names a database that is somebody else's to make."""


@dataclass(frozen=True, slots=True)
class OwnPostgres:
    """A cluster of this project, and how to run it: as a supervised process in the foreground."""

    binaries: Binaries
    place: Place
    sockets: Path
    database: str
    password: Secret

    @property
    def origin(self) -> Origin:
        """Where its programs were found."""
        return self.binaries.origin

    @property
    def dsn(self) -> Secret:
        """The URL of the project's database."""
        return self._dsn(self.database)

    @property
    def command(self) -> tuple[str, ...]:
        """The server's command line. What is given here cannot be changed by postgresql.conf."""
        settings = (
            "listen_addresses=",  # unix socket only
            f"unix_socket_directories={self.sockets}",
            "unix_socket_permissions=0700",
            f"port={_PORT}",
            "logging_collector=off",
            "log_destination=stderr",
        )
        flags = (part for setting in settings for part in ("-c", setting))
        return (self.binaries.program("postgres"), "-D", str(self.place.data), *flags)

    @property
    def environment(self) -> Mapping[str, str]:
        """The server's whole environment."""
        return account.environment()

    @property
    def folder(self) -> Path:
        """A folder to start in that the server's account may enter."""
        return Path("/")

    @property
    def user(self) -> int | None:
        """The number of the user to run as, or None for the user of this process."""
        return None if self.place.account.is_us else self.place.account.user

    @property
    def group(self) -> int | None:
        """The number of the group to run as, or None for the group of this process."""
        return None if self.place.account.is_us else self.place.account.group

    @property
    def stop_steps(self) -> tuple[tuple[signal.Signals, float], ...]:
        """The signals that end the server, and the seconds each may take: fast shutdown, then immediate."""
        return orphans.STEPS

    async def before_start(self) -> None:
        """Whatever an earlier server left behind is gone; called before every start, also after a crash."""
        await asyncio.to_thread(orphans.end, self.place.data)
        for folder in (self.sockets.parent, self.sockets):  # /tmp may have been cleaned
            private.require(folder, self.place.account)

    async def is_ready(self) -> bool:
        """Whether the server takes connections: it says so in its file, and asks for a password when we connect."""
        if not orphans.is_open(self.place.data):  # asking earlier would put "FATAL: starting up" into its log
            return False
        try:
            reader, writer = await asyncio.open_unix_connection(self.sockets / f".s.PGSQL.{_PORT}")
        except OSError:
            return False
        try:
            fields = f"user\0{cluster.SUPERUSER}\0database\0postgres\0\0".encode()
            writer.write(struct.pack("!II", 8 + len(fields), _PROTOCOL) + fields)
            return await reader.read(1) == b"R"
        except OSError:
            return False
        finally:
            writer.close()

    async def create_database(self) -> None:
        """The project's database exists. Raises PostgresNotStarted when the server does not let us in."""
        try:
            async with await psycopg.AsyncConnection.connect(
                self._dsn("postgres").reveal(), autocommit=True, connect_timeout=10
            ) as connection:
                answer = await connection.execute(_QUERIES["database_exists"], [self.database])
                found = await answer.fetchone()
                if found != (True,):
                    await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))
        except psycopg.Error as problem:
            raise PostgresNotStarted.after([str(problem)], what="the project's database could not be made") from problem

    def _dsn(self, database: str) -> Secret:
        user = f"{cluster.SUPERUSER}:{quote(self.password.reveal(), safe='')}"
        return Secret(f"postgresql://{user}@/{quote(database, safe='')}?host={quote(str(self.sockets), safe='/')}")


Postgres = GivenPostgres | OwnPostgres


async def choose(
    url: Secret | None,
    *,
    home: Path,
    database: str,
    environment: Mapping[str, str],
    origins: tuple[Origin, ...] = ("path", "wheel"),
    system_folders: tuple[str, ...] = binaries.SYSTEM_FOLDERS,
    shared: Path = place.SHARED,
) -> Postgres:
    """The given database, else one of the project's own, with its cluster made and its leftovers ended.

    ``home`` is the project's folder for Postgres; the caller holds the project's lock. Existing data decides which
    version is run.

    Raises PostgresNotFound, PostgresVersion, PostgresNotStarted, DataNotOurs and PrivateFolderTaken.
    """
    if url is not None:
        return GivenPostgres(url)
    try:
        home = await asyncio.to_thread(home.resolve)
        settled = await asyncio.to_thread(place.settle, home, shared=shared)
        found = await asyncio.to_thread(
            binaries.find,
            environment,
            settled.account,
            binaries.version_of(settled.data),
            origins=origins,
            system_folders=system_folders,
            shared=shared,
        )
        await asyncio.to_thread(cluster.make, settled, found)
        await asyncio.to_thread(orphans.end, settled.data)
        password = await cluster.password(settled, found)
        sockets = private.folder_for(str(home), settled.account, environment)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise PostgresNotStarted.after([str(problem)], what=f"the Postgres of {home} cannot be prepared") from problem
    return OwnPostgres(found, settled, sockets, database_name(database), password)


async def running(*, home: Path, database: str, environment: Mapping[str, str]) -> OwnPostgres:
    """The project's own Postgres, which somebody else runs right now: nothing is made, nothing is ended.

    Raises PostgresNotFound, PostgresVersion, DataNotOurs, PrivateFolderTaken, and PostgresNotStarted when there is
    no password to connect with.
    """
    try:
        home = await asyncio.to_thread(home.resolve)
        settled = await asyncio.to_thread(place.settle, home)
        found = await asyncio.to_thread(binaries.find, environment, settled.account, binaries.version_of(settled.data))
        password = Secret(settled.password.read_text(encoding="ascii").strip())
        sockets = private.folder_for(str(home), settled.account, environment)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise PostgresNotStarted.after([str(problem)], what=f"the Postgres of {home} cannot be reached") from problem
    return OwnPostgres(found, settled, sockets, database_name(database), password)


def database_name(project: str) -> str:
    """The name of a project's database: the project's, as far as Postgres takes it.

    >>> database_name("my-shop"), database_name("template1"), len(database_name("x" * 99))
    ('my-shop', 'template1_project', 63)
    """
    name = project.replace("\0", "").encode()[:_LONGEST_NAME].decode(errors="ignore") or "project"
    return f"{name}_project" if name in ("postgres", "template0", "template1") else name
