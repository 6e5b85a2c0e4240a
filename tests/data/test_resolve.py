"""Metadata held against a database: what holds is in the catalog, the rest is problems with place and code."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.data.support import fixture_catalog, fixture_database, read_metadata

from howdah.data.catalog.condition import AllOf, Among, AmongArray, Compared, Flagged, IsNull, Pair, RowExists
from howdah.data.catalog.model import Catalog
from howdah.data.catalog.resolve import resolve
from howdah.data.query.ast import TableName
from howdah.data.sql.statement import Literal, SessionVariable


def resolved(*tables: dict[str, Any]) -> Catalog:
    return resolve(read_metadata({"tables": list(tables)}), fixture_database(), version=7)


def problems(*tables: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(problem.path, problem.code, problem.message) for problem in resolved(*tables).problems]


def on_columns(name: str, column: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "using": {"foreign_key_constraint_on": column}, **more}


def rule(operation: str, permission: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {f"{operation}_permissions": [{"role": role, "permission": permission}]}


def public(name: str) -> TableName:
    return TableName("public", name)


def test_the_version_is_kept() -> None:
    """A catalog knows which version of the metadata it is."""
    assert resolved().version == 7


def test_a_foreign_key_makes_a_provably_single_relationship() -> None:
    """The key a foreign key points at is unique; a manual mapping to a view's column is not."""
    article = fixture_catalog().tables[public("article")]
    author = fixture_catalog().tables[public("author")]
    assert article.relationships["author"].mapping == (Pair("author_id", "id"),)
    assert article.relationships["author"].unique
    assert author.relationships["articles"].mapping == (Pair("id", "author_id"),)
    assert not author.relationships["articles"].unique
    assert author.relationships["profile"].unique
    assert not author.relationships["statistics"].unique


def test_what_is_tracked_but_gone_is_left_out() -> None:
    """A table that does not exist is a problem, and so is what points at it; the rest is there."""
    catalog = resolved(
        {"table": "nope"},
        {"table": "article", "object_relationships": [on_columns("author", "author_id")]},
        {"table": "comment", "object_relationships": [on_columns("article", "article_id")]},
    )
    assert set(catalog.tables) == {public("article"), public("comment")}
    assert [(problem.kind, problem.path, problem.code) for problem in catalog.problems] == [
        ("table", "$.tables.nope", "not-exists"),
        ("relationship", "$.tables.article.relationships.author.using.foreign_key_constraint_on", "not-exists"),
    ]
    assert list(catalog.tables[public("comment")].relationships) == ["article"]


ARTICLE = {"table": "article"}
AUTHOR = {"table": "author"}
MANUAL = {"manual_configuration": {"remote_table": "author", "column_mapping": {"author_id": "id"}}}


def manual(mapping: dict[str, str], table: Any = "author") -> dict[str, Any]:
    return {"manual_configuration": {"remote_table": table, "column_mapping": mapping}}


# the kind, the relationship of table article, code, message, place inside the relationship
RELATIONSHIPS = [
    ("object", on_columns("author", "nope"), "not-exists", 'column "nope" does not exist'),
    ("object", on_columns("author", "title"), "constraint-error", "no foreign constraint exists on the given column"),
    ("object", on_columns("title", "author_id"), "already-exists", 'column with name "title" already exists'),
    ("object", on_columns("", "author_id"), "invalid-configuration", "1 to 63 bytes"),
    ("object", on_columns("a" * 64, "author_id"), "invalid-configuration", "1 to 63 bytes"),
    ("object", on_columns("$and", "author_id"), "invalid-configuration", "cannot start"),
    ("object", on_columns("*", "author_id"), "invalid-configuration", "cannot start"),
    ("array", on_columns("authors", "author_id"), "invalid-configuration", "the foreign key of another table"),
    ("array", on_columns("comments", {"table": "comment", "column": "article_id"}), "not-exists", "is not tracked"),
    ("array", on_columns("x", {"table": "author", "column": "id"}), "constraint-error", "no foreign constraint"),
    ("array", on_columns("x", {"table": "author", "column": "nope"}), "not-exists", 'column "nope"'),
    ("object", {"name": "x", "using": manual({})}, "invalid-configuration", "at least one pair"),
    ("object", {"name": "x", "using": manual({"nope": "id"})}, "not-exists", 'column "nope"'),
    ("object", {"name": "x", "using": manual({"id": "nope"})}, "not-exists", 'column "nope"'),
    ("object", {"name": "x", "using": manual({"title": "id"})}, "invalid-configuration", "cannot be compared"),
    ("object", {"name": "x", "using": manual({"id": "id"}, "hidden")}, "not-exists", "is not tracked"),
]


