"""PgBouncer between howdah and Postgres: groups of reads go through it, and what it keeps from us is told."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from tests.support import Cluster, as_user, eventually, run

from howdah.data.execute import Engine
from howdah.data.execute.known import LeastPrivilegeMissing
from howdah.observe import events
from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import DatabaseError, DatabaseUnreachable
from howdah.postgres.install import POOLED
from howdah.postgres.lane import Lane
from howdah.postgres.pool import Pool
from howdah.project.sections import DatabaseSection, DataSection

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
KEEPS_STATEMENTS = (1, 21)
"""The first version that knows prepared statements in transaction mode."""

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (as root: make test-deps)")

ECHO = "select to_json($1::text)"
DIVIDE = "select to_json(1 / $1::integer)"


def version() -> tuple[int, ...]:
    assert PGBOUNCER is not None
    printed = subprocess.run([PGBOUNCER, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", printed)
    assert found is not None
    return int(found[1]), int(found[2])


def bouncing(cluster: Cluster, *settings: str) -> Iterator[Path]:
    """The folder of the socket of a PgBouncer in front of the cluster."""
    assert PGBOUNCER is not None
    folder = Path(tempfile.mkdtemp(prefix="hwd-"))
    folder.chmod(0o777)
    lines = [
        "[databases]",
        f"* = host={cluster.directory} port=5432 user=postgres",
        "[pgbouncer]",
        f"unix_socket_dir = {folder}",
        "listen_port = 5432",
        "auth_type = any",
        "max_client_conn = 200",
        "default_pool_size = 20",
        *settings,
    ]
    (folder / "pgbouncer.ini").write_text("\n".join(lines))
    (folder / "pgbouncer.ini").chmod(0o644)
    process = subprocess.Popen(
        [PGBOUNCER, folder / "pgbouncer.ini"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user()
    )
    try:
        deadline = time.monotonic() + 10
        while not (folder / ".s.PGSQL.5432").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        yield folder
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["session", "transaction"])
def pooled(request: pytest.FixtureRequest, cluster: Cluster, database: str) -> Iterator[str]:
    """The test's database, through PgBouncer in either mode."""
    if request.param == "transaction" and version() < KEEPS_STATEMENTS:
        pytest.skip("this PgBouncer is older than 1.21 and loses prepared statements in transaction mode")
    settings = [f"pool_mode = {request.param}", "ignore_startup_parameters = options,extra_float_digits"]
    if request.param == "transaction":
        settings.append("max_prepared_statements = 200")
    for folder in bouncing(cluster, *settings):
        yield f"postgresql://postgres@/{quote(name_of(database))}?host={folder}"


