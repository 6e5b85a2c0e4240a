"""Relations that are no tables: foreign tables, views that triggers write, materialized views as they are refreshed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from tests.support import run

from howdah.data.execute import Engine
from howdah.data.query.ast import TableName
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, Session

SECTION = DatabaseSection(pool_size=2, write_pool_size=2)
ANN = Session("user", {"x-hasura-user-id": "1"})


def with_engine(dsn: str, work: Callable[[Engine], Awaitable[None]]) -> None:
    async def scenario() -> None:
        engine = Engine(dsn, database=SECTION, data=DataSection())
        await engine.start()
        try:
            await work(engine)
        finally:
            await engine.stop()

    run(scenario())


async def ask(engine: Engine, kind: str, args: Any, session: Session = ADMIN, *, status: int = 200) -> Any:
    answer = await engine.answer(json.dumps({"type": kind, "args": args}).encode(), session)
    assert answer.status == status, answer.body
    return json.loads(answer.body)


async def permit(engine: Engine, table: str, **permissions: dict[str, Any]) -> None:
    for operation, permission in permissions.items():
        args = {"table": table, "role": "user", "permission": permission}
        await ask(engine, f"create_{operation}_permission", args)


def test_a_foreign_table_is_read_and_written_under_permissions(database: str) -> None:
    """Rows of another server; a filter, a check and a relationship of ours apply. Postgres has no keys of it."""
    told = psycopg.conninfo.conninfo_to_dict(database)
    schema = f"""
        create table owner (id int primary key, name text);
        insert into owner values (1, 'Ann'), (2, 'Bob');
        create schema far;
        create table far.item (id int primary key, owner_id int, price numeric);
        insert into far.item values (1, 1, 1.50), (2, 2, 3);
        create extension postgres_fdw;
        create server far foreign data wrapper postgres_fdw
            options (host '{told["host"]}', port '{told["port"]}', dbname '{told["dbname"]}');
        create user mapping for public server far options (user '{told["user"]}', password_required 'false');
        create foreign table item (id int, owner_id int, price numeric)
            server far options (schema_name 'far', table_name 'item');
    """
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(schema)

    async def scenario(engine: Engine) -> None:
        for table in ("item", "owner"):
            await ask(engine, "track_table", table)
        manual = {"manual_configuration": {"remote_table": "item", "column_mapping": {"id": "owner_id"}}}
        await ask(engine, "create_array_relationship", {"table": "owner", "name": "items", "using": manual})
        own = {"owner_id": "X-Hasura-User-Id"}
        await permit(
            engine,
            "item",
            select={"columns": "*", "filter": own, "allow_aggregations": True},
            insert={"columns": ["id", "price"], "check": {"price": {"$gt": 0}}, "set": own},
            update={"columns": ["price"], "filter": own, "check": {"price": {"$gt": 0}}},
            delete={"filter": own},
        )
        await permit(engine, "owner", select={"columns": "*", "filter": {}})
        rows = {"table": "owner", "columns": ["name", {"name": "items", "columns": ["price"]}], "order_by": "id"}
        assert await ask(engine, "select", rows, ANN) == [
            {"name": "Ann", "items": [{"price": 1.5}]},
            {"name": "Bob", "items": []},
        ]
        total = {"table": "item", "aggregates": {"total": {"sum": "price"}}}
        assert await ask(engine, "aggregate", total, ANN) == {"total": 1.5}
        new = {"table": "item", "objects": [{"id": 3, "price": 4}], "returning": ["owner_id"]}
        assert await ask(engine, "insert", new, ANN) == {"affected_rows": 1, "returning": [{"owner_id": 1}]}
        refused = await ask(engine, "insert", {**new, "objects": [{"id": 4, "price": 0}]}, ANN, status=400)
        assert refused["code"] == "permission-error"
        update = {"table": "item", "where": {}, "$inc": {"price": 1}, "returning": ["id", "price"]}
        assert await ask(engine, "update", update, ANN) == {
            "affected_rows": 2,
            "returning": [{"id": 1, "price": 2.5}, {"id": 3, "price": 5}],
        }
        assert await ask(engine, "delete", {"table": "item", "where": {"id": {"$in": [2, 3]}}}, ANN) == {
            "affected_rows": 1
        }
        upsert = {**new, "on_conflict": {"action": "update", "constraint_on": ["id"]}}
        assert (await ask(engine, "insert", upsert, status=400))["code"] == "constraint-error"
        assert await ask(engine, "count", {"table": "item"}) == {"count": 2}

    with_engine(database, scenario)


def test_a_view_whose_triggers_write_is_written(changed: str) -> None:
    """Each operation that has a trigger, and no other; the permission's check sees the row the trigger returns."""

    async def scenario(engine: Engine) -> None:
        added = {"table": "badge", "objects": [{"name": "Dan"}], "returning": ["name"]}
        assert await ask(engine, "insert", added, ANN) == {"affected_rows": 1, "returning": [{"name": "Dan"}]}
        assert (await ask(engine, "delete", {"table": "badge", "where": {"name": "Dan"}})) == {"affected_rows": 1}
        permission = {"table": "badge", "role": "user", "permission": {"columns": "*", "filter": {}}}
        refused = await ask(engine, "create_update_permission", permission, status=400)
        assert (refused["code"], refused["error"]) == ("not-supported", '"badge" is a view that Postgres cannot update')
        trigger = (
            "create trigger more instead of update on badge for each row execute function badge_written();"
            "create or replace function badge_written() returns trigger language plpgsql as"
            " $$ begin update public.author set name = new.name where id = old.id; return new; end $$"
        )
        await ask(engine, "run_sql", {"sql": trigger})
        update = {"table": "badge", "where": {"id": 3}, "$set": {"name": "Cleopatra"}, "returning": ["id", "name"]}
        assert (await ask(engine, "update", update))["returning"] == [{"id": 3, "name": "Cleopatra"}]

    with_engine(changed, scenario)


