"""The project's Postgres from each of its three sources, made once and kept whatever happens to it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import psycopg
import pytest
from tests.embedded.conftest import NOTHING, own, query, running, start
from tests.support import Cluster, eventually, run

from howdah.embedded import account, binaries, orphans
from howdah.embedded.errors import PostgresNotFound, PostgresNotStarted, PostgresVersion
from howdah.embedded.postgres import GivenPostgres, OwnPostgres, choose
from howdah.observe.secret import Secret
from howdah.postgres.errors import CannotConnect


def fake(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


# -- the three sources -------------------------------------------------------------------------------------------------


def test_a_given_url_is_used_and_nothing_is_made(folder: Path, cluster: Cluster) -> None:
    """DATABASE_URL wins: no folder is touched, and the database answers."""

    async def scenario() -> None:
        home = folder / ".howdah" / "postgres"
        postgres = await choose(Secret(cluster.dsn()), home=home, database="shop", environment={})
        assert isinstance(postgres, GivenPostgres)
        await postgres.check()
        await postgres.create_database()
        assert postgres.origin == "url"
        assert not home.exists()

    run(scenario())


@pytest.mark.parametrize(
    ("url", "code", "reason"),
    [
        ("postgresql://me:hunter2@127.0.0.1:{free}/shop", "E142", "refused"),
        ("postgresql://me:hunter2@no-such-host.invalid/shop", "E142", "no-such-host.invalid"),
        ("postgresql://nobody_here:hunter2@/shop?host={sockets}", "E143", "nobody_here"),
        ("postgresql://postgres:hunter2@/no_such_database?host={sockets}", "E144", "no_such_database"),
        ("nonsense", "E141", "cannot be understood"),
    ],
)
def test_a_url_that_does_not_answer_is_explained(cluster: Cluster, url: str, code: str, reason: str) -> None:
    """The error of `howdah.postgres` that fits, with a hint, and never with the password."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = listening.getsockname()[1]
    postgres = GivenPostgres(Secret(url.format(free=free, sockets=cluster.directory)))
    with pytest.raises(CannotConnect) as refused:
        run(postgres.check(2.0))
    assert refused.value.code == code
    assert reason in refused.value.message
    assert refused.value.hint
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize("origin", ["path", "wheel"])
def test_postgres_of_this_machine_and_of_the_wheel(folder: Path, origin: str) -> None:
    """Both are found, make a cluster, start, and have the project's database; a second start finds its rows."""

    async def scenario() -> None:
        try:
            postgres = await own(folder, origins=(origin,))
        except PostgresNotFound:
            pytest.skip("there is no Postgres on this machine")
        assert postgres.origin == origin
        async with running(postgres):
            assert query(postgres, "SELECT current_database()::text, current_user::text") == [("shop", "howdah")]
            query(postgres, "CREATE TABLE article AS SELECT 'Zoë' AS title")
        again = await own(folder, origins=(origin,))
        async with running(again):
            assert query(again, "SELECT upper(title) FROM article") == [("ZOË",)]
        assert again.password == postgres.password

    run(scenario())


def test_the_path_comes_before_the_wheel(folder: Path) -> None:
    """A Postgres on PATH is preferred; its folder is found through links and through pg_config too."""
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    if programs is None:
        pytest.skip("there is no Postgres of the distribution on this machine")
    links = folder / "links"
    links.mkdir()
    for name in ("postgres", "initdb"):
        (links / name).symlink_to(programs / name)
    fake(folder / "config", "pg_config", f"echo {programs}")

    for path in (links, folder / "config", programs):
        found = binaries.find({"PATH": str(path)}, account.own(), system_folders=())
        assert (found.origin, found.folder) == ("path", programs)


def test_existing_data_decides_which_version_runs(folder: Path) -> None:
    """Data of the wheel's version is run by the wheel, although PATH comes first."""

    async def scenario() -> None:
        first = await own(folder)
        again = await own(folder, origins=("path", "wheel"))
        assert (again.origin, again.binaries.major) == ("wheel", first.binaries.major)

    run(scenario())


def test_data_of_a_version_that_is_not_here_is_refused(folder: Path) -> None:
    """E115 names the data's version and what was found; the data is not touched."""

    async def scenario() -> None:
        postgres = await own(folder)
        (postgres.place.data / "PG_VERSION").write_text("13\n")
        with pytest.raises(PostgresVersion) as refused:
            await own(folder, origins=("path", "wheel"))
        assert refused.value.code == "E115"
        assert "Postgres 13" in refused.value.message
        assert (postgres.place.data / "PG_VERSION").read_text() == "13\n"

    run(scenario())


def test_without_any_postgres_the_remedies_are_named(folder: Path) -> None:
    """E114: set DATABASE_URL, install Postgres, or the extra."""
    with pytest.raises(PostgresNotFound) as refused:
        run(own(folder, origins=("path",), environment=NOTHING, system_folders=()))
    assert refused.value.code == "E114"
    assert refused.value.hint is not None
    assert "howdah[embedded]" in refused.value.hint


