"""Row events: a changed row is a task of the same transaction, whoever changes it, by whichever way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support import run
from tests.tasks.rig import prepare, rows

from howdah.data.execute import Engine
from howdah.data.written.document import read_document, to_document
from howdah.data.written.edit_files import edited_files
from howdah.data.written.files import InvalidMetadataFiles, from_files
from howdah.data.written.write_files import to_files
from howdah.kit import context
from howdah.observe.secret import Secret
from howdah.project.sections import DatabaseSection, DataSection
from howdah.provision import provision, provision_metadata, read_files
from howdah.session import ADMIN, Session

SQL = """
create table article (id int primary key, title text not null, body text, owner_id int);
create view titles as select id, title from article;
create table mark (article_id int references article on delete cascade, n int);
"""
EVENT = {
    "name": "article_changed",
    "table": "article",
    "task": "index_article",
    "definition": {"insert": {}, "update": {"columns": ["title"], "payload": "*"}, "delete": {"columns": "*"}},
}
INSERT = {"columns": "*", "check": {}}


@asynccontextmanager
async def serving(dsn: str) -> AsyncIterator[Engine]:
    engine = Engine(dsn, database=DatabaseSection(), data=DataSection())
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def ask(engine: Engine, type_: str, args: Any, session: Session = ADMIN) -> Any:
    answer = await engine.answer(json.dumps({"type": type_, "args": args}).encode(), session)
    return json.loads(answer.body)


@pytest.fixture
def shop(database: str) -> str:
    run(prepare(database))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SQL.encode())
    return database


def tasks(dsn: str, columns: str = "args") -> list[Any]:
    found = rows(dsn, f"select {columns} from howdah_tasks.outbox order by seq")
    return [row[0] for row in found] if "," not in columns else found


async def tracked(engine: Engine, event: dict[str, Any] = EVENT) -> None:
    assert "message" in await ask(engine, "track_table", "article")
    permission = {"table": "article", "role": "editor", "permission": INSERT}
    assert "message" in await ask(engine, "create_insert_permission", permission)
    told = await ask(engine, "create_event_trigger", event)
    assert told == {"message": "success"}, told


def triggers(dsn: str) -> list[str]:
    return [name for (name,) in rows(dsn, "select tgname from pg_trigger where not tgisinternal order by 1")]


def test_changes_by_anybody_become_tasks(shop: str) -> None:
    """By psql as well; with the row before and after, one key for each row, and not where no column that counts did."""

    async def main() -> None:
        async with serving(shop) as engine:
            await tracked(engine)

    run(main())
    with psycopg.connect(shop) as connection:
        connection.execute("insert into article values (1, 'One', 'b', 7)")
        connection.execute("update article set title = 'Uno' where id = 1")
        connection.execute("update article set body = 'c' where id = 1")
        connection.execute("delete from article where id = 1")
        connection.commit()
        connection.execute("insert into article values (2, 'Two', null, null)")
        connection.rollback()
    one = {"id": 1, "title": "One", "body": "b", "owner_id": 7}
    uno = {**one, "title": "Uno"}
    event = {"event": "article_changed", "schema": "public", "table": "article"}
    assert tasks(shop) == [
        {**event, "op": "insert", "old": None, "new": one},
        {**event, "op": "update", "old": one, "new": uno},
        {**event, "op": "delete", "old": {**uno, "body": "c"}, "new": None},
    ]
    assert set(tasks(shop, "name, key, source")) == {("index_article", "public.article [1]", "event:article_changed")}


def test_who_wrote_and_why_travels_with_it(shop: str) -> None:
    """R72: by the Data API, alone, remembered, in a bulk and in a transaction; a service says it by hasura.user."""
    editor = Session("editor", {"x-hasura-user-id": "7"})

    def insert(n: int) -> dict[str, Any]:
        return {"table": "article", "objects": [{"id": n, "title": f"Article {n}"}]}

    async def main() -> None:
        async with serving(shop) as engine:
            await tracked(engine)
            context.request_id.set("req-9")
            for n in range(1, 4):
                assert (await ask(engine, "insert", insert(n), editor))["affected_rows"] == 1
            await ask(engine, "bulk", [{"type": "insert", "args": insert(4)}], editor)
            await ask(engine, "transaction", [{"type": "insert", "args": insert(5)}], editor)

    run(main())
    by_api = {"role": "editor", "variables": {"x-hasura-user-id": "7"}}
    assert tasks(shop, "session, request_id") == [(by_api, "req-9")] * 5
    with psycopg.connect(shop) as connection:
        caller = json.dumps({"x-hasura-role": "user", "x-hasura-user-id": "8"})
        connection.execute("select set_config('hasura.user', %s, true)", (caller,))
        connection.execute("insert into article values (6, 'Six')")
        connection.commit()
        connection.execute("insert into article values (7, 'Seven')")
    assert tasks(shop, "session, request_id")[5:] == [
        ({"role": "user", "variables": {"x-hasura-user-id": "8"}}, None),
        (None, None),
    ]


def test_the_role_of_the_api_can_cause_events_and_nothing_else_of_tasks(shop: str) -> None:
    """R66: it owns nothing, and reads, writes and calls nothing of the outbox."""

    async def main() -> str | None:
        async with serving(shop) as engine:
            await tracked(engine)
            return engine.installation.role

    role = run(main())
    assert role is not None
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute(f'set role "{role}"'.encode())
        connection.execute("insert into article values (1, 'One')")
        for statement in (
            "select * from howdah_tasks.outbox",
            "select howdah_tasks.enqueue('x')",
            "select howdah_tasks.apply_row_events('[]')",
            "update howdah_tasks.outbox set state = 'done'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    assert len(tasks(shop)) == 1


def test_triggers_come_and_go_with_the_metadata(shop: str) -> None:
    async def main() -> None:
        async with serving(shop) as engine:
            await tracked(engine)
            assert triggers(shop) == ["howdah_event_article_changed"]
            again = await ask(engine, "create_event_trigger", EVENT)
            assert again["code"] == "already-exists"
            narrow = {**EVENT, "replace": True, "definition": {"insert": {"columns": ["id"]}}}
            assert await ask(engine, "create_event_trigger", narrow) == {"message": "success"}
            rows(shop, "insert into article values (1, 'One') returning 1")
            rows(shop, "delete from article returning 1")
            assert [task["new"] for task in tasks(shop)] == [{"id": 1}]
            exported = await ask(engine, "export_metadata", {})
            [table] = exported["tables"]
            assert table["event_triggers"] == [
                {"name": "article_changed", "task": "index_article", "definition": {"insert": {"columns": ["id"]}}}
            ]
            assert await ask(engine, "delete_event_trigger", {"name": "article_changed"}) == {"message": "success"}
            assert triggers(shop) == []
            assert await ask(engine, "replace_metadata", exported) == {"message": "success"}
            assert triggers(shop) == ["howdah_event_article_changed"]
            assert await ask(engine, "untrack_table", "article") == {"message": "success"}
            assert triggers(shop) == []

    run(main())


def test_a_column_is_renamed_and_the_event_goes_on(shop: str) -> None:
    async def main() -> None:
        async with serving(shop) as engine:
            await tracked(engine)
            told = await ask(engine, "run_sql", {"sql": "alter table article rename column title to name"})
            assert told["result_type"] == "CommandOk"
            rows(shop, "insert into article values (1, 'One') returning 1")
            rows(shop, "update article set name = 'Uno' returning 1")
            gone = await ask(engine, "run_sql", {"sql": "drop view titles; alter table article drop column name"})
            assert gone["code"] == "dependency-error"
            assert "event-trigger article_changed" in gone["error"]

    run(main())
    assert [task["op"] for task in tasks(shop)] == ["insert", "update"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"definition": {}}, "parse-failed"),
        ({"definition": {"update": {"columns": ["nothing"]}}}, "not-exists"),
        ({"definition": {"insert": {"columns": ["nothing"]}}}, "not-exists"),
        ({"definition": {"insert": {"columns": ["id"]}, "delete": {"columns": "*"}}}, "unexpected-payload"),
        ({"name": "no such name"}, "parse-failed"),
        ({"task": "'; drop table article; --"}, "parse-failed"),
        ({"webhook": "http://localhost"}, "unexpected-payload"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: str, change: dict[str, Any], code: str) -> None:
    async def main() -> None:
        async with serving(shop) as engine:
            await ask(engine, "track_table", "article")
            told = await ask(engine, "create_event_trigger", {**EVENT, **change})
            assert told["code"] == code, told
            refused = await ask(engine, "create_event_trigger", EVENT, Session("editor"))
            assert refused["code"] == "access-denied"

    run(main())
    assert triggers(shop) == []


def test_a_view_has_no_row_events(shop: str) -> None:
    async def main() -> None:
        async with serving(shop) as engine:
            await ask(engine, "track_table", "titles")
            told = await ask(engine, "create_event_trigger", {**EVENT, "table": "titles"})
            assert told["code"] == "not-supported"

    run(main())


TOML = """schema = "public"
table = "article"