@pytest.mark.parametrize(("kind", "relationship", "code", "message"), RELATIONSHIPS)
def test_broken_relationships(kind: str, relationship: dict[str, Any], code: str, message: str) -> None:
    """Each is a problem with its code, and is not in the catalog."""
    catalog = resolved({**ARTICLE, f"{kind}_relationships": [relationship]}, AUTHOR)
    (problem,) = catalog.problems
    assert problem.code == code
    assert message in problem.message
    assert problem.path.startswith("$.tables.article.relationships")
    assert catalog.tables[public("article")].relationships == {}


def test_relationships_of_the_same_name() -> None:
    """The first one stays, the second is a problem."""
    table = {
        **ARTICLE,
        "object_relationships": [on_columns("author", "author_id"), on_columns("author", "editor_id")],
    }
    assert problems(table, AUTHOR) == [
        (
            "$.tables.article.relationships.author",
            "already-exists",
            'relationship with name "author" already exists in table "article"',
        )
    ]


def test_two_foreign_keys_on_one_column_are_one_too_many() -> None:
    """A relationship needs exactly one matching foreign key."""
    database = fixture_database()
    article = database.tables[public("article")]
    twice = dataclasses.replace(article, foreign_keys=(*article.foreign_keys, article.foreign_keys[0]))
    metadata = read_metadata({"tables": [{**ARTICLE, "object_relationships": [on_columns("a", "author_id")]}, AUTHOR]})
    catalog = resolve(metadata, dataclasses.replace(database, tables={**database.tables, article.name: twice}), 1)
    (problem,) = catalog.problems
    assert (problem.code, problem.message) == (
        "constraint-error",
        "more than one foreign key constraint exists on the given column",
    )
    assert problem.inner == ".using.foreign_key_constraint_on"


