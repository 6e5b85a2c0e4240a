"""Postgres under the supervisor: ended cleanly and in the right order, also when the supervisor is killed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from tests.embedded.conftest import own, query, running
from tests.support import eventually, run

from howdah.embedded import orphans
from howdah.embedded.postgres import OwnPostgres
from howdah.supervisor.logs import LogBook
from howdah.supervisor.process import ProbeReady, Process, Restart, State, StopStep
from howdah.supervisor.supervisor import Supervisor


def process_of(postgres: OwnPostgres) -> Process:
    """How a composition root hands the server to the supervisor."""
    return Process(
        name="postgres",
        command=postgres.command,
        folder=postgres.folder,
        environment=postgres.environment,
        user=postgres.user,
        group=postgres.group,
        ready=ProbeReady(postgres.is_ready, timeout=60.0),
        stop=tuple(StopStep(number, seconds) for number, seconds in postgres.stop_steps),
        restart=Restart(first=0.05),
        before_start=postgres.before_start,
    )


VICTIM = """
import asyncio, sys
from pathlib import Path
from tests.embedded.conftest import own
from tests.embedded.test_supervised import process_of
from howdah.supervisor.logs import LogBook
from howdah.supervisor.process import Process
from howdah.supervisor.supervisor import Supervisor

async def main(folder):
    postgres = await own(folder)
    async with Supervisor(key=str(folder), book=LogBook(folder / "logs")) as supervisor:
        supervisor.add(process_of(postgres))
        await supervisor.ready("postgres")
        await postgres.create_database()
        supervisor.add(Process(name="app", command=("sleep", "600"), folder=folder, depends_on=("postgres",)))
        await supervisor.ready("app")
        print("ready", flush=True)
        await supervisor.run()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_killed_supervisor_ends_postgres_cleanly_and_loses_no_row(folder: Path) -> None:
    """SIGKILL of the supervisor while a client writes: the guard shuts Postgres down, every committed row is kept."""
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", VICTIM, str(folder)]
    committed = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        home = folder / ".howdah" / "postgres"
        socket_folder = (home / "data" / "postmaster.pid").read_text().splitlines()[4]
        password = (home / "password").read_text().strip()
        with psycopg.connect(
            host=socket_folder, user="howdah", password=password, dbname="shop", autocommit=True
        ) as connection:
            connection.execute("CREATE TABLE article (id int)")
            try:
                while True:
                    connection.execute("INSERT INTO article VALUES (%s)", [committed])
                    committed += 1
                    if committed == 20:
                        victim.kill()
            except psycopg.OperationalError:
                pass  # the server has ended
    data = home / "data"
    deadline = time.monotonic() + 20
    while (data / orphans.PID_FILE).exists() or orphans.workers(data):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    postgres = run(own(folder))
    state = subprocess.run(
        [postgres.binaries.program("pg_controldata"), str(data)], capture_output=True, text=True, check=True
    )
    assert "shut down" in state.stdout  # and not "in production", as after a crash

    async def scenario() -> None:
        async with running(postgres):
            assert query(postgres, "SELECT count(*) FROM article")[0][0] in (committed, committed + 1)
        assert committed >= 20

    run(scenario())


def test_a_killed_postgres_comes_back_under_the_supervisor(folder: Path) -> None:
    """SIGKILL of Postgres: it is restarted, recovers, and answers with all committed rows."""

    async def scenario() -> None:
        postgres = await own(folder)
        book = LogBook()
        async with Supervisor(key=str(folder), book=book) as supervisor:
            supervisor.add(process_of(postgres))
            (status,) = await supervisor.ready("postgres")
            assert status.state is State.READY
            await postgres.create_database()
            query(postgres, "CREATE TABLE article AS SELECT generate_series(1, 1000) AS id")
            assert status.pid is not None
            os.kill(status.pid, 9)
            await eventually(lambda: supervisor.status("postgres").pid not in (None, status.pid))
            assert (await supervisor.ready("postgres"))[0].state is State.READY
            assert query(postgres, "SELECT count(*) FROM article") == [(1000,)]
        said = [record.plain for record in book.last("postgres", 100)]
        assert any("database system was not properly shut down" in line for line in said)
        assert said[-1].endswith("database system is shut down")

    run(scenario())


def test_a_postgres_that_cannot_start_is_failed_with_its_reason(folder: Path) -> None:
    """A broken postgresql.conf: the status holds the lines that say so."""

    async def scenario() -> None:
        postgres = await own(folder)
        with (postgres.place.data / "postgresql.conf").open("a") as settings:
            settings.write("shared_buffers = many\n")
        async with Supervisor(key=str(folder), book=LogBook()) as supervisor:
            supervisor.add(process_of(postgres))
            (status,) = await supervisor.ready("postgres")
            assert status.state is State.FAILED
            assert any("shared_buffers" in line for line in status.detail)

    run(scenario())


def test_a_second_server_on_the_same_data_is_impossible(folder: Path) -> None:
    """While one runs, another start of the same data ends the first: never two on one folder."""

    async def scenario() -> None:
        postgres = await own(folder)
        async with running(postgres) as first:
            again = await own(folder)
            await asyncio.wait_for(first.wait(), 20)
            async with running(again):
                assert len({pid for pid in orphans.workers(postgres.place.data) if _is_postmaster(pid)}) == 1

    run(scenario())


def _is_postmaster(pid: int) -> bool:
    try:
        return b"listen_addresses=" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:  # a backend that has just ended
        return False
