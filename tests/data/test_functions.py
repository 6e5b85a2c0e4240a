"""Functions and computed fields beyond single requests: what may be tracked, who may call, what depends on what."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from tests.data.support import fixture_database, fixture_metadata
from tests.support import Cluster, run

from howdah.data.catalog.resolve import resolve
from howdah.data.change.calls import apply_call
from howdah.data.errors import ARGS, DataError
from howdah.data.execute import Engine
from howdah.data.found.database import Database
from howdah.data.query.ast import MetadataCall, TableName
from howdah.data.written.metadata import ComputedFieldMetadata, FunctionMetadata, Metadata
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, Session

SECTION = DatabaseSection(pool_size=2, write_pool_size=2, statement_timeout=5.0)
USER = Session("user", {"x-hasura-user-id": "1"})

SCHEMA = """
    create schema app;
    create table article (id integer primary key, title text, hidden boolean not null default false);
    create table audit (id serial primary key, entry text);
    insert into article values (1, 'Tea', false), (2, 'Coffee', false), (3, 'Poison', true);
    create function search(words text) returns setof article stable language sql
      as $$select * from article where title ~ words$$;
    create function logged(words text) returns setof article volatile security definer set search_path = public
      language sql
      as $$insert into audit (entry) values (words); select * from article$$;
    create function peek() returns setof article stable language sql
      as 'select * from article where id <= (select count(*) from audit)';
    create function app.shout(row_of article) returns text stable language sql as 'select upper($1.title)';
    create function app.shout(row_of audit) returns text stable language sql as 'select upper($1.entry)';
    create function unlucky(article) returns text stable language plpgsql
      as $$begin raise exception 'no luck with %', $1.title; end$$;
    create function overloaded(integer) returns setof article stable language sql as 'select * from article';
    create function overloaded(text) returns setof article stable language sql as 'select * from article';
    create function variadic_one(variadic integer[]) returns setof article stable language sql
      as 'select * from article';
    create function own_columns() returns table (x integer) stable language sql as 'select 1';
    create function polymorphic(anyelement) returns setof article stable language sql as 'select * from article';
    create function a_number() returns integer stable language sql as 'select 1';
    create function numbers(article) returns setof integer stable language sql as 'select 1';
    create function nothing(article) returns void stable language sql as '';
    create function changing(article) returns text volatile language sql as $$select 'x'$$;
    create function without_row(integer) returns text stable language sql as $$select 'x'$$;
    create function entries(article) returns setof audit stable language sql as 'select * from audit';
    create function with_session(article, session text) returns text stable language sql as $$select 'x'$$;
    create type pair as (a integer, b integer);
    create function a_pair() returns pair stable language sql as 'select 1, 2';
    create procedure a_procedure() language sql as '';
    create function on_change() returns trigger language plpgsql as 'begin return new; end';
