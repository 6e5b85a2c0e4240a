"""`data.stringify_numerics`: numbers that a client's float would change leave as strings, digit for digit."""

from __future__ import annotations

import json
from typing import Any

from tests.data.support import fixture_catalog
from tests.support import run

from howdah.data.compile import compile_plan
from howdah.data.execute import Engine
from howdah.data.plan import plan
from howdah.data.query.ast import Bulk, MetadataCall
from howdah.data.query.parse import parse_request
from howdah.data.sql.render import render
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, Session

SECTION = DatabaseSection(pool_size=2, write_pool_size=2)
LARGEST = 2**63 - 1

NUMBERS = f"""
    create domain positive as numeric check (value > 0);
    create table shelf (id int primary key, total bigint);
    create table number (
        id int primary key, shelf_id int references shelf, small smallint, big bigint, exact numeric, short real,
        double double precision, many bigint[], fractions numeric[], whole int[], own positive, data jsonb, name text
    );
    insert into shelf values (1, {LARGEST});
    insert into number values (
        1, 1, 2, {LARGEST}, 1.10, 0.5, 'NaN', '{{{LARGEST},null}}', '{{1.50}}', '{{3}}', 12345678901234567890.0,
        '{{"n": 1.10}}', 'one'
    ), (2, null, null, null, null, null, null, null, null, null, null, null, null);
"""
CALLS: list[dict[str, Any]] = [
    {"type": "run_sql", "args": {"sql": NUMBERS}},
    {"type": "track_table", "args": "shelf"},
    {"type": "track_table", "args": "number"},
    {
        "type": "create_object_relationship",
        "args": {"table": "number", "name": "shelf", "using": {"foreign_key_constraint_on": "shelf_id"}},
    },
    {
        "type": "create_array_relationship",
        "args": {
            "table": "shelf",
            "name": "numbers",
            "using": {"foreign_key_constraint_on": {"table": "number", "column": "shelf_id"}},
        },
    },
]
COLUMNS = ["small", "big", "exact", "short", "double", "many", "fractions", "whole", "own", "data", "name"]
AS_STRINGS = {
    "small": 2,
    "big": str(LARGEST),
    "exact": "1.10",
    "short": "0.5",
    "double": "NaN",
    "many": [str(LARGEST), None],
    "fractions": ["1.50"],
    "whole": [3],
    "own": "12345678901234567890.0",
    "data": {"n": 1.10},
    "name": "one",
}


def answers(dsn: str, requests: list[dict[str, Any]], *, stringify: bool = True) -> list[Any]:
    """What the requests are answered with, one after the other, each of them twice."""

    async def scenario() -> list[Any]:
        engine = Engine(dsn, database=SECTION, data=DataSection(stringify_numerics=stringify))
        await engine.start()
        try:
            for call in CALLS:
                answer = await engine.answer(json.dumps(call).encode(), ADMIN)
                assert answer.status == 200, answer.body
            bodies = []
            for request in requests:
                twice = [await engine.answer(json.dumps(request).encode(), ADMIN) for _ in range(2)]
                assert twice[0] == twice[1]
                bodies.append(json.loads(twice[0].body))
            return bodies
        finally:
            await engine.stop()

    return run(scenario())


def select(*columns: Any, **args: Any) -> dict[str, Any]:
    return {"type": "select", "args": {"table": "number", "columns": list(columns), "where": {"id": 1}, **args}}


def test_large_and_fractional_numbers_leave_as_strings(database: str) -> None:
    """bigint, numeric, real, double, domains over numbers and arrays of these do, at every place a column leaves.

    What a float holds exactly, what is inside a json value, null and the count of rows stay what they are.
    """
    big = {"name": "shelf", "columns": ["total"]}
    update = {"table": "number", "where": {"id": 1}, "$set": {"small": 2}}
    named, wild, nested, written, wildly_written, count, nulls = answers(
        database,
        [
            select(*COLUMNS),
            select("*"),
            select(big),
            {"type": "update", "args": {**update, "returning": COLUMNS}},
            {"type": "update", "args": {**update, "returning": ["*"]}},
            {"type": "count", "args": {"table": "number"}},
            select("big", "exact", "many", where={"id": 2}),
        ],
    )
    assert named == [AS_STRINGS]
    assert wild == [{"id": 1, "shelf_id": 1, **AS_STRINGS}]
    assert nested == [{"shelf": {"total": str(LARGEST)}}]
    assert written == {"affected_rows": 1, "returning": [AS_STRINGS]}
    assert wildly_written == {"affected_rows": 1, "returning": [{"id": 1, "shelf_id": 1, **AS_STRINGS}]}
    assert count == {"count": 2}
    assert nulls == [{"big": None, "exact": None, "many": None}]


def test_rows_are_ordered_and_compared_as_numbers_all_the_same(database: str) -> None:
    """10 comes after 9: only what leaves is text. A string is taken for a number in a condition, as ever."""
    more = "insert into number (id, big) values (3, 9), (4, 10)"
    bigs = [
        {"type": "run_sql", "args": {"sql": f"delete from number where id in (3, 4); {more}"}},
        select("big", where={"big": {"$lt": "11"}}, order_by="-big"),
        {
            "type": "select",
            "args": {
                "table": "shelf",
                "columns": [{"name": "numbers", "columns": ["big"], "where": {"big": {"$gt": 1}}, "order_by": "big"}],
            },
        },
    ]
    _, ordered, nested = answers(database, bigs)
    assert ordered == [{"big": "10"}, {"big": "9"}]
    assert nested == [{"numbers": [{"big": str(LARGEST)}]}]


def test_numbers_are_numbers_without_the_setting(database: str) -> None:
    """The twin: by default a number leaves as a JSON number."""
    (rows,) = answers(database, [select("small", "big", "exact", "many", "own")], stringify=False)
    assert rows == [{"small": 2, "big": LARGEST, "exact": 1.1, "many": [LARGEST, None], "own": 12345678901234567890.0}]


def test_the_setting_is_told_to_the_plan() -> None:
    """One process can plan both ways: it is an argument, and nothing global."""
    query = parse_request({"type": "select", "args": {"table": "article", "columns": ["id", "price"]}})
    assert not isinstance(query, Bulk | MetadataCall)
    session = Session("user", {"x-hasura-user-id": "1"})
    texts = [
        render(compile_plan(plan(query, fixture_catalog(), session, stringify_numerics=stringify))).text
        for stringify in (True, False)
    ]
    assert 'SELECT "t1"."id", "t1"."price"::text AS "price" FROM' in texts[0]
    assert 'SELECT "t1"."id", "t1"."price" FROM' in texts[1]
