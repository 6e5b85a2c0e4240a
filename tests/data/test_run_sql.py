"""run_sql: what DDL means for metadata, and what a script may leave behind (nothing)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.data.support import compiled
from tests.data.test_execute import SECTION, ask, started, with_engine
from tests.support import eventually, run

from howdah.data.execute import Engine, known, publish
from howdah.data.sql.statement import bind
from howdah.data.written.document import read_document, to_document
from howdah.observe import events
from howdah.postgres.connect import connect
from howdah.postgres.install import install
from howdah.project.sections import DatabaseSection
from howdah.session import Session

USER = Session("user", {"x-hasura-user-id": "1"})

SCHEMA = """
    create type mood as enum ('good', 'bad');
    create schema app;
    create table author (id int primary key, name text, feeling mood, boss_id int references author, note jsonb);
    create table article (id int primary key, title text, author_id int references author, views int, done boolean);
    create table app.tag (id int primary key, article_id int references article, word text);
    create view shown as select id, title, author_id from article where done;
    insert into author values (1, 'Ann', 'good', null), (2, 'Bob', 'bad', 1);
    insert into article values (1, 'Tea', 1, 5, true), (2, 'Coffee', 2, 7, false);
    insert into app.tag values (1, 1, 'hot'), (2, 2, 'black');
