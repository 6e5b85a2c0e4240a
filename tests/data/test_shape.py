"""Shapes: what is answered with a remembered statement is answered exactly as if it had been compiled afresh."""

from __future__ import annotations

import base64
import json
import os
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.support import cases, fixture_catalog
from tests.data.test_properties import changed

from howdah.data.compile import compile_plan
from howdah.data.errors import DataError
from howdah.data.execute.remembered import Remembered, Statements
from howdah.data.plan import plan, standpoint
from howdah.data.query.ast import Bulk, MetadataCall, Query, Transaction
from howdah.data.query.json import decode
from howdah.data.query.limits import DEFAULT_LIMITS, Limits
from howdah.data.query.parse import parse_request
from howdah.data.query.shape import LONGEST_LIST, LONGEST_SHAPE, Holes, split
from howdah.data.sql.encode import to_json
from howdah.data.sql.render import render
from howdah.data.sql.statement import Literal, Statement, bind
from howdah.session import ADMIN, ANONYMOUS, Session

EXAMPLES = int(os.environ.get("HOWDAH_TEST_EXAMPLES", "300"))
USER = Session("user", {"x-hasura-user-id": "1"})
SESSIONS = st.sampled_from([ADMIN, ANONYMOUS, USER, Session("user")])

_catalog = fixture_catalog()


# -- the two ways ------------------------------------------------------------------------------------------------------


def fresh(value: Any, session: Session, limits: Limits = DEFAULT_LIMITS) -> tuple[Query, Statement]:
    """The statement, compiled. Raises DataError."""
    query = parse_request(value, limits)
    assert not isinstance(query, Bulk | MetadataCall | Transaction)
    return query, render(compile_plan(plan(query, _catalog, session, limits)))


def remembered(body: bytes, session: Session, statements: Statements) -> bool:
    """Whether the statements have one for the request, after it has been asked."""
    value = decode(body)
    shaped = split(value)
    try:
        _, statement = fresh(value, session)
    except DataError:
        return False
    if shaped is None:
        return False
    statements.remember(standpoint(session), *shaped, statement, lambda: fresh(value, session))
    return found(body, session, statements) is not None


def found(body: bytes, session: Session, statements: Statements) -> tuple[Remembered, Holes] | None:
    shaped = split(decode(body))
    if shaped is None:
        return None
    known = statements.find(standpoint(session), shaped[0])
    return None if known is None else (known, shaped[1])


def outcome(body: bytes, session: Session) -> Any:
    """The text and the bound parameters, or the refusal, of the request compiled afresh."""
    try:
        statement = fresh(decode(body), session)[1]
        return statement.text, statement.writes, bind(statement, session)
    except DataError as error:
        return error.to_body()


def outcome_from(known: Remembered, holes: Holes, session: Session) -> Any:
    """The same, with the remembered statement."""
    try:
        parameters = bind(known.statement, session, [container[key] for container, key in holes])
    except DataError as error:
        return error.to_body()
    return known.statement.text, known.statement.writes, parameters


# -- requests ----------------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(["", "Ann", "%e%", "X-Hasura-User-Id", "{1,2}", "1", "2024-01-01", "ä'\"\\"])
INTEGERS = st.integers(-3, 3) | st.sampled_from([2**31, 2**63 - 1])
FRACTIONS = st.sampled_from([Decimal("1.0"), Decimal("1.00"), Decimal("-0.0"), Decimal("0.0"), Decimal("2.5")])
PLAIN = TEXTS | INTEGERS | FRACTIONS
SCALARS = PLAIN | st.none() | st.booleans()
LISTS = st.lists(PLAIN, max_size=3) | st.lists(SCALARS, max_size=3)
OBJECTS = st.dictionaries(st.sampled_from(["a", "$eq", "_in", "id", ""]), SCALARS | LISTS, max_size=2)
VALUES = SCALARS | LISTS | OBJECTS

