"""The OpenAPI document: valid, complete for what a role may do, and silent about everything else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.support import database_table, fixture_catalog, fixture_metadata, read_metadata

from howdah.data.catalog.model import Catalog
from howdah.data.catalog.resolve import resolve
from howdah.data.errors import DataError
from howdah.data.found.database import Database
from howdah.data.openapi import describe
from howdah.data.openapi.failures import codes
from howdah.data.openapi.viewpoint import _SHARED, Viewpoint, look
from howdah.data.plan import plan, plan_nested
from howdah.data.plan.scope import Standpoint
from howdah.data.query.ast import TableName
from howdah.data.query.json import decode
from howdah.data.query.limits import Limits
from howdah.data.query.parse import parse_request
from howdah.data.written.metadata import QueryTemplate
from howdah.session import Session

ROLES = sorted(
    {"admin", "anonymous", "nobody"}
    | {permission.role for table in fixture_metadata().tables for permission in table.permissions}
)


def document(role: str = "user", *, catalog: Catalog | None = None, backend: bool = False, **options: Any) -> Any:
    return describe(catalog or fixture_catalog(), Standpoint(role, backend), **options)


def walk(value: Any) -> Iterator[Any]:
    """Every value inside, and every key."""
    yield value
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def schemas(role: str = "user", **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = document(role, **options)["components"]["schemas"]
    return found


def validator(name: str, role: str = "user") -> jsonschema_rs.Draft202012Validator:
    """What tells whether a value is as the component says."""
    return jsonschema_rs.Draft202012Validator(
        {"components": document(role)["components"], "$ref": f"#/components/schemas/{name}"}
    )


def properties(name: str, role: str = "user", **options: Any) -> set[str]:
    return set(schemas(role, **options)[name]["properties"])


@pytest.mark.parametrize("role", ROLES)
def test_the_document_is_valid(role: str) -> None:
    """Every schema is one of JSON Schema 2020-12, every reference leads somewhere, every component is used."""
    written = document(role)
    components = written["components"]
    references = {item["$ref"] for item in walk(written) if isinstance(item, dict) and "$ref" in item}
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
    assert references <= there
    for name, schema in components["schemas"].items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name), name
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    operations = [item["operationId"] for path in written["paths"].values() for item in path.values()]
    assert len(operations) == len(set(operations))
    assert json.loads(json.dumps(written)) == written


NAMES = [[f"zz{table}"] + [f"zz{table}c{column}" for column in range(4)] for table in range(3)]
SUBSETS = st.lists(st.integers(0, 3), unique=True)
RULES = st.fixed_dictionaries({}, optional=dict.fromkeys(("select", "insert", "update", "delete"), SUBSETS))


def small_catalog(rules: list[dict[str, list[int]]], *, presets: bool) -> tuple[Catalog, set[str]]:
    """Three tables related in a ring, with these columns allowed to the user; and the names the user may know."""
    known: set[str] = set()
    tables, metadata = [], []
    for number, ((name, *columns), allowed) in enumerate(zip(NAMES, rules, strict=True)):
        before, other = NAMES[number - 1], NAMES[(number + 1) % 3]
        tables.append(
            {
                "name": name,
                "columns": [{"name": column, "type": "integer", "category": "number"} for column in columns],
                "primary_key": {"name": f"{name}key", "columns": columns[:2]},
                "foreign_keys": [
                    {"name": f"{name}fkey", "columns": columns[3:], "target": other[0], "target_columns": other[1:2]}
                ],
            }
        )
        permissions = {
            operation: {"columns": [columns[place] for place in chosen], "filter": {}, "check": {}}
            for operation, chosen in allowed.items()
        }
        if presets and "insert" in permissions:
            permissions["insert"]["set"] = {columns[0]: 1}
        for operation, keys in (("select", "check"), ("insert", "filter"), ("delete", "check"), ("delete", "columns")):
            permissions.get(operation, {}).pop(keys, None)
        metadata.append(
            {
                "table": name,
                "object_relationships": [
                    {"name": f"{name}one", "using": {"foreign_key_constraint_on": columns[3]}},
                ],
                "array_relationships": [
                    {
                        "name": f"{name}many",
                        "using": {"foreign_key_constraint_on": {"table": before[0], "column": before[4]}},
                    }
                ],
                **{
                    f"{operation}_permissions": [{"role": "user", "permission": rule}]
                    for operation, rule in permissions.items()
                },
            }
        )
        readable = {columns[place] for place in allowed.get("select", ())}
        given = {columns[place] for place in allowed.get("insert", ())} - ({columns[0]} if presets else set())
        # What is written without being asked for may be named as a part of a key, and only there.
        keys = readable | given | ({columns[0]} if presets and "insert" in allowed else set())
        changed = set(permissions["update"]["columns"]) if {"select", "update"} <= allowed.keys() else set()
        if allowed.keys() & {"select", "insert"}:
            known |= {name, *readable, *given, *changed}
        if "insert" in allowed and set(columns[:2]) <= keys:
            known |= {f"{name}key", *columns[:2]}
        if "select" in allowed:
            known |= {f"{name}one"} if "select" in rules[(number + 1) % 3] else set()
            known |= {f"{name}many"} if "select" in rules[number - 1] else set()
        if "insert" in allowed and 3 in rules[number - 1].get("insert", ()):
            known |= {f"{name}many"}  # rows nested in an insert
    found = {table.name: table for table in (database_table(number, table) for number, table in enumerate(tables))}
    catalog = resolve(read_metadata({"tables": metadata}), Database(found), version=1)
    assert not catalog.problems
    return catalog, known


@given(st.lists(RULES, min_size=3, max_size=3), st.booleans())
def test_what_a_role_may_not_use_is_not_in_its_document(rules: list[dict[str, list[int]]], presets: bool) -> None:
    """No table, column, relationship or constraint of it, as a key, a value or a part of one (R59, R62)."""
    catalog, known = small_catalog(rules, presets=presets)
    words = {
        word for item in walk(document(catalog=catalog)) if isinstance(item, str) for word in re.findall(r"zz\w+", item)
    }
    assert words <= known


def test_what_a_role_may_use_is_in_its_document() -> None:
    """The counterpart: the names of a role that may do everything are all there."""
    everything = {operation: [0, 1, 2, 3] for operation in ("select", "insert", "update", "delete")}
    catalog, known = small_catalog([everything] * 3, presets=False)
    text = json.dumps(document(catalog=catalog))
    assert known == {word for word in known if word in text}
    assert len(known) == 3 * 8


def test_each_operation_has_an_address_where_the_role_may_do_it() -> None:
    """And none where it may not: no aggregates without permission, no writing to views, nothing for strangers."""

    def operations(role: str, table: str) -> set[str]:
        start = f"/data/api/1/table/{table}/"
        return {path.removeprefix(start) for path in document(role)["paths"] if path.startswith(start)}

    reading = {"select", "page", "count"}
    everything = reading | {"aggregate", "insert", "update", "delete"}
    assert operations("user", "article") == everything
    assert operations("user", "counter") == reading | {"update"}
    assert operations("admin", "author_statistics") == {"select", "count", "aggregate"}, "a view has no key"
    assert operations("anonymous", "article") == reading
    assert operations("anonymous", "audit") == set()
    assert set(document("nobody")["paths"]) == {"/data/v1/query"}
    assert "/data/api/1/table/odd%20%22table%22/select" in document("user")["paths"]


def test_rows_have_the_columns_a_role_may_read_with_their_types() -> None:
    """Null where the column may be null, labels of enums, forms of times, numbers as they leave."""
    article = schemas()["article"]
    assert article["additionalProperties"] is False
    assert article["properties"]["id"] == {"type": "integer", "format": "int32"}
    assert article["properties"]["title"] == {"type": "string"}
    assert article["properties"]["body"] == {"type": ["string", "null"]}
    assert article["properties"]["created"] == {"type": "string", "format": "date-time"}
    assert article["properties"]["mood"] == {"type": ["string", "null"], "enum": ["calm", "cross", None]}
    assert article["properties"]["data"] == {}
    assert "secret" not in properties("author")
    assert "secret" in properties("author", "admin")


def test_numbers_are_strings_where_they_leave_as_strings() -> None:
    """With `data.stringify_numerics`: what a float may not hold, and only that."""
    counter = schemas(stringify_numerics=True)["counter"]["properties"]
    assert counter["value"] == {"type": "string"}
    assert counter["ratio"] == {"type": ["string", "null"]}
    assert schemas(stringify_numerics=True)["article"]["properties"]["id"]["type"] == "integer"
    assert schemas()["counter"]["properties"]["value"] == {"type": "integer", "format": "int64"}


ACCEPTED: list[tuple[str, Any]] = [
    ("article.select", {"columns": ["id", {"name": "author", "columns": "*"}], "order_by": ["-id", "author.name"]}),
    ("article.select", {"table": "article", "columns": ["*.*"], "where": {"author": {"name": {"$like": "A%"}}}}),
    ("article.select", {"columns": "*", "where": None, "limit": None}),
    ("article.select", {"columns": ["id"], "where": {"$or": [{"mood": "calm"}, {"id": {"$in": [1, "2"]}}]}}),
    ("article.select", {"columns": ["id"], "where": {"editor_id": {"$ceq": "author_id"}, "body": None}}),
    ("article.select", {"columns": ["id"], "where": {"$exists": {"_table": "author", "_where": {"id": 1}}}}),
    ("article.aggregate", {"aggregates": {"n": {"count": {"distinct": ["author_id"]}}}, "group_by": "author_id"}),
    ("rating.insert", {"objects": [{"article_id": 1, "user_id": 1}], "returning": ["stars"]}),
    ("comment.insert", {"objects": [{"article_id": 1, "text": ""}], "on_conflict": {"action": "ignore"}}),
    ("article.update", {"where": {}, "$inc": {"rating": 1}}),
    ("article.insert", {"objects": [{"title": "x", "comments": {"data": [{"text": "y"}]}}], "returning": ["*.*"]}),
    ("article.select", {"columns": ["id"], "distinct_on": "author_id", "order_by": "author_id"}),
    ("article.page", {"columns": ["id"], "page": {"after": {"id": 4}, "total": True}}),
    ("article.select", {"columns": ["id"], "where": {"title": {"$search": "red fox"}}}),
    ("article.select", {"columns": ["id"], "where": {"title": {"$search": {"query": "rot", "config": "german"}}}}),
    ("article.select", {"columns": ["id"], "search": {"query": "x", "columns": ["title", "body"], "rank": "fits"}}),
    ("article.page", {"columns": ["id"], "page": {}, "search": {"query": "x", "columns": "title", "config": None}}),
    ("article.select", {"columns": ["id"], "order_by": [{"column": "id", "type": "desc", "nulls": "last"}]}),
    ("article.update", {"where": {}, "values": {"title": "x"}}),
    ("author.select", {"columns": [{"name": "greeting", "arguments": ["Hello"], "alias": "said"}]}),
    ("author.select", {"columns": [{"name": "label", "arguments": {"prefix": "~"}}]}),
    ("author.select", {"columns": [{"name": "works", "arguments": [1], "columns": ["id"], "limit": 1}]}),
    ("author.select", {"columns": [{"name": "works", "arguments": [1], "aggregates": {"n": {"count": "*"}}}]}),
    ("author.select", {"columns": [{"name": "first", "columns": ["title"]}]}),
]
REFUSED: list[tuple[str, Any]] = [
    ("article.select", {}),
    ("article.select", {"table": "author", "columns": ["*"]}),
    ("article.select", {"columns": ["secret"]}),
    ("article.select", {"columns": ["id"], "limit": -1}),
    ("article.select", {"columns": ["id"], "where": {"nonsense": 1}}),
    ("article.select", {"columns": ["id"], "where": {"id": {"$like": "1"}}}),
    ("article.select", {"columns": ["id"], "where": {"title": {"$contains": {}}}}),
    ("article.select", {"columns": ["id"], "where": {"mood": "merry"}}),
    ("article.select", {"columns": ["id"], "order_by": []}),
    ("article.select", {"columns": ["id"], "order_by": "raw"}),
    ("article.select", {"columns": [{"name": "author", "columns": ["*"], "limit": 1}]}),
    ("article.aggregate", {"aggregates": {}}),
    ("article.aggregate", {"aggregates": {"n": {"count": "*"}}, "limit": 1}),
    ("article.aggregate", {"aggregates": {"n": {"sum": "title"}}}),
    ("rating.insert", {"objects": []}),
    ("rating.insert", {"objects": [{"stars": 1}]}),
    ("comment.insert", {"objects": [{"article_id": 1, "text": "", "user_id": 1}]}),
    ("rating.insert", {"objects": [{"article_id": None, "user_id": 1}]}),
    ("rating.insert", {"objects": [{"article_id": 1, "user_id": 1}], "on_conflict": {"action": "update"}}),
    ("counter.update", {"where": {}}),
    ("counter.update", {"where": {}, "$set": {}}),
    ("article.update", {"where": {}, "$inc": {"title": 1}}),
    ("article.delete", {}),
    ("article.insert", {"objects": [{"title": "x", "comments": {"data": [{"text": "y", "article_id": 1}]}}]}),
    ("article.insert", {"objects": [{"title": "x", "comments": [{"text": "y"}]}]}),
    ("article.select", {"columns": ["id"], "distinct_on": "raw"}),
    ("article.page", {"columns": ["id"], "page": {"behind": {"id": 4}}}),
    ("article.select", {"columns": ["id"], "where": {"id": {"$search": "4"}}}),
    ("article.select", {"columns": ["id"], "where": {"title": {"$cast": {"text": {"$search": "x"}}}}}),
    ("article.select", {"columns": ["id"], "where": {"title": {"$search": {"query": "x", "config": "klingon"}}}}),
    ("article.select", {"columns": ["id"], "search": {"query": "x", "columns": ["id"]}}),
    ("article.select", {"columns": ["id"], "search": {"query": "x"}}),
    ("author.select", {"columns": ["id"], "where": {"label": {"$search": "x"}}}),
    ("author.select", {"columns": ["id"], "search": {"query": "x", "columns": ["label"]}}),
    ("article.select", {"columns": ["id"], "order_by": [{"column": "id", "type": "desc", "order": "desc"}]}),
    ("article.update", {"where": {}, "values": {"title": "x"}, "$set": {"body": "y"}}),
    ("article.update", {"where": {}, "values": {"id": 1}}),
    ("author.select", {"columns": ["greeting"]}),
    ("author.select", {"columns": [{"name": "greeting", "arguments": {}}]}),
    ("author.select", {"columns": [{"name": "whisper", "arguments": {}}]}),
    ("author.select", {"columns": [{"name": "works", "columns": ["id"]}]}),
    ("author.select", {"columns": [{"name": "first", "arguments": [1], "columns": ["id"]}]}),
]


def answer(component: str, args: dict[str, Any], role: str = "user") -> DataError | None:
    """What planning such a request refuses it with, if it does."""
    table, operation = component.split(".")
    operation = "select" if operation == "page" else operation
    body = json.dumps({"type": operation, "args": {"table": table, **args}}).encode()
    session = Session(role, {"x-hasura-user-id": "1"})
    try:
        query = parse_request(decode(body))
        if plan_nested(query, fixture_catalog(), session) is None:  # type: ignore[arg-type]
            plan(query, fixture_catalog(), session)  # type: ignore[arg-type]
    except DataError as error:
        return error
    return None


@pytest.mark.parametrize(("component", "args"), ACCEPTED)
def test_what_the_document_admits_is_planned(component: str, args: Any) -> None:
    validator(component).validate(args)
    assert answer(component, args) is None


@pytest.mark.parametrize(("component", "args"), REFUSED)
def test_what_the_document_does_not_admit_is_refused(component: str, args: Any) -> None:
    """By the document; and by planning, unless only Postgres can (null where no null may be, enums, missing values)."""
    assert not validator(component).is_valid(args)
    if args.get("table") != "author" and "mood" not in json.dumps(args) and "objects" not in args:
        assert answer(component, args) is not None


def reading(**more: Any) -> dict[str, Any]:
    return {"type": "select", "args": {"table": "article", "columns": ["id"], **more}}


WRITING = {"type": "insert", "args": {"table": "article", "objects": [{"title": "y", "author_id": {"$ref": "0.id"}}]}}
TRANSACTIONS: list[tuple[Any, bool, bool]] = [
    (WRITING, True, False),
    (reading(where={"id": {"$eq": {"$ref": [0, "id"]}}}), True, False),
    (reading(where={"id": {"$ref": [0, "id"]}}), True, False),
    (reading(where={"id": {"$in": {"$ref": "0[*].id"}}}), True, False),
    (reading(where={"id": {"$in": [1, {"$ref": "0.id"}]}}), True, False),
    (reading(where={"id": 1}), True, True),
    ({"type": "update", "args": {"table": "article", "where": {}, "$set": {"data": {"$ref": "0.a"}}}}, True, True),
    (reading(limit={"$ref": "0.n"}), False, False),
    (reading(columns=["nonsense"]), False, False),
    ({"type": "bulk", "args": []}, False, True),
    ({"type": "run_sql", "args": {"sql": "select 1"}}, False, True),
]


@pytest.mark.parametrize(("query", "in_transaction", "in_bulk"), TRANSACTIONS)
def test_a_value_may_be_a_reference_in_a_transaction_alone(query: Any, in_transaction: bool, in_bulk: bool) -> None:
    """Its queries are described as everywhere else but for that; elsewhere such an object is a value of json."""
    for kind, admitted in (("transaction", in_transaction), ("bulk", in_bulk)):
        assert validator("query", "admin").is_valid({"type": kind, "args": [query]}) is admitted


def test_nothing_is_left_of_the_marks_in_a_document() -> None:
    assert not any(isinstance(item, str) and "\0" in item for item in walk(document("admin")))


def test_a_preset_is_neither_asked_for_nor_offered() -> None:
    """The role's own column is filled in; what has no default and may not be null is required."""
    assert "user_id" not in properties("rating.new", "guest")
    assert schemas("guest")["rating.new"]["required"] == ["article_id"]
    assert schemas("admin")["rating.new"]["required"] == ["user_id"], "the article may be nested in it"
    assert {"editor_id", "title"} & properties("article.set") == {"title"}