"""

TAG = {"schema": "app", "name": "tag"}


def metadata() -> dict[str, Any]:
    """Names in every place where metadata has names."""
    deep = {
        "$or": [
            {"author": {"boss": {"name": {"$eq": "Ann"}}}},
            {
                "$not": {
                    "author": {"$and": [{"id": "X-Hasura-User-Id"}, {"name": {"$cast": {"text": {"$ceq": "name"}}}}]}
                }
            },
            {"_exists": {"_table": "author", "_where": {"articles": {"title": {"$cne": "title"}}}}},
            {"tags": {"word": {"$in": ["hot"]}, "article": {"views": {"$gt": 3}}}},
        ]
    }
    own = {"author_id": {"_eq": "X-Hasura-User-Id"}}
    return {
        "tables": [
            {
                "table": "author",
                "configuration": {"custom_name": None, "custom_column_names": {"name": "called"}},
                "object_relationships": [{"name": "boss", "using": {"foreign_key_constraint_on": "boss_id"}}],
                "array_relationships": [
                    {
                        "name": "articles",
                        "using": {"foreign_key_constraint_on": {"table": "article", "column": "author_id"}},
                    },
                    {
                        "name": "shown",
                        "using": {
                            "manual_configuration": {"remote_table": "shown", "column_mapping": {"id": "author_id"}}
                        },
                    },
                ],
                "select_permissions": [
                    {"role": "user", "permission": {"columns": ["id", "name"], "filter": {"articles": {"id": 1}}}}
                ],
            },
            {
                "table": "article",
                "object_relationships": [{"name": "author", "using": {"foreign_key_constraint_on": "author_id"}}],
                "array_relationships": [
                    {"name": "tags", "using": {"foreign_key_constraint_on": {"table": TAG, "column": "article_id"}}}
                ],
                "select_permissions": [{"role": "user", "permission": {"columns": ["id", "title"], "filter": deep}}],
                "insert_permissions": [
                    {"role": "user", "permission": {"check": own, "columns": ["title"], "set": {"author_id": 1}}}
                ],
                "update_permissions": [
                    {"role": "user", "permission": {"columns": ["title"], "filter": own, "check": deep}}
                ],
                "delete_permissions": [{"role": "user", "permission": {"filter": {"author": {"articles": own}}}}],
            },
            {
                "table": TAG,
                "object_relationships": [{"name": "article", "using": {"foreign_key_constraint_on": "article_id"}}],
                "select_permissions": [
                    {"role": "user", "permission": {"columns": "*", "filter": {"article": {"author": {"name": "Ann"}}}}}
                ],
            },
            {"table": "shown"},
        ]
    }


@pytest.fixture
def dsn(database: str) -> str:
    """A database with the tables and metadata above."""

    async def prepare() -> None:
        async with await connect(database) as connection:
            await connection.script(SCHEMA)
            installation = await install(connection)
            catalog = await publish(connection, read_document(metadata()), installation, source=None)
            assert catalog.problems == ()

    run(prepare())
    return database


async def sql(engine: Engine, text: str, *, status: int = 200, **more: Any) -> Any:
    return await ask(engine, "run_sql", {"sql": text, **more}, status=status)


async def exported(engine: Engine) -> Any:
    return await ask(engine, "export_metadata", {})


def renamed(document: Any, *pairs: tuple[str, str]) -> Any:
    """The document with words in the place of others, wherever they are; and its tables in their order."""
    text = json.dumps(document)
    for old, new in pairs:
        text = text.replace(f'"{old}"', f'"{new}"')
    return to_document(read_document(json.loads(text)))


# -- renames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "pairs"),
    [
        ("alter table author rename column name to full_name", [("name", "full_name")]),
        ("alter table article rename column author_id to writer_id", [("author_id", "writer_id")]),
        ("alter table app.tag rename column word to label", [("word", "label")]),
        ("alter table author rename column boss_id to chief_id", [("boss_id", "chief_id")]),
        ("alter table article rename column views to seen", [("views", "seen")]),
        ("alter type mood rename to feeling", []),
    ],
)
def test_a_renamed_column_is_renamed_wherever_metadata_names_it(
    dsn: str, statement: str, pairs: list[tuple[str, str]]
) -> None:
    """Permissions at any depth, presets, keys and mappings of relationships, custom names; nothing else changes."""

    async def scenario(engine: Engine) -> None:
        before = await exported(engine)
        text = json.dumps(before)
        # "name" is also a key of the document: those of relationships and of table names are none of ours.
        for old, new in pairs:
            if old == "name":
                text = (
                    text.replace('["id", "name"]', f'["id", "{new}"]')
                    .replace('{"name": {"$', f'{{"{new}": {{"$')
                    .replace('"$ceq": "name"', f'"$ceq": "{new}"')
                    .replace('{"name": "called"}', f'{{"{new}": "called"}}')
                    .replace('{"name": "Ann"}', f'{{"{new}": "Ann"}}')
                )
            else:
                text = text.replace(f'"{old}"', f'"{new}"')
        # The view still calls its own column so.
        text = text.replace('"column_mapping": {"id": "writer_id"}', '"column_mapping": {"id": "author_id"}')
        await sql(engine, statement)
        assert await exported(engine) == json.loads(text)
        assert engine.catalog.problems == ()

    with_engine(dsn, scenario)


def test_a_renamed_table_is_renamed_wherever_metadata_names_it(dsn: str) -> None:
    """As a tracked table, the target of relationships, the table of $exists; a new schema is a new name, too."""

    async def scenario(engine: Engine) -> None:
        before = json.dumps(await exported(engine))
        seen = await ask(engine, "select", {"table": "article", "columns": ["title"]}, USER)
        await sql(engine, "alter table author rename to person")
        text = before.replace('"table": "author"', '"table": "person"').replace(
            '"_table": "author"', '"_table": "person"'
        )
        assert await exported(engine) == to_document(read_document(json.loads(text)))
        await sql(engine, "alter schema app rename to web; alter table article set schema web")
        moved = {"schema": "web", "name": "article"}
        text = text.replace('"app"', '"web"').replace('"table": "article"', f'"table": {json.dumps(moved)}')
        assert await exported(engine) == to_document(read_document(json.loads(text)))
        assert engine.catalog.problems == ()
        assert await ask(engine, "select", {"table": moved, "columns": ["title"]}, USER) == seen

    with_engine(dsn, scenario)


def test_names_that_change_places_do_so_in_metadata(dsn: str) -> None:
    """One script may rename in circles: what counts is which column and table it was."""

    async def scenario(engine: Engine) -> None:
        await sql(
            engine,
            "alter table article rename column title to t; alter table article rename column views to title;"
            "alter table article rename column t to views;"
            "alter table author rename to a; alter table article rename to author; alter table a rename to article",
        )
        assert engine.catalog.problems == ()
        tables = {str(table["table"]): table for table in (await exported(engine))["tables"]}
        (select,) = tables["author"]["select_permissions"]
        assert select["permission"]["columns"] == ["id", "views"]
        assert select["permission"]["filter"]["$or"][3] == {
            "tags": {"word": {"$in": ["hot"]}, "article": {"title": {"$gt": 3}}}
        }
        assert tables["article"]["array_relationships"][0]["using"] == {
            "foreign_key_constraint_on": {"table": "author", "column": "author_id"}
        }

    with_engine(dsn, scenario)


def test_without_the_check_of_consistency_metadata_stays_as_it_is(dsn: str) -> None:
    """What does not fit any more is listed, refused, and fits again when the name is back."""

    async def scenario(engine: Engine) -> None:
        before = await exported(engine)
        await sql(engine, "alter table author rename column name to full_name", check_metadata_consistency=False)
        assert await exported(engine) == before
        found = await ask(engine, "get_inconsistent_metadata", {})
        assert not found["is_consistent"]
        assert {one["type"] for one in found["inconsistent_objects"]} == {
            "select_permission",
            "update_permission",
            "custom_name",
        }
        refused = await ask(engine, "select", {"table": "author", "columns": ["id"]}, USER, status=400)
        assert refused["code"] == "permission-denied"
        await sql(engine, "alter table author rename column full_name to name", check_metadata_consistency=True)
        assert await ask(engine, "get_inconsistent_metadata", {}) == {"is_consistent": True, "inconsistent_objects": []}
        await ask(engine, "select", {"table": "author", "columns": ["id"]}, USER)

    with_engine(dsn, scenario)


# -- what depends on what is gone --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        (
            "drop table app.tag",
            [
                "table app.tag",
                "relationship article.tags",
                "permission article.user.select",
                "permission article.user.update",
            ],
        ),
        ("alter table article drop column views", ["permission article.user.select", "permission article.user.update"]),
        ("alter table author drop column boss_id", ["relationship author.boss", "permission article.user.select"]),
        ("alter table article drop constraint article_author_id_fkey", ["relationship author.articles"]),
        ("drop view shown", ["table shown", "relationship author.shown"]),
    ],
)
def test_what_would_lose_something_is_named(dsn: str, statement: str, names: list[str]) -> None:
    """A dependency-error names all dependents and undoes the script; with cascade they go."""

    async def scenario(engine: Engine) -> None:
        before = await exported(engine)
        error = await sql(engine, statement, status=400)
        assert error["code"] == "dependency-error"
        assert error["error"].startswith("cannot drop due to the following dependent objects: ")
        assert [name for name in names if name not in error["error"]] == []
        assert await exported(engine) == before
        await sql(engine, statement, cascade=True)
        assert engine.catalog.problems == ()
        assert await exported(engine) != before

    with_engine(dsn, scenario)


def test_cascade_takes_a_dropped_column_out_of_lists_only(dsn: str) -> None:
    """A permission that merely lists the column, or presets it, keeps the rest of what it allows."""

    async def scenario(engine: Engine) -> None:
        error = await sql(engine, "alter table article drop column title cascade", status=400)
        assert "permission article.user.insert" in error["error"]
        await sql(engine, "alter table article add column more text")
        permission = {"columns": ["title", "more"], "filter": {}}
        args = {"table": "article", "role": "guest", "permission": permission}
        await ask(engine, "create_select_permission", args)
        await sql(engine, "alter table article drop column more", cascade=True)
        tables = {str(table["table"]): table for table in (await exported(engine))["tables"]}
        rules = {one["role"]: one["permission"] for one in tables["article"]["select_permissions"]}
        assert rules["guest"] == {"columns": ["title"], "filter": {}}

    with_engine(dsn, scenario)


def test_a_new_type_under_a_written_value_is_named(dsn: str) -> None:
    """A rule's own values were written for the old type; what comes from the session is read in any."""

    async def scenario(engine: Engine) -> None:
        await sql(engine, "alter table article alter column title type varchar(99)", status=400)  # a view has it
        await sql(engine, "drop view shown", cascade=True)
        error = await sql(engine, "alter table article alter column views type text", status=400)
        assert error["code"] == "dependency-error"
        assert error["error"] == (
            'cannot change type of column "views" in table "article" because of the following dependencies : '
            "permission article.user.select, permission article.user.update"
        )
        await sql(engine, "alter table article alter column done type text")
        await sql(engine, "alter table article alter column views type text", cascade=True)
        assert engine.catalog.problems == ()
        tables = {str(table["table"]): table for table in (await exported(engine))["tables"]}
        assert tables["article"]["select_permissions"] == []
        # X-Hasura-User-Id is all that author_id is compared with in these; the preset of the insert is a value.
        assert [one["role"] for one in tables["article"]["delete_permissions"]] == ["user"]
        error = await sql(engine, "alter table article alter column author_id type bigint", status=400)
        assert error["error"].endswith(": permission article.user.insert")

    with_engine(dsn, scenario)