"""


def metadata_call(kind: str, **args: Any) -> dict[str, Any]:
    return {"type": kind, "args": args}


TRACK: list[dict[str, Any]] = [
    metadata_call("track_table", table="article"),
    metadata_call(
        "create_select_permission",
        table="article",
        role="user",
        permission={"columns": ["id", "title"], "filter": {"hidden": False}},
    ),
    metadata_call("track_function", function="search"),
    metadata_call("track_function", function="logged"),
    metadata_call("create_function_permission", function="logged", role="user"),
    metadata_call(
        "add_computed_field",
        table="article",
        name="loud",
        definition={"function": {"schema": "app", "name": "shout"}},
    ),
]
COUNT_AUDIT = "select count(*) from audit"


@pytest.fixture
def tracked(database: str, cluster: Cluster) -> str:
    """A database with ``SCHEMA``, of which ``TRACK`` is tracked."""
    cluster.execute(SCHEMA, database=name_of(database))
    assert run(answers(database, {"type": "bulk", "args": TRACK}))[0][0] == 200
    return database


def name_of(dsn: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


async def with_engine(dsn: str, work: Callable[[Engine], Awaitable[Any]]) -> Any:
    engine = Engine(dsn, database=SECTION, data=DataSection())
    await engine.start()
    try:
        assert engine.installation.problem is None
        return await work(engine)
    finally:
        await engine.stop()


async def answers(dsn: str, *requests: dict[str, Any], session: Session = ADMIN) -> list[tuple[int, Any]]:
    """Status and body for each request."""

    async def work(engine: Engine) -> list[tuple[int, Any]]:
        found = [await engine.answer(json.dumps(request).encode(), session) for request in requests]
        return [(answer.status, json.loads(answer.body)) for answer in found]

    result: list[tuple[int, Any]] = await with_engine(dsn, work)
    return result


def select_from(function: str, *, columns: Any = ("id",), **arguments: Any) -> dict[str, Any]:
    return {"type": "select", "args": {"function": function, "arguments": arguments, "columns": list(columns)}}


def select_articles(*columns: Any, **more: Any) -> dict[str, Any]:
    return {"type": "select", "args": {"table": "article", "columns": list(columns), "order_by": "id", **more}}


# -- what may be tracked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "code", "words"),
    [
        ("missing", "not-exists", "no such function"),
        ("a_procedure", "not-exists", "no such function"),
        ("on_change", "not-exists", "no such function"),
        ("overloaded", "not-supported", "more than one of that name"),
        ("variadic_one", "not-supported", "VARIADIC"),
        ("own_columns", "not-supported", "columns of its own"),
        ("polymorphic", "not-supported", "polymorphic"),
        ("a_number", "not-supported", "rows of a table"),
        ("a_pair", "not-supported", "is no table"),
        ("entries", "not-exists", 'table "audit", whose rows'),
        ("search", "already-tracked", "already tracked"),
    ],
)
def test_a_function_that_cannot_be_tracked_is_refused(tracked: str, function: str, code: str, words: str) -> None:
    """With the reason; nothing is changed."""
    (refused,) = run(answers(tracked, metadata_call("track_function", function=function)))
    assert (refused[0], refused[1]["code"]) == (400, code)
    assert words in refused[1]["error"]


@pytest.mark.parametrize(
    ("definition", "code", "words"),
    [
        ({"function": "missing"}, "not-exists", "no such function"),
        ({"function": "changing"}, "not-supported", "VOLATILE"),
        ({"function": "numbers"}, "not-supported", "SETOF integer"),
        ({"function": "nothing"}, "not-supported", "void"),
        ({"function": "without_row"}, "invalid-configuration", "first argument"),
        ({"function": "a_number"}, "invalid-configuration", "first argument"),
        ({"function": "unlucky", "table_argument": "x"}, "not-exists", 'no argument "x"'),
        ({"function": "with_session", "table_argument": "session"}, "invalid-configuration", 'argument "session"'),
        ({"function": "with_session", "session_argument": "session"}, "invalid-configuration", "json"),
        ({"function": "with_session", "session_argument": "x"}, "not-exists", 'no argument "x"'),
        ({"function": "entries"}, "not-exists", 'table "audit", whose rows'),
        ({"function": "overloaded"}, "not-supported", "more than one"),
    ],
)
def test_a_field_that_cannot_be_computed_is_refused(
    tracked: str, definition: dict[str, Any], code: str, words: str
) -> None:
    """With the reason, as for functions."""
    (refused,) = run(
        answers(tracked, metadata_call("add_computed_field", table="article", name="x", definition=definition))
    )
    assert (refused[0], refused[1]["code"]) == (400, code), refused
    assert words in refused[1]["error"]


@pytest.mark.parametrize("name", ["id", "author", "label", "$x", "*", "x" * 64])
def test_the_name_of_a_computed_field_is_nobody_elses(name: str) -> None:
    """It is no column's, no relationship's, no other field's, and can be a name in SQL."""
    kind = "article" if name == "author" else "author"
    table = fixture_metadata().table(TableName("public", kind))
    assert table is not None
    made_by = TableName("public", "article_is_mine" if kind == "article" else "author_first")
    fields = (*table.computed_fields, ComputedFieldMetadata(name, made_by))
    metadata = fixture_metadata().with_table(replace(table, computed_fields=fields))
    problems = resolve(metadata, fixture_database(), version=1).problems
    assert [problem.kind for problem in problems] == ["computed field"]