def test_computed_fields_are_named_like_columns() -> None:
    """Those that the role may read: in what is asked for, in conditions and orders, and in what is answered."""
    assert {"label", "inverse"} <= properties("author") & properties("author.where")
    assert "whisper" not in json.dumps(document("user"))
    validator("author.select").validate(
        {"columns": ["label"], "where": {"label": {"$like": "A%"}}, "order_by": "-label"}
    )
    assert not validator("author.count").is_valid({"distinct": ["label"]})


FUNCTIONS: list[tuple[str, str, dict[str, Any], bool]] = [
    ("search_article", "select", {"arguments": {"search": "a"}, "columns": ["id"], "order_by": "id"}, True),
    ("search_article", "select", {"arguments": ["a", 3], "columns": ["*", {"name": "author", "columns": "*"}]}, True),
    ("search_article", "count", {"arguments": ["a"], "where": {"id": 1}}, True),
    ("search_article", "aggregate", {"arguments": ["a"], "aggregates": {"n": {"count": "*"}}}, True),
    ("written_by_me", "select", {"columns": ["id"]}, True),
    ("written_by_me", "select", {"arguments": {"arg_2": "%"}, "columns": ["id"]}, True),
    ("rate", "select", {"arguments": [1, 2], "columns": ["stars"]}, True),
    ("rate", "count", {"arguments": [1, 2]}, False),
    ("search_article", "select", {"columns": ["id"]}, False),
    ("search_article", "select", {"arguments": {"minimum": 1}, "columns": ["id"]}, False),
    ("search_article", "select", {"arguments": {"search": "a", "x": 1}, "columns": ["id"]}, False),
    ("search_article", "select", {"arguments": ["a", 3, 4], "columns": ["id"]}, False),
    ("search_article", "select", {"arguments": ["a"], "columns": ["id"], "page": {}}, False),
    ("search_article", "select", {"table": "article", "arguments": ["a"], "columns": ["id"]}, False),
    ("written_by_me", "select", {"arguments": {"session": {}}, "columns": ["id"]}, False),
]


