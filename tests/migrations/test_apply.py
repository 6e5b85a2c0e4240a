"""Migrating: once, whole or not at all, whoever else does it at the same moment."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.support import Cluster, run

from howdah.migrations.apply import Migrated, migrate, revert
from howdah.migrations.errors import EditedAfterApply, MigrationFailed, NoDown, TransactionControl
from howdah.migrations.load import Migration, Seed, sql_file
from howdah.migrations.plan import standings
from howdah.migrations.run import OPTIONS, Step, read_applied
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.install import Installation


def migration(version: int, sql: str, down: str | None = None) -> Migration:
    place = f"migrations/{version}_x"
    back = () if down is None else (sql_file(f"{place}/down.sql", down),)
    return Migration(version, "x", place, (sql_file(f"{place}/up.sql", sql),), back)


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


def test_to_a_version_and_no_further(database: str) -> None:
    """What is newer stays pending, and is applied by the next run that does not stop there."""

    async def scenario() -> None:
        async with await connect(database, OPTIONS) as connection:
            first = await migrate(connection, [AUTHOR, ARTICLE], to=1)
            assert [step.place for step in first.migrations] == ["migrations/1_x/up.sql"]
            assert len((await migrate(connection, [AUTHOR, ARTICLE])).migrations) == 1

    run(scenario())


def test_when_and_how_long_is_remembered(database: str) -> None:
    """The record has the moment and the time it took; before howdah is installed there is no record."""

    async def scenario() -> None:
        async with await connect(database, OPTIONS) as connection:
            assert await read_applied(connection) == ()
            await migrate(connection, [migration(1, "select pg_sleep(0.02)")])
            (record,) = await read_applied(connection)
            assert record.milliseconds is not None and record.milliseconds >= 20
            assert record.applied_at is not None and record.applied_at.endswith("Z")

    run(scenario())


def test_a_database_of_an_older_howdah_is_read_and_brought_up(database: str) -> None:
    """Without the column for the time there is a list all the same; the next run adds the column."""

    async def scenario() -> None:
        async with await connect(database, OPTIONS) as connection:
            await migrate(connection, [AUTHOR])
            await connection.script(
                "alter table howdah.migrations drop column milliseconds; update howdah.installation set version = 1"
            )
            (record,) = await read_applied(connection)
            assert record.milliseconds is None
            await migrate(connection, [AUTHOR, ARTICLE])
            assert (await read_applied(connection))[1].milliseconds is not None

    run(scenario())


TABLES = (
    migration(1, "create table one (id int)", "drop table one"),
    migration(2, "create table two (id int)", "drop table two"),
    migration(3, "create table three (id int)", "drop table three;\ndrop table one_that_never_was"),
)


async def reverted(dsn: str, *migrations: Migration, count: int = 1, to: int | None = None) -> tuple[Step, ...]:
    async with await connect(dsn, OPTIONS) as connection:
        return await revert(connection, migrations, count=count, to=to)


def test_what_is_reverted_is_gone_and_pending_again(database: str) -> None:
    """Newest first, and the processes are told; then it can be applied anew."""

    async def scenario() -> None:
        await applied(database, *TABLES[:2])
        before = await value(database, "select to_json(version) from howdah.metadata")
        steps = await reverted(database, *TABLES[:2], count=2)
        assert [step.place for step in steps] == ["migrations/2_x/down.sql", "migrations/1_x/down.sql"]
        assert await value(database, "select to_json(to_regclass('one'))") is None
        assert await value(database, "select to_json(version) from howdah.metadata") == before + 1
        async with await connect(database) as connection:
            found = standings(TABLES[:2], await read_applied(connection))
        assert [one.state for one in found] == ["pending", "pending"]
        assert len((await applied(database, *TABLES[:2])).migrations) == 2

    run(scenario())


def test_a_failed_revert_changes_nothing(database: str) -> None:
    """When one of several cannot be taken back, all of them stay, with their records."""

    async def scenario() -> None:
        await applied(database, *TABLES)
        with pytest.raises(MigrationFailed) as caught:
            await reverted(database, *TABLES, to=0)
        assert caught.value.path == "migrations/3_x/down.sql:2"
        assert await value(database, "select to_json(to_regclass('three') is not null)") is True
        assert await value(database, "select to_json(count(*)) from howdah.migrations") == 3

    run(scenario())


def test_a_revert_that_is_not_written_or_commits_is_refused(database: str) -> None:
    """E203 and E207, before the first statement runs."""
    committing = migration(4, "select 1", "drop table two; commit")

    async def scenario() -> None:
        await applied(database, *TABLES[:2], AUTHOR_LATER, committing)
        with pytest.raises(TransactionControl):
            await reverted(database, *TABLES[:2], AUTHOR_LATER, committing)
        with pytest.raises(NoDown):
            await reverted(database, *TABLES[:2], AUTHOR_LATER, committing, count=3)
        assert await value(database, "select to_json(to_regclass('two') is not null)") is True

    run(scenario())


AUTHOR_LATER = migration(3, "create table author ()")


def test_ten_instances_revert_one_each(database: str) -> None:
    """Those that revert at the same moment wait for each other: nothing is reverted twice."""
    tables = [migration(n, f"create table t{n} ()", f"drop table t{n}") for n in range(1, 11)]

    async def scenario() -> None:
        await applied(database, *tables)
        steps = await asyncio.gather(*(reverted(database, *tables) for _ in range(10)))
        assert sorted(step.place for (step,) in steps) == sorted(one.down[0].place for one in tables)

    run(scenario())