# -- calls -------------------------------------------------------------------------------------------------------------


def after(kind: str, args: Any, before: Metadata | None = None, database: Database | None = None) -> Metadata:
    before, database = before or fixture_metadata(), database or fixture_database()
    return apply_call(MetadataCall(kind, args, ARGS), before, database, resolve(before, database, version=1))


def test_functions_are_tracked_in_every_form_and_untracked() -> None:
    """By name, by schema and name, or with a configuration; untracking undoes it."""
    rate = TableName("public", "rate")
    bare = after("untrack_function", "rate")
    assert bare.function(rate) is None
    assert bare == after("untrack_function", {"function": "rate"}) == after("untrack_function", {"name": "rate"})
    tracked = FunctionMetadata(rate)
    for args in ("rate", {"schema": "public", "name": "rate"}, {"function": {"name": "rate"}}):
        assert after("track_function", args, bare).function(rate) == tracked
    args = {"function": "rate", "configuration": {"exposed_as": "query"}, "comment": "stars"}
    assert after("track_function", args, bare).function(rate) == FunctionMetadata(
        rate, exposed_as="query", comment="stars"
    )


def test_a_function_is_customized_and_its_permissions_given_and_taken() -> None:
    """Each call changes what it says and nothing else."""
    rate = TableName("public", "rate")
    changed = after("set_function_customization", {"function": "rate", "configuration": {"exposed_as": "mutation"}})
    assert changed.function(rate) == FunctionMetadata(rate, exposed_as="mutation", roles=("user",))
    given = after("create_function_permission", {"function": "rate", "role": "editor"})
    assert given.function(rate) == FunctionMetadata(rate, roles=("editor", "user"))
    taken = after("drop_function_permission", {"function": "rate", "role": "editor"}, given)
    assert taken.function(rate) == fixture_metadata().function(rate)


@pytest.mark.parametrize(
    ("kind", "args", "code", "path"),
    [
        ("track_function", 5, "parse-failed", "$.args"),
        ("track_function", {"function": "rate"}, "already-tracked", "$.args"),
        (
            "track_function",
            {"function": "x", "configuration": {"custom_name": "y"}},
            "not-supported",
            "$.args.configuration.custom_name",
        ),
        (
            "track_function",
            {"function": "x", "configuration": {"typo": 1}},
            "unexpected-payload",
            "$.args.configuration.typo",
        ),
        ("untrack_function", "nonsense", "not-exists", "$.args"),
        ("untrack_function", {"function": "nonsense"}, "not-exists", "$.args.function"),
        (
            "set_function_customization",
            {"function": "best_article", "configuration": {"exposed_as": "mutation"}},
            "not-supported",
            "$.args.configuration.exposed_as",
        ),
        (
            "set_function_customization",
            {"function": "search_article", "configuration": {"session_argument": "search"}},
            "invalid-configuration",
            "$.args.configuration.session_argument",
        ),
        ("set_function_customization", {"function": "rate"}, "parse-failed", "$.args"),
        ("create_function_permission", {"function": "rate", "role": "user"}, "already-exists", "$.args"),
        ("create_function_permission", {"function": "rate", "role": "admin"}, "not-supported", "$.args"),
        ("create_function_permission", {"function": "author_label", "role": "user"}, "not-exists", "$.args.function"),
        ("drop_function_permission", {"function": "rate", "role": "editor"}, "not-exists", "$.args.role"),
        (
            "add_computed_field",
            {"table": "author", "name": "label", "definition": {"function": "author_label"}},
            "already-exists",
            "$.args.name",
        ),
        (
            "add_computed_field",
            {"table": "nonsense", "name": "x", "definition": {"function": "author_label"}},
            "not-exists",
            "$.args.table",
        ),
        ("add_computed_field", {"table": "author", "name": "x"}, "parse-failed", "$.args"),
        ("drop_computed_field", {"table": "author", "name": "nonsense"}, "not-exists", "$.args.name"),
        ("drop_computed_field", {"table": "author", "name": "label"}, "dependency-error", "$.args"),
    ],
)
def test_a_call_about_functions_is_refused_with_code_and_path(kind: str, args: Any, code: str, path: str) -> None:
    """As other calls are."""
    with pytest.raises(DataError) as refused:
        after(kind, args)
    assert (refused.value.code, refused.value.path) == (code, path)


