"""The network between the platform and Postgres goes away in the middle of work: all or nothing, and back by itself."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.support import Cluster, eventually, run

from howdah.data.execute import Engine
from howdah.postgres.connect import connect
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN

SECTION = DatabaseSection(pool_size=4, write_pool_size=4, statement_timeout=1.0, connect_timeout=1.0)
ROUNDS = 12
WRITERS = 6


class Wire:
    """A socket that passes everything on to Postgres, until the wire is cut or goes silent."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder, self.target = folder, target
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Connections are accepted from now on."""
        self._server = await asyncio.start_unix_server(self._accept, self.folder / self.target.name)

    async def stop(self) -> None:
        """Nothing is accepted any more, and nothing passes."""
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        """Every connection is gone, whatever was on its way."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def silence(self) -> None:
        """On the connections there are, nothing passes any more, and nobody says so: a firewall forgot them."""
        self._silent |= self._writers

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind = await asyncio.open_unix_connection(self.target)
        await asyncio.gather(self._pass(reader, behind), self._pass(behind_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(65536):
                if writer not in self._silent:
                    writer.write(data)
                    await writer.drain()
        except (ConnectionError, OSError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="wire-"))
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("fault", ["cut", "silence"])
def test_a_bulk_is_whole_or_not_there_when_the_network_goes(
    cluster: Cluster, database: str, folder: Path, fault: str
) -> None:
    """A bulk of two inserts is committed as a whole or not at all, what was answered is there, reads go on (R61)."""
    run(scenario(database, folder, fault), seconds=120)


async def scenario(dsn: str, folder: Path, fault: str) -> None:
    given = conninfo_to_dict(dsn)
    target = Path(str(given["host"])) / f".s.PGSQL.{given.get('port') or 5432}"
    wire = Wire(folder, target)
    await wire.start()
    async with await connect(dsn) as direct:
        await direct.script("create table one (id int primary key); create table two (id int primary key)")
        engine = Engine(make_conninfo(dsn, host=str(folder)), database=SECTION, data=DataSection())
        await engine.start()
        try:
            await ask(
                engine, {"type": "bulk", "args": [{"type": "track_table", "args": name} for name in ("one", "two")]}
            )
            done = await write_under(engine, wire, fault)
            left = await rows(direct, "one")
            assert left == await rows(direct, "two"), "a bulk was torn"
            assert done <= left, "a bulk that was answered is not there"
            assert len(done) > WRITERS, "nothing was written, and so nothing was proven"
            # None of the connections that are left is in somebody else's transaction or out of step.
            answers = await asyncio.gather(*(ask(engine, select(number)) for number in sorted(left)))
            assert answers == [[{"id": number}] for number in sorted(left)]
        finally:
            await engine.stop()
            await wire.stop()


async def write_under(engine: Engine, wire: Wire, fault: str) -> set[int]:
    """The numbers that were answered as written, while the wire breaks again and again."""
    random, done, numbers, over = Random(1), set[int](), iter(range(1, 1_000_000)), asyncio.Event()

    async def write() -> None:
        while not over.is_set():
            number = next(numbers)
            bulk = {"type": "bulk", "args": [insert("one", number), insert("two", number)]}
            answer = await engine.answer(json.dumps(bulk).encode(), ADMIN)
            assert answer.status in (200, 503), answer.body
            if answer.status == 200:
                done.add(number)

    writers = [asyncio.create_task(write()) for _ in range(WRITERS)]
    for _ in range(ROUNDS if fault == "cut" else 1):
        await asyncio.sleep(random.random() / 20)
        wire.cut() if fault == "cut" else wire.silence()

        async def ready() -> bool:
            return (await engine.readiness())[0]

        await eventually(ready, seconds=30)
    before = len(done)
    await eventually(lambda: len(done) > before, seconds=30)
    over.set()
    await asyncio.gather(*writers)
    return done


def insert(table: str, number: int) -> dict[str, Any]:
    return {"type": "insert", "args": {"table": table, "objects": [{"id": number}]}}


def select(number: int) -> dict[str, Any]:
    return {"type": "select", "args": {"table": "one", "columns": ["id"], "where": {"id": number}}}


async def rows(connection: Any, table: str) -> set[int]:
    return set(json.loads(await connection.submit(f"select coalesce(json_agg(id), '[]') from {table}")))


async def ask(engine: Engine, request: dict[str, Any]) -> Any:
    answer = await engine.answer(json.dumps(request).encode(), ADMIN)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)