def test_what_a_view_lets_be_written_is_known_when_it_changes(changed: str) -> None:
    """An expression that becomes a column can be written, and the other way round."""

    async def scenario(engine: Engine) -> None:
        def writable() -> bool:
            return engine.catalog.tables[TableName("public", "open_errand")].columns["loud"].writable

        replaced = "create or replace view open_errand as select id, title, priority, {} as loud from errand"
        assert not writable()
        await ask(engine, "run_sql", {"sql": replaced.format("title")})
        assert writable()
        await ask(engine, "run_sql", {"sql": replaced.format("lower(title)")})
        assert not writable()

    with_engine(changed, scenario)


def test_a_materialized_view_shows_what_it_was_refreshed_with(changed: str) -> None:
    """Its unique index proves a relationship single; it is never written, but by REFRESH."""

    async def scenario(engine: Engine) -> None:
        score = {"table": "author_score", "columns": ["score"], "where": {"author_id": 3}}
        assert await ask(engine, "select", score) == [{"score": 1}]
        await ask(engine, "update", {"table": "article", "where": {"author_id": 3}, "$set": {"rating": 5}})
        assert await ask(engine, "select", score) == [{"score": 1}]
        await ask(engine, "run_sql", {"sql": "refresh materialized view concurrently author_score"})
        assert await ask(engine, "select", score) == [{"score": 5}]
        reading = engine.catalog.tables[TableName("public", "reading")]
        assert reading.relationships["score"].unique
        for operation, rule in (
            ("insert", {"check": {}}),
            ("update", {"columns": "*", "filter": {}}),
            ("delete", {"filter": {}}),
        ):
            args = {"table": "author_score", "role": "user", "permission": rule}
            refused = await ask(engine, f"create_{operation}_permission", args, status=400)
            assert refused["error"] == f'"author_score" is a materialized view that Postgres cannot {operation}'

    with_engine(changed, scenario)


def test_a_view_takes_defaults_of_sequences_that_only_its_table_has(database: str) -> None:
    """The API's role may use the sequences behind a view, too."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "create table hidden (id serial primary key, name text); create view shown as select * from hidden"
        )

    async def scenario(engine: Engine) -> None:
        await ask(engine, "track_table", "shown")
        await permit(engine, "shown", select={"columns": "*", "filter": {}}, insert={"columns": ["name"], "check": {}})
        added = {"table": "shown", "objects": [{"name": "a"}], "returning": ["id"]}
        assert (await ask(engine, "insert", added, ANN))["returning"] == [{"id": 1}]

    with_engine(database, scenario)