@pytest.mark.parametrize(("function", "operation", "args", "admitted"), FUNCTIONS)
def test_functions_are_asked_with_their_arguments(function: str, operation: str, args: Any, admitted: bool) -> None:
    """In the envelope, as planning has it: session arguments are nobody's to give, changes are not counted."""
    request = {"type": operation, "args": {"function": function, **args}}
    assert validator("query").is_valid(request) is admitted
    session = Session("user", {"x-hasura-user-id": "1"})
    if admitted:
        plan(parse_request(request), fixture_catalog(), session)  # type: ignore[arg-type]
    else:
        with pytest.raises(DataError):
            plan(parse_request(request), fixture_catalog(), session)  # type: ignore[arg-type]


def test_functions_a_role_may_not_call_are_not_in_its_document() -> None:
    """Neither one whose rows it may not read, nor a change that is not opened to it."""
    assert "function.rate.select" in schemas("user")
    assert "function.rate.select" in schemas("admin")
    for role in ROLES:
        for name, function in fixture_catalog().functions.items():
            select = fixture_catalog().tables[function.target].permissions.get(role)
            may = select is not None and select.select is not None
            may = may and (role in {"admin", *function.roles} or function.exposed_as == "query")
            assert (f'"{name.name}"' in json.dumps(document(role))) is may, (role, name)