def test_what_depends_goes_along_with_cascade() -> None:
    """A computed field with the permissions that name it; a table with the functions that return its rows."""
    author = TableName("public", "author")
    metadata = after("drop_computed_field", {"table": "author", "name": "label", "cascade": True})
    table = metadata.table(author)
    assert table is not None
    assert "label" not in [field.name for field in table.computed_fields]
    assert ("user", "select") not in [(one.role, one.operation) for one in table.permissions]
    with pytest.raises(DataError, match="function rate"):
        after("untrack_table", "rating")
    without = after("untrack_table", {"table": "rating", "cascade": True})
    assert without.function(TableName("public", "rate")) is None


# -- in the database ---------------------------------------------------------------------------------------------------


def test_dropping_a_function_that_is_used_is_a_dependency_error(tracked: str) -> None:
    """For run_sql; with ``cascade`` what needs the function goes, too."""
    drop = "drop function search; drop function app.shout(article)"

    async def work(engine: Engine) -> None:
        async def ask(request: dict[str, Any]) -> Any:
            answer = await engine.answer(json.dumps(request).encode(), ADMIN)
            return json.loads(answer.body)

        refused = await ask(metadata_call("run_sql", sql=drop))
        assert refused["code"] == "dependency-error"
        assert "function search" in refused["error"]
        assert "computed field article.loud" in refused["error"]
        assert await ask(select_from("search", words="e")) != []
        assert (await ask(metadata_call("run_sql", sql=drop, cascade=True)))["result_type"] == "CommandOk"
        exported = await ask(metadata_call("export_metadata"))
        assert [one["function"] for one in exported["functions"]] == ["logged"]
        assert "computed_fields" not in exported["tables"][0]

    run(with_engine(tracked, work))


def test_a_function_that_is_changed_is_seen_as_it_is_now(tracked: str) -> None:
    """Another argument, and another kind: what was a read is a mutation, which the role may not call."""
    replaced = """drop function search(text); create function search(words text, n integer) returns setof article
        volatile language sql as 'select * from article where id = n'"""

    async def work(engine: Engine) -> None:
        assert (await engine.answer(json.dumps(select_from("search", words="e")).encode(), USER)).status == 200
        changed = await engine.answer(json.dumps(metadata_call("run_sql", sql=replaced)).encode(), ADMIN)
        assert changed.status == 200, changed.body
        request = json.dumps(select_from("search", words="e", n=2)).encode()
        refused = await engine.answer(request, USER)
        assert (refused.status, json.loads(refused.body)["code"]) == (400, "permission-denied")
        assert json.loads((await engine.answer(request, ADMIN)).body) == [{"id": 2}]

    run(with_engine(tracked, work))


def test_a_mutation_changes_something_and_answers_what_the_role_may_see(tracked: str, cluster: Cluster) -> None:
    """A volatile function is called once for each request, also when its statement is remembered; in a bulk, too."""
    request = select_from("logged", columns=["id", "title"], words="x")
    found = run(answers(tracked, request, request, {"type": "bulk", "args": [request]}, session=USER))
    rows = [{"id": 1, "title": "Tea"}, {"id": 2, "title": "Coffee"}]
    assert found == [(200, rows), (200, rows), (200, [rows])]
    assert cluster.execute(COUNT_AUDIT, database=name_of(tracked)) == [(3,)]