@pytest.mark.parametrize(
    "script",
    [
        "echo 'postgres (PostgreSQL) 13.9'",  # too old
        "echo something else",
        "exit 1",
        "kill -9 $$",
    ],
)
def test_programs_that_do_not_fit_are_passed_over(folder: Path, script: str) -> None:
    """An old or broken Postgres on PATH does not stand in the way of the wheel."""
    for name in ("postgres", "initdb"):
        fake(folder / "bin", name, script)
    found = binaries.find({"PATH": str(folder / "bin")}, account.own(), system_folders=())
    assert found.origin == "wheel"


# -- making the cluster ------------------------------------------------------------------------------------------------


def test_a_failing_initdb_is_explained_and_leaves_nothing(folder: Path) -> None:
    """E111 with initdb's own last lines; the next attempt begins afresh."""
    fake(folder / "bin", "postgres", "echo 'postgres (PostgreSQL) 17.1'")
    fake(folder / "bin", "initdb", "echo 'initdb: error: could not write: No space left on device' >&2; exit 1")
    broken = {"origins": ("path",), "environment": {"PATH": str(folder / "bin")}, "system_folders": ()}
    with pytest.raises(PostgresNotStarted) as refused:
        run(own(folder, **broken))
    assert refused.value.code == "E111"
    assert "No space left on device" in refused.value.message
    assert "disk is full" in (refused.value.hint or "")
    home = folder / ".howdah" / "postgres"
    assert [entry.name for entry in home.iterdir()] == ["password"]
    assert run(own(folder)).place.data.exists()


def test_an_interrupted_initdb_leaves_no_half_cluster(folder: Path) -> None:
    """Killed in the middle, initdb leaves a folder that is never taken for a cluster and is removed next time."""
    ready = folder / "half"
    fake(folder / "bin", "postgres", "echo 'postgres (PostgreSQL) 17.1'")
    fake(
        folder / "bin",
        "initdb",
        f"""
        for argument; do
          case $argument in --pgdata=*) mkdir "${{argument#*=}}"; echo 17 >"${{argument#*=}}/PG_VERSION" ;; esac
        done
        touch {ready}
        sleep 600""",
    )
    folder.chmod(0o777)
    program = f"""
import asyncio
from pathlib import Path
from tests.embedded.conftest import own
environment = {{"PATH": {str(folder / "bin")!r}}}
asyncio.run(own(Path({str(folder)!r}), origins=("path",), environment=environment, system_folders=()))
"""

    async def scenario() -> None:
        root = Path(__file__).parent.parent.parent
        attempt = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program),
            env={**os.environ, "PYTHONPATH": str(root)},
            start_new_session=True,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await eventually(ready.exists)
        os.killpg(attempt.pid, signal.SIGKILL)
        await attempt.wait()
        home = folder / ".howdah" / "postgres"
        assert [entry.name[:4] for entry in home.iterdir() if entry.is_dir()] == ["new-"]
        postgres = await own(folder)
        assert {entry.name for entry in home.iterdir()} == {"data", "password"}
        async with running(postgres):
            assert query(postgres, "SELECT 1") == [(1,)]

    run(scenario())


def test_the_cluster_is_durable_private_and_has_no_port(folder: Path) -> None:
    """Fsync stays on, TCP is off, a password is asked for, and its file is for its owner alone."""

    async def scenario() -> None:
        postgres = await own(folder)
        async with running(postgres):
            names = ("fsync", "full_page_writes", "synchronous_commit", "listen_addresses", "server_encoding", "jit")
            values = [query(postgres, "SELECT current_setting(%s)", name)[0][0] for name in names]
            assert values == ["on", "on", "on", "", "UTF8", "off"]
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(host=str(postgres.sockets), user="howdah", dbname="shop", connect_timeout=5)
        for path, mode in ((postgres.place.password, 0o600), (postgres.place.data, 0o700), (postgres.sockets, 0o700)):
            assert stat.S_IMODE(path.stat().st_mode) == mode
        shown = f"{postgres} {postgres.command} {postgres.environment}"
        assert postgres.password.reveal() not in shown

    run(scenario())


def test_a_lost_password_is_set_anew(folder: Path) -> None:
    """Without its file the password is replaced, through single-user mode, and the rows are kept."""

    async def scenario() -> None:
        postgres = await own(folder)
        async with running(postgres):
            query(postgres, "CREATE TABLE kept ()")
        postgres.place.password.unlink()
        again = await own(folder)
        assert again.password != postgres.password
        async with running(again):
            assert query(again, "SELECT to_regclass('kept')::text") == [("kept",)]

    run(scenario())


# -- faults ------------------------------------------------------------------------------------------------------------