def test_a_query_template_that_would_break_is_named(dsn: str) -> None:
    """What a template names cannot be dropped unless the template goes, too."""
    query = {
        "type": "select",
        "args": {"table": "article", "columns": ["done"], "where": {"id": {"param": "id", "default": 1}}},
    }

    async def scenario(engine: Engine) -> None:
        await ask(engine, "create_query_template", {"name": "one", "template": query})
        error = await sql(engine, "alter table article drop column done cascade", status=400)
        assert error["error"].startswith("cannot drop due to the following dependent objects: ")
        await sql(engine, "alter table article drop column done cascade", cascade=True)
        assert "query_templates" not in await exported(engine)

    with_engine(dsn, scenario)


# -- new names reach query templates and functions ---------------------------------------------------------------------


def reading(table: str, columns: list[Any], **more: Any) -> dict[str, Any]:
    return {"type": "select", "args": {"table": table, "columns": columns, **more}}


# Every place of a request that has a name of a table, a column or a relationship.
TEMPLATES: dict[str, Any] = {
    "read": reading(
        "author",
        ["id", {"name": "articles", "columns": ["title"], "where": {"title": {"$ne": "x"}}, "order_by": ["-title"]}],
        where={
            "$or": [
                {"articles": {"title": {"$in": ["Tea", {"param": "t", "default": "Coffee"}]}}},
                {"$not": {"$exists": {"_table": "article", "_where": {"title": {"$cast": {"text": "Tea"}}}}}},
            ]
        },
        order_by={"column": "id", "type": "desc"},
    ),
    "through": reading(
        "article",
        ["title", {"name": "author", "columns": ["id", {"name": "boss", "columns": ["id"]}]}],
        where={"author": {"articles": {"title": {"$ceq": "title"}}}, "$not": {"title": {"$cne": "title"}}},
        order_by=["author.boss.id", "+title"],
    ),
    "found": reading(
        "article", ["title"], order_by="title", search={"query": "tea", "columns": ["title"]}, distinct_on="title"
    ),
    "page": reading("article", ["title"], order_by="title", page={"after": {"title": {"param": "t"}, "id": 1}}),
    "amounts": {
        "type": "aggregate",
        "args": {
            "table": "article",
            "group_by": ["title"],
            "order_by": ["title", "-titles"],
            "aggregates": {"titles": {"count": "title"}, "all": {"count": {"distinct": ["title"]}}},
        },
    },
    "count": {"type": "count", "args": {"table": "article", "distinct": ["title"]}},
    "write": {
        "type": "transaction",
        "args": [
            {
                "type": "insert",
                "args": {
                    "table": "author",
                    "objects": [{"id": 7, "articles": {"data": [{"id": 7, "title": "New"}]}}],
                    "on_conflict": {"action": "update", "constraint_on": "id"},
                    "returning": ["id", {"name": "articles", "columns": ["title"]}],
                },
            },
            {
                "type": "update",
                "args": {
                    "table": "article",
                    "where": {"author_id": {"$ref": "0.id"}},
                    "$set": {"title": "Newer"},
                    "returning": ["title"],
                },
            },
            reading("article", ["id"], where={"title": {"$ref": [1, "title"]}}),
            {"type": "update", "args": {"table": "article", "where": {"id": 7}, "$default": ["title"]}},
            {"type": "delete", "args": {"table": "article", "where": {"author_id": 7}}},
            {"type": "delete", "args": {"table": "author", "where": {"id": 7}}},
        ],
    },
}