def test_a_template_of_a_function_answers_its_rows() -> None:
    select = {"type": "select", "args": {"function": "best_article", "columns": ["id"]}}
    written = document(templates=[QueryTemplate("best", select)])
    answered = written["paths"]["/data/v1/template/best"]["post"]["responses"]["200"]["content"]["application/json"]
    assert answered["schema"] == {"type": "array", "items": {"$ref": "#/components/schemas/article.row"}}


def test_a_row_or_what_it_refers_to() -> None:
    """Of a column that may not be missing and the row nested in its place there must be one."""
    rating = validator("rating.insert", "admin")
    article = {"data": {"title": "x", "author_id": 1}}
    for good in ({"article_id": 1}, {"article": article}):
        assert rating.is_valid({"objects": [{"user_id": 1, **good}]})
    for bad in ({}, {"article": {"data": {}}}, {"article": {"data": [article]}}):
        assert not rating.is_valid({"objects": [{"user_id": 1, **bad}]})


def test_conflicts_are_named_by_constraints_of_known_columns() -> None:
    """By name, or by all their columns in any order."""
    admin = validator("rating.insert", "admin")
    row = {"user_id": 1, "article_id": 2}
    for key in ({"constraint": "rating_pkey"}, {"constraint_on": ["article_id", "user_id"]}):
        assert admin.is_valid({"objects": [row], "on_conflict": {"action": "update", **key}})
    for key in ({"constraint": "other"}, {"constraint_on": ["user_id"]}, {"constraint_on": ["stars", "user_id"]}):
        assert not admin.is_valid({"objects": [row], "on_conflict": {"action": "update", **key}})


