"""The pool: bounded, quick to grow, and whole again after anything that happens to its connections."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.support import Cluster, eventually, private_cluster, run, start_postgres, stop_postgres

from howdah.observe import events
from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import (
    ConnectionLost,
    DatabaseError,
    DatabaseUnavailable,
    DatabaseUnreachable,
    PoolExhausted,
)
from howdah.postgres.pool import DatabaseBack, DatabaseLost, Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

ONE = "select to_json(1)"
PROCESS = "select to_json(pg_backend_pid())"
SLEEP = "select to_json(1) from pg_sleep($1::float)"


@asynccontextmanager
async def a_pool(dsn: str, *, size: int = 4, wait_timeout: float = 5.0) -> AsyncIterator[Pool]:
    options = ConnectOptions(connect_timeout=2)
    pool = Pool(partial(connect, dsn, options), name="test", size=size, wait_timeout=wait_timeout)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def with_pool(
    dsn: str,
    work: Callable[[Pool], Awaitable[None]],
    *,
    size: int = 4,
    wait_timeout: float = 5.0,
) -> None:
    async def scenario() -> None:
        async with a_pool(dsn, size=size, wait_timeout=wait_timeout) as pool:
            await work(pool)

    run(scenario())


def test_one_caller_needs_one_connection(database: str) -> None:
    """Statements one after the other use one connection, the one given back last."""

    async def scenario(pool: Pool) -> None:
        assert len({await pool.submit(PROCESS) for _ in range(20)}) == 1
        assert pool.open_connections == 1

    with_pool(database, scenario)


def test_callers_together_share_no_more_than_size(database: str) -> None:
    """Many callers at once are all served, by no more connections than the pool may have."""

    async def scenario(pool: Pool) -> None:
        processes = await asyncio.gather(*(pool.submit(PROCESS) for _ in range(200)))
        assert len(processes) == 200
        assert 1 <= len(set(processes)) <= 4
        await asyncio.gather(*(pool.submit(SLEEP, [b"0.05"]) for _ in range(8)))
        assert pool.open_connections == 4

    with_pool(database, scenario)


def test_an_unreachable_database_is_told_at_start(cluster: Cluster) -> None:
    """A pool does not start on a database it cannot reach."""

    async def scenario() -> None:
        with pytest.raises(DatabaseUnreachable):
            async with a_pool(f"host={cluster.directory}/nowhere"):
                pass

    run(scenario())


def test_an_error_of_one_statement_is_nobody_elses(database: str) -> None:
    """Statements that fail leave those beside and after them alone."""

    async def scenario(pool: Pool) -> None:
        texts = [ONE, "select to_json(1/$1::integer)"] * 50
        results = await asyncio.gather(
            *(pool.submit(text, [b"0"] if "$1" in text else []) for text in texts), return_exceptions=True
        )
        assert results[::2] == [b"1"] * 50
        assert all(isinstance(result, DatabaseError) and result.sqlstate == "22012" for result in results[1::2])

    with_pool(database, scenario)


def test_a_wait_for_a_busy_pool_ends(database: str) -> None:
    """When every connection stays busy the wait ends with an error that says so, status 503."""

    async def scenario(pool: Pool) -> None:
        busy = asyncio.create_task(pool.submit(SLEEP, [b"1"]))
        await asyncio.sleep(0.05)
        with pytest.raises(PoolExhausted) as caught:
            await pool.submit(ONE)
        assert caught.value.status == 503
        assert await busy == b"1"
        assert await pool.submit(ONE) == b"1"

    with_pool(database, scenario, size=1, wait_timeout=0.2)


def test_cancelled_callers_poison_nothing(database: str) -> None:
    """Callers that go away while waiting or working leave the pool whole, and their statements end in the server."""

    async def scenario(pool: Pool) -> None:
        tasks = [asyncio.create_task(pool.submit(SLEEP, [b"30"])) for _ in range(10)]
        await eventually(lambda: pool.open_connections == 4)
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        assert all(isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*tasks, return_exceptions=True))
        assert await asyncio.gather(*(pool.submit(ONE) for _ in range(20))) == [b"1"] * 20
        assert pool.open_connections == 4
        running = (
            "select to_json(count(*)) from pg_stat_activity where query like '%pg_sleep(%' and state = 'active'"
            " and pid <> pg_backend_pid() and datname = current_database()"
        )

        async def all_ended() -> bool:
            return await pool.submit(running) == b"0"

        await eventually(all_ended)

    with_pool(database, scenario)


def test_statements_without_a_task(database: str) -> None:
    """More at once than there are connections, prepared or not, failing or not: each has its own answer."""

    async def scenario(pool: Pool) -> None:
        divide = "select to_json(12 / $1::integer)"
        for _ in range(3):
            answers = [pool.submit_now(divide, [b"%d" % (number % 4)]) for number in range(40)]
            for number, result in enumerate(await asyncio.gather(*answers, return_exceptions=True)):
                if number % 4:
                    assert result == b"%d" % (12 // (number % 4))
                else:
                    assert isinstance(result, DatabaseError)
                    assert result.sqlstate == "22012"
        assert pool.open_connections == 4
        with pytest.raises(DatabaseError):
            pool.submit_now(divide, [b"1\0"])

    with_pool(database, scenario)


def test_a_write_that_nobody_waits_for_is_done_all_the_same(database: str) -> None:
    """A future that is cancelled takes back what waits, leaves alone what runs, and costs no connection."""

    async def scenario(pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.script("create table t (a int)")
        insert = "with w as (insert into t select $1::int from pg_sleep(0.1) returning a) select to_json(a) from w"
        assert await pool.submit_now(insert, [b"1"]) == b"1"
        runs, waits = pool.submit_now(insert, [b"2"]), pool.submit_now(insert, [b"3"])
        await asyncio.sleep(0.02)
        runs.cancel()
        waits.cancel()
        assert await pool.submit("select json_agg(a order by a) from t") == b"[1, 2]"
        assert pool.open_connections == 1

    with_pool(database, scenario, size=1)


def test_a_changed_schema_is_no_error_without_a_task(database: str) -> None:
    """A prepared statement whose table changed is prepared anew, and done once."""

    async def scenario(pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.script("create table t (a int)")
        insert = "insert into t values ($1::int) returning t"
        for number in range(3):
            assert await pool.submit_now(insert, [b"%d" % number]) == b"(%d)" % number
        async with await connect(database) as owner:
            await owner.script("alter table t add column b int default 9")
        assert await asyncio.gather(*(pool.submit_now(insert, [b"7"]) for _ in range(8))) == [b"(7,9)"] * 8
        assert await pool.submit("select to_json(count(*)) from t") == b"11"

    with_pool(database, scenario, size=2)


def test_a_write_in_flight_on_a_killed_connection_is_told_so(cluster: Cluster, database: str) -> None:
    """It may have been done or not: whoever asked is told that the connection was lost, and nothing is repeated."""

    async def scenario(pool: Pool) -> None:
        process = await pool.submit(PROCESS)
        assert await pool.submit_now(SLEEP, [b"0"]) == b"1"
        running = pool.submit_now(SLEEP, [b"5"])
        await asyncio.sleep(0.05)
        cluster.execute(f"select pg_terminate_backend({process.decode()})")
        with pytest.raises(ConnectionLost):
            await running
        assert await pool.submit_now(ONE, []) == b"1"

    with_pool(database, scenario, size=1)


@pytest.mark.parametrize("yields", range(6))
def test_a_caller_cancelled_in_the_moment_of_being_served_loses_no_connection(database: str, yields: int) -> None:
    """Whenever the cancellation strikes, the pool's only connection is there for the next caller."""

    async def scenario(pool: Pool) -> None:
        for _ in range(5):
            first = asyncio.create_task(pool.submit(ONE))
            second = asyncio.create_task(pool.submit(ONE))
            for _ in range(yields):
                await asyncio.sleep(0)
            second.cancel()
            await first
            await asyncio.gather(second, return_exceptions=True)
            assert await pool.submit(ONE) == b"1"
        assert pool.open_connections == 1

    with_pool(database, scenario, size=1)