RENAMING: list[tuple[str, Any]] = [
    ("run_sql", {"sql": "alter table article rename title to headline"}),
    ("run_sql", {"sql": "alter table article rename to piece"}),
    ("run_sql", {"sql": "alter table article rename to piece; alter table piece rename title to id2"}),
    ("run_sql", {"sql": "alter table article set schema app"}),
    ("run_sql", {"sql": "alter table author rename id to key; alter table article rename author_id to writer_id"}),
    ("run_sql", {"sql": "alter table author rename name to label"}),  # which requests call something else in any case
    ("rename_relationship", {"table": "author", "name": "articles", "new_name": "pieces"}),
    ("rename_relationship", {"table": "article", "name": "author", "new_name": "writer"}),
    (
        "set_table_customization",
        {"table": "article", "configuration": {"custom_name": "piece", "custom_column_names": {"title": "headline"}}},
    ),
    ("set_table_custom_fields", {"table": "author", "custom_column_names": {"id": "number"}}),
]


@pytest.mark.parametrize(("kind", "args"), RENAMING)
def test_templates_follow_new_names(dsn: str, kind: str, args: Any) -> None:
    """Each answers as it did, but for the names of columns in the answer; where nothing it names is new it stays."""

    async def answers(engine: Engine) -> dict[str, Any]:
        given = {"read": {"t": "Coffee"}, "page": {"t": "A"}}
        return {
            name: await ask(engine, "execute_query_template", {"name": name, "args": given.get(name, {})})
            for name in TEMPLATES
        }

    def values(answer: Any) -> Any:
        """The answer without the names of its columns, and without cursors, which are marked with those."""
        if isinstance(answer, dict):
            return sorted(json.dumps(values(item)) for key, item in answer.items() if key != "page")
        return [values(item) for item in answer] if isinstance(answer, list) else answer

    async def scenario(engine: Engine) -> None:
        for name, template in TEMPLATES.items():
            await ask(engine, "create_query_template", {"name": name, "template": template})
        before = values(await answers(engine))
        old = (await exported(engine))["query_templates"]
        await ask(engine, kind, args)
        assert values(await answers(engine)) == before
        new = (await exported(engine))["query_templates"]
        assert (new == old) is ("rename name to" in str(args))

    with_engine(dsn, scenario)