def test_every_type_of_query_is_in_the_envelope() -> None:
    """Told apart by their type; those of the administrator only in the administrator's."""
    kinds = document("user")["components"]["schemas"]["query"]["discriminator"]["mapping"]
    assert set(kinds) == {"select", "count", "aggregate", "insert", "update", "delete", "bulk", "transaction"}
    more = document("admin")["components"]["schemas"]["query"]["discriminator"]["mapping"]
    assert {"run_sql", "track_table", "export_metadata", "explain", "test_permission"} <= set(more)
    envelope = validator("query")
    count = {"type": "count", "args": {"table": "article"}}
    for good in (count, {"type": "bulk", "args": [count, {"type": "bulk", "args": []}]}, {**count, "version": 1}):
        assert envelope.is_valid(good)
    for bad in ({**count, "version": 3}, {**count, "args": {}}, {"type": "run_sql", "args": {"sql": ""}}, [count]):
        assert not envelope.is_valid(bad)


TEMPLATES = (
    QueryTemplate(
        "titles",
        {
            "type": "select",
            "args": {
                "table": "article",
                "columns": ["title"],
                "where": {"rating": {"$gte": {"param": "rating"}}, "id": {"$in": {"param": "ids"}}},
                "limit": {"param": "limit", "default": 10},
            },
        },
        "The best ones.",
    ),
    QueryTemplate("cleared", {"type": "delete", "args": {"table": "audit", "where": {"id": {"param": "id"}}}}),
    QueryTemplate("a/b", {"type": "count", "args": {"table": "article"}}),
)


