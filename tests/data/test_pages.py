"""Pages: walked forward and backward they give every visible row once, in order, whatever ties and nulls there are."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.support import compiled, fixture_catalog, fixture_database, read_metadata
from tests.support import Cluster

from howdah.data.catalog.resolve import resolve
from howdah.data.errors import DataError
from howdah.data.sql.statement import bind
from howdah.session import ADMIN, ANONYMOUS, Session

EXAMPLES = int(os.environ.get("HOWDAH_TEST_EXAMPLES", "150"))
USER = Session("user", {"x-hasura-user-id": "1"})
Page = dict[str, Any]

ROWS = """
    insert into author (id, name, email, active, born)
    select n, 'Name ' || n % 4 || '/' || n, nullif('mail' || n % 3, 'mail0'), n % 5 > 0, case when n % 4 > 0
        then date '2000-01-01' + n % 3 end
    from generate_series(10, 29) n;
    insert into article (title, author_id, editor_id, published, rating, price, created)
    select 'Title ' || n % 3, 10 + n % 20, case when n % 3 > 0 then 10 + n % 2 end, n % 4 > 0, nullif(n % 5, 0),
        case when n % 2 = 0 then 0.1 * (n % 3) end, timestamptz '2024-05-01 10:00+00' + (n % 6) * interval '1 us'
    from generate_series(1, 60) n;
    analyze;
