"""Transactions: all or nothing, inside one another, begun anew, on behalf of somebody, seen by name (U6)."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from howdah.kit import context
from howdah.kit.db import configure, inject, transactional
from howdah.kit.db import errors as e
from howdah.kit.db.aio import AsyncDatabase
from howdah.kit.db.registry import close_all
from howdah.kit.db.sync import Database
from howdah.session import Session

ANN = {"email": "ann@example.com", "name": "Ann"}


class Planned(Exception):
    pass


def count(db: Any) -> int:
    return int(db.fetch_value("SELECT count(*) FROM users"))


def test_a_transaction_is_stored_or_it_is_not(db: Any, dsn: str) -> None:
    """U6: commit at the end, roll back where the block raises; others see it only then."""
    with db.transaction():
        db.insert("users", ANN)
        with psycopg.connect(dsn) as other:
            assert other.execute("SELECT count(*) FROM users").fetchone() == (0,)
    assert count(db) == 1
    with pytest.raises(Planned), db.transaction() as tx:  # noqa: PT012
        tx.delete("users", ANN)
        assert count(db) == 0
        raise Planned
    assert count(db) == 1


def test_one_inside_another_is_undone_alone(db: Any) -> None:
    """A savepoint: what the inner one did is gone, what the outer one did stays, also after an error of Postgres."""
    with db.transaction():
        db.insert("users", ANN)
        with pytest.raises(Planned), db.transaction():  # noqa: PT012
            db.update("users", {"name": "Inner"}, ANN)
            raise Planned
        with pytest.raises(e.Duplicate), db.transaction():
            db.insert("users", ANN)
        with db.transaction() as tx:
            tx.update("users", {"age": 7}, {"email": ANN["email"]})
    assert db.select("users", columns=["name", "age"]) == [{"name": "Ann", "age": 7}]
    with db.transaction(), pytest.raises(e.Mistake), db.transaction(read_only=True):
        pass


def test_a_failure_that_is_passed_over_is_no_success(db: Any) -> None:
    """F7, F9: Postgres would answer the COMMIT by rolling back, quietly."""
    with pytest.raises(e.NotStored), db.transaction():  # noqa: PT012
        db.insert("users", ANN)
        with pytest.raises(e.Duplicate):
            db.insert("users", ANN)
    assert count(db) == 0
    with db.transaction():
        db.insert("users", ANN)
        with pytest.raises(e.NotStored), db.transaction(), pytest.raises(e.Duplicate):
            db.insert("users", ANN)
    assert count(db) == 1


def test_what_fails_only_at_the_end_is_told(db: Any) -> None:
    """F9: a commit that fails is an error of whoever waits for it, and the connection goes on."""
    db.execute("ALTER TABLE notes ALTER CONSTRAINT notes_author_fkey DEFERRABLE INITIALLY DEFERRED")
    with pytest.raises(e.BrokenReference), db.transaction():
        db.insert("notes", {"author": "nobody"})
    assert db.fetch_value("SELECT count(*) FROM notes") == 0


def test_options_of_a_transaction(db: Any) -> None:
    """Read only, isolation, its own time limit; all of them end with it."""
    with pytest.raises(e.Mistake, match="read-only"), db.transaction(read_only=True):
        db.insert("users", ANN)
    with db.transaction(isolation="repeatable read", statement_timeout=7):
        assert db.fetch_value("SHOW transaction_isolation") == "repeatable read"
        assert db.fetch_value("SHOW statement_timeout") == "7s"
    assert db.fetch_value("SHOW statement_timeout") == "30s"
    with pytest.raises(e.Mistake, match="isolation"), db.transaction(isolation="none; DROP TABLE users"):
        pass
    assert count(db) == 0


def test_for_whom_it_is_and_as_which_role(db: Any) -> None:
    """Policies find the caller; the role has what it has and no more; both end with the transaction."""
    db.execute("DO $$ BEGIN CREATE ROLE kit_caller; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    db.execute("GRANT SELECT ON users TO kit_caller")
    db.execute(
        "CREATE POLICY own ON users USING (email = current_setting('hasura.user')::json ->> 'x-hasura-user-id');"
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY"
    )
    tricky = "o'bri\\en\" %s"
    db.insert("users", [ANN, {"email": tricky, "name": "O"}])
    for who, found in ((tricky, ["O"]), (ANN["email"], ["Ann"]), ("nobody", [])):
        caller = Session("user", {"x-hasura-user-id": who})
        with db.transaction(caller=caller, role="kit_caller"):
            assert [row["name"] for row in db.select("users")] == found
            with pytest.raises(e.NotAllowed), db.transaction():
                db.delete("users", ANN)
    assert db.fetch_value("SELECT current_user") == "postgres"
    assert count(db) == 2
    db.execute("DROP OWNED BY kit_caller")
    with pytest.raises(e.DbError), db.transaction(role="no_such_role"):
        pass
    assert db.fetch_value("SELECT 1") == 1


def test_a_transaction_that_is_over_is_not_used(db: Any) -> None:
    """Neither by its name nor by what was begun in it."""
    with db.transaction() as tx:
        pass
    with pytest.raises(e.TransactionOver):
        tx.insert("users", ANN)
    assert count(db) == 0


def test_the_servers_views_show_service_and_request(db: Any, dsn: str) -> None:
    """In a transaction by its name; and that ends with it."""
    with psycopg.connect(dsn, autocommit=True) as other:

        def shown(pid: int) -> tuple[str, str]:
            found = other.execute("SELECT application_name, query FROM pg_stat_activity WHERE pid = %s", [pid])
            row = found.fetchone()
            assert row is not None
            return row

        token = context.request_id.set("req-7")
        if hasattr(db, "_context"):
            db._context.run(context.request_id.set, "req-7")
        try:
            with db.transaction():
                pid = db.fetch_value("SELECT pg_backend_pid()")
                assert shown(pid)[0] == "shop req-7"
        finally:
            context.request_id.reset(token)
        assert shown(pid)[0] == "shop"


def test_statements_say_for_which_request_they_are(opened: Any, settings: Any, dsn: str) -> None:
    """Where that is wanted; and no id can end the comment it is in."""
    db = opened("sync", replace(settings, comments=True))
    for given, said in (
        ("req-7", "/* request_id=req-7 */ "),
        ("*/ DROP TABLE users; --%s", "/* request_id=DROPTABLEusers--s */ "),
    ):
        token = context.request_id.set(given)
        try:
            assert db.fetch_value("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()").startswith(said)
        finally:
            context.request_id.reset(token)
    assert db.fetch_value("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()").startswith("SELECT")


def test_work_that_met_another_transaction_is_begun_anew(settings: Any, opened: Any) -> None:
    """Twenty threads add one to the same row, serializable, and none is lost; without retries some fail."""
    db: Database = opened("sync", replace(settings, pool_size=20, pool_timeout=20))
    db.insert("loose", {"a": 1, "b": 0})

    def add() -> None:
        (row,) = db.select("loose", {"a": 1})
        db.update("loose", {"b": row["b"] + 1}, {"a": 1})

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda _: db.attempt(add, retries=100), range(20)))
    assert db.fetch_value("SELECT b FROM loose") == 20

    def once(_: int) -> bool:
        try:
            with db.transaction(isolation="serializable"):
                add()
        except e.TryAgain:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        stored = sum(threads.map(once, range(20)))
    assert db.fetch_value("SELECT b FROM loose") == 20 + stored


def test_tasks_begin_anew_too(settings: Any) -> None:
    """The same with twenty tasks of an event loop."""

    async def work() -> None:
        db = AsyncDatabase(replace(settings, pool_size=20, pool_timeout=20))
        await db.insert("loose", {"a": 1, "b": 0})

        async def add() -> None:
            (row,) = await db.select("loose", {"a": 1})
            await db.update("loose", {"b": row["b"] + 1}, {"a": 1})

        await asyncio.gather(*(db.attempt(add, retries=100) for _ in range(20)))
        assert await db.fetch_value("SELECT b FROM loose") == 20
        db.close()

    asyncio.run(work())


def test_a_task_that_outlives_the_transaction_does_not_write_outside_of_it(settings: Any) -> None:
    """It was begun inside, so it must not store what the transaction did not."""

    async def work() -> None:
        db = AsyncDatabase(settings)
        go = asyncio.Event()

        async def late() -> None:
            await go.wait()
            await db.insert("users", ANN)

        with pytest.raises(Planned):  # noqa: PT012
            async with db.transaction():
                task = asyncio.create_task(late())
                await asyncio.sleep(0)
                raise Planned
        go.set()
        with pytest.raises(e.TransactionOver):
            await task
        assert await db.fetch_value("SELECT count(*) FROM users") == 0
        db.close()

    asyncio.run(work())


def test_a_cancelled_task_leaves_nothing_and_no_broken_connection(settings: Any) -> None:
    """Whoever gave up waiting; the connection serves the next."""

    async def work() -> None:
        db = AsyncDatabase(replace(settings, pool_size=1))

        async def slow() -> None:
            async with db.transaction():
                await db.insert("users", ANN)
                await db.execute("SELECT pg_sleep(20)")

        for _ in range(3):
            task = asyncio.create_task(slow())
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await db.fetch_value("SELECT count(*) FROM users") == 0
        db.close()

    asyncio.run(work())


@pytest.fixture
def named(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """DATABASE_URL and DATABASE_REPORTS_URL are set."""
    close_all()
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("DATABASE_REPORTS_URL", dsn + " application_name=reports")
    yield
    close_all()


def test_databases_are_injected_by_name(named: Any) -> None:
    """D5: several, into functions and into async ones; the caller may give one, and a framework asks for none."""
    import inspect

    @inject(db="default", reports="reports")
    def names(word: str, db: Database, reports: Database) -> list[str]:
        return [word, *(one.fetch_value("SHOW application_name") for one in (db, reports))]

    @inject(db="reports")
    async def name(db: AsyncDatabase) -> str:
        return str(await db.fetch_value("SHOW application_name"))

    assert names("a") == ["a", "howdah-service", "reports"]
    assert list(inspect.signature(names).parameters) == ["word"]
    assert asyncio.run(name()) == "reports"
    with pytest.raises(TypeError):
        inject(other="default")(name)

    class Fake:
        def fetch_value(self, _: str) -> str:
            return "fake"

    assert names("a", db=Fake()) == ["a", "fake", "reports"]


def test_functions_are_transactions(named: Any) -> None:
    """U6: whatever they do is stored or not; inside one another too; async alike."""

    @transactional()
    @inject(db="default")
    def add(email: str, fail: bool, db: Database) -> None:
        db.insert("users", {"email": email, "name": "N"})
        if fail:
            raise Planned

    @transactional("default", retries=2)
    @inject(db="default")
    async def add_async(email: str, fail: bool, db: AsyncDatabase) -> None:
        await db.insert("users", {"email": email, "name": "N"})
        assert await db.fetch_value("SHOW transaction_isolation") == "serializable"
        if fail:
            raise Planned

    @transactional()
    def outer() -> None:
        add("c", fail=False)
        with pytest.raises(Planned):
            add("d", fail=True)

    add("a", fail=False)
    asyncio.run(add_async("b", fail=False))
    with pytest.raises(Planned):
        add("x", fail=True)
    with pytest.raises(Planned):
        asyncio.run(add_async("x", fail=True))
    outer()

    @inject(db="default")
    def all_of_them(db: Database) -> list[str]:
        return [row["email"] for row in db.select("users", order_by="email")]

    assert all_of_them() == ["a", "b", "c"]


def test_a_database_is_configured_before_it_is_used(named: Any, dsn: str) -> None:
    """By code, over the environment; not while it is in use."""
    from howdah.kit.db import database

    configure("other", url=dsn, pool_size=1)
    assert database("other").settings.pool_size == 1
    with pytest.raises(e.Mistake, match="in use"):
        configure("other", url=dsn)
    with pytest.raises(e.Mistake, match="no such option"):
        configure("third", url=dsn, size=1)
    with pytest.raises(e.UnknownDatabase, match="DATABASE_NONE_URL") as unknown:
        database("none")
    assert unknown.value.hint == "There is: default, reports."