def test_a_function_works_with_the_apis_privileges(tracked: str) -> None:
    """What is not tracked stays out of reach of a function's body, unless the function is SECURITY DEFINER."""
    track = metadata_call("track_function", function="peek")
    (_, (status, refused)) = run(answers(tracked, track, select_from("peek")))
    assert (status, refused["code"]) == (400, "permission-denied")


def test_where_not_everybody_may_call_functions_the_api_may_call_those_it_needs(tracked: str, cluster: Cluster) -> None:
    """What is tracked, or computes a field, is granted; when it is tracked no longer, that is taken back."""
    name = name_of(tracked)
    cluster.execute("revoke execute on all functions in schema public, app from public", database=name)
    role = f"howdah_api_{name}"

    def may_call() -> list[str]:
        rows = cluster.execute(
            f"select oid::regprocedure::text from pg_proc where has_function_privilege('{role}', oid, 'execute')"
            " and prokind = 'f' and pronamespace in ('public'::regnamespace, 'app'::regnamespace) order by 1",
            database=name,
        )
        return [row[0] for row in rows]

    requests = [metadata_call("reload_metadata"), select_from("search", words="e"), select_articles("id", "loud")]
    assert [status for status, _ in run(answers(tracked, *requests))] == [200, 200, 200]
    assert may_call() == ["app.shout(article)", "app.shout(audit)", "logged(text)", "search(text)"]
    run(answers(tracked, metadata_call("untrack_function", function="logged")))
    assert may_call() == ["app.shout(article)", "app.shout(audit)", "search(text)"]


def test_what_a_function_raises_reaches_the_client(tracked: str) -> None:
    """On purpose, with RAISE: 400 with its words; only for rows the role may see."""
    add = metadata_call("add_computed_field", table="article", name="luck", definition={"function": "unlucky"})
    permission = {"columns": ["id"], "filter": {"id": {"$gt": 2}}, "computed_fields": ["luck"]}
    allow = metadata_call("create_select_permission", table="article", role="gambler", permission=permission)
    assert [status for status, _ in run(answers(tracked, add, allow))] == [200, 200]
    gambler = Session("gambler")
    luck, none = select_articles("luck"), select_articles("id", where={"id": {"$lt": 3}, "luck": "x"})
    (raised, quiet) = run(answers(tracked, luck, none, session=gambler))
    assert raised[0] == 400
    assert raised[1]["error"] == "no luck with Poison"
    assert quiet == (200, [])


def test_an_answer_of_a_transaction_is_given_to_a_function(tracked: str) -> None:
    """An argument may be a reference to what an earlier query answered."""
    first = select_articles("title", where={"id": 2})
    second = {
        "type": "select",
        "args": {"function": "search", "columns": ["id"], "arguments": {"words": {"$ref": "0.title"}}},
    }
    ((status, found),) = run(answers(tracked, {"type": "transaction", "args": [first, second]}, session=USER))
    assert (status, found) == (200, [[{"title": "Coffee"}], [{"id": 2}]])


def test_functions_are_explained_with_the_permission_of_their_table(tracked: str) -> None:
    """Explain names the table whose permission rows of the function obey."""
    request = {
        "type": "explain",
        "args": {"query": select_from("search", words="e"), "user": {"X-Hasura-Role": "user"}},
    }
    ((status, found),) = run(answers(tracked, request))
    assert status == 200, found
    assert [one["table"] for one in found["permissions"]] == ["article"]


def test_metadata_with_functions_survives_an_export(tracked: str) -> None:
    """What is exported can be put back, and says the same."""

    async def work(engine: Engine) -> None:
        before = json.loads((await engine.answer(b'{"type":"export_metadata","args":{}}', ADMIN)).body)
        assert [one["function"] for one in before["functions"]] == ["logged", "search"]
        for kind, args in (("clear_metadata", {}), ("replace_metadata", before)):
            answer = await engine.answer(json.dumps({"type": kind, "args": args}).encode(), ADMIN)
            assert answer.status == 200, answer.body
        assert json.loads((await engine.answer(b'{"type":"export_metadata","args":{}}', ADMIN)).body) == before
        assert engine.catalog.problems == ()

    run(with_engine(tracked, work))