COLUMNS = {
    "article": ["id", "title", "author_id", "published", "rating", "price", "tags", "data", "mood"],
    "author": ["id", "name", "active", "born"],
    "comment": ["id", "text", "hidden", "created"],
}
RELATED = {
    "article": {"author": "author", "editor": "author", "comments": "comment"},
    "author": {"articles": "article"},
    "comment": {"article": "article"},
}
OPERATORS = ["$eq", "_ne", "$gt", "$lte", "$in", "_nin", "$like", "$regex", "$is_null", "$ceq", "$matches_any"]
JSON_OPERATORS = ["$contains", "_contained_in", "$has_key", "_has_keys_any", "$has_keys_all"]
LIST_OPERATORS = {"$in", "_nin", "_has_keys_any", "$has_keys_all", "$matches_any"}


def operands(operator: str, table: str) -> st.SearchStrategy[Any]:
    if operator == "$is_null":
        return st.booleans()
    if operator == "$ceq":
        return st.sampled_from(COLUMNS[table])
    return LISTS if operator in LIST_OPERATORS else VALUES


def one(key: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({key: value})


def conditions(table: str, depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    column = st.sampled_from(COLUMNS[table])
    operator = st.sampled_from(OPERATORS).flatmap(lambda name: st.fixed_dictionaries({name: operands(name, table)}))
    entries: list[st.SearchStrategy[dict[str, Any]]] = [
        st.dictionaries(column, VALUES, max_size=2),
        st.dictionaries(column, operator, min_size=1, max_size=2),
    ]
    if table == "article":
        about_json = st.sampled_from(JSON_OPERATORS)
        entries.append(
            about_json.flatmap(lambda name: st.fixed_dictionaries({"data": one(name, operands(name, table))}))
        )
    if depth:
        inner = conditions(table, depth - 1)
        entries += [
            st.dictionaries(st.sampled_from(["$and", "_or"]), st.lists(inner, max_size=2), min_size=1, max_size=2),
            st.fixed_dictionaries({"$not": inner}),
            st.sampled_from(sorted(RELATED[table])).flatmap(
                lambda name: st.fixed_dictionaries({name: conditions(RELATED[table][name], depth - 1)})
            ),
            st.fixed_dictionaries(
                {"$exists": st.fixed_dictionaries({"_table": st.just("author"), "_where": conditions("author", 0)})}
            ),
        ]
    return st.one_of(entries)


def selections(table: str, depth: int = 2) -> dict[str, st.SearchStrategy[Any]]:
    entries: st.SearchStrategy[Any] = st.sampled_from([*COLUMNS[table], "*"])
    if depth:
        entries |= st.sampled_from(sorted(RELATED[table])).flatmap(
            lambda name: st.fixed_dictionaries(
                {"name": st.just(name), "columns": selections(RELATED[table][name], depth - 1)["columns"]},
                optional={"where": conditions(RELATED[table][name], 1), "limit": st.integers(0, 2)},
            )
        )
        entries |= st.sampled_from(sorted(RELATED[table])).flatmap(
            lambda name: st.fixed_dictionaries(
                {"name": st.just(name), "aggregates": aggregates(RELATED[table][name])},
                optional={"where": conditions(RELATED[table][name], 1), "group_by": st.just("id")},
            )
        )
    return {"columns": st.lists(entries, max_size=3)}


def aggregates(table: str) -> st.SearchStrategy[dict[str, Any]]:
    column = st.sampled_from(COLUMNS[table])
    count = st.just("*") | column | st.fixed_dictionaries({"distinct": st.lists(column, min_size=1, max_size=2)})
    function = one("count", count) | st.dictionaries(st.sampled_from(["sum", "avg", "min", "max"]), column, max_size=1)
    return st.dictionaries(st.sampled_from(["n", "x", "id"]), function, min_size=1, max_size=2)


def rows(table: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(COLUMNS[table]), VALUES, max_size=3)


def arguments(kind: str, table: str) -> st.SearchStrategy[dict[str, Any]]:
    named = {"table": st.just(table)}
    where = {"where": conditions(table)}
    returning = {"returning": st.lists(st.sampled_from(COLUMNS[table]), max_size=2)}
    match kind:
        case "select":
            slice_ = {
                "limit": st.integers(0, 3),
                "offset": st.integers(0, 3),
                "order_by": st.sampled_from(["id", "-id"]),
                "page": st.fixed_dictionaries(
                    {}, optional={"total": st.booleans(), "after": st.dictionaries(st.just("id"), VALUES, min_size=1)}
                ),
            }
            return st.fixed_dictionaries(named | selections(table), optional=where | slice_)
        case "aggregate":
            groups = {"group_by": st.sampled_from(COLUMNS[table]), "limit": st.integers(0, 3)}
            return st.fixed_dictionaries(named | {"aggregates": aggregates(table)}, optional=where | groups)
        case "count":
            return st.fixed_dictionaries(named, optional=where | {"distinct": st.just(["id"])})
        case "insert":
            objects = {"objects": st.lists(rows(table), min_size=1, max_size=3)}
            return st.fixed_dictionaries(named | objects, optional=returning)
        case "update":
            written = {key: rows(table) for key in ("$set", "$inc", "values")}
            return st.fixed_dictionaries(named | where, optional=written | returning)
        case _:
            return st.fixed_dictionaries(named | where, optional=returning)


REQUESTS = st.tuples(
    st.sampled_from(["select", "select", "count", "aggregate", "insert", "update", "delete"]),
    st.sampled_from(sorted(COLUMNS)),
).flatmap(lambda pair: st.fixed_dictionaries({"type": st.just(pair[0]), "args": arguments(*pair)}))


def body_of(request: Any) -> bytes:
    return to_json(request).encode()


def with_other_values(body: bytes, data: st.DataObject) -> bytes:
    """The request with another value in every hole: of the same kind, and a list with members for one."""
    value = decode(body)
    shaped = split(value)
    assert shaped is not None
    for container, key in shaped[1]:
        match container[key]:
            case str():
                container[key] = data.draw(TEXTS)
            case int():
                container[key] = data.draw(INTEGERS)
            case Decimal():
                container[key] = data.draw(FRACTIONS)
            case list():
                plain = key in LIST_OPERATORS
                container[key] = data.draw(st.lists(PLAIN, min_size=1, max_size=4) if plain else LISTS)
            case _:
                container[key] = data.draw(OBJECTS)
    return body_of(value)


# -- the properties ----------------------------------------------------------------------------------------------------


@settings(max_examples=EXAMPLES)
@given(REQUESTS, SESSIONS, st.data())
def test_a_request_of_a_remembered_shape_is_answered_as_if_compiled(
    request_: Any, session: Session, data: st.DataObject
) -> None:
    """With the same shape and other values, text, parameters and refusals are those of the request compiled afresh."""
    first = body_of(request_)
    statements = Statements()
    if not remembered(first, session, statements):
        return
    for body in (first, with_other_values(first, data)):
        hit = found(body, session, statements)
        assert hit is not None
        assert outcome_from(*hit, session) == outcome(body, session)


@settings(max_examples=EXAMPLES)
@given(
    REQUESTS | st.sampled_from([json.loads(case.request) for case in cases()]),
    SESSIONS,
    st.lists(st.randoms(use_true_random=False), min_size=2, max_size=6),
)
def test_requests_with_different_statements_have_different_shapes(
    request_: Any, session: Session, randoms: list[Any]
) -> None:
    """Among requests that are almost alike, those of one shape get one statement, or are all refused alike."""
    by_shape: dict[Any, tuple[bytes, Any]] = {}
    statements = Statements()
    original = decode(body_of(request_))
    for value in (original, *(changed(original, random) for random in randoms)):
        body = body_of(value)
        try:
            shaped = split(decode(body))
        except DataError:
            continue
        if shaped is None:
            continue
        text = text_of(body, session)
        known = by_shape.setdefault(shaped[0], (body, text))
        if remembered(known[0], session, statements):
            assert text == known[1], (body, known[0])


def text_of(body: bytes, session: Session) -> str | None:
    """The text of the request's statement; None when it is refused before there is one."""
    try:
        return fresh(decode(body), session)[1].text
    except DataError:
        return None


# -- the boundaries ----------------------------------------------------------------------------------------------------


def count(where: Any) -> dict[str, Any]:
    return {"type": "count", "args": {"table": "article", "where": where}}


def place(path: Any) -> dict[str, Any]:
    return {"type": "count", "args": {"table": "place", "where": {"path": path}}}


def aggregate(of: dict[str, Any], *, name: str = "n", **args: Any) -> dict[str, Any]:
    return {"type": "aggregate", "args": {"table": "article", "aggregates": {name: of}, **args}}


def insert(*objects: Any) -> dict[str, Any]:
    return {"type": "insert", "args": {"table": "article", "objects": list(objects)}}


def select(*columns: Any, **args: Any) -> dict[str, Any]:
    return {"type": "select", "args": {"table": "article", "columns": list(columns), **args}}


def cursor(*values: str | None) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def searching(query: str, *columns: str, **more: str) -> dict[str, Any]:
    return select("id", search={"query": query, "columns": list(columns), **more})


def mark() -> str:
    """That of articles by their key."""
    parameter = fresh(select("id", page={}), ADMIN)[1].parameters[0]
    assert isinstance(parameter, Literal)
    return str(parameter.value)


def shape_of(request: Any) -> tuple[Any, ...]:
    shaped = split(decode(body_of(request)))
    assert shaped is not None
    return shaped[0]


DIFFERENT = {
    "null": (count({"id": 1}), count({"id": None})),
    "null in ne": (count({"id": {"$ne": 1}}), count({"id": {"$ne": None}})),
    "a boolean and a number": (count({"id": 1}), count({"id": True})),
    "true and false": (count({"published": True}), count({"published": False})),
    "is_null": (count({"id": {"$is_null": True}}), count({"id": {"$is_null": False}})),
    "an integer and a fraction": (count({"id": 1}), count({"id": Decimal("1.0")})),
    "a number and its text": (count({"id": 1}), count({"id": "1"})),
    "an empty list": (count({"id": {"$in": [1]}}), count({"id": {"$in": []}})),
    "a null in a list": (count({"id": {"$in": [1]}}), count({"id": {"$in": [1, None]}})),
    "a list in a list": (count({"id": {"$in": [1]}}), count({"id": {"$in": [[1]]}})),
    "a text for a list": (count({"id": {"$in": ["{1}"]}}), count({"id": {"$in": "{1}"}})),
    "a list of keys and one": (count({"data": {"$has_keys_any": ["a"]}}), count({"data": {"$has_keys_any": "a"}})),
    "no keys": (count({"data": {"$has_keys_all": ["a"]}}), count({"data": {"$has_keys_all": []}})),
    "a null among keys": (
        count({"data": {"$has_keys_any": ["a"]}}),
        count({"data": {"$has_keys_any": ["a", None]}}),
    ),
    "an object or a list within": (count({"data": {"$contains": {"a": 1}}}), count({"data": {"$contains": [1]}})),
    "true or false within": (count({"data": {"$contains": True}}), count({"data": {"$contains": False}})),
    "containing and contained": (
        count({"data": {"$contains": {"a": 1}}}),
        count({"data": {"$contained_in": {"a": 1}}}),
    ),
    "above and below": (place({"$ancestor": "a"}), place({"$descendant": "a"})),
    "another column to compare with": (count({"id": {"$ceq": "author_id"}}), count({"id": {"$ceq": "rating"}})),
    "two conditions in one or two": (
        count({"$and": [{"id": 1, "rating": 1}]}),
        count({"$and": [{"id": 1}, {"rating": 1}]}),
    ),
    "inside not or beside": (count({"$not": {"id": 1}, "rating": 1}), count({"$not": {"id": 1, "rating": 1}})),
    "inside a relationship or beside": (
        count({"author": {"name": "x"}, "id": 1}),
        count({"author": {"name": "x", "id": 1}}),
    ),
    "the table of exists": (
        count({"$exists": {"_table": "author", "_where": {"id": 1}}}),
        count({"$exists": {"_table": "comment", "_where": {"id": 1}}}),
    ),
    "one row or two": (insert({"title": "x", "body": "y"}), insert({"title": "x"}, {"body": "y"})),
    "no row or an empty one": (insert(), insert({})),
    "a null in a row": (insert({"title": None}), insert({"title": "x"})),
    "a list in a row": (insert({"tags": ["a"]}), insert({"tags": "a"})),
    "a nested column or one beside": (
        select({"name": "author", "columns": ["id"]}, "title"),
        select({"name": "author", "columns": ["id", "title"]}),
    ),
    "a limit": (select("id", limit=1), select("id", limit=2)),
    "an offset": (select("id", offset=1), select("id", offset=2)),
    "a page": (select("id"), select("id", page={})),
    "a total": (select("id", page={"total": True}), select("id", page={"total": False})),
    "after and before": (select("id", page={"after": {"id": 1}}), select("id", page={"before": {"id": 1}})),
    "a null at the place": (
        select("id", order_by="rating", page={"after": {"rating": 1, "id": 1}}),
        select("id", order_by="rating", page={"after": {"rating": None, "id": 1}}),
    ),
    "a null in the cursor": (
        select("id", page={"after": cursor("m", "1")}),
        select("id", page={"after": cursor("m", None)}),
    ),
    "the mark of the cursor": (
        select("id", page={"after": cursor("m", "1")}),
        select("id", page={"after": cursor("n", "1")}),
    ),
    "a cursor and what is none": (select("id", page={"after": cursor("m", "1")}), select("id", page={"after": "m"})),
    "what rows are told apart by": (select("id", distinct_on="author_id"), select("id", distinct_on="rating")),
    "where to search": (searching("tea", "title"), searching("tea", "body")),
    "the language of a search": (count({"title": {"$search": "a"}}), count({"title": {"$search": {"query": "a"}}})),
    "another language": (
        count({"title": {"$search": {"query": "a", "config": "german"}}}),
        count({"title": {"$search": {"query": "a", "config": "french"}}}),
    ),
    "the name of a rank": (searching("tea", "title", rank="a"), searching("tea", "title", rank="b")),
    "an alias": (select({"name": "author", "alias": "a", "columns": []}), select({"name": "author", "columns": []})),
    "a version outside or inside": (
        {"type": "count", "args": {"table": "article"}, "version": 1},
        {"type": "count", "args": {"table": "article", "version": 1}},
    ),
    "the digits of a fraction that is part of the shape": (
        count({"tags": [Decimal("1.0"), None]}),
        count({"tags": [Decimal("1.00"), None]}),
    ),
    "what is counted": (aggregate({"count": "*"}), aggregate({"count": "id"})),
    "another aggregate": (aggregate({"min": "id"}), aggregate({"max": "id"})),
    "another name of an aggregate": (aggregate({"min": "id"}), aggregate({"min": "id"}, name="m")),
    "groups": (aggregate({"count": "*"}), aggregate({"count": "*"}, group_by="id")),
    "other groups": (aggregate({"count": "*"}, group_by="title"), aggregate({"count": "*"}, group_by="id")),
    "a limit of groups": (
        aggregate({"count": "*"}, group_by="id", limit=1),
        aggregate({"count": "*"}, group_by="id", limit=2),
    ),
    "aggregates of a relationship": (
        select({"name": "comments", "aggregates": {"n": {"min": "id"}}}),
        select({"name": "comments", "aggregates": {"n": {"max": "id"}}}),
    ),
    "set and inc": (
        {"type": "update", "args": {"table": "article", "where": {}, "$set": {"rating": 1}}},
        {"type": "update", "args": {"table": "article", "where": {}, "$inc": {"rating": 1}}},
    ),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_may_change_the_meaning_is_in_the_shape(one: Any, other: Any) -> None:
    """Two requests that may become different statements have different shapes."""
    assert shape_of(one) != shape_of(other)


ALIKE = {
    "numbers": (count({"id": 1}), count({"id": -7})),
    "texts": (count({"title": "x"}), count({"title": "y"})),
    "lists of other lengths": (count({"id": {"$in": [1]}}), count({"id": {"$in": [2, "x"]}})),
    "objects within a json value": (
        count({"data": {"$contains": {"a": [1, None]}}}),
        count({"data": {"$contains": {"$eq": True, "$and": []}}}),
    ),
    "lists within a json value": (count({"data": {"_contained_in": []}}), count({"data": {"_contained_in": [None]}})),
    "keys": (count({"data": {"$has_key": "a"}}), count({"data": {"$has_key": "b"}})),
    "lists of keys": (count({"data": {"$has_keys_all": ["a"]}}), count({"data": {"$has_keys_all": ["b", "c"]}})),
    "paths": (place({"$ancestor": "a.b"}), place({"$ancestor": "c"})),
    "lists of paths": (place({"$descendant_any": ["a"]}), place({"$descendant_any": ["b", "c.d"]})),
    "patterns of paths": (place({"$matches": "*.a"}), place({"$matches": "b"})),
    "lists of patterns of paths": (place({"_matches_any": ["*.a"]}), place({"_matches_any": ["b", "c"]})),
    "aggregates": (
        aggregate({"max": "id"}, where={"rating": {"$gt": 1}}),
        aggregate({"max": "id"}, where={"rating": {"$gt": 2}}),
    ),
    "aggregates of a relationship": (
        select({"name": "comments", "aggregates": {"n": {"count": "*"}}, "where": {"text": "a"}}),
        select({"name": "comments", "aggregates": {"n": {"count": "*"}}, "where": {"text": "b"}}),
    ),
    "rows": (insert({"title": "x", "data": {"a": None}}), insert({"title": "y", "data": {"b": [True]}})),
    "words": (count({"title": {"$search": "a"}}), count({"title": {"$search": "b c"}})),
    "words of a language": (
        count({"title": {"$search": {"query": "a", "config": "german"}}}),
        count({"title": {"$search": {"query": "b", "config": "german"}}}),
    ),
    "words in several columns": (
        searching("tea", "title", "body", rank="r"),
        searching("x", "title", "body", rank="r"),
    ),
    "places of pages": (
        select("id", order_by="rating", page={"after": {"rating": 1, "id": 1}}),
        select("id", order_by="rating", page={"after": {"rating": 2, "id": 3}}),
    ),
    "cursors": (
        select("id", limit=2, page={"after": cursor(mark(), "1")}),
        select("id", limit=2, page={"after": cursor(mark(), "77")}),
    ),
    "nested": (
        select({"name": "comments", "columns": ["id"], "where": {"text": {"$like": "a"}}}),
        select({"name": "comments", "columns": ["id"], "where": {"text": {"$like": "b"}}}),
    ),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE.keys())
def test_values_are_not_in_the_shape(one: Any, other: Any) -> None:
    """The twin: requests that differ in values alone share a shape, and a statement."""
    assert shape_of(one) == shape_of(other)
    statements = Statements()
    assert remembered(body_of(one), ADMIN, statements)
    assert found(body_of(other), ADMIN, statements) is not None


NO_SHAPE = {
    "a bulk": {"type": "bulk", "args": []},
    "a metadata call": {"type": "run_sql", "args": {"sql": "select 1"}},
    "no object": [count({})],
    "a type that is a list": {"type": ["count"], "args": {}},
    "a type that is an object": {"type": {"count": 1}, "args": {}},
    "arguments that are none": {"type": "count", "args": "article"},
    "too much": count({"$or": [{"id": number} for number in range(LONGEST_SHAPE)]}),
}


@pytest.mark.parametrize("request_", NO_SHAPE.values(), ids=NO_SHAPE.keys())
def test_what_is_no_query_or_too_large_has_no_shape(request_: Any) -> None:
    """Only queries of bearable size are remembered."""
    assert split(request_) is None


def test_a_list_counts_as_one_value_up_to_the_limit() -> None:
    """A longer list has no share in the shape of the short ones, so it is checked against the limits (R65)."""
    short = split(count({"id": {"$in": [1]}}))
    assert short is not None
    assert split(count({"id": {"$in": [1] * LONGEST_LIST}})) == (short[0], [({"$in": [1] * LONGEST_LIST}, "$in")])
    assert split(count({"id": {"$in": [1] * (LONGEST_LIST + 1)}})) is None
    few = Limits(list_length=3)
    for length, same in ((3, True), (4, False)):
        shaped = split(count({"id": {"$in": [1] * length}}), few)
        assert shaped is not None
        assert (shaped[0] == short[0]) is same


def test_sessions_with_different_powers_share_nothing() -> None:
    """Whether a trusted backend asks is part of the key, as the role is; the variables' values are not."""
    assert standpoint(Session("user", {"x-hasura-user-id": "1"})) == standpoint(Session("user"))
    assert standpoint(Session("user")) != standpoint(Session("admin"))
    backend = Session("user", {"x-hasura-use-backend-only-permissions": "true"})
    assert standpoint(backend) != standpoint(Session("user"))


def test_what_is_remembered_holds_no_values() -> None:
    """Neither a value of a request nor its size stays in memory with its statement (R65)."""
    request = insert({"title": "needle", "data": {"needle": ["needle"]}})
    statements = Statements()
    assert remembered(body_of(request), ADMIN, statements)
    hit = found(body_of(request), ADMIN, statements)
    assert hit is not None
    assert "needle" not in repr(hit[0])