# the operation, the rule, and for each problem where in the rule it is, its code and its message
RULES: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    (
        "select",
        {"columns": ["id", "nope", 5], "filter": {"gone": 1}},
        [
            (".columns[1]", "not-exists", 'column "nope" does not exist'),
            (".columns[2]", "parse-failed", "expected String, but encountered Number"),
            (".filter.gone", "not-exists", 'column "gone" does not exist'),
        ],
    ),
    (
        "select",
        {"columns": "id", "filter": {}},
        [(".columns", "parse-failed", 'expected Array or "*", but encountered String')],
    ),
    ("select", {"filter": {}}, [("", "parse-failed", 'key "columns" not found')]),
    ("select", {"columns": ["id"]}, [("", "parse-failed", 'key "filter" not found')]),
    (
        "select",
        {"columns": ["id"], "filter": None},
        [(".filter", "parse-failed", "expected Object, but encountered Null")],
    ),
    (
        "select",
        {"columns": [], "filter": {"$near": 1}},
        [('.filter["$near"]', "unexpected-payload", 'unknown operator "$near"')],
    ),
    (
        "select",
        {"columns": [], "filter": {"author": {"nope": 1}}},
        [(".filter.author.nope", "not-exists", 'column "nope" does not exist')],
    ),
    (
        "select",
        {"columns": [], "filter": {"nope": {"a": 1}}},
        [(".filter.nope", "not-exists", 'relationship "nope" does not exist')],
    ),
    (
        "select",
        {"columns": [], "filter": {"$exists": {"_table": "nope", "_where": {}}}},
        [('.filter["$exists"]._table', "not-exists", 'table "nope" does not exist')],
    ),
    (
        "select",
        {"columns": [], "filter": {"published": "yes"}},
        [(".filter.published", "parse-failed", "expected Boolean, but encountered String")],
    ),
    (
        "select",
        {"columns": [], "filter": {"id": {"$in": [1, None]}}},
        [('.filter.id["$in"][1]', "parse-failed", "null cannot be one of the values of a list: use $is_null")],
    ),
    (
        "select",
        {"columns": [], "filter": {"tags": {"$in": "X-Hasura-Tags"}}},
        [('.filter.tags["$in"]', "parse-failed", "expected Array, but encountered String")],
    ),
    (
        "select",
        {"columns": [], "filter": {"data": {"$has_keys_any": ["a", "X-Hasura-Key"]}}},
        [
            (
                '.filter.data["$has_keys_any"][1]',
                "parse-failed",
                "a session variable stands for the whole list here: give it alone, its value like {a,b}",
            )
        ],
    ),
    (
        "select",
        {"columns": [], "filter": {"title": {"$contains": "x"}}},
        [
            (
                '.filter.title["$contains"]',
                "unexpected-payload",
                'operator "contains" is for jsonb and arrays; column "title" is text',
            )
        ],
    ),
    (
        "select",
        {"columns": [], "filter": {"data": {"$has_key": 1}}},
        [('.filter.data["$has_key"]', "parse-failed", "expected String, but encountered Number")],
    ),
    (
        "select",
        {"columns": [], "filter": {"id": {"$in": "{1}"}}},
        [('.filter.id["$in"]', "parse-failed", "expected Array, but encountered String")],
    ),
    (
        "select",
        {"columns": [], "filter": {}, "limit": -1},
        [(".limit", "parse-failed", "expected an Integer that is not negative")],
    ),
    (
        "select",
        {"columns": [], "filter": {}, "limit": True},
        [(".limit", "parse-failed", "expected an Integer that is not negative")],
    ),
    (
        "select",
        {"columns": [], "filter": {}, "allow_aggregations": 1},
        [(".allow_aggregations", "parse-failed", "expected Boolean, but encountered Number")],
    ),
    (
        "select",
        {"columns": [], "filter": {}, "computed_fields": ["x"]},
        [(".computed_fields[0]", "not-exists", 'computed field "x" does not exist')],
    ),
    (
        "select",
        {"columns": [], "filter": {}, "computed_fields": "label"},
        [(".computed_fields", "parse-failed", "expected Array, but encountered String")],
    ),
    (
        "select",
        {"columns": [], "filter": {}, "computed_fields": [1]},
        [(".computed_fields[0]", "parse-failed", "expected String, but encountered Number")],
    ),
    (
        "select",
        {"columns": [], "filter": {}, "check": {}},
        [(".check", "unexpected-payload", 'unexpected key "check"')],
    ),
    ("insert", {}, [("", "parse-failed", 'key "check" not found')]),
    ("insert", {"check": {}, "set": {"nope": 1}}, [(".set.nope", "not-exists", 'column "nope" does not exist')]),
    (
        "insert",
        {"check": {}, "set": {"size": 1}},
        [(".set.size", "not-supported", 'column "size" is generated and cannot be written')],
    ),
    (
        "insert",
        {"check": {}, "set": {"title": 1}},
        [(".set.title", "parse-failed", "expected String, but encountered Number")],
    ),
    ("insert", {"check": {}, "set": []}, [(".set", "parse-failed", "expected Object, but encountered Array")]),
    ("update", {"columns": ["id"]}, [("", "parse-failed", 'key "filter" not found')]),
    ("delete", {}, [("", "parse-failed", 'key "filter" not found')]),
    ("delete", {"filter": {}, "columns": []}, [(".columns", "unexpected-payload", 'unexpected key "columns"')]),
]


