"""Aggregates beside the rows they are made of: both ways of asking agree, for every role and whoever asks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.support import run

from howdah.data.execute import Engine
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, Session

SECTION = DatabaseSection(pool_size=2, write_pool_size=2)
USERS = [Session("user", {"x-hasura-user-id": str(number)}) for number in (1, 2, 3)]
AGGREGATES = {
    "rows": {"count": "*"},
    "rated": {"count": "rating"},
    "editors": {"count": {"distinct": ["editor_id"]}},
    "total": {"sum": "rating"},
    "mean": {"avg": "rating"},
    "least": {"min": "title"},
    "most": {"max": "price"},
}


def with_engine(dsn: str, work: Callable[[Engine], Awaitable[None]], data: DataSection | None = None) -> None:
    async def scenario() -> None:
        engine = Engine(dsn, database=SECTION, data=data or DataSection())
        await engine.start()
        try:
            await work(engine)
        finally:
            await engine.stop()

    run(scenario())


async def ask(engine: Engine, session: Session, kind: str, **args: Any) -> Any:
    """The answer, the same when asked again."""
    body = json.dumps({"type": kind, "args": {"table": "article", **args}}).encode()
    answer = await engine.answer(body, session)
    assert answer.status == 200, answer.body
    assert await engine.answer(body, session) == answer
    return json.loads(answer.body, parse_float=Decimal)


def made_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the aggregates of these rows are, worked out one by one."""
    ratings = [row["rating"] for row in rows if row["rating"] is not None]
    prices = [row["price"] for row in rows if row["price"] is not None]
    return {
        "rows": len(rows),
        "rated": len(ratings),
        "editors": len({row["editor_id"] for row in rows}),
        "total": sum(ratings) if ratings else None,
        "mean": Decimal(sum(ratings)) / len(ratings) if ratings else None,
        "least": min((row["title"] for row in rows), default=None),
        "most": max(prices, default=None),
    }


CONDITIONS: list[dict[str, Any]] = [
    {},
    {"rating": {"$gt": 3}},
    {"title": {"$like": "%e%"}},
    {"author": {"name": "Bob"}},
    {"comments": {"text": {"$is_null": False}}},
    {"$not": {"published": True}},
    {"id": -1},
]


@pytest.mark.parametrize("session", [ADMIN, *USERS], ids=lambda session: str(session.variables or session.role))
def test_aggregates_are_of_the_rows_that_the_role_may_read(unchanged: str, session: Session) -> None:
    """At the top, for each group and inside a relationship: what is made of rows is made of the visible ones (R60)."""

    async def scenario(engine: Engine) -> None:
        for where in CONDITIONS:
            rows = await ask(engine, session, "select", columns=["*"], where=where)
            assert await ask(engine, session, "aggregate", aggregates=AGGREGATES, where=where) == made_of(rows)
            groups = await ask(
                engine,
                session,
                "aggregate",
                aggregates=AGGREGATES,
                where=where,
                group_by="author_id",
                order_by="author_id",
            )
            authors = sorted({row["author_id"] for row in rows})
            assert groups == [
                {"author_id": author, **made_of([row for row in rows if row["author_id"] == author])}
                for author in authors
            ]
            nested = await ask(
                engine,
                session,
                "select",
                table="author",
                order_by="id",
                columns=["id", {"name": "articles", "aggregates": AGGREGATES, "where": where}],
            )
            assert nested == [
                {"id": one["id"], "articles": made_of([row for row in rows if row["author_id"] == one["id"]])}
                for one in nested
            ]

    with_engine(unchanged, scenario)


def test_a_failing_pattern_tells_nothing_of_hidden_rows(unchanged: str) -> None:
    """An aggregate over rows that a pattern chooses is asked of visible rows alone, as a select is."""

    async def scenario(engine: Engine) -> None:
        where = {"body": {"$regex": "Fruit|Cows"}}
        answer = await ask(engine, USERS[0], "aggregate", aggregates={"rows": {"count": "*"}}, where=where)
        assert answer == {"rows": 1}

    with_engine(unchanged, scenario)


def test_sums_and_averages_leave_as_strings_where_numbers_do(unchanged: str) -> None:
    """A count is a number always; groups are ordered by value and not by text."""
    data = DataSection(stringify_numerics=True)
    aggregates = {
        "rows": {"count": "*"},
        "total": {"sum": "rating"},
        "mean": {"avg": "rating"},
        "least": {"min": "rating"},
        "most": {"max": "price"},
        "first": {"min": "title"},
    }

    async def scenario(engine: Engine) -> None:
        assert await ask(engine, ADMIN, "aggregate", aggregates=aggregates) == {
            "rows": 5,
            "total": "13",
            "mean": "3.2500000000000000",
            "least": 1,
            "most": "10.25",
            "first": "100% juice",
        }
        groups = await ask(
            engine,
            ADMIN,
            "aggregate",
            aggregates={"rows": {"count": "*"}, "most": {"max": "price"}},
            group_by="price",
            order_by=["-most"],
            where={"price": {"$is_null": False}},
        )
        assert groups[:2] == [
            {"price": "10.25", "rows": 1, "most": "10.25"},
            {"price": "2.00", "rows": 1, "most": "2.00"},
        ]

    with_engine(unchanged, scenario, data)