def test_committed_rows_survive_a_killed_server(folder: Path) -> None:
    """SIGKILL of the postmaster in the midst of work: the next start recovers every committed row."""

    async def scenario() -> None:
        postgres = await own(folder)
        server = await start(postgres)
        query(postgres, "CREATE TABLE article (id int)")
        for number in range(50):
            query(postgres, "INSERT INTO article VALUES (%s)", number)
        server.kill()
        await server.wait()
        async with running(postgres):
            assert query(postgres, "SELECT count(*) FROM article") == [(50,)]

    run(scenario())


def test_workers_of_a_killed_server_are_ended_before_the_next_start(folder: Path) -> None:
    """A backend that is busy when its server is killed would go on working on the data: it is ended first."""

    async def scenario() -> None:
        postgres = await own(folder)
        server = await start(postgres)
        busy = await psycopg.AsyncConnection.connect(postgres.dsn.reveal())
        working = asyncio.create_task(busy.execute("SELECT count(*) FROM generate_series(1, 10000000000)"))
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%series(1, 1%%'"
        await eventually(lambda: query(postgres, active) == [(2,)])  # and the asking itself
        server.kill()
        await server.wait()
        assert orphans.workers(postgres.place.data)
        async with running(postgres):
            assert query(postgres, "SELECT 1") == [(1,)]
        await asyncio.gather(working, return_exceptions=True)
        await busy.close()
        assert not orphans.workers(postgres.place.data)

    run(scenario())


def test_a_server_left_by_an_earlier_run_is_ended_cleanly(folder: Path) -> None:
    """An orphan on the same data is found by file and working directory, and shut down; its rows are kept."""

    async def scenario() -> None:
        postgres = await own(folder)
        server = await start(postgres)
        query(postgres, "CREATE TABLE kept ()")
        again = await own(folder)
        assert await asyncio.wait_for(server.wait(), 10) == 0
        async with running(again):
            assert query(again, "SELECT to_regclass('kept')::text") == [("kept",)]

    run(scenario())


def test_a_stale_pid_file_whose_number_lives_again_is_no_obstacle(folder: Path) -> None:
    """The number of a dead server may belong to anybody now: it is not signalled, and Postgres starts."""

    async def scenario() -> None:
        postgres = await own(folder)
        server = await start(postgres)
        server.kill()
        await server.wait()
        bystander = await asyncio.create_subprocess_exec("sleep", "600")
        pid_file = postgres.place.data / "postmaster.pid"
        text = pid_file.read_text().split("\n", 1)[1]
        pid_file.write_text(f"{bystander.pid}\n{text}")
        try:
            async with running(postgres):
                assert query(postgres, "SELECT 1") == [(1,)]
            assert bystander.returncode is None
        finally:
            bystander.kill()
            await bystander.wait()

    run(scenario())


def test_a_broken_setting_is_told_with_its_line(folder: Path) -> None:
    """The error made of the server's last lines names the file, the line and what to do."""
    lines = [
        'LOG:  syntax error in file "/x/postgresql.conf" line 9, near token "!"',
        'FATAL:  configuration file "/x/postgresql.conf" contains errors',
    ]
    error = PostgresNotStarted.after(lines)
    assert error.message == "Postgres did not start:\n  " + "\n  ".join(lines)
    assert PostgresNotStarted.after([]).message == "Postgres did not start"


# -- places ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["with spaces and 'quotes\"", "größe 漢字", "deep/" + "/".join(["a-rather-long-name-of-a-folder"] * 6)],
    ids=["spaces", "unicode", "long"],
)
def test_paths_of_any_kind(folder: Path, name: str) -> None:
    """Spaces, quotes, other letters and paths beyond the length of a socket's are no obstacle."""
    project = folder / name
    project.mkdir(parents=True)

    async def scenario() -> None:
        postgres = await own(project)
        assert len(os.fsencode(postgres.sockets / ".s.PGSQL.5432")) < 104
        async with running(postgres):
            assert query(postgres, "SELECT 1") == [(1,)]

    run(scenario())


def test_two_projects_run_at_once(folder: Path) -> None:
    """Each has its own server, sockets, password and rows."""

    async def scenario() -> None:
        one, two = [await own(folder / name) for name in ("one", "two")]
        assert one.sockets != two.sockets
        assert one.password != two.password
        async with running(one), running(two):
            query(one, "CREATE TABLE mine ()")
            assert query(two, "SELECT to_regclass('mine')") == [(None,)]

    run(scenario())


def test_starting_is_quick(folder: Path) -> None:
    """A start with existing data is a matter of tenths of a second."""

    async def scenario() -> None:
        async with running(await own(folder)):
            pass
        before = time.monotonic()
        async with running(await own(folder)):
            assert time.monotonic() - before < 3

    run(scenario())


def test_a_database_with_any_name(folder: Path) -> None:
    """The project's name needs no quoting by anybody."""

    async def scenario() -> None:
        name = 'it\'s "my" shop/50% größe?&'
        postgres = await own(folder, database=name)
        assert isinstance(postgres, OwnPostgres)
        async with running(postgres):
            assert query(postgres, "SELECT current_database()::text") == [(name,)]
            await postgres.create_database()  # a second time is no error

    run(scenario())