@pytest.mark.parametrize(("operation", "written", "expected"), RULES)
def test_broken_rules(operation: str, written: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    """Everything that is wrong with a rule is listed, and the role may not do the operation at all."""
    catalog = resolved(
        {**ARTICLE, **rule(operation, written), "object_relationships": [on_columns("author", "author_id")]}, AUTHOR
    )
    assert [(problem.inner, problem.code, problem.message) for problem in catalog.problems] == expected
    for problem in catalog.problems:
        assert problem.path == f"$.tables.article.permissions.user.{operation}{problem.inner}"
        assert (problem.kind, problem.name) == ("permission", f"user {operation}")
    permissions = catalog.tables[public("article")].permissions.get("user")
    assert permissions is None or getattr(permissions, operation) is None


def test_permissions_that_cannot_be() -> None:
    """None for the administrator, none twice, none without a role, none to write what cannot be written."""
    everything = {"columns": "*", "filter": {}}
    assert [code for _, code, _ in problems({**ARTICLE, **rule("select", everything, "admin")})] == ["not-supported"]
    assert [code for _, code, _ in problems({**ARTICLE, **rule("select", everything, "")})] == ["invalid-configuration"]
    twice = {"select_permissions": [{"role": "user", "permission": everything}] * 2}
    assert [code for _, code, _ in problems({**ARTICLE, **twice})] == ["already-exists"]
    view = {"table": "author_statistics"}
    assert [code for _, code, _ in problems({**view, **rule("insert", {"check": {}})})] == ["not-supported"]
    assert [code for _, code, _ in problems({**view, **rule("select", everything)})] == []


def test_a_table_twice() -> None:
    """The first one stays."""
    assert [code for _, code, _ in problems(ARTICLE, ARTICLE)] == ["already-exists"]


def condition_of(filter_: dict[str, Any]) -> object:
    catalog = resolved({**ARTICLE, **rule("select", {"columns": ["id"], "filter": filter_})}, AUTHOR)
    assert catalog.problems == ()
    permission = catalog.tables[public("article")].permissions["user"].select
    assert permission is not None
    return permission.filter


@pytest.mark.parametrize("text", ["X-Hasura-User-Id", "x-hasura-user-id", "X-HASURA-USER-ID", "REQ_USER_ID"])
def test_session_variables_of_rules(text: str) -> None:
    """In a stored rule a string with the prefix, in any case, is the variable, cast to the column's type."""
    variable = SessionVariable("x-hasura-user-id")
    assert condition_of({"author_id": text}) == Compared("author_id", "eq", variable, "integer")
    assert condition_of({"author_id": {"$in": text}}) == AmongArray("author_id", False, variable, "integer[]")
    assert condition_of({"title": {"$like": text}}) == Compared("title", "like", variable, "text")


def test_session_variables_among_values() -> None:
    """A list of a rule may have values and variables in it."""
    condition = condition_of({"author_id": {"$nin": [1, "X-Hasura-User-Id"]}})
    assert isinstance(condition, Among)
    assert condition.negated
    assert [type(value) for value in condition.values] == [Literal, SessionVariable]


def test_rules_see_everything() -> None:
    """A rule names any column and any table, and other tables' rules do not apply inside it."""
    tables = (
        {**AUTHOR, **rule("select", {"columns": ["name"], "filter": {"active": True}})},
        {
            **ARTICLE,
            "object_relationships": [on_columns("author", "author_id")],
            **rule("select", {"columns": ["id"], "filter": {"author": {"secret": None}}}),
        },
    )
    permission = resolved(*tables).tables[public("article")].permissions["user"].select
    assert permission is not None
    assert permission.filter == RowExists(public("author"), (Pair("author_id", "id"),), IsNull("secret", negated=False))


def test_flags_of_rules_are_text() -> None:
    """A boolean that a rule knows is part of the statement, so that Postgres can use a partial index."""
    assert condition_of({"published": True}) == Flagged("published", True)
    assert condition_of({}) == AllOf(())


def test_columns_of_permissions() -> None:
    """The star means every column, in the order of the table; what is generated cannot be written."""
    star = {"columns": "*", "filter": {}}
    table = {**ARTICLE, **rule("select", star), **rule("update", star), **rule("insert", {"check": {}})}
    permissions = resolved(table).tables[public("article")].permissions["user"]
    assert permissions.select is not None
    assert permissions.update is not None
    assert permissions.insert is not None
    names = [column.name for column in fixture_database().tables[public("article")].columns]
    assert list(permissions.select.columns) == names
    assert list(permissions.update.columns) == list(permissions.insert.columns) == names[:-1]


def test_visible_columns() -> None:
    """A role knows of the columns it may read or write, and of no others."""
    author = fixture_catalog().tables[public("author")]
    assert set(author.visible_columns("anonymous")) == {"id", "name"}
    assert set(author.visible_columns("backend")) == {"name"}
    assert author.visible_columns("nobody") == {}
    assert set(author.visible_columns("admin")) == set(author.columns)
