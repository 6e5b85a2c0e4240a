"""The bench's Postgres: the wheel's, in a folder that goes away, with the tables loaded and everything in memory."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from howdah.embedded.postgres import OwnPostgres, choose

_SETTINGS = ("shared_buffers=512MB", "jit=off", "max_connections=200", "checkpoint_timeout=1h", "max_wal_size=4GB")


@dataclass(frozen=True, slots=True)
class Server:
    """A running Postgres: its URL, the pid of its postmaster, and the pgbench of the same version."""

    dsn: str
    pid: int
    pgbench: Path


@contextmanager
def running_postgres(folder: Path) -> Iterator[Server]:
    """A Postgres with the bench's tables; fsync stays on, as in production."""
    own = asyncio.run(
        choose(None, home=folder / "postgres", database="bench", environment={}, origins=("wheel",), shared=folder)
    )
    assert isinstance(own, OwnPostgres)
    command = [*own.command, *(word for setting in _SETTINGS for word in ("-c", setting))]
    process = subprocess.Popen(
        command, env=dict(own.environment), cwd="/", user=own.user, group=own.group, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not asyncio.run(own.is_ready()):
            if time.monotonic() > deadline:
                raise RuntimeError("the Postgres of the bench did not start")
            time.sleep(0.05)
        asyncio.run(own.create_database())
        with psycopg.connect(own.dsn.reveal(), autocommit=True) as connection:
            connection.execute((Path(__file__).parent / "schema.sql").read_bytes())
            connection.execute("VACUUM ANALYZE")
        yield Server(own.dsn.reveal(), process.pid, Path(own.binaries.program("pgbench")))
    finally:
        process.send_signal(own.stop_steps[0][0])
        process.wait(30)
