"""Search in texts: words as people type them, ranked, by index, and without a word about rows that are hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.data.test_security import ask, permission, with_engine

from howdah.data.execute import Engine
from howdah.session import ADMIN, Session

USER = Session("user", {"x-hasura-user-id": "1"})
READER = Session("reader")

LETTERS = """
    create table person (id int primary key, public boolean not null);
    create table letter (
      id int primary key, person_id int not null references person, public boolean not null, subject text not null,
      body text, words tsvector generated always as (to_tsvector('english', subject)) stored
    );
    insert into person values (1, true), (2, false);
    insert into letter (id, person_id, public, subject, body) values
      (1, 1, true, 'Greetings from the coast', 'The boats are blue.'),
      (3, 1, true, 'Boats', 'Boats and boating, mostly boats.'),
      (4, 1, true, 'Coast', null);
    analyze;
"""
# It cannot be made a vector, which holds a megabyte: a search that gets there fails.
HIDDEN = """
    insert into letter (id, person_id, public, subject, body)
      select 2, 2, false, 'Nothing', string_agg('w' || n, ' ') from generate_series(1, 200000) n;
"""
CALLS: list[dict[str, Any]] = [
    {"type": "run_sql", "args": {"sql": LETTERS}},
    {"type": "track_table", "args": "person"},
    {"type": "track_table", "args": "letter"},
    {
        "type": "create_object_relationship",
        "args": {"table": "letter", "name": "person", "using": {"foreign_key_constraint_on": "person_id"}},
    },
    permission("select", "letter", role="user", columns="*", filter={"public": True}),
    permission("select", "letter", role="reader", columns="*", filter={"person": {"public": True}}),
]


async def prepared(engine: Engine, more: str = "") -> None:
    calls = [*CALLS, {"type": "run_sql", "args": {"sql": more}}]
    made = await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)
    assert made.status == 200, made.body


async def found(engine: Engine, session: Session, **args: Any) -> Any:
    answer = await ask(engine, session, "select", **({"table": "letter", "columns": ["id"]} | args))
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_words_are_found_as_people_type_them(database: str) -> None:
    """Any form of a word, phrases, or, and without; in one column, in several together, in a vector."""

    async def scenario(engine: Engine) -> None:
        await prepared(engine)
        for where, ids in (
            ({"body": {"$search": "boat"}}, [1, 3]),
            ({"body": {"$search": '"are blue"'}}, [1]),
            ({"body": {"$search": "boat -blue"}}, [3]),
            ({"body": {"$search": {"query": "boating", "config": "simple"}}}, [3]),
            ({"words": {"$search": "greeting or boats"}}, [1, 3]),
            ({"words": {"$search": "no such word"}}, []),
        ):
            assert await found(engine, USER, where=where, order_by="id") == [{"id": number} for number in ids], where
        both = {"query": "coast boat", "columns": ["subject", "body"]}
        assert await found(engine, USER, search=both) == [{"id": 1}]

    with_engine(database, scenario)


def test_the_best_come_first(database: str) -> None:
    """Rows are ordered by rank where nothing else is said; the rank can be shown, ordered by, and paged through."""

    async def scenario(engine: Engine) -> None:
        await prepared(engine)
        search = {"query": "boats or coast", "columns": ["subject", "body"], "rank": "fit"}
        rows = await found(engine, USER, search=search)
        assert {row["id"] for row in rows} == {1, 3, 4}
        fits = [row["fit"] for row in rows]
        assert fits == sorted(fits, reverse=True)
        assert fits[0] > fits[-1]
        turned = await found(engine, USER, search=search, order_by=["fit", "id"])
        assert [row["fit"] for row in turned] == sorted(fits)
        seen = []
        page: dict[str, Any] = {}
        for _ in rows:
            one = await found(engine, USER, search=search, limit=1, page=page)
            seen += [row["fit"] for row in one["rows"]]
            page = {"after": one["page"]["next"]}
        assert seen == fits
        assert page == {"after": None}

    with_engine(database, scenario)


@pytest.mark.parametrize("session", [USER, READER], ids=["a plain filter", "a filter through another table"])
def test_a_search_tells_nothing_of_hidden_rows(database: str, session: Session) -> None:
    """A hidden text that would make the search fail is not tried: the row is as one that is not there (R60, R62)."""

    async def scenario(engine: Engine) -> None:
        await prepared(engine, HIDDEN)
        for search in (
            {"where": {"body": {"$search": "w77"}, "id": {"$gte": 2, "$lte": 2}}},
            {"where": {"$or": [{"body": {"$search": "w77"}}, {"id": 99}]}},
            {"where": {"$not": {"body": {"$search": "w77"}}, "id": 2}},
            {"search": {"query": "w77", "columns": ["subject", "body"]}},
        ):
            assert await found(engine, session, **search) == []
        administrator = await ask(engine, ADMIN, "count", table="letter", where={"body": {"$search": "w77"}})
        assert administrator.status == 400  # the twin: whoever sees the row sees the failure

    with_engine(database, scenario)


MANY = """
    insert into letter (id, person_id, public, subject, body)
      select n, 1, n % 2 = 0, 'Letter ' || n, 'word' || n || ' and more words' from generate_series(10, 20000) n;
    create index letter_body on letter using gin (to_tsvector('english', body));
    create index letter_both on letter using gin (
      to_tsvector('english', coalesce(subject, '') || ' ' || coalesce(body, '')));
    create index letter_words on letter using gin (words);
    analyze letter;
"""


@pytest.mark.parametrize("session", [ADMIN, USER], ids=["no filter", "a plain filter"])
@pytest.mark.parametrize(
    ("args", "index"),
    [
        ({"where": {"body": {"$search": "word77"}}}, "letter_body"),
        ({"where": {"words": {"$search": "77"}}}, "letter_words"),
        ({"search": {"query": "word77 letter", "columns": ["subject", "body"]}, "limit": 5}, "letter_both"),
        ({"search": {"query": "77", "columns": "words"}, "limit": 5, "page": {}}, "letter_words"),
    ],
    ids=["a text", "a vector", "several texts", "a page"],
)
def test_an_index_serves_the_search(database: str, args: dict[str, Any], index: str, session: Session) -> None:
    """The index that the documentation gives is the one that Postgres takes."""

    async def scenario(engine: Engine) -> None:
        await prepared(engine, MANY)
        query = {"type": "select", "args": {"table": "letter", "columns": ["id"], **args}}
        user = {"x-hasura-role": session.role, **session.variables}
        answer = await ask(engine, ADMIN, "explain", query=query, user=user)
        assert answer.status == 200, answer.body
        assert f"Bitmap Index Scan on {index}" in answer.body.decode()

    with_engine(database, scenario)