[events.article_changed]
task = "index_article"
on = ["insert", "update"]
columns = ["title"]
payload = ["id", "title"]
"""


def test_a_metadata_file_says_it_and_is_what_an_export_says() -> None:
    metadata = from_files({"tables/public.article.toml": TOML})
    assert read_document(to_document(metadata)) == metadata
    assert to_files(metadata) == {"tables/public.article.toml": TOML}
    assert edited_files({"tables/public.article.toml": f"# Mine.\n{TOML}"}, metadata) == {}
    for wrong in ('on = ["upsert"]', "on = []", 'on = ["delete"]'):
        with pytest.raises(InvalidMetadataFiles):
            from_files({"tables/a.toml": TOML.replace('on = ["insert", "update"]', wrong)})


def test_files_make_the_triggers_of_a_project(database: str, tmp_path: Path) -> None:
    """At a start, and when a file is saved; a table that a migration makes anew has its triggers again."""
    (tmp_path / "metadata" / "tables").mkdir(parents=True)
    (tmp_path / "migrations" / "1_article").mkdir(parents=True)
    file = tmp_path / "metadata" / "tables" / "public.article.toml"
    file.write_text(TOML)
    (tmp_path / "migrations" / "1_article" / "up.sql").write_text(SQL)
    run(provision(read_files(tmp_path), Secret(database)))
    assert triggers(database) == ["howdah_event_article_changed"]
    file.write_text(TOML.replace("article_changed", "changed"))
    run(provision_metadata(tmp_path, Secret(database)))
    assert triggers(database) == ["howdah_event_changed"]
    (tmp_path / "migrations" / "2_again").mkdir()
    (tmp_path / "migrations" / "2_again" / "up.sql").write_text(
        "alter table article rename to old; create table article (id int primary key, title text);"
    )
    run(provision(read_files(tmp_path), Secret(database)))
    rows(database, "insert into article values (1, 'One') returning 1")
    rows(database, "insert into old values (1, 'Old') returning 1")
    assert [task["new"] for task in tasks(database)] == [{"id": 1, "title": "One"}]
