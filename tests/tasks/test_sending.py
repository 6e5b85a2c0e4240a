"""Sending: with any connection a service may have, checked before anything is written, in what can be rolled back."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session as OrmSession
from tests.support import run
from tests.tasks import shop_tasks as shop
from tests.tasks.rig import prepare, rows

from howdah.kit.tasks import (
    NotATransaction,
    OutboxUnavailable,
    TaskError,
    TaskMisdeclared,
    WrongArguments,
    current,
    named,
    task,
)


@pytest.fixture
def place(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    run(prepare(database))
    monkeypatch.setenv("DATABASE_URL", database)
    return database


def sent(dsn: str) -> list[int]:
    return [n for (n,) in rows(dsn, "select (args ->> 'n')::int from howdah_tasks.outbox order by 1")]


def sqlalchemy_url(dsn: str) -> str:
    given = psycopg.conninfo.conninfo_to_dict(dsn)
    return f"postgresql+psycopg://{given['user']}@/{given['dbname']}?host={given['host']}&port={given['port']}"


def test_psycopg_whatever_its_rows_are(place: str) -> None:
    with psycopg.connect(place, row_factory=dict_row) as connection:
        shop.note.send(connection, n=1)
        shop.note.send(connection.cursor(), n=2)
        connection.commit()
        shop.note.send(connection, n=3)
        connection.rollback()

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(place) as connection:
            assert isinstance(await shop.note.send(connection, n=4), str)
            await connection.commit()
            await shop.note.send(connection, n=5)
            await connection.rollback()

    run(main())
    assert sent(place) == [1, 2, 4]


def test_a_connection_that_commits_by_itself_is_no_transaction(place: str) -> None:
    with psycopg.connect(place, autocommit=True) as connection:
        with pytest.raises(NotATransaction, match="commits each statement"):
            shop.note.send(connection, n=1)
        with connection.transaction():
            shop.note.send(connection, n=2)
    for nothing in (None, "dsn", object()):
        with pytest.raises(NotATransaction):
            shop.note.send(nothing, n=3)
    assert sent(place) == [2]


def test_sqlalchemy_sessions_and_connections(place: str) -> None:
    engine = create_engine(sqlalchemy_url(place))
    with OrmSession(engine) as session:
        shop.note.send(session, n=1)
        session.commit()
        shop.note.send(session, n=2)
        session.rollback()
    with engine.begin() as connection:
        shop.note.send(connection, n=3)
    engine.dispose()

    async def main() -> None:
        engine = create_async_engine(sqlalchemy_url(place))
        async with AsyncSession(engine) as session:
            await shop.note.send(session, n=4)
            await session.commit()
            await shop.note.send(session, n=5)
        async with engine.begin() as connection:
            await shop.note.send(connection, n=6)
        await engine.dispose()

    run(main())
    assert sent(place) == [1, 3, 4, 6]


def test_without_a_transaction_it_is_committed_at_once(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.note.send_now(n=1)
    run(shop.note.send_now_async(n=2))
    rows(place, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'howdah tasks'")
    shop.note.send_now(n=3)  # a connection that was lost while nobody looked is made again
    assert sent(place) == [1, 2, 3]
    rows(place, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'howdah tasks'")
    monkeypatch.setitem(os.environ, "DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(OutboxUnavailable, match="cannot be reached"):
        shop.note.send_now(n=4)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "missing a required argument"),
        ({"n": 1, "m": 2}, "unexpected keyword argument"),
        ({"n": object()}, "nothing that JSON can say"),
        ({"n": float("nan")}, "not JSON compliant"),
        ({"n": 1, "delay": 1, "at": datetime(2026, 1, 1)}, "not both"),  # noqa: DTZ001
        ({"n": 1, "at": datetime(2026, 1, 1)}, "no zone"),  # noqa: DTZ001
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(place: str, args: dict[str, Any], said: str) -> None:
    with psycopg.connect(place) as connection, pytest.raises(WrongArguments, match=said):
        shop.note.send(connection, **args)
    assert sent(place) == []


def test_what_cannot_be_declared() -> None:
    def positional(n: int, /) -> None: ...
    def ours(key: str) -> None: ...
    def note(n: int) -> None: ...

    for function in (positional, ours, note):
        with pytest.raises(TaskMisdeclared):
            task(function)
    for options in ({"name": "no name"}, {"name": "x", "retries": -1}, {"name": "x", "queue": "a b"}):
        with pytest.raises(TaskMisdeclared):
            task(**options)(lambda: None)
    with pytest.raises(TaskMisdeclared):
        named("drop table;")
    with pytest.raises(TaskMisdeclared, match="declared elsewhere"):
        named("somewhere_else")()


def test_current_is_for_the_code_of_a_task() -> None:
    assert not current
    with pytest.raises(TaskError, match="No task is being done here"):
        _ = current.attempt