"""


@pytest.fixture(scope="module")
def connection(cluster: Cluster, template: str) -> Iterator[psycopg.Connection[Any]]:
    name = f"pages_{secrets.token_hex(6)}"
    with psycopg.connect(cluster.create_database(name, template=template), autocommit=True) as opened:
        opened.execute(ROWS)
        yield opened
    cluster.drop_database(name)


def answer(connection: psycopg.Connection[Any], session: Session, **args: Any) -> Any:
    statement = compiled(json.dumps({"type": "select", "args": args}).encode(), session, fixture_catalog())
    result = connection.pgconn.exec_params(statement.text.encode(), bind(statement, session))
    cell = result.get_value(0, 0)
    assert cell is not None, result.error_message
    return json.loads(cell)


# Everything with ties, nulls or both; the last of them is made up of other tables' rows.
NAMES = ["rating", "price", "editor_id", "title", "published", "created", "author.born", "editor.name"]
ITEMS = st.fixed_dictionaries(
    {"column": st.sampled_from(NAMES)},
    optional={"order": st.sampled_from(["asc", "desc"]), "nulls": st.sampled_from(["first", "last"])},
)
ORDERS = st.lists(ITEMS | st.sampled_from(["id", "-id"]), max_size=3, unique_by=str)
WHERES = st.sampled_from([{}, {"rating": {"$gt": 1}}, {"title": {"$like": "%1"}}, {"author": {"active": True}}])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ORDERS, WHERES, st.sampled_from([ADMIN, USER]), st.integers(1, 40))
def test_pages_have_every_visible_row_once_and_in_order(
    connection: psycopg.Connection[Any], order: list[Any], where: Any, session: Session, size: int
) -> None:
    """Forward from the beginning, then backward from there: the same pages, which together are the select."""
    args: dict[str, Any] = {"table": "article", "columns": ["id"], "where": where}
    last = order[-1] if order else "id"
    descending = last == "-id" or (isinstance(last, dict) and last.get("order") == "desc")
    by_key = "-id" if descending else "id"
    whole = [row["id"] for row in answer(connection, session, **args, order_by=[*order, by_key])]
    if order:
        args["order_by"] = order
    pages = [answer(connection, session, **args, limit=size, page={"total": True})]
    while pages[-1]["page"]["next"] is not None:
        pages.append(answer(connection, session, **args, limit=size, page={"after": pages[-1]["page"]["next"]}))
    assert [row["id"] for page in pages for row in page["rows"]] == whole
    assert pages[0]["page"]["total"] == len(whole)
    assert pages[0]["page"]["previous"] is None
    for before, page in zip(reversed(pages[:-1]), reversed(pages), strict=False):
        back = answer(connection, session, **args, limit=size, page={"before": page["page"]["previous"]})
        assert back["rows"] == before["rows"]
        assert (back["page"]["previous"] is None) == (before is pages[0])
        again = answer(connection, session, **args, limit=size, page={"after": back["page"]["next"]})
        assert again["rows"] == page["rows"]


def test_rows_that_come_and_go_between_pages_move_no_others(connection: psycopg.Connection[Any]) -> None:
    """What is written before the place of a cursor is not shown late, and shifts nothing, though it ties."""
    with connection.transaction(force_rollback=True):
        connection.execute("delete from comment; delete from rating")
        args: dict[str, Any] = {"table": "article", "columns": ["id"], "order_by": "title", "limit": 7}
        before = [
            row["id"] for row in answer(connection, ADMIN, **(args | {"limit": None, "order_by": ["title", "id"]}))
        ]
        seen: list[int] = []
        page: Any = {}
        for turn in range(20):
            found = answer(connection, ADMIN, **args, page=page)
            seen += [row["id"] for row in found["rows"]]
            if found["page"]["next"] is None:
                break
            page = {"after": found["page"]["next"]}
            connection.execute("insert into article (id, title, author_id) values (%s, 'Title 0', 10)", (-turn - 1,))
            connection.execute("delete from article where id = %s", (seen[0],))
        assert seen == before


def test_a_cursor_has_only_what_its_reader_may_read() -> None:
    """A role that may not read the key gets no cursor with it; another key that it may read serves (R59)."""
    permission = {"columns": ["title", "rating"], "filter": {}}
    named = {"columns": ["name", "email"], "filter": {}}
    tables = [
        {"table": "article", "select_permissions": [{"role": "reader", "permission": permission}]},
        {"table": "author", "select_permissions": [{"role": "reader", "permission": named}]},
    ]
    catalog = resolve(read_metadata({"version": 1, "tables": tables}), fixture_database(), version=1)

    def text(table: str, column: str) -> str:
        args = {"table": table, "columns": [column], "order_by": column, "limit": 1, "page": {}}
        return compiled(json.dumps({"type": "select", "args": args}).encode(), Session("reader"), catalog).text

    with pytest.raises(DataError) as refused:
        text("article", "title")
    assert refused.value.code == "not-supported"
    assert '"t1"."name"' in text("author", "email")
    assert '"t1"."id"' not in text("author", "email")


def test_a_total_counts_what_the_role_sees(connection: psycopg.Connection[Any]) -> None:
    """The role's filter holds for the total as for the rows; the cursor's place and the limit do not (R60)."""
    for session, query in (
        (ADMIN, "select count(*) from article"),
        (ANONYMOUS, "select count(*) from article where published"),
        (USER, "select count(*) from article where published or author_id = 1"),
    ):
        (expected,) = connection.execute(query).fetchone() or (None,)
        for page in ({"total": True}, {"total": True, "after": {"id": 40}}):
            found = answer(connection, session, table="article", columns=["id"], limit=2, page=page)
            assert found["page"]["total"] == expected


def plan_of(connection: psycopg.Connection[Any], **args: Any) -> str:
    statement = compiled(json.dumps({"type": "select", "args": args}).encode(), ADMIN, fixture_catalog())
    connection.execute("set plan_cache_mode = force_generic_plan")
    result = connection.pgconn.exec_params(f"explain {statement.text}".encode(), bind(statement, ADMIN))
    assert result.ntuples, result.error_message
    return "\n".join([(result.get_value(row, 0) or b"").decode() for row in range(result.ntuples)])


@pytest.mark.parametrize(
    ("order", "after", "expected"),
    [
        ("created", {"created": "2024-06-01", "id": 5}, "Index Cond: (ROW(created, id) > ROW("),
        ("-created", {"created": "2024-06-01", "id": 5}, "Index Cond: (ROW(created, id) < ROW("),
        ("-rating", {"rating": 3, "id": 5}, "Index Cond: (ROW(rating, id) < ROW("),
        (["created", "-id"], {"created": "2024-06-01", "id": 5}, "Index Cond: (created >= "),
    ],
    ids=str,
)
def test_a_page_begins_in_the_index(
    connection: psycopg.Connection[Any], order: Any, after: dict[str, Any], expected: str
) -> None:
    """The place of a cursor is where an index scan begins: a late page costs what the first one does."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "insert into article (title, author_id, rating, created) select 'x', 10, n % 5, timestamptz '2024-05-01' "
            "+ n * interval '1 minute' from generate_series(1, 20000) n"
        )
        connection.execute("create index on article (created, id); create index on article (rating, id)")
        connection.execute("analyze article")
        args = {"table": "article", "columns": ["id", "title"], "order_by": order, "limit": 20}
        text = plan_of(connection, **args, page={"after": after})
        assert expected in text, text
        assert "Seq Scan" not in text, text
