"""From a transaction to a worker and back: what is committed is done, and what came of it is noted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support import Cluster, run
from tests.tasks import shop_tasks as shop
from tests.tasks.rig import Redis, Worker, all_done, prepare, redis_server, relay, rows, states, until, worker

from howdah.kit import context
from howdah.kit.tasks import named
from howdah.observe import events
from howdah.session import Session
from howdah.tasks import relay as relaying
from howdah.tasks.events import TasksCounted


@dataclass
class Shop:
    """A database with an outbox, a Redis and a worker."""

    dsn: str
    redis: Redis
    worker: Worker

    def relayed(self, seconds: float = 20.0, **settings: Any) -> None:
        """Tasks are handed over until all of them have ended."""

        async def main() -> None:
            async with relay(self.dsn, self.redis.url, **settings):
                await asyncio.to_thread(until, lambda: set(states(self.dsn)) <= {"done", "dead"}, seconds=seconds)

        run(main())

    def task(self, task_id: str, columns: str = "state, attempts, result, reason") -> tuple[Any, ...]:
        return rows(self.dsn, f"select {columns} from howdah_tasks.outbox where id = %s", task_id)[0]

    def effects(self) -> list[int]:
        return [n for (n,) in rows(self.dsn, "select n from effect order by at")]


@pytest.fixture(scope="module")
def started(cluster: Cluster) -> Iterator[Shop]:
    dsn = cluster.create_database("tasks_test")
    run(prepare(dsn))
    with redis_server() as redis, worker(dsn, redis.url) as one:
        yield Shop(dsn, redis, one)
    cluster.drop_database("tasks_test")


@pytest.fixture
def place(started: Shop) -> Shop:
    with psycopg.connect(started.dsn, autocommit=True) as connection:
        connection.execute("truncate howdah_tasks.outbox, effect cascade")
    return started


def send(place: Shop, task: Any, **args: Any) -> str:
    with psycopg.connect(place.dsn) as connection:
        return str(task.send(connection, **args))


def test_a_committed_task_is_done_and_one_that_is_rolled_back_never_was(place: Shop) -> None:
    with psycopg.connect(place.dsn) as connection:
        done = shop.note.send(connection, n=1)
        connection.commit()
        shop.note.send(connection, n=2)
        connection.rollback()
    place.relayed()
    assert place.task(done, "state, attempts, result") == ("done", 1, 1)
    assert place.effects() == [1]
    assert rows(place.dsn, "select count(*) from howdah_tasks.outbox") == [(1,)]
    assert rows(place.dsn, "select attempt, outcome from howdah_tasks.runs") == [(1, "done")]


def test_what_json_cannot_say_comes_back_as_it_is_annotated(place: Shop) -> None:
    sent = send(place, shop.greet, name="Ada", day=date(2026, 11, 21), who=UUID(int=7))
    place.relayed()
    assert place.task(sent)[2][:3] == ["Ada", "date", "UUID"]


def test_who_caused_a_task_travels_with_it(place: Shop) -> None:
    """R72: the request's id and the session, in the task and in the worker's log; the broker sees no argument."""
    with context.acting(Session("editor", {"x-hasura-user-id": "7"}), request_id="req-7"):
        sent = send(place, shop.greet, name="Grace Hopper")
    place.relayed()
    assert place.task(sent)[2][3:] == ["editor", "req-7"]
    assert [event["request_id"] for event in place.worker.events("TaskDone") if event["id"] == sent] == ["req-7"]
    assert '"message":"hello Grace Hopper"' in place.worker.said().replace('": "', '":"')
    log = next(line for line in place.worker.said().splitlines() if "hello Grace Hopper" in line)
    assert "req-7" in log
    stored = b"".join(file.read_bytes() for file in place.redis.own.home.rglob("*") if file.is_file())
    assert sent.encode() in stored
    assert b"Grace Hopper" not in stored


def test_an_async_task_is_awaited_on_the_one_loop_of_its_process(place: Shop) -> None:
    sent = [send(place, shop.awaited, seconds=0.01) for _ in range(6)]
    place.relayed()
    found = [place.task(one) for one in sent]
    assert [state for state, *_ in found] == ["done"] * 6
    loops: dict[int, set[tuple[int, int]]] = {}
    for _, _, (pid, thread, loop), _ in found:
        loops.setdefault(pid, set()).add((thread, loop))
    assert all(len(seen) == 1 for seen in loops.values())


def test_what_fails_is_tried_again_and_given_up_in_the_end(place: Shop) -> None:
    mended, hopeless = send(place, shop.fails, times=2), send(place, shop.fails, times=9)
    given_up, later = send(place, shop.gives_up), send(place, shop.tries_again)
    place.relayed()
    assert place.task(mended)[:3] == ("done", 3, 3)
    assert place.task(hopeless) == ("dead", 3, None, "ValueError: no luck: attempt 3")
    assert place.task(given_up) == ("dead", 1, None, "GiveUp: The address does not exist.")
    assert place.task(later)[:3] == ("done", 2, 2)
    outcomes = rows(place.dsn, "select outcome from howdah_tasks.runs where task_id = %s order by attempt", hopeless)
    assert outcomes == [("failed",)] * 3
    assert {one for (one,) in rows(place.dsn, "select id::text from howdah_tasks.dead_letters")} == {hopeless, given_up}


def test_a_time_limit_ends_a_task_and_cancels_an_async_one(place: Shop) -> None:
    """R72: time limits."""
    blocking, awaiting = send(place, shop.endless), send(place, shop.endless_async)
    place.relayed()
    for one in (blocking, awaiting):
        assert place.task(one) == ("dead", 1, None, "It took longer than its time limit of 0.3 s.")
    assert place.effects() == [99]


def test_a_process_that_is_killed_costs_an_attempt_and_no_more(place: Shop) -> None:
    sent = send(place, shop.dies)
    place.relayed()
    assert place.task(sent)[:3] == ("done", 2, 2)


def test_arguments_that_do_not_fit_are_given_up_at_once(place: Shop) -> None:
    sent = send(place, named("note"), n=1)
    with psycopg.connect(place.dsn) as connection:
        [(wrong,)] = connection.execute("""select howdah_tasks.enqueue('note', '{"m": 1}')::text""").fetchall()
    place.relayed()
    assert place.task(sent)[0] == "done"
    assert place.task(wrong)[:2] == ("dead", 1)
    assert "missing a required argument: 'n'" in place.task(wrong)[3]


def test_tasks_with_one_key_are_done_one_after_the_other_in_their_order(place: Shop) -> None:
    """Also where one in the middle fails and has to be tried again."""
    for n in range(1, 6):
        for order in (1, 2, 3):
            send(place, shop.in_order, order=order, n=n)
    place.relayed()
    assert all_done(place.dsn)
    for order in (1, 2, 3):
        found = rows(
            place.dsn,
            "select n from effect join howdah_tasks.outbox o on o.id = task where key = %s order by at",
            f"order-{order}",
        )
        assert [n for (n,) in found] == [1, 2, 3, 4, 5]
    overlapping = """
      select count(*) from howdah_tasks.runs a
      join howdah_tasks.outbox x on x.id = a.task_id
      join howdah_tasks.outbox y on y.key = x.key and y.id <> x.id
      join howdah_tasks.runs b on b.task_id = y.id
      where a.started_at < b.started_at and a.ended_at > b.started_at
    """
    assert rows(place.dsn, overlapping) == [(0,)]


def test_of_tasks_with_one_idempotency_key_there_is_one(place: Shop) -> None:
    first, second, other = (send(place, shop.receipt, order=order) for order in (7, 7, 8))
    assert first == second != other
    place.relayed()
    assert send(place, shop.receipt, order=7) == first
    place.relayed()
    assert sorted(place.effects()) == [7, 8]


def test_a_task_waits_for_its_time(place: Shop) -> None:
    at = datetime.now(UTC) + timedelta(seconds=0.6)
    timed, delayed = send(place, shop.note, n=1, at=at), send(place, shop.note, n=2, delay=0.6)
    place.relayed()
    for one in (timed, delayed):
        [(early,)] = rows(place.dsn, "select started_at < due_at from howdah_tasks.outbox where id = %s", one)
        assert not early
    waited = rows(place.dsn, "select extract(epoch from max(started_at - created_at))::float8 from howdah_tasks.outbox")
    assert 0.5 < waited[0][0] < 5


def test_work_and_its_completion_can_be_one_transaction(place: Shop) -> None:
    sent = send(place, shop.once, n=1)
    place.relayed()
    assert place.task(sent)[:2] == ("done", 1)
    assert place.effects() == [1]
    assert rows(place.dsn, "select count(*) from howdah_tasks.runs") == [(1,)]


def test_a_row_event_gives_a_task_what_it_takes(place: Shop) -> None:
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("create table if not exists article (id int primary key)")
        wanted = [
            {"name": "e", "task": "changed", "schema": "public", "table": "article", "on": ["insert"], "keys": ["id"]}
        ]
        connection.execute("select howdah_tasks.apply_row_events(%s::jsonb)", (json.dumps(wanted),))
        connection.execute("truncate article")
        connection.execute("insert into article values (7)")
    place.relayed()
    assert rows(place.dsn, "select state, result from howdah_tasks.outbox") == [("done", ["insert", {"id": 7}])]


def test_how_the_outbox_stands_is_told(place: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "COUNT_SECONDS", 0.05)
    send(place, shop.note, n=1, delay=60)
    with psycopg.connect(place.dsn) as connection:
        connection.execute("select howdah_tasks.enqueue('note', '{}', key => 'k')")
    told: list[Any] = []
    remove = events.add_sink(told.append)

    async def main() -> None:
        async with relay(place.dsn, place.redis.url):
            await asyncio.to_thread(
                until, lambda: [one for one in told if isinstance(one, TasksCounted) and one.dead and one.waiting == 1]
            )

    try:
        run(main())
    finally:
        remove()


def test_a_task_nobody_knows_is_tried_again_and_told(place: Shop) -> None:
    sent = send(place, named("from_the_future"))

    async def main() -> None:
        async with relay(place.dsn, place.redis.url):
            await asyncio.to_thread(until, lambda: place.task(sent)[3] is not None)

    run(main())
    assert place.task(sent) == ("waiting", 1, None, 'No worker has a task called "from_the_future".')


def test_the_worker_tells_what_it_can_do(place: Shop) -> None:
    until(lambda: rows(place.dsn, "select 1 from howdah_tasks.workers"))
    found = rows(place.dsn, "select name, parameters, about from howdah_tasks.registered where name = 'greet'")
    assert found == [("greet", ["name", "day", "who"], "Say hello.")]
