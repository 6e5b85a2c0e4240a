"""Migrating: once, whole or not at all, whoever else does it at the same moment."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.support import Cluster, run

from howdah.migrations.apply import OPTIONS, Migrated, migrate
from howdah.migrations.errors import EditedAfterApply, MigrationFailed, TransactionControl
from howdah.migrations.load import Migration, Seed, sql_file
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.install import Installation


def migration(version: int, sql: str) -> Migration:
    return Migration(version, "x", sql_file(f"migrations/{version}_x/up.sql", sql))


def seed(name: str, sql: str) -> Seed:
    return Seed(name, sql_file(f"seeds/{name}", sql))


AUTHOR = migration(1, "create table author (id serial primary key, name text not null);")
ARTICLE = migration(
    2, "create table article (id serial, author_id int references author);\ncreate index on article (id)"
)
ROWS = seed("authors.sql", "insert into author (name) values ('Ann')")


async def applied(dsn: str, *migrations: Migration, seeds: tuple[Seed, ...] = ()) -> Migrated:
    async with await connect(dsn, OPTIONS) as connection:
        return await migrate(connection, migrations, seeds=seeds)


async def value(dsn: str, text: str) -> object:
    async with await connect(dsn) as connection:
        return json.loads(await connection.submit(text))


async def refused(dsn: str, *migrations: Migration) -> MigrationFailed:
    with pytest.raises(MigrationFailed) as caught:
        await applied(dsn, *migrations)
    return caught.value


def test_what_is_pending_is_applied_once_and_recorded(database: str) -> None:
    """Migrations and seeds are run in order, recorded, and not run again."""

    async def scenario() -> None:
        first = await applied(database, AUTHOR, seeds=(ROWS,))
        assert [step.place for step in first.migrations] == ["migrations/1_x/up.sql"]
        assert [step.place for step in first.seeds] == ["seeds/authors.sql"]
        second = await applied(database, AUTHOR, ARTICLE, seeds=(ROWS,))
        assert [step.place for step in second.migrations] == ["migrations/2_x/up.sql"]
        assert (second.seeds, second.already_applied) == ((), 1)
        third = await applied(database, AUTHOR, ARTICLE, seeds=(ROWS,))
        assert (third.migrations, third.seeds, third.already_applied) == ((), (), 2)
        assert await value(database, "select to_json(count(*)) from author") == 1

    run(scenario())


def test_ten_instances_at_once_apply_each_once(database: str) -> None:
    """Ten processes that start together on an empty database leave it migrated once, and all succeed."""
    slow = migration(3, "select pg_sleep(0.2); create table slow ()")

    async def scenario() -> list[Migrated]:
        return await asyncio.gather(*(applied(database, AUTHOR, ARTICLE, slow, seeds=(ROWS,)) for _ in range(10)))

    done = run(scenario())
    assert sorted(len(one.migrations) for one in done) == [0] * 9 + [3]
    assert sorted(len(one.seeds) for one in done) == [0] * 9 + [1]


def test_a_failure_leaves_nothing_behind(database: str) -> None:
    """When the last file fails, neither the files before it nor their records are there."""

    async def scenario() -> None:
        error = await refused(database, AUTHOR, migration(2, "select 1;\n\ninsert into nowhere values (1)"))
        assert error.path == "migrations/2_x/up.sql:3"
        assert error.message == 'migrations/2_x/up.sql:3: relation "nowhere" does not exist'
        assert await value(database, "select to_json(to_regclass('author'))") is None
        assert await value(database, "select to_json(count(*)) from howdah.migrations") == 0

    run(scenario())


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("create table t (id int);\n  selct 1", 2, "syntax error"),
        # Postgres gives no position for these: it is the statement that says where.
        (
            "create table t (id int unique);\n-- twice\ninsert into t values (1);\n\ninsert into t values (1)",
            5,
            "unique",
        ),
        ("create table t (id int);;\n\ndo $$ begin\n raise 'stop'; end $$", 3, "stop"),
        ("select 1;\ncreate database x", 2, "cannot run inside a transaction block"),
        ("create table t (id int);\ncopy t from stdin", 2, "COPY"),
        ("select 'ü', 'ö';\nselect ß", 2, "ß"),
        ("select 1/0", 1, "division by zero"),
    ],
)
def test_an_error_names_its_line(database: str, sql: str, line: int, words: str) -> None:
    """The error of a file says which line, and what Postgres says."""
    error = run(refused(database, migration(1, sql)))
    assert words in error.message
    assert error.path == f"migrations/1_x/up.sql:{line}"


@pytest.mark.parametrize("word", ["commit", "rollback", "begin"])
def test_transaction_control_is_refused_before_anything_runs(database: str, word: str) -> None:
    """A file with COMMIT in it is refused with its line, before the first statement of any file."""

    async def scenario() -> None:
        with pytest.raises(TransactionControl) as caught:
            await applied(database, AUTHOR, migration(2, f"create table t ();\n{word};"))
        assert caught.value.path == "migrations/2_x/up.sql:2"
        assert await value(database, "select to_json(to_regclass('author'))") is None

    run(scenario())


def test_settings_of_one_file_do_not_reach_the_next(cluster: Cluster, database: str) -> None:
    """What a file sets for its session, as dumps do, is forgotten after it."""
    dump = migration(0, "select set_config('search_path', '', false); create role dumper; set role dumper")

    async def scenario() -> object:
        await applied(database, dump, AUTHOR)
        return await value(database, "select to_json(to_regclass('public.author') is not null)")

    try:
        assert run(scenario()) is True
    finally:
        cluster.execute("drop role if exists dumper")


def test_the_metadata_is_written_in_the_same_transaction(database: str) -> None:
    """The writer sees the migrated tables; when it fails, everything is rolled back."""

    async def scenario() -> None:
        async def write(connection: Connection, installation: Installation) -> None:
            assert installation.role is not None
            await connection.script("insert into author (name) values ('from the writer')")

        async def fail(connection: Connection, installation: Installation) -> None:
            raise LookupError("no metadata")

        async with await connect(database, OPTIONS) as connection:
            with pytest.raises(LookupError):
                await migrate(connection, [AUTHOR], write_metadata=fail)
            assert await connection.submit("select to_json(to_regclass('author'))") == b"null"
            await migrate(connection, [AUTHOR], write_metadata=write, seeds=[ROWS])
        assert await value(database, "select json_agg(name order by id) from author") == ["from the writer", "Ann"]

    run(scenario())


def test_an_edit_after_apply_is_refused(database: str) -> None:
    """E202, and nothing is applied on top."""

    async def scenario() -> None:
        await applied(database, AUTHOR)
        with pytest.raises(EditedAfterApply):
            await applied(database, migration(1, "create table other ()"), ARTICLE)
        assert await value(database, "select to_json(to_regclass('article'))") is None

    run(scenario())
