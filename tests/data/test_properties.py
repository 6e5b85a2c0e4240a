"""What holds for any request whatsoever: it becomes a statement or a DataError, and nothing it contains becomes SQL."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.support import cases, compiled, fixture_catalog, operations

from howdah.data.catalog.condition import Compared, Pair, RowExists
from howdah.data.compile import compile_plan
from howdah.data.errors import DataError
from howdah.data.plan import plan
from howdah.data.plan.values import ColumnOutput, RowsPlan, SelectPlan
from howdah.data.query.ast import Bulk, Explain, MetadataCall, TableName, Transaction
from howdah.data.query.json import decode
from howdah.data.query.parse import parse_request
from howdah.data.sql.render import render
from howdah.data.sql.statement import Literal, Statement, bind
from howdah.session import ADMIN, ANONYMOUS, Session

USER = Session("user", {"x-hasura-user-id": "1"})
SESSIONS = st.sampled_from([ADMIN, ANONYMOUS, USER, Session("user"), Session("nobody")])

_catalog = fixture_catalog()
_columns = sorted({column for table in _catalog.tables.values() for column in (*table.columns, *table.exposed_columns)})
_relationships = sorted({name for table in _catalog.tables.values() for name in table.relationships})
_tables = [str(table) for table in _catalog.nameable]

# Text that would show in a statement if it ever got there, and text of all kinds.
MARK = "\N{SNOWMAN}"
TEXT = st.text(max_size=8) | st.sampled_from([MARK, f"'{MARK}", f'"{MARK}"; --', "X-Hasura-User-Id", "{1,2}", "%"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
NAMES = st.sampled_from([*_columns, *_relationships, *_tables, "*", "*.*"]) | TEXT
KEYS = (
    st.sampled_from(
        [
            "table",
            "columns",
            "where",
            "order_by",
            "limit",
            "offset",
            "objects",
            "on_conflict",
            "action",
            "constraint",
            "constraint_on",
            "returning",
            "name",
            "alias",
            "schema",
            "distinct",
            "type",
            "column",
            "nulls",
            "_table",
            "_where",
            "$and",
            "$or",
            "$not",
            "$exists",
            "_and",
            "$eq",
            "$ne",
            "$gt",
            "$in",
            "$nin",
            "$is_null",
            "$like",
            "$regex",
            "$similar",
            "$ceq",
            "aggregates",
            "group_by",
            "sum",
            "min",
            "$contains",
            "$has_key",
            "$has_keys_any",
            "$ancestor_any",
            "$matches",
            "$near",
            "$set",
            "$inc",
            "$mul",
            "$default",
            "values",
            "update",
            "ignore",
            "asc",
            "first",
            "page",
            "after",
            "total",
            "distinct_on",
            "search",
            "query",
            "rank",
            "config",
            "$search",
            "$ref",
        ]
    )
    | NAMES
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)
ARGS = st.fixed_dictionaries(
    {"table": st.sampled_from(_tables) | JSON},
    optional={
        "columns": st.lists(NAMES | JSON, max_size=4) | JSON,
        "where": st.dictionaries(KEYS, JSON, max_size=3) | JSON,
        "order_by": JSON,
        "limit": JSON,
        "offset": JSON,
        "objects": st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=3) | JSON,
        "on_conflict": JSON,
        "returning": st.lists(NAMES, max_size=3) | JSON,
        "$set": st.dictionaries(NAMES, JSON, max_size=3),
        "$inc": st.dictionaries(NAMES, JSON, max_size=2),
        "distinct": st.lists(NAMES, max_size=3) | JSON,
        "aggregates": st.dictionaries(
            NAMES, st.dictionaries(st.sampled_from(["count", "sum", "min"]), NAMES | JSON, max_size=1), max_size=2
        )
        | JSON,
        "group_by": NAMES | JSON,
        "page": st.fixed_dictionaries({}, optional={"after": JSON, "before": JSON, "total": JSON}) | JSON,
        "distinct_on": NAMES | JSON,
    },
)
REQUESTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["select", "select", "insert", "update", "delete", "count", "aggregate", "transaction"])
        | JSON,
        "args": ARGS | JSON,
    }
)


def answered(body: bytes, session: Session) -> Statement | None:
    """The statement of a request, bound; None for a DataError, and for what only a database can answer."""
    try:
        request = parse_request(decode(body))
        if isinstance(request, Bulk | MetadataCall | Explain):
            return None
        if isinstance(request, Transaction):
            operations(request, session, _catalog)
            return None
        statement = render(compile_plan(plan(request, _catalog, session)))
        bind(statement, session)
    except DataError as error:
        json.dumps(error.to_body())
        return None
    return statement


@settings(max_examples=400, deadline=None)
@given(REQUESTS | JSON, SESSIONS)
def test_any_json_is_answered_or_refused(request_: object, session: Session) -> None:
    """From bytes to bound parameters nothing but a DataError is ever raised."""
    answered(json.dumps(request_).encode(), session)


def changed(value: Any, random: Any) -> Any:
    """The value with something somewhere in it replaced, left out or added."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = random.choice(sorted(value))
        if random.random() < 0.1:
            return {other: item for other, item in value.items() if other != key}
        return {**value, key: changed(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        index = random.randrange(len(value))
        return [*value[:index], changed(value[index], random), *value[index + 1 :]]
    return random.choice([None, True, -1, 1.5, "", MARK, "id", "author", "*.*", [], {}, {"$eq": 1}, ["id"], [[1]]])


_bodies = [json.loads(case.request) for case in cases()]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_bodies), st.randoms(use_true_random=False), SESSIONS)
def test_requests_that_almost_make_sense_are_answered_or_refused(body: Any, random: Any, session: Session) -> None:
    """A request of the cases with something in it changed raises nothing but a DataError."""
    answered(json.dumps(changed(body, random)).encode(), session)


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()))
def test_values_never_reach_the_statement(text: str) -> None:
    """Whatever a value is, the statement is the same text; the value is a parameter (R58)."""
    plain = _statement_with_values("plain")
    assert _statement_with_values(text).text == plain.text


