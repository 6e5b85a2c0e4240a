"""A database for each test of the SQL helper, asked by threads and by an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.kit.db.blocking import Blocking
from tests.support import Cluster

from howdah.kit.db.aio import AsyncDatabase
from howdah.kit.db.settings import DatabaseSettings
from howdah.kit.db.sync import Database
from howdah.observe.secret import Secret

SCHEMA = """
CREATE TABLE users (
    email text PRIMARY KEY,
    name text NOT NULL,
    age int CHECK (age > 0),
    extra jsonb,
    tags text[]
);
CREATE TABLE notes (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author text REFERENCES users,
    body text DEFAULT 'empty'
);
CREATE TABLE loose (a int, b int);
CREATE SCHEMA "odd shop";
CREATE TABLE "odd shop"."the ""table"" 100%" ("the %s column" int, "order" text);
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE TABLE moods (id uuid DEFAULT gen_random_uuid(), mood mood, day date);
CREATE FUNCTION twice(n int) RETURNS TABLE (n int, doubled int) LANGUAGE sql AS
    'SELECT i, 2 * i FROM generate_series(1, twice.n) i';
CREATE FUNCTION halves(n int, OUT low int, OUT high int) LANGUAGE sql AS 'SELECT n / 2, n - n / 2';
CREATE PROCEDURE shift(a int, INOUT b int, OUT sum int) LANGUAGE plpgsql AS 'BEGIN b := b + 1; sum := a + b; END';
CREATE PROCEDURE note(body text) LANGUAGE sql AS 'INSERT INTO loose (a) VALUES (length(body))';
CREATE FUNCTION fuss() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'Only on weekdays.' USING HINT = 'Come back on Monday.'; END $$;
"""


@pytest.fixture
def dsn(cluster: Cluster) -> Iterator[str]:
    """A database with the tables of these tests."""
    template = cluster.template("kit_db", SCHEMA)
    name = f"{template}_{id(object()):x}"
    yield cluster.create_database(name, template=template)
    cluster.drop_database(name)


@pytest.fixture
def settings(dsn: str) -> DatabaseSettings:
    return DatabaseSettings(Secret(dsn), pool_size=4, pool_timeout=1.0, application_name="shop")


@pytest.fixture
def opened() -> Iterator[Callable[[str, DatabaseSettings], Any]]:
    """Opens a database of a kind, sync or async; it is closed after the test."""
    runner = asyncio.Runner()
    found: list[Any] = []

    def open_(kind: str, settings: DatabaseSettings) -> Any:
        one: Any = Database(settings) if kind == "sync" else AsyncDatabase(settings)
        found.append(one)
        return one if kind == "sync" else Blocking(one, runner)

    yield open_
    for one in found:
        one.close()
    runner.close()


@pytest.fixture(params=["sync", "async"])
def db(request: pytest.FixtureRequest, settings: DatabaseSettings, opened: Any) -> Any:
    """The database, as threads have it and as an event loop has it; the words are the same."""
    return opened(request.param, settings)