def test_a_cancelled_transaction_leaves_no_trace(database: str) -> None:
    """A transaction whose caller went away is rolled back, and its connection serves on."""

    async def scenario(pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.script("create table t (a int)")
        started = asyncio.Event()

        async def work() -> None:
            async with pool.transaction() as transaction:
                await transaction.script("insert into t values (1)")
                started.set()
                await transaction.submit(SLEEP, [b"30"])

        task = asyncio.create_task(work())
        await started.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await pool.submit("select json_agg(a) from t") == b"null"

    with_pool(database, scenario, size=1)


def test_a_killed_idle_connection_is_not_handed_out(cluster: Cluster, database: str) -> None:
    """When the server ended an idle connection, the next statement runs on a new one."""

    async def scenario(pool: Pool) -> None:
        first = await pool.submit(PROCESS)
        cluster.execute(f"select pg_terminate_backend({first.decode()})")
        await eventually(lambda: pool.open_connections == 0)
        assert await pool.submit(PROCESS) != first

    with_pool(database, scenario)


def test_a_write_whose_connection_is_killed_is_not_repeated(cluster: Cluster, database: str) -> None:
    """A pool for writes reports the loss: the write may have been done, and must not be done twice."""

    async def scenario(pool: Pool) -> None:
        process = await pool.submit(PROCESS)
        task = asyncio.create_task(pool.submit(SLEEP, [b"0.5"]))
        await asyncio.sleep(0.1)
        cluster.execute(f"select pg_terminate_backend({process.decode()})")
        with pytest.raises(ConnectionLost) as caught:
            await task
        assert caught.value.status == 503
        assert await pool.submit(ONE) == b"1"

    with_pool(database, scenario)


def test_a_closed_pool_refuses(database: str) -> None:
    """After close every connection is gone, who waits is told, and who comes is refused."""

    async def scenario(pool: Pool) -> None:
        tasks = [asyncio.create_task(pool.submit(SLEEP, [b"30"])) for _ in range(3)]
        await asyncio.sleep(0.1)
        await pool.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, DatabaseUnavailable) for result in results)
        with pytest.raises(DatabaseUnavailable):
            await pool.submit(ONE)
        assert pool.open_connections == 0

    with_pool(database, scenario, size=2)


