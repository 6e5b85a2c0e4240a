"""Tasks: what sending one costs its transaction, how long one waits, and how many are done in a second.

Everything is as in a project: `howdah serve` hands over, a Redis of its own carries, and one worker with two processes
does tasks that do nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.serving import serving
from howdah.embedded.redis import choose_redis
from howdah.kit.tasks import named
from howdah.supervisor.ports import free_port

_TASKS = """
from howdah.kit.tasks import task

@task
def nothing(n: int) -> None: ...

@task
async def nothing_async(n: int) -> None: ...
"""
_CONCURRENCY = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """Times in milliseconds: of a transaction without and with a task, and from commit to begin."""

    bare: float
    sending: float
    waits: float
    waits_99: float
    per_second: float
    per_second_async: float


def measure_tasks(dsn: str, folder: Path, *, count: int) -> Measured:
    """What tasks cost on this machine, by ``count`` of them."""
    folder.mkdir(mode=0o755, exist_ok=True)
    with ExitStack() as stack:
        broker = stack.enter_context(_redis(folder / "redis"))
        stack.enter_context(serving(dsn, folder / "serve", settings=(f"tasks.broker_url={broker}",)))
        stack.enter_context(_worker(folder / "worker", dsn, broker))
        with psycopg.connect(dsn) as connection:
            bare = statistics.median(_transactions(connection, count // 4, task=None))
            sending = statistics.median(_transactions(connection, count // 4, task="nothing"))
            _until_done(connection)
            waits = sorted(_waits(connection, count // 8))
            per_second, per_second_async = (
                _throughput(connection, task, count) for task in ("nothing", "nothing_async")
            )
    return Measured(
        bare, sending, statistics.median(waits), waits[len(waits) * 99 // 100], per_second, per_second_async
    )


def table(found: Measured) -> str:
    """The numbers as text."""
    return "\n".join(
        [
            "",
            f"Tasks, one worker of {_CONCURRENCY} processes",
            f"a transaction of one insert            {found.bare:9.2f} ms",
            f"the same with a task                   {found.sending:9.2f} ms",
            f"from its commit to its begin, p50      {found.waits:9.2f} ms",
            f"                              p99      {found.waits_99:9.2f} ms",
            f"tasks in a second                      {found.per_second:9.0f}",
            f"async tasks in a second                {found.per_second_async:9.0f}",
        ]
    )


def _transactions(connection: psycopg.Connection, count: int, *, task: str | None) -> list[float]:
    """How long each took, in milliseconds."""
    connection.execute("create table if not exists bench_order (id bigint generated always as identity, total int)")
    connection.commit()
    took = []
    for n in range(count):
        began = time.perf_counter()
        connection.execute("insert into bench_order (total) values (%s)", (n,))
        if task is not None:
            named(task).send(connection, n=n)
        connection.commit()
        took.append((time.perf_counter() - began) * 1000)
    return took


def _waits(connection: psycopg.Connection, count: int) -> list[float]:
    """From commit to begin, with nothing else to do."""
    waits = []
    for n in range(count):
        sent = named("nothing").send(connection, n=n)
        connection.commit()
        committed = time.time()
        while (row := connection.execute(_STARTED, (sent,)).fetchone()) is None or row[0] is None:
            connection.commit()
            time.sleep(0.002)
        connection.commit()
        waits.append(max(row[0] - committed, 0.0) * 1000)
    return waits


_STARTED = "select extract(epoch from started_at)::float8 from howdah_tasks.outbox where id = %s::uuid"


def _throughput(connection: psycopg.Connection, task: str, count: int) -> float:
    began = time.perf_counter()
    for n in range(count):
        named(task).send(connection, n=n)
    connection.commit()
    _until_done(connection)
    return count / (time.perf_counter() - began)


def _until_done(connection: psycopg.Connection) -> None:
    deadline = time.monotonic() + 300
    while True:
        row = connection.execute("select exists (select from howdah_tasks.outbox where state <> 'done')").fetchone()
        connection.commit()
        if row == (False,):
            return
        if time.monotonic() > deadline:
            raise RuntimeError("the tasks of the bench were not done in time")
        time.sleep(0.02)


@contextmanager
def _redis(home: Path) -> Iterator[str]:
    own = choose_redis(home, os.environ)
    process = subprocess.Popen(own.command, stdout=subprocess.DEVNULL, cwd=own.home)
    try:
        yield own.url
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _worker(folder: Path, dsn: str, broker: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    (folder / "tasks.py").write_text(_TASKS)
    environment = {**os.environ, "DATABASE_URL": dsn, "HOWDAH_TASKS_BROKER_URL": broker, "PORT": str(free_port())}
    command = [sys.executable, "-m", "howdah.kit.tasks.worker", "tasks", "--concurrency", str(_CONCURRENCY)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