def test_functions_follow_new_names(dsn: str) -> None:
    """Tracked ones with their permissions, computed fields, and templates; one that is dropped is a dependent."""
    functions = """
        create function best(lowest integer default 0) returns setof article stable language sql
          as 'select * from article where views >= lowest';
        create function shout(author) returns text stable language sql as 'select upper($1.name)';
    """
    arguments = {"lowest": {"param": "n"}}
    template = {"type": "select", "args": {"function": "best", "arguments": arguments, "columns": ["id"]}}

    async def scenario(engine: Engine) -> None:
        await sql(engine, functions)
        await ask(engine, "track_function", "best")
        field = {"table": "author", "name": "loud", "definition": {"function": "shout"}}
        await ask(engine, "add_computed_field", field)
        await ask(engine, "create_query_template", {"name": "best", "template": template})
        await sql(engine, "alter function best rename to finest; alter function shout(author) set schema app")
        document = await exported(engine)
        assert [one["function"] for one in document["functions"]] == ["finest"]
        (author,) = [one for one in document["tables"] if one["table"] == "author"]
        assert author["computed_fields"][0]["definition"]["function"] == {"schema": "app", "name": "shout"}
        assert document["query_templates"][0]["template"]["args"]["function"] == "finest"
        found = await ask(engine, "execute_query_template", {"name": "best", "args": {"n": 6}})
        assert found == [{"id": 2}]
        loud = await ask(engine, "select", {"table": "author", "columns": ["loud"], "where": {"id": 1}})
        assert loud == [{"loud": "ANN"}]
        error = await sql(engine, "drop function finest", status=400)
        assert "function finest" in error["error"]

    with_engine(dsn, scenario)


