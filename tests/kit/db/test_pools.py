"""Connections under trouble: taken by too many, killed, a server that is not there yet or no more, forks, leaks."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from tests.support import private_cluster, start_postgres, stop_postgres

from howdah.kit import context
from howdah.kit.db import errors as e
from howdah.kit.db.aio import AsyncDatabase
from howdah.kit.db.settings import DatabaseSettings, read_settings
from howdah.kit.db.sync import Database
from howdah.observe.secret import Secret
from howdah.postgres.errors import DatabaseMissing, InvalidDatabaseUrl

ANN = {"email": "ann@example.com", "name": "Ann"}
BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'shop%'"


def backends(dsn: str) -> int:
    with psycopg.connect(dsn) as other:
        row = other.execute(BACKENDS).fetchone()
        assert row is not None
        return int(row[0])


def kill_backends(dsn: str) -> None:
    with psycopg.connect(dsn) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'shop%'"
        )


def test_connections_are_used_again(db: Any, dsn: str) -> None:
    """A hundred statements, one connection; closed, there is none, and it may be used again."""
    for _ in range(100):
        db.ping()
    assert backends(dsn) == 1
    db.close()
    deadline = time.monotonic() + 5
    while backends(dsn) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert backends(dsn) == 0
    db.ping()


def test_twenty_upserts_at_once_make_one_row(settings: Any, opened: Any) -> None:
    """U4: where a seed ended in UniqueViolation; threads first, then tasks."""
    wide = replace(settings, pool_size=20, pool_timeout=20)
    db: Database = opened("sync", wide)
    start = threading.Barrier(20)

    def upsert(n: int) -> int:
        start.wait()
        return db.upsert("users", {**ANN, "age": n + 1}, "email")

    for _ in range(5):
        db.delete("users", all_rows=True)
        with ThreadPoolExecutor(20) as threads:
            assert list(threads.map(upsert, range(20))) == [1] * 20
        assert db.fetch_value("SELECT count(*) FROM users") == 1

    async def together() -> None:
        other = AsyncDatabase(wide)
        for _ in range(5):
            await other.delete("users", all_rows=True)
            counts = await asyncio.gather(*(other.upsert("users", {**ANN, "age": n + 1}, "email") for n in range(20)))
            assert counts == [1] * 20
            assert await other.fetch_value("SELECT count(*) FROM users") == 1
        other.close()

    asyncio.run(together())


def test_more_callers_than_connections_wait_for_their_turn(settings: Any, opened: Any, dsn: str) -> None:
    """Forty threads and four connections: all are served, by no more than four."""
    db: Database = opened("sync", replace(settings, pool_timeout=20))
    with ThreadPoolExecutor(40) as threads:
        results = list(threads.map(lambda n: db.fetch_value("SELECT %s FROM pg_sleep(0.01)", [n]), range(200)))
    assert results == list(range(200))
    assert backends(dsn) <= 4


def hold_all(db: Any, taken: list[Any]) -> None:
    """Take every connection, and forget to give them back."""
    for _ in range(4):
        manager = db.connection()
        manager.__enter__()
        taken.append(manager)


def test_when_every_connection_is_taken_it_is_said_by_whom(db: Any) -> None:
    """E6: a leak is visible: place, number, request and for how long; and over when they are given back."""
    taken: list[Any] = []
    token = context.request_id.set("req-7")
    if hasattr(db, "_context"):
        db._context.run(context.request_id.set, "req-7")
    try:
        hold_all(db, taken)
    finally:
        context.request_id.reset(token)
    began = time.monotonic()
    with pytest.raises(e.PoolExhausted) as exhausted:
        db.ping()
    assert 0.9 < time.monotonic() - began < 10
    assert exhausted.value.status == 503
    said = exhausted.value.message
    assert "All 4 connections to the database 'default' are in use: 4 by " in said
    if not hasattr(db, "_context"):  # in the loop the nearest code of one's own is the test's runner
        assert "hold_all, line" in said
    assert "request req-7" in said
    for manager in taken:
        manager.__exit__(None, None, None)
    db.ping()


def test_a_connection_that_is_given_back_in_a_transaction_is_not_given_to_another(db: Any) -> None:
    """Somebody began one by hand: it is gone, and so is what it did."""
    with db.connection() as connection:
        cursor = connection.cursor()
        began = cursor.execute("BEGIN; INSERT INTO users VALUES ('x', 'X')")
        if hasattr(began, "__await__"):
            db._runner.run(began)
    assert db.fetch_value("SELECT count(*) FROM users") == 0
    assert db.fetch_value("SELECT pg_current_xact_id_if_assigned()") is None


def test_after_the_server_ended_its_connections_the_next_call_works(db: Any, dsn: str) -> None:
    """Those that lay unused are not given out; a transaction that was under way fails, once."""
    db.ping()
    kill_backends(dsn)
    db.ping()
    with pytest.raises(e.ConnectionLost), db.transaction():  # noqa: PT012
        db.insert("users", ANN)
        kill_backends(dsn)
        db.insert("notes", {})
    assert db.fetch_value("SELECT count(*) FROM users") == 0
    with pytest.raises(e.ConnectionLost):
        db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    db.insert("users", ANN)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_database_that_starts_is_waited_for_and_one_that_restarts_is_found_again(mode: str, opened: Any) -> None:
    """E6: where a seed tried for ever without pause and hid why."""
    with private_cluster() as (cluster, process):
        settings = DatabaseSettings(Secret(cluster.dsn()), application_name="shop", startup_timeout=20, pool_timeout=15)
        stop_postgres(process)
        restarted: list[Any] = []
        starter = threading.Timer(0.7, lambda: restarted.append(start_postgres(cluster)))
        starter.start()
        db = opened(mode, settings)
        began = time.monotonic()
        db.ping()
        assert 0.5 < time.monotonic() - began < 19
        starter.join()
        stop_postgres(restarted.pop())
        starter = threading.Timer(0.7, lambda: restarted.append(start_postgres(cluster)))
        starter.start()
        db.ping()
        starter.join()
        stop_postgres(restarted.pop())
        db.close()
        gone = opened(mode, replace(settings, startup_timeout=0.6))
        began = time.monotonic()
        with pytest.raises(e.DatabaseAway, match=r"It was tried for 0\.6 s") as away:
            gone.ping()
        assert 0.5 < time.monotonic() - began < 10
        assert away.value.status == 503
        start_postgres(cluster)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_what_waiting_cannot_mend_is_said_at_once(mode: str, opened: Any, cluster: Any) -> None:
    """A database that does not exist, a URL that is none; and no password in it."""
    began = time.monotonic()
    with pytest.raises(DatabaseMissing):
        opened(mode, DatabaseSettings(Secret(cluster.dsn("no_such_database")))).ping()
    with pytest.raises(InvalidDatabaseUrl) as invalid:
        opened(mode, DatabaseSettings(Secret("postgresql://me:hunter2 hunter2@[/x"))).ping()
    assert "hunter2" not in str(invalid.value.to_json())
    refused = opened(mode, DatabaseSettings(Secret("postgresql://me:hunter2@127.0.0.1:1/x"), startup_timeout=0.2))
    with pytest.raises(e.DatabaseAway) as away:
        refused.ping()
    assert "hunter2" not in str(away.value.to_json())
    assert "127.0.0.1:1" in away.value.message
    assert time.monotonic() - began < 20  # and not the thirty seconds that a starting one is given


def test_a_forked_process_has_connections_of_its_own(settings: Any, opened: Any) -> None:
    """E8: as under gunicorn with preload: the child's do not disturb the parent's, in or out of a transaction."""
    db: Database = opened("sync", settings)
    with db.transaction():
        db.insert("users", ANN)
        mine = db.fetch_value("SELECT pg_backend_pid()")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # this process has threads, of pytest's workers
            child = os.fork()
        if child == 0:
            try:
                db._current.set(None)
                code = 0 if db.fetch_value("SELECT pg_backend_pid()") != mine else 1
                code += 0 if db.fetch_value("SELECT count(*) FROM users") == 0 else 2
                db.close()
            except BaseException:  # noqa: BLE001 - the child must not run pytest any further
                code = 9
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert db.fetch_value("SELECT pg_backend_pid()") == mine
    assert db.fetch_value("SELECT count(*) FROM users") == 1


def test_each_event_loop_has_connections_of_its_own(settings: Any, dsn: str) -> None:
    """And those of a loop that is over are closed."""
    db = AsyncDatabase(settings)
    for _ in range(5):
        asyncio.run(db.ping())
    assert backends(dsn) <= 2
    db.close()
    asyncio.run(db.ping())
    db.close()


def test_old_and_unused_connections_are_replaced(opened: Any, settings: Any) -> None:
    """By age when they are given back, by how long they lay there when they are wanted."""
    for short in (replace(settings, max_lifetime=0.05), replace(settings, max_idle=0.05)):
        for mode in ("sync", "async"):
            db = opened(mode, short)
            first = db.fetch_value("SELECT pg_backend_pid() FROM pg_sleep(0.1)")
            time.sleep(0.1)
            assert db.fetch_value("SELECT pg_backend_pid()") != first


def test_a_waiter_that_gives_up_leaves_its_turn_to_others(settings: Any) -> None:
    """Cancelled while it waits for a connection: none is lost by it."""

    async def work() -> None:
        db = AsyncDatabase(replace(settings, pool_size=1, pool_timeout=5))
        for _ in range(20):
            tasks = [asyncio.create_task(db.execute("SELECT pg_sleep(0.005)")) for _ in range(6)]
            await asyncio.sleep(0.002)
            for task in tasks[1::2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await db.ping()
        db.close()

    asyncio.run(work())


def test_settings_come_from_the_environment() -> None:
    """D5, D6: each database and each of its options has a variable; what makes no sense names it."""
    environment = {
        "DATABASE_URL": "postgresql://a",
        "DATABASE_SALES_REPORTS_URL": "postgresql://b",
        "DATABASE_SALES_REPORTS_POOL_SIZE": "3",
        "DATABASE_STATEMENT_TIMEOUT": "1.5",
        "DATABASE_COMMENTS": "true",
        "HOWDAH_SERVICE": "shop",
    }
    default, reports = read_settings(environment), read_settings(environment, "sales-reports")
    assert (default.url.reveal(), default.statement_timeout, default.comments) == ("postgresql://a", 1.5, True)
    assert (default.pool_size, default.application_name) == (10, "shop")
    for url in ("postgresql+psycopg://me@x/y", "postgres+asyncpg://me@x/y"):
        assert read_settings({"DATABASE_URL": url}).url.reveal() == "postgresql://me@x/y"
    assert (reports.url.reveal(), reports.pool_size, reports.statement_timeout) == ("postgresql://b", 3, 30)
    for key, value in (("POOL_SIZE", "0"), ("POOL_SIZE", "x"), ("COMMENTS", "maybe"), ("LOCK_TIMEOUT", "nan")):
        with pytest.raises(e.Mistake, match=f"DATABASE_{key}"):
            read_settings({**environment, f"DATABASE_{key}": value})
    with pytest.raises(e.UnknownDatabase) as unknown:
        read_settings({"DATABASE_REPORTS_URL": "x"})
    assert unknown.value.hint == "There is: reports."
    with pytest.raises(e.Mistake):
        read_settings(environment, "bad name")