def test_ddl_beside_prepared_statements_fails_no_caller(database: str) -> None:
    """Readers go on while another connection changes the type of what they read, over and over."""

    async def scenario(pool: Pool) -> None:
        async with await connect(database) as owner:
            await owner.script("create table t (a int); insert into t values (1)")
            stop = asyncio.Event()

            async def read() -> int:
                count = 0
                while not stop.is_set():
                    assert await pool.submit("select a from t") == b"1"
                    count += 1
                return count

            readers = [asyncio.create_task(read()) for _ in range(4)]
            for kind in ("text", "int", "numeric", "bigint") * 5:
                await owner.script(f"alter table t alter column a type {kind} using a::{kind}")
                await asyncio.sleep(0.005)
            stop.set()
            assert sum(await asyncio.gather(*readers)) > 20

    with_pool(database, scenario)


def test_the_pool_is_whole_again_after_postgres_restarts() -> None:
    """While Postgres is down callers get a 503 within the time limit, and soon at once; when it is back, answers."""
    seen: list[object] = []
    forget = events.add_sink(seen.append)

    async def scenario(cluster: Cluster) -> None:
        nonlocal process
        async with a_pool(cluster.dsn(), wait_timeout=0.5) as pool:
            await asyncio.gather(*(pool.submit(SLEEP, [b"0.02"]) for _ in range(8)))
            await asyncio.to_thread(stop_postgres, process, signal.SIGQUIT)
            await eventually(lambda: pool.open_connections == 0)
            with pytest.raises(DatabaseUnavailable) as caught:
                await pool.submit(ONE)
            assert caught.value.status == 503
            assert not pool.reachable
            await asyncio.sleep(0.1)
            loop = asyncio.get_running_loop()
            before = loop.time()
            with pytest.raises(DatabaseUnavailable):
                await pool.submit(ONE)
            assert loop.time() - before < 0.1
            process = await asyncio.to_thread(start_postgres, cluster)
            await eventually(lambda: pool.reachable)
            assert await asyncio.gather(*(pool.submit(ONE) for _ in range(20))) == [b"1"] * 20

    try:
        with private_cluster() as (cluster, process):
            run(scenario(cluster))
    finally:
        forget()
    assert [type(event) for event in seen] == [DatabaseLost, DatabaseBack]
    assert json.dumps([event.reason for event in seen if isinstance(event, DatabaseLost)])