# -- rename_relationship -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "name"), [("article", "author"), ("author", "articles"), (TAG, "article"), ("article", "tags")]
)
def test_a_renamed_relationship_is_renamed_in_every_rule_that_goes_through_it(dsn: str, table: Any, name: str) -> None:
    """On any table, at any depth; relationships of the same name of other tables keep theirs."""

    async def scenario(engine: Engine) -> None:
        meaning = statements(engine)
        await ask(engine, "rename_relationship", {"table": table, "name": name, "new_name": "other"})
        assert engine.catalog.problems == ()
        assert statements(engine) == meaning
        await ask(engine, "rename_relationship", {"table": table, "name": "other", "new_name": name})
        assert await exported(engine) == to_document(read_document(metadata()))

    with_engine(dsn, scenario)


def statements(engine: Engine) -> list[tuple[str, tuple[bytes | None, ...]]]:
    """What permissions make of requests for the tables that have some."""
    found = []
    for request in (
        {"type": "select", "args": {"table": "author", "columns": ["id"]}},
        {"type": "select", "args": {"table": "article", "columns": ["id"]}},
        {"type": "select", "args": {"table": TAG, "columns": ["id"]}},
        {"type": "insert", "args": {"table": "article", "objects": [{"title": "x"}]}},
        {"type": "update", "args": {"table": "article", "where": {}, "$set": {"title": "x"}}},
        {"type": "delete", "args": {"table": "article", "where": {}}},
    ):
        statement = compiled(json.dumps(request).encode(), USER, engine.catalog)
        found.append((statement.text, bind(statement, USER)))
    return found


# -- inconsistent metadata ---------------------------------------------------------------------------------------------


def test_inconsistent_objects_are_listed_as_written_and_dropped(dsn: str) -> None:
    """Each once, with its definition, type and reason; dropping them drops what needs them, too."""

    async def scenario(engine: Engine) -> None:
        await sql(engine, "drop table app.tag", check_metadata_consistency=False)
        found = await ask(engine, "get_inconsistent_metadata", {})
        objects = {one["type"]: one for one in found["inconsistent_objects"]}
        assert objects["table"] == {
            "definition": TAG,
            "reason": 'no such table/view exists in postgres : "app.tag"',
            "type": "table",
        }
        assert objects["array_relation"] == {
            "definition": {
                "table": "article",
                "name": "tags",
                "comment": None,
                "using": {"foreign_key_constraint_on": {"table": TAG, "column": "article_id"}},
            },
            "reason": 'table "app.tag" does not exist or is not tracked',
            "type": "array_relation",
        }
        assert objects["update_permission"]["definition"]["role"] == "user"
        state = await ask(engine, "dump_internal_state", {})
        assert state["inconsistent_objs"] == found["inconsistent_objects"]
        assert [table["table"] for table in state["tables"]] == ["article", "author", "shown"]
        await ask(engine, "drop_inconsistent_metadata", {})
        assert (await ask(engine, "get_inconsistent_metadata", {}))["is_consistent"]
        assert [table["table"] for table in (await exported(engine))["tables"]] == ["article", "author", "shown"]
        for kind in ("get_inconsistent_metadata", "dump_internal_state", "drop_inconsistent_metadata"):
            assert (await ask(engine, kind, {}, USER, status=400))["code"] == "access-denied"

    with_engine(dsn, scenario)


