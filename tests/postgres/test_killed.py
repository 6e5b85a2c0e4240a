"""Postgres killed under load, on the event loop that production uses: nobody waits for an answer that cannot come."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import psycopg
import uvloop
from tests.support import Cluster, eventually, private_cluster, start_postgres, stop_postgres

from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import PostgresError
from howdah.postgres.lane import Lane
from howdah.postgres.pool import Pool

KILLS = 10
AT_LEAST = 30  # of each worker's pieces of work between two kills, so that all are in the middle of something
WORKERS = 8


def test_every_statement_ends_when_postgres_is_killed() -> None:
    """Transactions and pipelined reads go on after each kill -9 of the postmaster; none hangs.

    A backend that loses its postmaster resets its connections. uvloop reports such a socket once and then forgets it.
    """
    with private_cluster() as (cluster, process):

        async def scenario() -> None:
            options = ConnectOptions(connect_timeout=2)
            pool = Pool(partial(connect, cluster.dsn(), options), name="writes", size=WORKERS)
            lane = Lane(partial(connect, cluster.dsn(), options), name="reads")
            await pool.start()
            await lane.start()
            async with pool.connection() as connection:
                # The cluster of the tests may otherwise lose its last commits, as synchronous_commit=off says.
                await connection.script("set synchronous_commit = on; create table thing (a integer)")
            done = [0] * (2 * WORKERS)
            workers = [asyncio.ensure_future(_over_and_over(done, i, partial(_write, pool))) for i in range(WORKERS)]
            workers += [
                asyncio.ensure_future(_over_and_over(done, WORKERS + i, partial(_read, lane))) for i in range(WORKERS)
            ]
            running = process
            for _ in range(KILLS):
                await _all_go_on(done)
                os.kill(running.pid, signal.SIGKILL)
                running.wait()
                running = await asyncio.to_thread(_restart, cluster)
            await _all_go_on(done)
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await pool.close()
            await lane.close()
            await asyncio.to_thread(stop_postgres, running)

        uvloop.run(scenario())


async def _over_and_over(done: list[int], place: int, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except PostgresError:
            await asyncio.sleep(0.01)
        else:
            done[place] += 1


async def _write(pool: Pool) -> None:
    async with pool.transaction() as transaction:
        await transaction.submit("insert into thing values (1) returning to_json(a)")
        await transaction.submit("insert into thing values (2) returning to_json(a)")


async def _read(lane: Lane) -> None:
    await lane.submit("select to_json($1::integer)", [b"1"])


async def _all_go_on(done: list[int]) -> None:
    """Every worker gets something done."""
    before = tuple(done)
    await eventually(lambda: all(now >= then + AT_LEAST for now, then in zip(done, before, strict=True)), seconds=15)


def _restart(cluster: Cluster) -> subprocess.Popen[bytes]:
    """Postgres refuses to start until the last backend of the killed one is gone."""
    while True:
        with suppress(psycopg.OperationalError):
            return start_postgres(cluster)
