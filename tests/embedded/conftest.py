"""What the tests of the embedded Postgres share: folders other accounts may enter, and servers that are ended."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support import eventually

from howdah.embedded import orphans
from howdah.embedded.postgres import OwnPostgres, choose

_sockets: set[Path] = set()
# Without a Postgres of the system in PATH or elsewhere, there is only the wheel.
NOTHING = {"PATH": "/nonexistent"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account may enter; at its end no server runs in it."""
    folder = Path(tempfile.mkdtemp(prefix="hw-")).resolve()
    folder.chmod(0o755)
    yield folder
    for data in folder.rglob("data"):
        orphans.end(data)
    while _sockets:
        shutil.rmtree(_sockets.pop(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


async def own(folder: Path, **options: Any) -> OwnPostgres:
    """The Postgres of the project in the folder: the wheel's, unless asked otherwise."""
    chosen = {"origins": ("wheel",), "environment": os.environ, "shared": folder.parent / "shared", "database": "shop"}
    postgres = await choose(None, home=folder / ".howdah" / "postgres", **(chosen | options))
    assert isinstance(postgres, OwnPostgres)
    _sockets.add(postgres.sockets)
    return postgres


async def start(postgres: OwnPostgres) -> asyncio.subprocess.Process:
    """The server runs and takes connections."""
    await postgres.before_start()
    server = await asyncio.create_subprocess_exec(
        *postgres.command,
        env=dict(postgres.environment),
        cwd=postgres.folder,
        user=postgres.user,
        group=postgres.group,
        extra_groups=() if postgres.user is not None else None,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    await eventually(lambda: ended_or_ready(server, postgres), seconds=30)
    assert server.returncode is None
    await postgres.create_database()
    return server


async def ended_or_ready(server: asyncio.subprocess.Process, postgres: OwnPostgres) -> bool:
    return server.returncode is not None or await postgres.is_ready()


@asynccontextmanager
async def running(postgres: OwnPostgres) -> AsyncIterator[asyncio.subprocess.Process]:
    """The server runs inside the block, and was shut down cleanly after it."""
    server = await start(postgres)
    try:
        yield server
    finally:
        if server.returncode is None:
            server.send_signal(signal.SIGINT)
        await server.wait()


def query(postgres: OwnPostgres, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement in the project's database."""
    with psycopg.connect(postgres.dsn.reveal(), autocommit=True) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []
