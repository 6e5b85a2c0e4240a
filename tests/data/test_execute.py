"""The Engine: requests in, answers out, with a real Postgres and what may happen to it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.data.support import FIXTURE
from tests.support import Cluster, eventually, private_cluster, run, start_postgres, stop_postgres

from howdah.data.execute import Engine, publish
from howdah.data.query.ast import TableName
from howdah.data.written import store
from howdah.data.written.document import read_document
from howdah.data.written.metadata import Metadata, TableMetadata
from howdah.migrations.apply import migrate
from howdah.migrations.load import Migration, sql_file
from howdah.observe import events
from howdah.postgres.connect import connect
from howdah.postgres.errors import DatabaseMissing
from howdah.postgres.install import install, role_of
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, ANONYMOUS, Session

SECTION = DatabaseSection(pool_size=4, write_pool_size=4, statement_timeout=5.0, connect_timeout=2.0)
ANN = Session("user", {"x-hasura-user-id": "1"})

SCHEMA = """
    create table author (id serial primary key, name text not null unique, secret text);
    create table article (id serial primary key, title text, author_id int references author);
    insert into author (name, secret) values ('Ann', 'a'), ('Bob', 'b');
    insert into article (title, author_id) values ('Tea', 1), ('Coffee', 2);
"""

TRACK_ALL: list[dict[str, Any]] = [
    {"type": "track_table", "args": "author"},
    {"type": "track_table", "args": "article"},
    {
        "type": "create_select_permission",
        "args": {"table": "author", "role": "user", "permission": {"columns": ["id", "name"], "filter": {}}},
    },
    {
        "type": "create_insert_permission",
        "args": {"table": "author", "role": "user", "permission": {"check": {}, "columns": ["name"]}},
    },
]


@pytest.fixture
def tables(database: str, cluster: Cluster) -> str:
    """A database with the tables of ``SCHEMA``, nothing of howdah in it yet."""
    cluster.execute(SCHEMA, database=name_of(database))
    return database


def name_of(dsn: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


@asynccontextmanager
async def started(dsn: str, section: DatabaseSection = SECTION) -> AsyncIterator[Engine]:
    engine = Engine(dsn, database=section, data=DataSection())
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def with_engine(dsn: str, work: Callable[[Engine], Awaitable[None]], section: DatabaseSection = SECTION) -> None:
    async def scenario() -> None:
        async with started(dsn, section) as engine:
            await work(engine)

    run(scenario())


async def ask(engine: Engine, kind: str, args: Any, session: Session = ADMIN, *, status: int = 200) -> Any:
    answer = await engine.answer(json.dumps({"type": kind, "args": args}).encode(), session)
    assert answer.status == status, answer.body
    return json.loads(answer.body)


def insert(name: str) -> dict[str, Any]:
    return {"type": "insert", "args": {"table": "author", "objects": [{"name": name}]}}


def select(table: str, *columns: str) -> dict[str, Any]:
    return {"type": "select", "args": {"table": table, "columns": columns or ["*"], "order_by": "id"}}


async def names(engine: Engine) -> list[str]:
    return [row["name"] for row in await ask(engine, "select", select("author", "id", "name")["args"])]


# -- the life of an engine ---------------------------------------------------------------------------------------------


def test_an_engine_on_an_empty_database_is_ready_and_knows_nothing(database: str) -> None:
    """Everything needed is installed at the first start; readiness tells numbers that anybody may read."""

    async def scenario(engine: Engine) -> None:
        assert await engine.readiness() == (
            True,
            {
                "database": "reachable",
                "least_privilege": True,
                "catalog": {"version": 0, "tables": 0, "problems": 0},
            },
        )
        await engine.start()
        assert (await ask(engine, "select", {"table": "author", "columns": ["id"]}, status=400))["code"] == "not-exists"

    with_engine(database, scenario)


def test_a_stopped_engine_refuses_and_may_be_stopped_again(database: str) -> None:
    """After stop there are only answers of 503."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "track_table", "author")
        await engine.stop()
        await engine.stop()
        assert not (await engine.readiness())[0]
        assert (await ask(engine, "count", {"table": "author"}, status=503))["code"] == "postgres-error"

    run(prepare(database))
    with_engine(database, scenario)


async def prepare(dsn: str) -> None:
    async with await connect(dsn) as connection:
        await connection.script(SCHEMA)


def test_an_engine_that_cannot_connect_does_not_start(cluster: Cluster) -> None:
    """What is wrong with the connection comes out of start."""

    async def scenario() -> None:
        with pytest.raises(DatabaseMissing):
            async with started(cluster.dsn("nowhere")):
                pass

    run(scenario())


def test_engines_that_start_together_all_start(tables: str) -> None:
    """Five processes that start at once on a database without anything get on with each other."""

    async def scenario() -> None:
        engines = [Engine(tables, database=SECTION, data=DataSection()) for _ in range(5)]
        await asyncio.gather(*(engine.start() for engine in engines))
        await ask(engines[0], "bulk", TRACK_ALL)
        assert await names(engines[0]) == ["Ann", "Bob"]
        await asyncio.gather(*(engine.stop() for engine in engines))

    run(scenario())


# -- metadata ----------------------------------------------------------------------------------------------------------


def test_a_call_in_one_process_is_known_in_the_others_within_a_second(tables: str) -> None:
    """A NOTIFY makes every process take over the new metadata, soon."""

    async def scenario() -> None:
        async with started(tables) as first, started(tables) as second:
            loop = asyncio.get_running_loop()
            before = loop.time()
            assert await ask(first, "track_table", "author") == {"message": "success"}
            assert len(first.catalog.tables) == 1
            await eventually(lambda: len(second.catalog.tables) == 1)
            assert loop.time() - before < 1
            assert await names(second) == ["Ann", "Bob"]
            await ask(second, "untrack_table", {"table": "author"})
            await eventually(lambda: not first.catalog.tables)

    run(scenario())


def test_calls_in_several_processes_at_once_all_count(cluster: Cluster, database: str) -> None:
    """Calls that are made at the same moment in two processes follow each other; none is lost."""
    cluster.execute(";".join(f"create table t{number} (id int)" for number in range(20)), database=name_of(database))

    async def scenario() -> None:
        async with started(database) as first, started(database) as second:
            await asyncio.gather(
                *(ask((first, second)[number % 2], "track_table", f"t{number}") for number in range(20))
            )
            for engine in (first, second):
                await eventually(lambda engine=engine: len(engine.catalog.tables) == 20)
                assert engine.catalog.version == 20

    run(scenario())


def test_an_export_is_what_replaces(tables: str) -> None:
    """An export put back gives the same export."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        exported = await ask(engine, "export_metadata", {})
        assert [table["table"] for table in exported["tables"]] == ["article", "author"]
        await ask(engine, "clear_metadata", {})
        assert engine.catalog.tables == {}
        await ask(engine, "replace_metadata", exported)
        assert await ask(engine, "export_metadata", {}) == exported

    with_engine(tables, scenario)


def test_a_column_added_elsewhere_is_there_after_reload_metadata(cluster: Cluster, tables: str) -> None:
    """What changed in the database behind our back is seen by every process after reload_metadata."""

    async def scenario() -> None:
        async with started(tables) as first, started(tables) as second:
            await ask(first, "bulk", TRACK_ALL)
            await asyncio.to_thread(
                cluster.execute, "alter table author add column born int default 7", database=name_of(tables)
            )
            assert (await ask(first, "select", select("author", "born")["args"], status=400))["code"] == "not-exists"
            await ask(first, "reload_metadata", {})
            table = TableName("public", "author")
            await eventually(lambda: table in second.catalog.tables and "born" in second.catalog.tables[table].columns)
            for engine in (first, second):
                assert (await ask(engine, "select", select("author", "born")["args"]))[0] == {"born": 7}

    run(scenario())


def test_migrations_are_noticed_by_running_processes(tables: str) -> None:
    """A migration that makes a tracked table anew is known, and usable, in a running process."""
    again = "drop table author cascade; create table author (id serial primary key, name text, born int default 7)"

    async def scenario(engine: Engine) -> None:
        await ask(engine, "track_table", "author")
        async with await connect(tables) as connection:
            await migrate(
                connection, [Migration(1, "x", "migrations/1_x", (sql_file("migrations/1_x/up.sql", again),))]
            )
        await eventually(lambda: "born" in engine.catalog.tables[TableName("public", "author")].columns)

        async def inserted() -> bool:
            answer = await engine.answer(json.dumps(insert("Cleo")).encode(), ADMIN)
            return answer.status == 200

        await eventually(inserted)

    with_engine(tables, scenario)


def test_published_metadata_is_known_with_its_problems(tables: str) -> None:
    """Metadata from files is stored whole, problems and all; what holds is served."""
    metadata = Metadata((TableMetadata(TableName("public", "author")), TableMetadata(TableName("public", "gone"))))

    async def scenario(engine: Engine) -> None:
        async with await connect(tables) as connection:
            installation = await install(connection)
            async with connection.transaction():
                catalog = await publish(connection, metadata, installation, source="hash")
            assert (await store.read(connection)).source == "hash"
        assert [problem.table.name for problem in catalog.problems] == ["gone"]
        await eventually(lambda: engine.catalog.version == 1)
        assert await names(engine) == ["Ann", "Bob"]
        await ask(engine, "track_table", "article")
        async with await connect(tables) as connection:
            assert (await store.read(connection)).source == "hash"

    with_engine(tables, scenario)


def test_broken_metadata_does_not_stop_the_start(tables: str) -> None:
    """What does not hold is left out and listed, the rest is served; when it holds again it is back."""

    async def scenario() -> None:
        async with started(tables) as engine:
            await ask(engine, "bulk", TRACK_ALL)
        async with await connect(tables) as connection:
            await connection.script("alter table author rename column name to title; drop table article")
        async with started(tables) as engine:
            assert [problem.kind for problem in engine.catalog.problems] == ["table", "permission", "permission"]
            assert (await engine.readiness())[1]["catalog"]["problems"] == 3
            assert len(await ask(engine, "select", select("author", "title")["args"])) == 2
            refused = await ask(engine, "select", select("author", "id")["args"], ANN, status=400)
            assert refused["code"] == "permission-denied"
            async with await connect(tables) as connection:
                await connection.script("alter table author rename column title to name")
            await ask(engine, "reload_metadata", {})
            assert len(await ask(engine, "select", select("author", "id", "name")["args"], ANN)) == 2

    run(scenario())


def test_a_document_nobody_can_read_does_not_stop_the_start(tables: str) -> None:
    """A stored document of another form is one problem and an empty catalog; replacing it mends it."""

    async def scenario() -> None:
        async with await connect(tables) as connection:
            await install(connection)
            await connection.script(
                "update howdah.metadata set version = 3;"
                """insert into howdah.metadata_tables values ('public', 'author', 3, '{"odd": 1}')"""
            )
        async with started(tables) as engine:
            (problem,) = engine.catalog.problems
            assert "odd" in problem.message
            assert engine.catalog.version == 3
            assert (await ask(engine, "count", {"table": "author"}, status=400))["code"] == "not-exists"

    run(scenario())


def test_two_writers_over_one_version_are_told(database: str) -> None:
    """The store refuses to write over a version that is no longer the one that was read."""

    async def scenario() -> None:
        async with await connect(database) as connection:
            await install(connection)
            metadata = read_document(json.loads((FIXTURE / "metadata.json").read_text()))
            before = await store.read(connection)
            assert (await store.write(connection, metadata, over=before)).version == 1
            stored = await store.read(connection)
            assert (stored.version, stored.metadata, stored.source) == (1, metadata, None)
            with pytest.raises(store.MetadataChanged):
                await store.write(connection, Metadata(), over=before)
            assert (await store.read(connection)).version == 1

    run(scenario())


# -- who may -----------------------------------------------------------------------------------------------------------

METADATA_REQUESTS: list[Any] = [
    {"type": "track_table", "args": "author"},
    {"type": "export_metadata", "args": {}},
    {"type": "reload_metadata", "args": {}},
    {"type": "run_sql", "args": {"sql": "drop table author"}},
    {"type": "run_sql", "args": "not even arguments"},
]


@pytest.mark.parametrize("request_", METADATA_REQUESTS, ids=lambda one: one["type"])
@pytest.mark.parametrize("session", [ANONYMOUS, ANN], ids=lambda session: session.role)
def test_metadata_is_the_administrators_however_deep(tables: str, session: Session, request_: Any) -> None:
    """Metadata calls and run_sql are refused to other roles, also deep in a bulk, before anything is done (R64)."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        version = engine.catalog.version
        for body in (request_, {"type": "bulk", "args": [insert("X"), {"type": "bulk", "args": [request_]}]}):
            answer = await engine.answer(json.dumps(body).encode(), session)
            error = json.loads(answer.body)
            assert (answer.status, error["code"]) == (400, "access-denied")
            assert error["error"] == "restricted access : admin only"
            assert error["path"].startswith("$.args")
        assert engine.catalog.version == version
        assert await names(engine) == ["Ann", "Bob"]

    with_engine(tables, scenario)


def test_queries_run_as_a_role_that_owns_nothing(cluster: Cluster, tables: str) -> None:
    """Statements of the API, bulks and bulks with metadata calls too, run as the API's role and not the owner (R66)."""
    cluster.execute("create table log (id serial primary key, who text default current_user)", database=name_of(tables))
    write = {"type": "insert", "args": {"table": "log", "objects": [{}], "returning": ["who"]}}

    async def scenario(engine: Engine) -> None:
        await ask(engine, "track_table", "log")
        tracking = {"type": "track_table", "args": "author"}
        single = await ask(engine, "insert", write["args"])
        bulk = await ask(engine, "bulk", [write])
        mixed = await ask(engine, "bulk", [tracking, write, {"type": "export_metadata", "args": {}}])
        role = [{"who": role_of("api", name_of(tables))}]
        assert [one["returning"] for one in (single, bulk[0], mixed[1])] == [role] * 3

    with_engine(tables, scenario)


def test_policies_of_the_database_hold_for_the_api(cluster: Cluster, tables: str) -> None:
    """Row level security is a second wall: it holds for every role of the API, the administrator's too (R66)."""
    cluster.execute(
        "alter table author enable row level security; create policy p on author using (name = 'Ann')",
        database=name_of(tables),
    )

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        assert await names(engine) == ["Ann"]

    with_engine(tables, scenario)


def test_untracked_tables_are_closed_again(tables: str) -> None:
    """What is untracked, the API's role may not use any more (R66)."""

    async def scenario(engine: Engine) -> None:
        readable = sql.SQL("select to_json(has_table_privilege({}, 'author', 'select'))").format(
            role_of("api", name_of(tables))
        )

        async def is_readable() -> bool:
            async with await connect(tables) as connection:
                return bool(json.loads(await connection.submit(readable.as_string())))

        assert not await is_readable()
        for _ in range(10):  # the process hears of its own calls, too, and must not bring back what was so before them
            await ask(engine, "track_table", "author")
            assert await is_readable()
            await ask(engine, "untrack_table", {"table": "author"})
            assert not await is_readable()

    with_engine(tables, scenario)


@pytest.fixture
def plain_owner(cluster: Cluster, tables: str) -> Iterator[str]:
    """The connection string of a user who owns the database and may not make roles."""
    user = f"owner_{secrets.token_hex(4)}"
    name = sql.Identifier(user)
    cluster.execute(sql.SQL("create role {} login").format(name))
    cluster.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(name_of(tables)), name))
    for table in ("author", "article"):
        cluster.execute(
            sql.SQL("alter table {} owner to {}").format(sql.Identifier(table), name), database=name_of(tables)
        )
    yield psycopg.conninfo.make_conninfo(tables, user=user)
    cluster.execute(sql.SQL("alter database {} owner to postgres").format(sql.Identifier(name_of(tables))))
    cluster.execute(sql.SQL("drop owned by {0} cascade; drop role {0}").format(name), database=name_of(tables))


def test_without_the_right_to_make_roles_it_works_and_says_so(plain_owner: str) -> None:
    """Where no role can be made queries run as the database's user; an event, readiness and installation tell."""
    seen: list[object] = []
    forget = events.add_sink(seen.append)

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        assert await names(engine) == ["Ann", "Bob"]
        ready, detail = await engine.readiness()
        assert ready
        assert detail["least_privilege"] is False
        assert "may not create role" in (engine.installation.problem or "")

    try:
        with_engine(plain_owner, scenario)
    finally:
        forget()
    assert "LeastPrivilegeMissing" in {type(event).__name__ for event in seen}


# -- bulk --------------------------------------------------------------------------------------------------------------


def test_a_bulk_answers_in_order_and_may_nest(tables: str) -> None:
    """The answers of a bulk are an array in the order of the requests; later ones see what earlier ones did."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        count = {"type": "count", "args": {"table": "author"}}
        answer = await ask(
            engine, "bulk", [count, insert("Cleo"), {"type": "bulk", "args": [count]}, select("author", "name")]
        )
        assert answer == [
            {"count": 2},
            {"affected_rows": 1},
            [{"count": 3}],
            [{"name": "Ann"}, {"name": "Bob"}, {"name": "Cleo"}],
        ]
        assert await ask(engine, "bulk", []) == []

    with_engine(tables, scenario)


@pytest.mark.parametrize("with_metadata", [False, True])
def test_a_bulk_is_all_or_nothing(tables: str, with_metadata: bool) -> None:
    """The first error undoes everything before it, and its path says which request it was (R61)."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        first = (
            [{"type": "untrack_table", "args": {"table": "article"}}] if with_metadata else [select("article", "id")]
        )
        version = engine.catalog.version
        bulk = [*first, insert("Cleo"), {"type": "bulk", "args": [insert("Dora"), insert("Ann")]}, insert("Eve")]
        error = await ask(engine, "bulk", bulk, status=400)
        assert error["path"] == "$.args[2].args[1].args"
        assert error["code"] == "constraint-violation"
        assert await names(engine) == ["Ann", "Bob"]
        assert engine.catalog.version == version
        assert len(engine.catalog.tables) == 2

    with_engine(tables, scenario)


def referring(name: str) -> dict[str, Any]:
    count = {"type": "count", "args": {"table": "author", "where": {"id": {"$ref": "0.id"}}}}
    return {"type": "transaction", "args": [insert(name), count]}


def test_a_transaction_stands_alone_or_in_a_bulk(tables: str) -> None:
    """A transaction is answered alone, in a bulk, and in a bulk with metadata calls."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        expected = [{"affected_rows": 1}, {"count": 1}]
        assert await ask(engine, "transaction", []) == []
        assert await ask(engine, "transaction", referring("Cleo")["args"]) == expected
        nested = [referring("Dan"), {"type": "bulk", "args": [referring("Eve")]}]
        assert await ask(engine, "bulk", nested) == [expected, [expected]]
        export = {"type": "export_metadata", "args": {}}
        assert (await ask(engine, "bulk", [export, referring("Flo")]))[1] == expected
        assert await names(engine) == ["Ann", "Bob", "Cleo", "Dan", "Eve", "Flo"]

    with_engine(tables, scenario)


def test_a_transaction_is_all_or_nothing(tables: str) -> None:
    """What fails late undoes what was done, and what can be refused beforehand is refused beforehand (R61)."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        for last, path in (
            ({"type": "count", "args": {"table": "author", "where": {"id": {"$ref": "0[7].id"}}}}, 'where.id["$ref"]'),
            (insert("Ann"), None),
            (select("author", "nosuch"), "columns[0]"),
        ):
            error = await ask(engine, "transaction", [insert("Cleo"), last], status=400)
            assert error["path"] == "$.args[1].args" + ("" if path is None else f".{path}")
            assert await names(engine) == ["Ann", "Bob"]

    with_engine(tables, scenario)


def test_a_bulk_can_make_track_and_fill_a_table(database: str) -> None:
    """SQL, tracking, permissions and rows in one transaction, as older migrations are written."""

    async def scenario(engine: Engine) -> None:
        await ask(
            engine,
            "bulk",
            [
                {"type": "run_sql", "args": {"sql": "create table author (id serial primary key, name text)"}},
                {"type": "add_existing_table_or_view", "args": {"name": "author"}},
                {
                    "type": "create_select_permission",
                    "args": {"table": "author", "role": "anonymous", "permission": {"columns": ["name"], "filter": {}}},
                },
                insert("Ann"),
            ],
        )
        assert await ask(engine, "select", {"table": "author", "columns": ["*"]}, ANONYMOUS) == [{"name": "Ann"}]

    with_engine(database, scenario)


# -- run_sql -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("create table t (a int)", None),
        ("select 1; insert into author (name) values ('x')", None),
        ("", None),
        (
            "select 1; select id, true as ok, null as \"no\", '{1,2}'::int[] as a, 'ü' as u from author where id = 1",
            [["id", "ok", "no", "a", "u"], ["1", "t", "NULL", "{1,2}", "ü"]],
        ),
        ("select from author where false", [[]]),
    ],
)
def test_run_sql_answers_as_psql_prints(tables: str, text: str, result: Any) -> None:
    """Only the last statement counts: nothing of a command, header and rows of text of a query."""

    async def scenario(engine: Engine) -> None:
        answer = await ask(engine, "run_sql", {"sql": text})
        assert answer == {"result_type": "CommandOk" if result is None else "TuplesOk", "result": result}

    with_engine(tables, scenario)


def test_run_sql_is_refused_whole(tables: str) -> None:
    """An error undoes all of it and is told in ``internal``; so is an end of its transaction."""

    async def scenario(engine: Engine) -> None:
        error = await ask(engine, "run_sql", {"sql": "delete from article; select nonsense"}, status=400)
        assert (error["code"], error["error"], error["path"]) == ("postgres-error", "query execution failed", "$.args")
        assert error["internal"]["error"]["status_code"] == "42703"
        error = await ask(engine, "run_sql", {"sql": "delete from article; commit"}, status=400)
        assert (error["code"], error["path"]) == ("not-supported", "$.args.sql")
        for args in ({}, {"sql": 1}, {"sql": "", "cascade": 1}, {"sql": "", "typo": 1}, "select 1"):
            await ask(engine, "run_sql", args, status=400)
        error = await ask(engine, "run_sql", {"sql": "delete from article", "read_only": True}, status=400)
        assert error["internal"]["error"]["status_code"] == "25006"
        await ask(engine, "run_sql", {"sql": "select 1", "read_only": True})
        await ask(engine, "track_table", "article")
        assert await ask(engine, "count", {"table": "article"}) == {"count": 2}

    with_engine(tables, scenario)


def test_run_sql_keeps_what_is_tracked_whole(tables: str) -> None:
    """Dropping what metadata needs is refused with the dependents' names, or takes them along with cascade."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        args = {"sql": "alter table author drop column name"}
        error = await ask(engine, "run_sql", args, status=400)
        assert error["code"] == "dependency-error"
        assert "permission author.user.select" in error["error"]
        assert await names(engine) == ["Ann", "Bob"]
        await ask(engine, "run_sql", {**args, "cascade": True})
        exported = await ask(engine, "export_metadata", {})
        (permission,) = exported["tables"][1]["select_permissions"]
        assert permission["permission"] == {"columns": ["id"], "filter": {}}
        await ask(engine, "run_sql", {"sql": "alter table author add column born int"})
        assert (await ask(engine, "select", select("author", "id", "born")["args"]))[0] == {"id": 1, "born": None}

    with_engine(tables, scenario)


def test_run_sql_leaves_nothing_of_its_session_behind(tables: str) -> None:
    """Settings and roles that a script sets are not those of the next request."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "run_sql", {"sql": "set search_path = ''; set role pg_read_all_data"})
        shown = await ask(
            engine, "run_sql", {"sql": "select current_setting('search_path') as path, current_user as me"}
        )
        assert shown["result"][1] == ['"$user", public', "postgres"]

    with_engine(tables, scenario)


# -- errors of the database --------------------------------------------------------------------------------------------


def test_what_a_clash_tells_depends_on_who_asks(tables: str) -> None:
    """A violation names the constraint, never a value; the administrator sees all of it in ``internal`` (R62)."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        refused = await ask(engine, "insert", insert("Ann")["args"], ANN, status=400)
        assert refused["code"] == "constraint-violation"
        assert refused["error"].startswith("Uniqueness violation. ")
        assert "internal" not in refused
        assert "(Ann)" not in json.dumps(refused)
        told = await ask(engine, "insert", insert("Ann")["args"], status=400)
        assert "(name)=(Ann)" in told["internal"]["error"]["description"]

    with_engine(tables, scenario)


def test_a_request_over_its_time_is_ended(cluster: Cluster, tables: str) -> None:
    """The statement timeout ends a request with 504, and the next is answered (R65)."""
    cluster.execute("create view slow as select pg_sleep(10)::text as id", database=name_of(tables))

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", [*TRACK_ALL, {"type": "track_table", "args": "slow"}])
        error = await ask(engine, "select", {"table": "slow", "columns": ["id"]}, status=504)
        assert error["code"] == "postgres-error"
        assert await names(engine) == ["Ann", "Bob"]

    with_engine(tables, scenario, DatabaseSection(pool_size=2, write_pool_size=2, statement_timeout=0.3))


def test_clients_that_go_away_disturb_nobody(tables: str) -> None:
    """Requests cancelled at any moment, reads and writes and bulks, leave an engine that answers."""

    async def scenario(engine: Engine) -> None:
        await ask(engine, "bulk", TRACK_ALL)
        bodies = [
            json.dumps(body).encode()
            for body in (select("author", "id"), insert("X"), {"type": "bulk", "args": [insert("Y"), insert("Y")]})
        ]
        for delay in range(30):
            tasks = [asyncio.create_task(engine.answer(body, ADMIN)) for body in bodies]
            await asyncio.sleep(delay / 5000)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await ask(engine, "delete", {"table": "author", "where": {"name": "X"}})
        assert await names(engine) == ["Ann", "Bob"]

    with_engine(tables, scenario)


def test_while_the_database_is_down_there_is_a_503_and_afterwards_an_answer() -> None:
    """Reads, writes and metadata calls are refused while Postgres is down, and work again when it is back."""

    async def scenario(cluster: Cluster) -> None:
        nonlocal process
        async with started(cluster.dsn()) as engine:
            await ask(engine, "bulk", TRACK_ALL)
            await ask(engine, "insert", insert("Cleo")["args"])
            await asyncio.to_thread(stop_postgres, process)
            requests = (select("author", "id"), insert("X"), {"type": "export_metadata", "args": {}})
            answers = await asyncio.gather(*(engine.answer(json.dumps(one).encode(), ADMIN) for one in requests))
            for answer in answers:
                error = json.loads(answer.body)
                assert (answer.status, error["code"], error["path"]) == (503, "postgres-error", "$")
                assert str(cluster.directory) not in error["error"]
            assert (await engine.readiness())[0] is False
            process = await asyncio.to_thread(start_postgres, cluster)

            async def ready() -> bool:
                return (await engine.readiness())[0]

            await eventually(ready)
            assert await names(engine) == ["Ann", "Bob", "Cleo"]

            async def tracked() -> bool:
                request = json.dumps({"type": "untrack_table", "args": {"table": "article"}}).encode()
                return (await engine.answer(request, ADMIN)).status == 200

            await eventually(tracked)

    with private_cluster() as (cluster, process):
        cluster.execute(SCHEMA)
        run(scenario(cluster))
