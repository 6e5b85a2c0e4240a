"""One connection: bytes pass through, statements stay prepared, errors and cancellations leave it usable."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, TypeVar

import pytest
from tests.support import Cluster, eventually, run

from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import ConnectionLost, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from howdah.postgres.connection import Connection, Notification

T = TypeVar("T")


def with_connection(dsn: str, work: Callable[[Connection], Awaitable[T]], **options: int) -> T:
    async def scenario() -> T:
        async with await connect(dsn, ConnectOptions(**options)) as connection:
            return await work(connection)

    return run(scenario())


async def failure(work: Awaitable[object]) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        await work
    return caught.value


def test_the_cell_comes_back_as_postgres_made_it(database: str) -> None:
    """The bytes of the first cell are passed through, white space and all."""
    text = "select '{\"a\" :  1.10}'::json"
    assert with_connection(database, lambda connection: connection.submit(text)) == b'{"a" :  1.10}'


@pytest.mark.parametrize("text", ["select null::json", "select '1'::json where false"])
def test_nothing_is_null(database: str, text: str) -> None:
    """A NULL cell and no row at all are both the JSON null."""
    assert with_connection(database, lambda connection: connection.submit(text)) == b"null"


def test_parameters_are_values(database: str) -> None:
    """Parameters arrive as they are, whatever is in them; None is NULL."""
    text = "select json_build_array($1::text, $2::text, $3::integer)"
    parameters = [b"'; drop table x --", None, b"7"]
    answer = with_connection(database, lambda connection: connection.submit(text, parameters))
    assert json.loads(answer) == ["'; drop table x --", None, 7]


@pytest.mark.parametrize("value", [b"\0", b"a\0b", b"admin\0x"])
def test_a_value_with_nul_is_refused_and_not_cut(database: str, value: bytes) -> None:
    """A NUL byte in a parameter is refused: the protocol library would cut the value there."""

    async def scenario(connection: Connection) -> tuple[str, bool]:
        error = await failure(connection.submit("select to_json($1::text)", [value]))
        return error.sqlstate, connection.ready

    assert with_connection(database, scenario) == ("22021", True)


def test_large_values_pass_both_ways(database: str) -> None:
    """A value larger than any socket buffer goes out and comes back whole."""
    value = b"x" * 20_000_000

    async def scenario(connection: Connection) -> bool:
        return await connection.submit("select to_json($1::text)", [value]) == b'"' + value + b'"'

    assert with_connection(database, scenario)


def test_an_error_report_keeps_its_fields(database: str) -> None:
    """What Postgres reports is kept field by field, and the connection stays usable."""

    async def scenario(connection: Connection) -> tuple[DatabaseError, bytes]:
        await connection.script("create table t (id int constraint t_key unique)")
        insert = "with new as (insert into t values ($1::integer) returning *) select row_to_json(new) from new"
        await connection.submit(insert, [b"1"])
        error = await failure(connection.submit(insert, [b"1"]))
        return error, await connection.submit(insert, [b"2"])

    error, after = with_connection(database, scenario)
    assert (error.sqlstate, error.schema, error.table, error.constraint) == ("23505", "public", "t", "t_key")
    assert error.detail == "Key (id)=(1) already exists."
    assert after == b'{"id":2}'


def test_a_script_says_what_each_statement_did(database: str) -> None:
    """A script of several statements gives the command tag of each, with rows where there are some."""
    text = "create table t (a int, b text); insert into t values (1, 'x'), (2, null); select * from t; select"
    outcomes = with_connection(database, lambda connection: connection.script(text))
    assert [outcome.command for outcome in outcomes] == ["CREATE TABLE", "INSERT 0 2", "SELECT 2", "SELECT 1"]
    assert outcomes[2].columns == ("a", "b")
    assert outcomes[2].rows == ((b"1", b"x"), (b"2", None))
    assert outcomes[1].columns is None


def test_a_script_that_fails_says_where(database: str) -> None:
    """The error of a script has the character position of the culprit, counted in the whole text."""
    text = "select 1;\nselect 'ü', nonsense"

    async def scenario(connection: Connection) -> DatabaseError:
        return await failure(connection.script(text))

    error = with_connection(database, scenario)
    assert error.sqlstate == "42703"
    assert error.position == text.index("nonsense") + 1


@pytest.mark.parametrize("text", ["copy t from stdin", "copy t to stdout"])
def test_copy_with_the_client_is_refused(database: str, text: str) -> None:
    """COPY from or to the client is an error at once, not a wait without end."""

    async def scenario(connection: Connection) -> tuple[str, bool]:
        await connection.script("create table t (a int)")
        return (await failure(connection.script(text))).sqlstate, connection.closed

    assert with_connection(database, scenario) == ("0A000", True)


def test_an_empty_script_does_nothing(database: str) -> None:
    """A script with only a comment in it is no error."""
    assert [o.command for o in with_connection(database, lambda connection: connection.script("-- nothing"))] == [""]


def test_statements_are_prepared_once_and_the_oldest_makes_room(database: str) -> None:
    """Here and in the server there are never more prepared statements than the limit; those used last stay."""

    async def scenario(connection: Connection) -> tuple[int, list[str]]:
        count = "select to_json(array(select statement from pg_prepared_statements))"
        for number in range(10):
            await connection.submit(f"select to_json({number})")
            await connection.submit(count)
        return connection.prepared_statements, json.loads(await connection.submit(count))

    known, prepared = with_connection(database, scenario, prepared_statements=3)
    assert known == 3
    assert len(prepared) == 3
    assert "select to_json(9)" in prepared
    assert "select to_json(1)" not in prepared


@pytest.mark.parametrize(
    "change",
    [
        "alter table t alter column a type text",
        "alter table t add column b int",
        "drop table t; create table t (x text, y int)",
        "deallocate all",
        "discard all",
    ],
)
def test_a_prepared_statement_outlives_a_change_of_the_schema(database: str, change: str) -> None:
    """A statement whose result changed its type under us, or that was deallocated, is prepared anew (0A000, 26000)."""

    async def scenario(connection: Connection) -> bytes:
        await connection.script("create table t (a int); insert into t values (1)")
        for _ in range(6):
            await connection.submit("select * from t")
        await connection.script(change)
        await connection.submit("select * from t")
        return await connection.submit("select to_json('fine'::text)")

    assert with_connection(database, scenario) == b'"fine"'


def test_a_stale_plan_inside_a_transaction_is_final(database: str) -> None:
    """Inside a transaction a stale plan has failed the transaction: the error comes out, and the next one works."""

    async def scenario(connection: Connection) -> tuple[str, bytes]:
        await connection.script("create table t (a int); insert into t values (1)")
        await connection.submit("select * from t")
        await connection.script("alter table t alter column a type text")

        async def use() -> None:
            async with connection.transaction():
                await connection.submit("select * from t")

        error = await failure(use())
        return error.sqlstate, await connection.submit("select * from t")

    assert with_connection(database, scenario) == ("0A000", b"1")


def test_a_transaction_is_all_or_nothing(database: str) -> None:
    """The block's end commits; an error in the block rolls back and comes out."""

    async def scenario(connection: Connection) -> bytes:
        await connection.script("create table t (a int)")
        async with connection.transaction():
            await connection.script("insert into t values (1)")

        async def fail() -> None:
            async with connection.transaction():
                await connection.script("insert into t values (2)")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        return await connection.submit("select json_agg(a) from t")

    assert with_connection(database, scenario) == b"[1]"