def name_of(dsn: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


def test_groups_of_reads_go_through_it(pooled: str) -> None:
    """Hundreds of reads at once come back each to the one who asked, those that fail failing alone."""

    async def scenario() -> None:
        lane = Lane(partial(connect, pooled, ConnectOptions()), name="bounced", size=2)
        await lane.start()
        for _ in range(5):
            answers = await asyncio.gather(*(lane.submit(ECHO, [b"%d" % number]) for number in range(200)))
            assert answers == [b'"%d"' % number for number in range(200)]
        results = await asyncio.gather(
            *(lane.submit(DIVIDE, [b"%d" % (number % 5)]) for number in range(100)), return_exceptions=True
        )
        for number, result in enumerate(results):
            if number % 5:
                assert result == b"%d" % (1 // (number % 5))
            else:
                assert isinstance(result, DatabaseError)
                assert result.sqlstate == "22012"
        await lane.close()

    run(scenario())


def test_a_changed_schema_is_no_error_behind_it(pooled: str) -> None:
    """Statements are prepared anew when their table changed, through the pooler as without it."""

    async def scenario() -> None:
        lane = Lane(partial(connect, pooled, ConnectOptions()), name="bounced", size=2)
        await lane.start()
        async with await connect(pooled) as owner:
            await owner.script("create table thing (a integer); insert into thing values (1)")
            for _ in range(5):
                assert await asyncio.gather(*(lane.submit("select thing from thing") for _ in range(8))) == [b"(1)"] * 8
            await owner.script("alter table thing add column b integer default 2")
            for _ in range(5):
                changed = await asyncio.gather(*(lane.submit("select thing from thing") for _ in range(8)))
                assert changed == [b"(1,2)"] * 8
        await lane.close()

    run(scenario())


def test_more_statements_than_are_kept(pooled: str) -> None:
    """The least recently used statement makes room, behind the pooler too."""

    async def scenario() -> None:
        lane = Lane(partial(connect, pooled, ConnectOptions(prepared_statements=5)), name="bounced", size=1)
        await lane.start()
        for _ in range(3):
            for number in range(20):
                assert await lane.submit(f"select to_json({number})") == b"%d" % number
        await lane.close()

    run(scenario())


def test_writes_go_through_it(pooled: str) -> None:
    """A pool of writers works over it, with and without a transaction of its own."""

    async def scenario() -> None:
        pool = Pool(partial(connect, pooled, ConnectOptions()), name="bounced", size=4)
        await pool.start()
        async with pool.connection() as connection:
            await connection.script("create table t (a int)")
        insert = "with w as (insert into t select $1::int returning a) select to_json(a) from w"
        for _ in range(3):
            answers = await asyncio.gather(*(pool.submit_now(insert, [b"%d" % number]) for number in range(40)))
            assert answers == [b"%d" % number for number in range(40)]
        async with pool.transaction() as transaction:
            assert await transaction.submit(insert, [b"1"]) == b"1"
        assert await pool.submit("select to_json(count(*)) from t") == b"121"
        await pool.close()

    run(scenario())


def test_a_role_that_does_not_arrive_is_told(pooled: str) -> None:
    """A pooler that drops our settings would have us work as the owner unawares: howdah says so, and answers."""
    told: list[object] = []

    async def scenario() -> None:
        engine = Engine(pooled, database=DatabaseSection(pool_size=2, write_pool_size=2), data=DataSection())
        await engine.start()
        assert (await engine.readiness())[1]["least_privilege"] is False
        assert engine.installation.role is None
        await engine.stop()

    remove = events.add_sink(told.append)
    try:
        run(scenario())
    finally:
        remove()
    assert LeastPrivilegeMissing(POOLED) in told


def test_a_pooler_that_refuses_our_settings_is_named(cluster: Cluster, database: str) -> None:
    """As it is configured at first, PgBouncer refuses the connection: the hint says what to do."""

    async def scenario(dsn: str) -> None:
        with pytest.raises(DatabaseUnreachable) as caught:
            await connect(dsn)
        assert caught.value.hint is not None
        assert "ignore_startup_parameters" in caught.value.hint

    for folder in bouncing(cluster, "pool_mode = session"):
        if version() >= (1, 20):
            pytest.skip("this PgBouncer reads options by itself")
        run(scenario(f"postgresql://postgres@/{quote(name_of(database))}?host={folder}"))


def test_a_restarted_pooler_is_found_again(cluster: Cluster, database: str) -> None:
    """When the pooler goes and comes back, the lane works by itself."""
    settings = ("pool_mode = session", "ignore_startup_parameters = options")

    async def scenario() -> None:
        first = bouncing(cluster, *settings)
        folder = next(first)
        moved = Path(tempfile.mkdtemp(prefix="hwd-"))
        link = moved / "now"
        link.symlink_to(folder)
        dsn = f"postgresql://postgres@/{quote(name_of(database))}?host={link}"
        lane = Lane(partial(connect, dsn, ConnectOptions(connect_timeout=2)), name="bounced", size=2)
        await lane.start()
        assert await lane.submit(ECHO, [b"x"]) == b'"x"'
        first.close()  # type: ignore[attr-defined]
        await eventually(lambda: not lane.open_connections)
        second = bouncing(cluster, *settings)
        replacement = moved / "next"
        replacement.symlink_to(next(second))
        replacement.replace(link)
        assert await asyncio.gather(*(lane.submit(ECHO, [b"y"]) for _ in range(50))) == [b'"y"'] * 50
        await lane.close()
        second.close()  # type: ignore[attr-defined]
        shutil.rmtree(moved)

    run(scenario())