def test_query_templates_are_there_for_those_who_may_execute_them() -> None:
    """With their parameters and what they answer; of others there is no word. One that only reads has a GET as well."""
    written = document("user", templates=TEMPLATES)
    template = written["paths"]["/data/v1/template/titles"]
    assert template["post"]["summary"] == "The best ones."
    body = template["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["rating", "ids"]
    assert body["properties"]["ids"]["type"] == "array"
    assert body["properties"]["limit"]["default"] == 10
    answered = template["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answered == {"type": "array", "items": {"$ref": "#/components/schemas/article.row"}}
    assert [(one["name"], one["required"]) for one in template["get"]["parameters"]] == [
        ("rating", True),
        ("ids", True),
        ("limit", False),
    ]
    names = written["components"]["schemas"]["query.execute_query_template"]["properties"]["args"]["properties"]["name"]
    assert names["enum"] == ["titles", "a/b"]
    assert "cleared" not in json.dumps(written)
    everything = document("admin", templates=TEMPLATES)["paths"]
    assert set(everything["/data/v1/template/cleared"]) == {"post"}
    assert "execute_query_template" not in json.dumps(document("nobody", templates=TEMPLATES))


def with_comments(table: str | None, title: str | None) -> Catalog:
    """The fixture, with comments on article and its title."""
    catalog = fixture_catalog()
    name = next(name for name in catalog.tables if str(name) == "article")
    article = catalog.tables[name]
    columns = {**article.columns, "title": replace(article.columns["title"], comment=title)}
    permissions = {
        role: replace(
            rules,
            select=rules.select
            and replace(
                rules.select, columns={key: columns.get(key, value) for key, value in rules.select.columns.items()}
            ),
        )
        for role, rules in article.permissions.items()
    }
    changed = replace(article, columns=columns, comment=table, permissions=permissions)
    return replace(catalog, tables={**catalog.tables, name: changed})


def test_comments_of_the_database_are_descriptions() -> None:
    """Unless one names what the role may not know."""
    told = schemas(catalog=with_comments("What people wrote.", "In one line."))["article"]
    assert told["description"] == "What people wrote."
    assert told["properties"]["title"]["description"] == "In one line."
    secretive = with_comments("See also audit.", "Never null, unlike hidden_note.")
    assert "description" not in schemas(catalog=secretive)["article"]
    assert schemas("admin", catalog=secretive)["article"]["description"] == "See also audit."


def test_columns_that_refer_to_an_enum_table_have_its_values() -> None:
    """As what they leave as and are written with, and with the operators that such columns have."""
    written = schemas("user")
    assert written["errand"]["properties"]["priority"]["enum"] == ["high", "low", "secret", None]
    assert about_priority(written) == OF_AN_ENUM


OF_AN_ENUM = {"$is_null", "$eq", "$ne", "$in", "$nin", "$cast"}


def about_priority(written: dict[str, Any]) -> set[str]:
    """The operators that an errand's priority has."""
    key = written["errand.where"]["properties"]["priority"]["$ref"].removeprefix("#/components/schemas/")
    return set(written[f"{key}.operators"]["properties"])


def test_the_values_of_an_enum_are_told_to_who_may_read_their_table() -> None:
    """A courier may not: the column is one of texts; the operators are those of an enum all the same (R62)."""
    text = json.dumps(document("courier"))
    assert '"priority"' in text
    assert '"secret"' not in text
    assert '"secret"' in json.dumps(document("user"))
    assert about_priority(schemas("courier")) == OF_AN_ENUM


def test_every_code_of_an_error_is_listed() -> None:
    """Those of errors.md that the data part has."""
    assert {"permission-denied", "postgres-error", "invalid-json", "not-supported"} <= set(codes())
    assert "internal" not in schemas()["error"]["properties"]
    assert "internal" in schemas("admin")["error"]["properties"]


SHARED_NAMES = sorted(_SHARED - {"function", "metadata", "table", "transaction", "value", "where"})


def test_a_table_may_be_called_like_what_all_tables_share() -> None:
    """Its components have other names; and no component that is no table's begins like a table's may."""
    catalog = fixture_catalog()
    plain = catalog.tables[TableName("public", "profile")]
    for name in (TableName("public", "page"), TableName("public", "query"), TableName("where", "text")):
        table = replace(plain, name=name, exposed_name=name)
        written = document("admin", catalog=replace(catalog, tables={**catalog.tables, name: table}))
        rows = written["components"]["schemas"]["table." + str(name).replace(".", "_")]
        assert rows["properties"].keys() == plain.columns.keys()
    keys = {usable.key.partition(".")[0] for usable in look_as("admin").tables.values()}
    begin = {name.partition(".")[0] for name in schemas("admin")}
    assert begin - keys <= _SHARED
    assert set(SHARED_NAMES) <= begin


def look_as(role: str) -> Viewpoint:
    return look(fixture_catalog(), Standpoint(role, backend=False), Limits(), stringify_numerics=False)


def test_names_that_look_alike_stay_apart() -> None:
    """Two tables whose names are written alike in component names have components of their own."""
    catalog = fixture_catalog()
    odd = next(table for table in catalog.tables.values() if table.name.name.startswith("odd"))
    name = odd.name._replace(name="odd__table_")
    twin = replace(odd, name=name, exposed_name=name)
    both = replace(catalog, tables={**catalog.tables, twin.name: twin})
    written = document("admin", catalog=both)
    assert {"odd__table_", "odd__table_-2"} <= written["components"]["schemas"].keys()
    assert "/data/api/1/table/odd__table_/select" in written["paths"]


def test_limits_are_those_of_the_settings() -> None:
    assert schemas(limits=Limits(list_length=7))["rating.insert"]["properties"]["objects"]["maxItems"] == 7