def _statement_with_values(text: str) -> Statement:
    where = {
        "title": {"$eq": text, "$like": text, "$in": [text]},
        "author": {"name": text},
        "data": {"$eq": {text: text}},
        "mood": text,
    }
    columns = ["id", {"name": "comments", "columns": ["id"], "where": {"text": {"$regex": text}}}]
    args = {"table": "article", "columns": columns, "where": where}
    return compiled(json.dumps({"type": "select", "args": args}).encode(), USER, _catalog)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20))
def test_names_are_quoted_and_quotes_in_them_doubled(name: str) -> None:
    """A name of the database, whatever is in it, is one quoted identifier wherever it stands."""
    table = TableName(name, name)
    condition = RowExists(table, (Pair(name, name),), Compared(name, "eq", Literal("x", "text"), "text"))
    tree = compile_plan(SelectPlan(RowsPlan(table, (ColumnOutput(name, name),), condition, (), None, None)))
    quoted = '"' + name.replace('"', '""') + '"'
    expected = render(compile_plan(SelectPlan(_named("n", condition="n")))).text.replace('"n"', quoted)
    assert render(tree).text == expected


def _named(name: str, *, condition: str) -> RowsPlan:
    table = TableName(name, name)
    exists = RowExists(table, (Pair(condition, condition),), Compared(name, "eq", Literal("x", "text"), "text"))
    return RowsPlan(table, (ColumnOutput(name, name),), exists, (), None, None)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15))
def test_aliases_are_quoted(alias: str) -> None:
    """An alias of the client, the one name that is not from the catalog, is quoted like the others."""
    columns = [{"name": "author", "alias": alias, "columns": ["id"]}]
    body = json.dumps({"type": "select", "args": {"table": "article", "columns": columns}}).encode()
    text = compiled(body, USER, _catalog).text
    quoted = '"' + alias.replace('"', '""') + '"'
    assert text == _with_plain_alias().replace('"plain"', quoted)


def _with_plain_alias() -> str:
    columns = [{"name": "author", "alias": "plain", "columns": ["id"]}]
    body = json.dumps({"type": "select", "args": {"table": "article", "columns": columns}}).encode()
    return compiled(body, USER, _catalog).text


