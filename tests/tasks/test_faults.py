"""Whatever is killed at whatever moment: what was committed is done, once as far as anybody sees; nothing else is."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg
import pytest
from tests.support import Cluster, private_cluster, run, start_postgres, stop_postgres
from tests.tasks import shop_tasks as shop
from tests.tasks.rig import (
    Redis,
    RelayProcess,
    Worker,
    prepare,
    redis_server,
    relay_process,
    rows,
    states,
    until,
    worker,
)

pytestmark = pytest.mark.e2e


@dataclass
class World:
    """Everything that can be killed, each in its own process."""

    cluster: Cluster
    postgres: subprocess.Popen[bytes]
    dsn: str
    redis: Redis
    worker: Worker
    relay: RelayProcess

    def kill_worker(self) -> None:
        self.worker.kill()
        self.worker.start(ready=False)

    def kill_relay(self) -> None:
        self.relay.kill()
        self.relay.start()

    def kill_redis(self) -> None:
        self.redis.kill()
        time.sleep(0.3)
        self.redis.start()

    def lose_redis(self) -> None:
        """Its disk as well: the broker is empty when it is back."""
        self.redis.kill()
        self.redis.empty()
        self.redis.start()

    def kill_postgres(self) -> None:
        stop_postgres(self.postgres, signal.SIGQUIT)
        time.sleep(0.2)
        self.postgres = start_postgres(self.cluster)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with private_cluster() as (cluster, postgres):
        dsn = cluster.create_database("faults")
        # What is said to be committed is on the disk, unlike in other tests.
        cluster.execute("alter database faults set synchronous_commit = on")
        run(prepare(dsn))
        with redis_server() as redis, relay_process(dsn, redis.url) as relay, worker(dsn, redis.url) as one:
            yield World(cluster, postgres, dsn, redis, one, relay)


@pytest.fixture
def empty(world: World) -> World:
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute("truncate howdah_tasks.outbox, effect, ledger cascade")
    return world


@dataclass
class Load:
    """Somebody who sends tasks without a pause; of each third the transaction is rolled back."""

    dsn: str
    committed: set[int] = field(default_factory=set)
    rolled_back: set[int] = field(default_factory=set)
    _ending: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        n = 0
        while not self._ending.is_set():
            with contextlib.suppress(psycopg.Error), psycopg.connect(self.dsn) as connection:
                while not self._ending.is_set():
                    n += 1
                    task = (shop.once, shop.same, shop.same_async)[n % 3]
                    task.send(connection, n=n, key=f"k{n % 5}" if n % 4 == 0 else None)
                    if n % 7 == 0:
                        self.rolled_back.add(n)
                        connection.rollback()
                    else:
                        connection.commit()
                        self.committed.add(n)
                    time.sleep(0.004)
            time.sleep(0.05)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.work)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            thread.join()


def check(world: World, load: Load) -> None:
    """None lost, none invented, and each had one effect."""
    try:
        until(lambda: set(states(world.dsn)) <= {"done"}, seconds=60)
    except AssertionError as error:
        raise AssertionError(f"{states(world.dsn)}\n{world.worker.said()[-4000:]}") from error
    found = rows(world.dsn, "select (args ->> 'n')::int, name from howdah_tasks.outbox")
    sent = {n for n, _ in found}
    assert len(sent) == len(found)
    assert load.committed <= sent
    assert not load.rolled_back & sent
    # Of those whose commit broke off, the database alone knows: they are in both or in neither.
    once = sorted(n for n, name in found if name == "once")
    assert sorted(n for (n,) in rows(world.dsn, "select n from effect")) == once
    ledger = {n for (n,) in rows(world.dsn, "select n from ledger")}
    assert ledger == sent - set(once)
    done = rows(world.dsn, "select task_id from howdah_tasks.runs where outcome = 'done'")
    assert len(done) == len(set(done)) == len(sent)
    assert len(sent) > 100


KILLS: dict[str, Callable[[World], None]] = {
    "worker": World.kill_worker,
    "relay": World.kill_relay,
    "redis": World.kill_redis,
    "redis-with-its-disk": World.lose_redis,
    "postgres": World.kill_postgres,
}


@pytest.mark.parametrize("victim", list(KILLS))
def test_a_kill_under_load_loses_nothing_and_invents_nothing(empty: World, victim: str) -> None:
    load = Load(empty.dsn)
    with load.running():
        for _ in range(2):
            time.sleep(random.uniform(0.8, 1.2))
            KILLS[victim](empty)
        time.sleep(0.5)
    check(empty, load)


def test_all_of_them_one_after_the_other(empty: World) -> None:
    load = Load(empty.dsn)
    with load.running():
        for kill in random.sample(list(KILLS.values()), len(KILLS)):
            time.sleep(random.uniform(0.2, 0.8))
            kill(empty)
    check(empty, load)


def test_a_redis_that_is_away_delays_tasks_and_loses_none(empty: World) -> None:
    load = Load(empty.dsn)
    empty.redis.kill()
    try:
        with load.running():
            time.sleep(3)
        assert set(states(empty.dsn)) <= {"waiting", "blocked", "sending"}
    finally:
        empty.redis.start()
    check(empty, load)


def test_a_worker_that_is_told_to_end_ends_what_it_has_begun(empty: World) -> None:
    with psycopg.connect(empty.dsn) as connection:
        for n in range(6):
            shop.slow.send(connection, n=n, seconds=0.7)
    until(lambda: states(empty.dsn).get("running", 0) == 2)
    assert empty.worker.process is not None
    me = f"%:{empty.worker.process.pid}"
    assert rows(empty.dsn, "select count(*) from howdah_tasks.workers where id like %s", me) == [(1,)]
    assert empty.worker.stop() == 0
    assert states(empty.dsn)["done"] == 2
    assert rows(empty.dsn, "select max(attempts) from howdah_tasks.outbox") == [(1,)]
    assert rows(empty.dsn, "select count(*) from howdah_tasks.workers where id like %s", me) == [(0,)]
    empty.worker.start()
    until(lambda: states(empty.dsn) == {"done": 6}, seconds=30)
    assert rows(empty.dsn, "select max(attempts) from howdah_tasks.outbox") == [(1,)]


def test_a_task_outlives_the_lease_as_long_as_its_worker_lives(empty: World) -> None:
    """The positive control of the kills: three leases long, begun once."""
    with psycopg.connect(empty.dsn) as connection:
        shop.slow.send(connection, n=1, seconds=4.5)
    until(lambda: states(empty.dsn) == {"done": 1}, seconds=20)
    assert rows(empty.dsn, "select attempts from howdah_tasks.outbox") == [(1,)]