def test_metadata_with_errors_replaces_what_there_is_only_when_that_is_allowed(dsn: str) -> None:
    """Refused with all that is wrong in ``internal``; allowed, the answer says what was left out."""
    document = {"tables": [{"table": "author"}, {"table": "nowhere"}]}

    async def scenario(engine: Engine) -> None:
        before = await exported(engine)
        for args in (document, {"metadata": document}, {"metadata": document, "allow_inconsistent_metadata": False}):
            error = await ask(engine, "replace_metadata", args, status=400)
            assert (error["code"], [one["definition"] for one in error["internal"]]) == ("not-exists", ["nowhere"])
        assert await exported(engine) == before
        args = {"metadata": document, "allow_inconsistent_metadata": True}
        answer = await ask(engine, "replace_metadata", args)
        assert (answer["is_consistent"], len(answer["inconsistent_objects"])) == (False, 1)
        assert await ask(engine, "replace_metadata", {"metadata": before}) == {
            "is_consistent": True,
            "inconsistent_objects": [],
        }
        assert await exported(engine) == before

    with_engine(dsn, scenario)


def test_a_bulk_of_calls_says_which_was_refused_and_undoes_all(dsn: str) -> None:
    """The path begins at the bulk, however deep."""

    async def scenario(engine: Engine) -> None:
        before = await exported(engine)
        drop = {"type": "drop_relationship", "args": {"table": "author", "relationship": "shown"}}
        wrong = {
            "type": "create_select_permission",
            "args": {"table": "shown", "role": "x", "permission": {"columns": ["no"], "filter": {}}},
        }
        error = await ask(
            engine,
            "bulk",
            [drop, {"type": "bulk", "args": [drop | {"args": {"table": "article", "relationship": "no"}}]}],
            status=400,
        )
        assert (error["path"], error["code"]) == ("$.args[1].args[0].args.relationship", "not-exists")
        error = await ask(engine, "bulk", [drop, wrong], status=400)
        assert error["path"] == "$.args[1].args.permission.columns[0]"
        assert await exported(engine) == before

    with_engine(dsn, scenario)


# -- the session -------------------------------------------------------------------------------------------------------


def test_a_script_leaves_nothing_to_the_next_user_of_its_connection(dsn: str) -> None:
    """Settings, role, temporary tables, prepared statements, locks, channels and cursors are those of a new session."""
    leave = """
        set search_path to app; set timezone to 'Asia/Tokyo'; set role pg_monitor;
        create temp table author (x int); prepare h1 as select 1; deallocate all; prepare h2 as select 2;
        select pg_advisory_lock(1); listen gossip; declare c cursor with hold for select 1
    """
    look = """
        select current_setting('search_path') || current_setting('timezone') || current_user
          || (select count(*) from pg_prepared_statements where name in ('h1', 'h2') and statement not like '%howdah%')
          || (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())
          || (select count(*) from pg_listening_channels()) || (select count(*) from pg_cursors)
          || coalesce(to_regclass('pg_temp.author')::text, '')
    """

    async def scenario(engine: Engine) -> None:
        async def ask_all() -> set[str]:
            # Both connections of the pool, one after the other.
            return {(await sql(engine, look))["result"][1][0] for _ in range(4)}

        before = await ask_all()
        for text in (leave, leave + "; select nonsense"):
            await engine.answer(json.dumps({"type": "run_sql", "args": {"sql": text}}).encode(), ADMIN_SESSION)
            assert await ask_all() == before
            await ask(
                engine, "bulk", [{"type": "run_sql", "args": {"sql": leave}}, {"type": "export_metadata", "args": {}}]
            )
            assert await ask_all() == before
        assert [row["id"] for row in await ask(engine, "select", {"table": "author", "columns": ["id"]})] == [1, 2]

    with_engine(dsn, scenario)


ADMIN_SESSION = Session("admin")


