"""Types of an extension in a schema that Postgres does not search: their operators are found all the same."""

from __future__ import annotations

import json
from typing import Any

from tests.data.test_security import ask, permission, with_engine

from howdah.data.execute import Engine
from howdah.session import ADMIN, Session

SQL = """
    create schema extra;
    create extension citext schema extra;
    create extension ltree schema extra;
    create domain extra.word as extra.citext;
    create type extra.mood as enum ('calm', 'cross');
    create table thing (
        id int primary key, name extra.citext, other extra.citext, word extra.word, path extra.ltree,
        mood extra.mood, paths extra.ltree[]
    );
    insert into thing values
        (1, 'Ann', 'ANN', 'Yes', 'a.b', 'calm', '{a,b}'), (2, 'BOB', 'ann', 'NO', 'a.c', 'cross', '{c}'),
        (3, null, null, null, null, null, null);
"""
USER = Session("user", {"x-hasura-name": "ann", "x-hasura-names": "{ann,cleo}", "x-hasura-path": "a.c"})

# Everything that can be asked of such a column, and the rows it is true of. Text in citext has no case.
ASKED: list[tuple[dict[str, Any], list[int]]] = [
    ({"name": "ann"}, [1]),
    ({"name": {"$ne": "ann"}}, [2, 3]),
    ({"name": {"$gt": "ann"}}, [2]),
    ({"name": {"$gte": "ann"}}, [1, 2]),
    ({"name": {"$lt": "bob"}}, [1]),
    ({"name": {"$lte": "bob"}}, [1, 2]),
    ({"name": {"$in": ["ann", "x"]}}, [1]),
    ({"name": {"$nin": ["ann", "x"]}}, [2]),
    ({"name": {"$in": []}}, []),
    ({"name": {"$ceq": "other"}}, [1]),
    ({"name": {"$cne": "other"}}, [2]),
    ({"name": {"$like": "a%"}}, [1]),
    ({"name": {"$nlike": "a%"}}, [2]),
    ({"name": {"$ilike": "B%"}}, [2]),
    ({"name": {"$nilike": "B%"}}, [1]),
    ({"name": {"$similar": "(a|b)n+"}}, [1]),
    ({"name": {"$nsimilar": "(a|b)n+"}}, [2]),
    ({"name": {"$regex": "^b"}}, [2]),
    ({"name": {"$nregex": "^b"}}, [1]),
    ({"name": {"$iregex": "^b"}}, [2]),
    ({"name": {"$niregex": "^b"}}, [1]),
    ({"name": {"$search": "ann"}}, [1]),
    ({"name": {"$is_null": True}}, [3]),
    ({"name": {"$cast": {"text": "Ann"}}}, [1]),
    ({"name": {"$cast": {"text": "ann"}}}, []),
    ({"word": "yes"}, [1]),
    ({"word": {"$like": "y%"}}, [1]),
    ({"word": {"$in": ["no"]}}, [2]),
    ({"path": "a.b"}, [1]),
    ({"path": {"$ne": "a.b"}}, [2, 3]),
    ({"path": {"$gt": "a.b"}}, [2]),
    ({"path": {"$in": ["a.b", "a.c"]}}, [1, 2]),
    ({"path": {"$nin": ["a.b"]}}, [2]),
    ({"path": {"$descendant": "a"}}, [1, 2]),
    ({"mood": "calm"}, [1]),
    ({"mood": {"$in": ["calm", "cross"]}}, [1, 2]),
    ({"mood": {"$gt": "calm"}}, [2]),
    ({"paths": ["a", "b"]}, [1]),
    ({"paths": {"$contains": ["c"]}}, [2]),
]


async def turned(engine: Engine, order: str) -> list[int]:
    """The rows of all pages of one row each."""
    ids, place = [], None
    while True:
        page = {"after": place}
        answer = await ask(
            engine, ADMIN, "select", table="thing", columns=["id"], order_by=[order, "id"], limit=1, page=page
        )
        assert answer.status == 200, answer.body
        told = json.loads(answer.body)
        ids += [row["id"] for row in told["rows"]]
        place = told["page"]["next"]
        if place is None:
            return ids


def test_every_operator_is_found(database: str) -> None:
    """In conditions of a request, and in a rule, which a session's variables are compared with."""

    async def scenario(engine: Engine) -> None:
        calls = [
            {"type": "run_sql", "args": {"sql": SQL}},
            {"type": "track_table", "args": "thing"},
        ]
        made = await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)
        assert made.status == 200, made.body

        async def found(session: Session, **args: Any) -> list[int]:
            answer = await ask(engine, session, "select", table="thing", columns=["id"], order_by="id", **args)
            assert answer.status == 200, (args, answer.body)
            return [row["id"] for row in json.loads(answer.body)]

        for where, ids in ASKED:
            assert await found(ADMIN, where=where) == ids, where
        for rule, ids in (
            ({"name": "X-Hasura-Name"}, [1]),
            ({"name": {"_ne": "X-Hasura-Name"}}, [2, 3]),
            ({"name": {"_in": "X-Hasura-Names"}}, [1]),
            ({"name": {"_in": ["bob", "X-Hasura-Name"]}}, [1, 2]),
            ({"name": {"_nin": ["bob", "X-Hasura-Name"]}}, []),
            ({"path": "X-Hasura-Path"}, [2]),
            ({"path": {"_nin": ["X-Hasura-Path"]}}, [1]),
        ):
            made = await engine.answer(
                json.dumps(permission("select", "thing", columns=["id"], filter=rule)).encode(), ADMIN
            )
            assert made.status == 200, made.body
            assert await found(USER) == ids, rule
            assert (await ask(engine, ADMIN, "drop_select_permission", table="thing", role="user")).status == 200
        for order, ids in (("path", [1, 2, 3]), ("-path", [3, 2, 1]), ("name", [1, 2, 3])):
            answer = await ask(engine, ADMIN, "select", table="thing", columns=["id"], order_by=order)
            assert [row["id"] for row in json.loads(answer.body)] == ids
        for order, ids in (("path", [1, 2, 3]), ("-path", [3, 2, 1]), ("-name", [3, 2, 1]), ("other", [1, 2, 3])):
            assert await turned(engine, order) == ids, order
        counted = {"n": {"count": "*"}}
        assert (await ask(engine, ADMIN, "aggregate", table="thing", group_by="path", aggregates=counted)).status == 200

    with_engine(database, scenario)
