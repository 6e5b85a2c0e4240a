"""explain: the statement, its plan, the permissions that apply; what it tries is taken back."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from tests.data.support import Case, cases, compiled, fixture_catalog
from tests.support import run

from howdah.data.catalog.condition import AllOf, AnyOf, Behind, Condition, Negation, RowExists
from howdah.data.examine.applied import applied
from howdah.data.execute import Engine
from howdah.data.query.ast import Bulk, Explain, MetadataCall, Transaction
from howdah.data.query.json import decode
from howdah.data.query.parse import parse_request
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, ANONYMOUS, Session

SECTION = DatabaseSection(pool_size=2, write_pool_size=2)
USER = {"x-hasura-role": "user", "x-hasura-user-id": "1"}


def with_engine(dsn: str, work: Callable[[Engine], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        engine = Engine(dsn, database=SECTION, data=DataSection())
        await engine.start()
        try:
            return await work(engine)
        finally:
            await engine.stop()

    return run(go())


def ask(dsn: str, request: Any, session: Session = ADMIN) -> tuple[int, Any]:
    """The status and body of an answer."""

    async def go(engine: Engine) -> tuple[int, Any]:
        answer = await engine.answer(json.dumps(request).encode(), session)
        return answer.status, json.loads(answer.body)

    status, body = with_engine(dsn, go)
    return status, body


def explain(dsn: str, query: Any, **args: Any) -> Any:
    status, body = ask(dsn, {"type": "explain", "args": {"query": query, **args}})
    assert status == 200, body
    return body


NESTED = {
    "type": "select",
    "args": {
        "table": "article",
        "columns": ["title", {"name": "author", "columns": ["name"]}],
        "where": {"comments": {"text": "Nice."}},
        "order_by": "author.name",
    },
}


def test_it_tells_statement_parameters_plan_and_permissions(unchanged: str) -> None:
    """The text is what is run for the role; each occurrence of a table has its permission, as written."""
    told = explain(unchanged, NESTED, user=USER)
    session = Session("user", {"x-hasura-user-id": "1"})
    statement = compiled(json.dumps(NESTED).encode(), session, fixture_catalog())
    assert told["sql"] == statement.text
    assert told["parameters"] == ["1", "1", "Nice."]
    assert told["plan"][0].startswith("Aggregate")
    assert told["plan_json"]["Plan"]["Node Type"] == "Aggregate"
    assert "execution_ms" not in told
    assert [(one["path"], one["table"], one["operation"]) for one in told["permissions"]] == [
        ("$.args.query.args", "article", "select"),
        ("$.args.query.args.columns[1]", "author", "select"),
        ("$.args.query.args.where.comments", "comment", "select"),
        ("$.args.query.args.order_by", "author", "select"),
    ]
    article, author, *_ = told["permissions"]
    assert article["rule"]["filter"] == {"$or": [{"published": True}, {"author_id": "X-Hasura-User-Id"}]}
    assert author["columns"] == ["id", "name", "email", "active", "born"]


def test_nothing_binds_the_administrator(unchanged: str) -> None:
    """Without a user it is explained for the administrator: no rule, every column."""
    told = explain(unchanged, {"type": "delete", "args": {"table": "article", "where": {"id": 1}}})
    assert [(one["operation"], one["rule"]) for one in told["permissions"]] == [("delete", None), ("select", None)]


def test_analyze_measures_and_takes_writes_back(changed: str) -> None:
    """An insert, an update and a delete are run, with their triggers, and nothing of them is left."""
    with psycopg.connect(changed, autocommit=True) as connection:
        connection.execute("create table trace (what text)")
        connection.execute(
            "create function note() returns trigger security definer language plpgsql as"
            " $$ begin insert into public.trace values (tg_op); return coalesce(new, old); end $$"
        )
        connection.execute(
            "create trigger note after insert or update or delete on counter for each row execute function note()"
        )
        before = connection.execute("select * from counter").fetchall()
        for query in (
            {"type": "insert", "args": {"table": "counter", "objects": [{"value": 7}]}},
            {"type": "update", "args": {"table": "counter", "where": {}, "$inc": {"value": 1}}},
            {"type": "delete", "args": {"table": "counter", "where": {}}},
        ):
            told = explain(changed, query, analyze=True)
            assert told["execution_ms"] >= 0
            assert any("actual time" in line for line in told["plan"])
            assert told["plan_json"]["Triggers"][0]["Trigger Name"] == "note"
        assert connection.execute("select * from counter").fetchall() == before
        assert connection.execute("select * from trace").fetchall() == []


def test_a_bulk_is_explained_in_order(changed: str) -> None:
    """With analyze a later query finds what an earlier one wrote."""
    row = "00000000-0000-0000-0000-00000000000a"
    told = explain(
        changed,
        {
            "type": "bulk",
            "args": [
                {"type": "insert", "args": {"table": "counter", "objects": [{"id": row}]}},
                {"type": "select", "args": {"table": "counter", "columns": ["id"], "where": {"id": row}}},
            ],
        },
        analyze=True,
    )
    plan = json.dumps(told[1]["plan_json"])
    assert '"Actual Rows": 1' in plan
    assert ask(changed, {"type": "count", "args": {"table": "counter"}}) == (200, {"count": 1})


ARTICLE_WITH_COMMENTS = {
    "type": "insert",
    "args": {
        "table": "article",
        "objects": [{"title": "New", "published": True, "comments": {"data": [{"text": "a"}, {"text": "b"}]}}],
        "returning": ["title", {"name": "comments", "columns": ["text"]}],
    },
}


@pytest.mark.parametrize("analyze", [False, True])
def test_a_nested_insert_is_explained_statement_by_statement(changed: str, analyze: bool) -> None:
    """Each with its plan and the permission at its table, filled with what those before it wrote; nothing stays."""
    told = explain(changed, ARTICLE_WITH_COMMENTS, user=USER, analyze=analyze)
    found = [(one["purpose"], one["table"], one["path"]) for one in told["statements"]]
    place = "$.args.query.args"
    assert found[0] == ("insert", "article", place)
    assert found[1] == ("insert", "comment", f"{place}.objects[0].comments")
    assert found[-1] == ("returning", "article", place)
    article, comments, *_, returning = told["statements"]
    assert article["sql"].startswith("WITH")
    assert any(re.fullmatch("1[0-9]{2}", one or "") for one in comments["parameters"]), "the article's key"
    assert [(one["table"], one["operation"]) for one in article["permissions"]] == [("article", "insert")]
    assert [(one["table"], one["operation"]) for one in comments["permissions"]] == [("comment", "insert")]
    assert comments["permissions"][0]["rule"]["set"] == {"user_id": "REQ_USER_ID"}
    assert [(one["table"], one["operation"]) for one in returning["permissions"]] == [
        ("article", "select"),
        ("comment", "select"),
    ]
    assert all(("execution_ms" in one) is analyze for one in told["statements"])
    assert all(one["plan"] and one["plan_json"]["Plan"] for one in told["statements"])
    assert ask(changed, {"type": "count", "args": {"table": "article", "where": {"title": "New"}}})[1] == {"count": 0}


def test_a_transaction_is_explained_query_by_query(changed: str) -> None:
    """Later ones with what earlier ones answered, nested inserts with their statements; nothing stays."""
    queries = [
        {"type": "insert", "args": {"table": "article", "objects": [{"title": "One"}]}},
        {"type": "select", "args": {"table": "article", "columns": ["title"], "where": {"id": {"$ref": "0.id"}}}},
        ARTICLE_WITH_COMMENTS,
        {"type": "insert", "args": {"table": "comment", "objects": [{"text": "c", "article_id": {"$ref": "2.id"}}]}},
    ]
    told = explain(changed, {"type": "transaction", "args": queries}, user=USER, analyze=True)
    insert, select, nested, comment = told
    assert insert["permissions"][0]["path"] == "$.args.query.args[0].args"
    assert '"Actual Rows": 1' in json.dumps(select["plan_json"]), "it finds the row that was written"
    assert select["parameters"][-1].isdigit()
    assert [one["purpose"] for one in nested["statements"]][-1] == "kept"
    assert any(parameter and parameter.isdigit() for parameter in comment["parameters"])
    assert ask(changed, {"type": "count", "args": {"table": "comment", "where": {"text": "c"}}})[1] == {"count": 0}


def test_what_a_transaction_is_refused_is_refused_here(changed: str) -> None:
    """What the role may not do, what the database does not take, and a reference that leads nowhere."""
    secret = {"type": "select", "args": {"table": "author", "columns": ["secret"]}}
    double = {"type": "insert", "args": {"table": "article", "objects": [{"id": 1, "title": "x", "author_id": 1}]}}
    nowhere = {"type": "select", "args": {"table": "article", "columns": ["id"], "where": {"id": {"$ref": "0.id"}}}}
    place = "$.args.query.args[0].args"
    for query, user, code, path in (
        (secret, USER, "permission-denied", f"{place}.columns[0]"),
        (double, {}, "constraint-violation", place),
        (nowhere, USER, "invalid-reference", f'{place}.where.id["$ref"]'),
    ):
        args = {"query": {"type": "transaction", "args": [query]}, "user": user}
        status, body = ask(changed, {"type": "explain", "args": args})
        assert (status, body["code"], body["path"]) == (400, code, path)


def test_what_the_role_is_refused_is_refused_here(unchanged: str) -> None:
    """With the same words, at the place inside the request; so is a variable the user lacks."""
    query = {"type": "select", "args": {"table": "author", "columns": ["secret"]}}
    status, body = ask(unchanged, {"type": "explain", "args": {"query": query, "user": USER}})
    assert (status, body["code"], body["path"]) == (400, "permission-denied", "$.args.query.args.columns[0]")
    status, body = ask(unchanged, {"type": "explain", "args": {"query": NESTED, "user": {"x-hasura-role": "user"}}})
    assert (status, body["code"]) == (400, "not-found")


@pytest.mark.parametrize(
    ("args", "code", "path"),
    [
        ({}, "parse-failed", "$.args"),
        ({"query": NESTED, "user": {"role": "user"}}, "unexpected-payload", "$.args.user.role"),
        ({"query": NESTED, "user": {"x-hasura-role": []}}, "parse-failed", '$.user["x-hasura-role"]'),
        ({"query": NESTED, "analyze": 1}, "parse-failed", "$.analyze"),
        ({"query": NESTED, "verbose": True}, "unexpected-payload", "$.args.verbose"),
        ({"query": {"type": "run_sql", "args": {"sql": "select 1"}}}, "not-supported", "$.args.query.type"),
        ({"query": {"type": "explain", "args": {"query": NESTED}}}, "not-supported", "$.args.query.type"),
    ],
)
def test_what_cannot_be_explained_is_refused(unchanged: str, args: Any, code: str, path: str) -> None:
    """With the place of what is wrong."""
    status, body = ask(unchanged, {"type": "explain", "args": args})
    assert (status, body["code"], body["path"]) == (400, code, path), body


def test_it_is_for_the_administrator_and_stands_alone(unchanged: str) -> None:
    """Nobody else may see statements and plans, not even of what they may ask themselves; nor inside a bulk."""
    request = {"type": "explain", "args": {"query": NESTED}}
    for session in (ANONYMOUS, Session("user", {"x-hasura-user-id": "1"})):
        status, body = ask(unchanged, request, session)
        assert (status, body["code"]) == (400, "access-denied")
        status, body = ask(unchanged, {"type": "bulk", "args": [request]}, session)
        assert (status, body["code"]) == (400, "not-supported")


def test_its_own_address_takes_the_arguments_alone(unchanged: str) -> None:
    """As at ``/v1/query/explain``."""

    async def go(engine: Engine) -> Any:
        answer = await engine.answer(json.dumps({"query": NESTED, "user": USER}).encode(), ADMIN, "explain")
        return json.loads(answer.body)

    assert with_engine(unchanged, go)["sql"] == explain(unchanged, NESTED, user=USER)["sql"]


@pytest.mark.parametrize("case", cases("allowed"), ids=str)
def test_no_table_of_a_statement_is_without_its_permission(case: Case) -> None:
    """Whatever table a statement names is one whose permission is told, or one that such a permission looks into."""
    request = parse_request(decode(case.request))
    assert not isinstance(request, Bulk | MetadataCall | Explain)
    queries = request.queries if isinstance(request, Transaction) else (request,)
    catalog, role = fixture_catalog(), case.session.role
    found = [one for query in queries for one in applied(query, catalog, role)]
    looked_into = {table for one in found for table in inside(catalog.tables[one.table].permissions[role])}
    text = (case.folder / "statement.sql").read_text()
    named = set(re.findall(r'(?:FROM|INTO|UPDATE)\s+("(?:[^"]|"")+"\."(?:[^"]|"")+")(?!\()', text))
    names = {
        f'"{name.schema}"."{name.name.replace(chr(34), chr(34) * 2)}"'
        for name in {*(one.table for one in found), *looked_into}
    }
    assert found
    assert named <= names


def inside(permissions: Any) -> Any:
    """The tables that conditions of the permissions look into."""
    for part in (permissions.select, permissions.insert, permissions.update, permissions.delete):
        for name in ("filter", "check"):
            yield from tables_in(getattr(part, name, AllOf(())))


def tables_in(condition: Condition) -> Any:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from tables_in(part)
        case Negation(part):
            yield from tables_in(part)
        case Behind(first, second):
            yield from tables_in(first)
            yield from tables_in(second)
        case RowExists(table, _, part):
            yield table
            yield from tables_in(part)