def test_errors_of_sql_are_the_callers(dsn: str) -> None:
    """400 with Postgres's own words in ``internal``, whatever Postgres says of it."""

    async def scenario(engine: Engine) -> None:
        for text, state in (
            ("selec 1", "42601"),
            ("select 'x", "42601"),
            ("select $$x", "42601"),
            ("select 1 /* x", "42601"),
            ('select "x', "42601"),
            ("select 1/0", "22012"),
            ("select * from nowhere", "42P01"),
            ("do $$ begin raise exception 'no' using errcode = 'XX001'; end $$", "XX001"),
            ("insert into author values (1)", "23505"),
            ("create table author ()", "42P07"),
            ("select pg_sleep(9)", "57014"),
        ):
            error = await sql(engine, text, status=400)
            assert (error["code"], error["error"]) == ("postgres-error", "query execution failed"), error
            assert error["internal"]["error"]["status_code"] == state
        deferred = "alter table article add constraint later unique (title) deferrable initially deferred"
        await sql(engine, deferred)
        error = await sql(engine, "update article set title = 'Tea'", status=400)
        assert (error["code"], error["internal"]["error"]["status_code"]) == ("constraint-violation", "23505")

    with_engine(dsn, scenario, DatabaseSection(pool_size=2, write_pool_size=1, statement_timeout=0.5))


def test_sql_that_changes_no_table_tells_nobody(dsn: str) -> None:
    """No new version, no reload elsewhere."""

    async def scenario(engine: Engine) -> None:
        version, tables = engine.catalog.version, engine.catalog.tables
        await sql(engine, "insert into article values (9, 'New', 1, 0, false); create sequence loose")
        await sql(engine, "select * from article", read_only=True)
        assert engine.catalog.version == version
        assert all(engine.catalog.tables[name] is table for name, table in tables.items())

    with_engine(dsn, scenario)


def test_a_change_is_known_elsewhere_within_a_second_and_by_the_poll_at_last(dsn: str) -> None:
    """A notification wakes the others; they read what changed, and the tables that did not are the same values."""

    async def scenario() -> None:
        async with started(dsn, SECTION) as one, started(dsn, SECTION) as other:
            before = other.catalog
            await sql(one, "alter table app.tag rename column word to label")
            await eventually(lambda: other.catalog.version == one.catalog.version, seconds=1)
            assert other.catalog.tables == one.catalog.tables
            same = [name.name for name, table in before.tables.items() if other.catalog.tables.get(name) is table]
            assert same == ["author", "shown"]  # article's rules look at tags

    run(scenario())


def test_a_change_between_two_looks_is_not_missed(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that reads metadata and database one after the other ends with what belongs together."""

    async def scenario() -> None:
        async with started(dsn, SECTION) as one, started(dsn, SECTION) as other:
            looks = 0

            def interrupted(look: Any) -> Any:
                async def looked(*args: Any) -> Any:
                    nonlocal looks
                    looks += 1
                    first, found = looks == 1, await look(*args)
                    if first:
                        await sql(one, "alter table app.tag rename column word to label")
                    return found

                return looked

            monkeypatch.setattr(known.store, "read_changes", interrupted(known.store.read_changes))
            monkeypatch.setattr(known, "introspect", interrupted(known.introspect))
            async with await connect(dsn) as connection:
                await connection.script("update howdah.metadata set version = version + 1")
            await other._reload_if_new()
            await eventually(lambda: other.catalog.version == one.catalog.version, seconds=2)
            assert looks > 2
            assert other.catalog.problems == ()
            assert other.catalog.tables == one.catalog.tables

    run(scenario())


def test_it_is_said_when_files_are_behind(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata that came from files and was changed by a call: its tables are named; without files nobody is told."""
    told: list[Any] = []
    monkeypatch.setattr(events, "emit", told.append)

    async def scenario() -> None:
        async with started(dsn, SECTION) as engine:
            await sql(engine, "alter table author rename to person")
            assert [event for event in told if type(event).__name__ == "MetadataFilesOutdated"] == []
        async with await connect(dsn) as connection:
            await connection.script("update howdah.metadata set source = 'hash', version = version + 1")
        async with started(dsn, SECTION) as engine:
            await sql(engine, "alter table person rename to author")
            await sql(engine, "alter table author add column more int")
        (event,) = [event for event in told if type(event).__name__ == "MetadataFilesOutdated"]
        assert event.tables == "article, author, person"

    run(scenario())
