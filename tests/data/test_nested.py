"""Nested inserts: the rows are those of the same inserts one by one, under the same permissions, or none is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.support import fixture_catalog, fixture_database, operations, read_metadata
from tests.support import Cluster, run

from howdah.data.catalog.model import Catalog
from howdah.data.catalog.resolve import resolve
from howdah.data.errors import CheckFailed, PermissionDenied
from howdah.data.execute.nested import Part, insert_nested, render_nested
from howdah.data.plan import plan, plan_nested
from howdah.data.query.ast import Insert, Transaction
from howdah.data.query.json import decode
from howdah.data.query.parse import parse_request
from howdah.data.query.references import Reference
from howdah.data.sql.statement import Literal, bind
from howdah.session import ADMIN, Session

EXAMPLES = int(os.environ.get("HOWDAH_TEST_EXAMPLES", "60"))


@pytest.fixture
def connection(changed: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(changed, autocommit=True) as opened:
        yield opened


def insert(
    connection: psycopg.Connection[Any],
    table: str,
    *objects: Any,
    returning: Any = None,
    session: Session = ADMIN,
    catalog: Catalog | None = None,
) -> Any:
    """The answer of the insert, in a transaction. Raises DataError, CheckFailed for any check."""
    args = {"table": table, "objects": objects, "returning": returning}
    request = parse_request(decode(json.dumps({"type": "insert", "args": args}).encode()))
    assert isinstance(request, Insert)
    planned = plan_nested(request, catalog or fixture_catalog(), session)
    if planned is None:
        plan(request, catalog or fixture_catalog(), session)
    assert planned is not None

    async def submit(part: Part) -> bytes:
        parameters = bind(part.statement, session)
        result = connection.pgconn.exec_params(part.statement.text.encode(), parameters)
        if result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"HW001":
            raise CheckFailed(path=part.path)
        cell = result.get_value(0, 0)
        assert cell is not None, result.error_message
        return cell

    with connection.transaction():
        return json.loads(run(insert_nested(render_nested(planned), submit)))


# -- made up ones ------------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(["", "a", "ä'\"\\", "{1,2}", "NULL"])
COMMENTS = st.lists(st.fixed_dictionaries({"text": TEXTS, "user_id": st.integers(0, 9)}), max_size=3)


def nested(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return one.map(lambda data: {"data": data})


PEOPLE = st.fixed_dictionaries({"email": TEXTS | st.none()})
ARTICLES = st.lists(
    st.fixed_dictionaries(
        {"title": TEXTS}, optional={"comments": nested(COMMENTS), "editor": nested(PEOPLE), "rating": st.integers(0, 5)}
    ),
    max_size=4,
)
AUTHORS = st.lists(
    st.fixed_dictionaries(
        {"email": TEXTS},
        optional={"articles": nested(ARTICLES), "profile": nested(st.fixed_dictionaries({"bio": TEXTS}))},
    ),
    min_size=1,
    max_size=4,
)
READ = [
    "email",
    {"name": "profile", "columns": ["bio"]},
    {
        "name": "articles",
        "columns": [
            "title",
            "rating",
            {"name": "editor", "columns": ["email"]},
            {"name": "comments", "columns": ["text", "user_id"], "order_by": "id"},
        ],
        "order_by": "id",
    },
]


def named(value: Any, numbers: Iterator[int]) -> Any:
    """The same with a name for each person, none of which is another's."""
    if isinstance(value, list):
        return [named(item, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    rows = {key: named(item, numbers) for key, item in value.items()}
    return {**rows, "name": f"person {next(numbers)}"} if "email" in rows else rows


def expected(author: dict[str, Any]) -> dict[str, Any]:
    articles = author.get("articles", {"data": []})["data"]
    return {
        "email": author["email"],
        "profile": None if "profile" not in author else {"bio": author["profile"]["data"]["bio"]},
        "articles": [
            {
                "title": article["title"],
                "rating": article.get("rating"),
                "editor": None if "editor" not in article else {"email": article["editor"]["data"]["email"]},
                "comments": article.get("comments", {"data": []})["data"],
            }
            for article in articles
        ],
    }


def rows_in(value: Any) -> int:
    if isinstance(value, list):
        return sum(rows_in(item) for item in value)
    return 1 + sum(rows_in(item["data"]) for item in value.values() if isinstance(item, dict))


def test_every_row_is_where_it_was_nested(cluster: Cluster, template: str) -> None:
    """Whatever the tree, what comes back is what went in, in its order, and every row of it counts."""
    numbers = iter(range(1_000_000))

    with psycopg.connect(cluster.create_database("nested", template=template), autocommit=True) as connection:

        @settings(max_examples=EXAMPLES, deadline=None)
        @given(AUTHORS)
        def check(authors: list[Any]) -> None:
            if not any("articles" in author or "profile" in author for author in authors):
                return
            answer = insert(connection, "author", *named(authors, numbers), returning=READ)
            assert answer == {
                "affected_rows": rows_in(authors),
                "returning": [expected(author) for author in authors],
            }

        check()
    cluster.drop_database("nested")


# -- checks ------------------------------------------------------------------------------------------------------------

TABLES = [
    {
        "table": "article",
        "object_relationships": [{"name": "author", "using": {"foreign_key_constraint_on": "author_id"}}],
        "array_relationships": [
            {"name": "comments", "using": {"foreign_key_constraint_on": {"table": "comment", "column": "article_id"}}}
        ],
        "insert_permissions": [
            {
                "role": "writer",
                "permission": {
                    "columns": ["title", "author_id"],
                    "check": {"comments": {"text": "first"}, "author": {"active": True}},
                },
            },
            {"role": "setter", "permission": {"columns": ["title"], "check": {}, "set": {"author_id": 1}}},
        ],
    },
    {
        "table": "comment",
        "insert_permissions": [
            {
                "role": role,
                "permission": {"columns": columns, "check": {}, "set": {"user_id": "X-Hasura-User-Id"}},
            }
            for role, columns in (("writer", ["article_id", "text"]), ("setter", ["text"]))
        ],
    },
    {
        "table": "author",
        "insert_permissions": [
            {"role": role, "permission": {"columns": ["name", "active"], "check": {}}} for role in ("writer", "setter")
        ],
    },
]
WRITER = Session("writer", {"x-hasura-user-id": "7"})
SETTER = Session("setter", {"x-hasura-user-id": "7"})


def permitted() -> Catalog:
    catalog = resolve(read_metadata({"version": 1, "tables": TABLES}), fixture_database(), version=1)
    assert catalog.problems == ()
    return catalog


def counts(connection: psycopg.Connection[Any]) -> Any:
    query = "select (select count(*) from author), (select count(*) from article), (select count(*) from comment)"
    return connection.execute(query).fetchone()


def article(text: str, *, active: bool) -> dict[str, Any]:
    return {
        "title": "New",
        "author": {"data": {"name": "Dan", "active": active}},
        "comments": {"data": [{"text": "zero"}, {"text": text}]},
    }


def test_a_check_sees_what_is_inserted_after_its_row(connection: psycopg.Connection[Any]) -> None:
    """The check of a row is about the row as it is when all that is nested is there; presets hold for nested rows."""
    before = counts(connection)
    answer = insert(connection, "article", article("first", active=True), session=WRITER, catalog=permitted())
    assert answer == {"affected_rows": 4}
    assert counts(connection) == tuple(count + more for count, more in zip(before, (1, 1, 2), strict=True))
    assert connection.execute("select distinct user_id from comment where text in ('zero', 'first')").fetchall() == [
        (7,)
    ]


@pytest.mark.parametrize(("text", "active"), [("second", True), ("first", False)])
def test_a_failing_check_leaves_no_row_at_all(connection: psycopg.Connection[Any], text: str, *, active: bool) -> None:
    """The twin: a row that fails its check at the end takes with it what was inserted before it and after it (R61)."""
    before = counts(connection)
    good = article("first", active=True)
    good["author"]["data"]["name"] = "Eve"
    with pytest.raises(CheckFailed):
        insert(connection, "article", good, article(text, active=active), session=WRITER, catalog=permitted())
    assert counts(connection) == before


def test_a_column_that_a_relationship_sets_is_one_the_role_may_insert(connection: psycopg.Connection[Any]) -> None:
    """Nesting is no way around a permission's columns and presets, and tells no name of the column it sets (R59)."""
    before = counts(connection)
    for name, objects in (
        ("comments", {"title": "x", "comments": {"data": [{"text": "x"}]}}),
        ("comments", {"title": "x", "comments": {"data": [{"text": "x", "article_id": 1}]}}),
        ("author", {"title": "x", "author": {"data": {"name": "Dan"}}}),
    ):
        with pytest.raises(PermissionDenied) as refused:
            insert(connection, "article", objects, session=SETTER, catalog=permitted())
        assert refused.value.message == f'role "setter" does not have permission to insert column "{name}"'
    assert counts(connection) == before


# -- references --------------------------------------------------------------------------------------------------------


def test_what_a_rule_says_is_never_a_reference() -> None:
    """An object with ``$ref`` in a preset or a filter is what it is, in a transaction as elsewhere (R63)."""
    rule = {"data": {"$contains": {"$ref": "0.count"}}}
    table = {
        "table": "article",
        "select_permissions": [{"role": "user", "permission": {"columns": ["id"], "filter": rule}}],
        "update_permissions": [
            {
                "role": "user",
                "permission": {"columns": ["title"], "filter": rule, "set": {"data": {"$ref": "0.count"}}},
            }
        ],
    }
    catalog = resolve(read_metadata({"version": 1, "tables": [table]}), fixture_database(), version=1)
    queries = [
        {"type": "count", "args": {"table": "article"}},
        {"type": "update", "args": {"table": "article", "where": {}, "$set": {"title": {"$ref": "0.count"}}}},
    ]
    request = parse_request({"type": "transaction", "args": queries})
    assert isinstance(request, Transaction)
    values = [
        parameter.value
        for operation in operations(request, Session("user"), catalog)
        for parameter in operation.statement.parameters
        if isinstance(parameter, Literal)
    ]
    assert sum(isinstance(value, Reference) for value in values) == 1
    assert values.count({"$ref": "0.count"}) > 1