def test_forbidden_and_unknown_columns_look_the_same() -> None:
    """Every place that can name a column gives the same error for a hidden and for a missing one (R59)."""
    places: list[dict[str, Any]] = [
        {"type": "select", "args": {"table": "author", "columns": ["@"]}},
        {"type": "select", "args": {"table": "author", "columns": ["id"], "where": {"@": "x"}}},
        {"type": "select", "args": {"table": "author", "columns": ["id"], "where": {"@": {}}}},
        {"type": "select", "args": {"table": "author", "columns": ["id"], "where": {"@": {"$is_null": True}}}},
        {"type": "select", "args": {"table": "author", "columns": ["id"], "where": {"name": {"$ceq": "@"}}}},
        {"type": "select", "args": {"table": "author", "columns": ["id"], "order_by": "@"}},
        {"type": "select", "args": {"table": "article", "columns": ["id"], "order_by": "author.@"}},
        {"type": "select", "args": {"table": "article", "columns": [{"name": "author", "columns": ["@"]}]}},
        {"type": "select", "args": {"table": "article", "columns": ["id"], "where": {"author": {"@": "x"}}}},
        {
            "type": "select",
            "args": {
                "table": "article",
                "columns": ["id"],
                "where": {"$exists": {"_table": "author", "_where": {"@": 1}}},
            },
        },
        {"type": "select", "args": {"table": "author", "columns": ["id"], "distinct_on": ["@"]}},
        {"type": "select", "args": {"table": "author", "columns": ["id"], "order_by": "@", "page": {}}},
        {"type": "select", "args": {"table": "article", "columns": ["id"], "order_by": "author.@", "page": {}}},
        {
            "type": "select",
            "args": {"table": "author", "columns": ["id"], "search": {"query": "x", "columns": ["name", "@"]}},
        },
        {"type": "count", "args": {"table": "author", "where": {"@": {"$search": "x"}}}},
        {"type": "count", "args": {"table": "author", "distinct": ["@"]}},
        {"type": "aggregate", "args": {"table": "author", "aggregates": {"n": {"count": "@"}}}},
        {"type": "aggregate", "args": {"table": "author", "aggregates": {"n": {"max": "@"}}}},
        {"type": "aggregate", "args": {"table": "author", "aggregates": {"n": {"sum": "@"}}}},
        {"type": "aggregate", "args": {"table": "author", "aggregates": {"n": {"count": {"distinct": ["@"]}}}}},
        {"type": "aggregate", "args": {"table": "author", "aggregates": {"n": {"count": "*"}}, "group_by": ["@"]}},
        {"type": "aggregate", "args": {"table": "author", "aggregates": {"n": {"count": "*"}}, "where": {"@": 1}}},
        {
            "type": "select",
            "args": {
                "table": "profile",
                "columns": [
                    {
                        "name": "author",
                        "columns": [
                            {
                                "name": "articles",
                                "aggregates": {"n": {"count": "*"}},
                                "where": {"author": {"@": "x"}},
                            }
                        ],
                    }
                ],
            },
        },
        {"type": "update", "args": {"table": "author", "where": {}, "$set": {"@": "x"}}},
        {"type": "update", "args": {"table": "author", "where": {}, "$default": ["@"]}},
        {"type": "update", "args": {"table": "author", "where": {"@": "x"}, "$set": {"name": "x"}}},
        {"type": "update", "args": {"table": "author", "where": {}, "$set": {"name": "x"}, "returning": ["@"]}},
        {"type": "insert", "args": {"table": "author", "objects": [{"@": "x"}]}},
        {
            "type": "insert",
            "args": {
                "table": "author",
                "objects": [{"name": "x"}],
                "on_conflict": {"action": "ignore", "constraint_on": "@"},
            },
        },
    ]
    backend = Session("backend", {"x-hasura-user-id": "1", "x-hasura-use-backend-only-permissions": "true"})
    for place in places:
        session = backend if place["type"] == "insert" else USER
        hidden, missing = (_refusal(json.dumps(place).replace("@", name), session) for name in ("secret", "nosuch"))
        assert hidden.replace("secret", "nosuch") == missing
        assert "permission-denied" in hidden


def _refusal(body: str, session: Session) -> str:
    try:
        compiled(body.encode(), session, _catalog)
    except DataError as error:
        return json.dumps(error.to_body())
    raise AssertionError(body)