def test_a_swallowed_error_cannot_look_like_a_commit(database: str) -> None:
    """A transaction whose failed statement was ignored says that it was rolled back."""

    async def scenario(connection: Connection) -> str:
        async def swallow() -> None:
            async with connection.transaction():
                await failure(connection.script("nonsense"))

        return (await failure(swallow())).sqlstate

    assert with_connection(database, scenario) == "25P02"


def test_a_deferred_constraint_fails_the_commit(database: str) -> None:
    """A constraint checked at COMMIT raises there, and the connection is usable afterwards."""

    async def scenario(connection: Connection) -> tuple[str, bool]:
        await connection.script("create table t (a int unique deferrable initially deferred)")

        async def violate() -> None:
            async with connection.transaction():
                await connection.script("insert into t values (1), (1)")

        return (await failure(violate())).sqlstate, connection.ready

    assert with_connection(database, scenario) == ("23505", True)


def test_a_cancelled_statement_is_ended_in_the_server_too(cluster: Cluster, database: str) -> None:
    """After a cancelled wait the server's statement is cancelled and the connection good for the next."""

    async def scenario(connection: Connection) -> tuple[bool, bool, bytes]:
        task = asyncio.create_task(connection.submit("select to_json(1) from pg_sleep(30)"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        busy = connection.ready
        return busy, await connection.recover(), await connection.submit("select to_json(2)")

    assert with_connection(database, scenario) == (False, True, b"2")


def test_a_cancelled_transaction_is_rolled_back_by_recovery(database: str) -> None:
    """Recovery ends an abandoned transaction without a trace of it."""

    async def scenario(connection: Connection) -> bytes:
        await connection.script("create table t (a int)")
        started = asyncio.Event()

        async def work() -> None:
            async with connection.transaction():
                await connection.script("insert into t values (1)")
                started.set()
                await asyncio.sleep(30)

        task = asyncio.create_task(work())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await connection.recover()
        return await connection.submit("select json_agg(a) from t")

    assert with_connection(database, scenario) == b"null"


def test_a_statement_over_its_time_is_refused(database: str) -> None:
    """The statement timeout ends a statement with 57014 and leaves the connection usable (R65)."""

    async def scenario() -> tuple[str, bool]:
        async with await connect(database, ConnectOptions(statement_timeout=0.05)) as connection:
            return (await failure(connection.submit("select to_json(1) from pg_sleep(5)"))).sqlstate, connection.ready

    assert run(scenario()) == ("57014", True)


def test_a_killed_backend_is_a_lost_connection(cluster: Cluster, database: str) -> None:
    """A backend that is terminated while it works gives ConnectionLost, and so does everything after."""

    async def scenario(connection: Connection) -> None:
        task = asyncio.create_task(connection.submit("select to_json(1) from pg_sleep(30)"))
        await asyncio.sleep(0.05)
        cluster.execute(f"select pg_terminate_backend({connection.process})")
        with pytest.raises(ConnectionLost):
            await task
        await eventually(lambda: connection.closed)
        with pytest.raises(ConnectionLost):
            await connection.submit("select to_json(1)")

    with_connection(database, scenario)


def test_the_loss_of_an_idle_connection_is_noticed_when_it_happens(cluster: Cluster, database: str) -> None:
    """An idle connection whose backend is terminated says so by itself, once."""
    lost: list[Connection] = []

    async def scenario(connection: Connection) -> None:
        connection.on_lost = lost.append
        cluster.execute(f"select pg_terminate_backend({connection.process})")
        await eventually(lambda: connection.closed)
        assert lost == [connection]

    with_connection(database, scenario)
    assert len(lost) == 1


def test_a_closed_connection_fails_who_waits_on_it(database: str) -> None:
    """Closing wakes whoever waits, with ConnectionLost."""

    async def scenario(connection: Connection) -> None:
        task = asyncio.create_task(connection.submit("select to_json(1) from pg_sleep(30)"))
        await asyncio.sleep(0.02)
        connection.close()
        connection.close()
        with pytest.raises(ConnectionLost):
            await task

    with_connection(database, scenario)


def test_notifications_arrive_while_idle_and_while_working(database: str) -> None:
    """A NOTIFY reaches a connection that waits for nothing, and one in the middle of a statement."""
    heard: list[Notification] = []

    async def scenario(connection: Connection) -> None:
        connection.on_notification = heard.append
        await connection.script("LISTEN news")
        async with await connect(database) as other:
            await other.script("NOTIFY news, 'one'")
            await eventually(lambda: heard)
            await asyncio.gather(connection.submit("select 1 from pg_sleep(0.1)"), other.script("NOTIFY news, 'two'"))
            await eventually(lambda: len(heard) == 2)
            assert [(item.channel, item.payload, item.process) for item in heard] == [
                ("news", "one", other.process),
                ("news", "two", other.process),
            ]

    with_connection(database, scenario)
