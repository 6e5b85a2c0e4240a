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


RELATED = """
    create schema extra;
    create extension citext schema extra;
    create table person (id int primary key, email extra.citext unique);
    create table letter (id int primary key, recipient extra.citext references person (email));
    insert into person values (1, 'Ann@example.com'), (2, 'bob@example.com');
    insert into letter values (1, 'ANN@example.com'), (2, 'ann@EXAMPLE.com'), (3, 'Bob@example.com');
"""


def test_relationships_join_as_the_type_compares(database: str) -> None:
    """Read, counted, sorted by and asked for in a condition or a rule: `Ann` is `ANN`, as the foreign key has it."""

    async def scenario(engine: Engine) -> None:
        to_one = {"using": {"foreign_key_constraint_on": "recipient"}}
        to_many = {"using": {"foreign_key_constraint_on": {"table": "letter", "column": "recipient"}}}
        calls = [
            {"type": "run_sql", "args": {"sql": RELATED}},
            *({"type": "track_table", "args": table} for table in ("person", "letter")),
            {"type": "create_object_relationship", "args": {"table": "letter", "name": "to", **to_one}},
            {"type": "create_array_relationship", "args": {"table": "person", "name": "letters", **to_many}},
            permission("select", "person", columns=["id"], filter={"letters": {"id": {"_eq": 2}}}),
        ]
        made = await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)
        assert made.status == 200, made.body

        async def rows(session: Session, **args: Any) -> Any:
            answer = await ask(engine, session, "select", **args)
            assert answer.status == 200, answer.body
            return json.loads(answer.body)

        letters = {"name": "letters", "columns": ["id"], "order_by": "id"}
        assert await rows(ADMIN, table="person", columns=["id", letters], order_by="id") == [
            {"id": 1, "letters": [{"id": 1}, {"id": 2}]},
            {"id": 2, "letters": [{"id": 3}]},
        ]
        to = {"name": "to", "columns": ["id"]}
        assert await rows(ADMIN, table="letter", columns=["id", to], order_by=["to.id", "id"]) == [
            {"id": 1, "to": {"id": 1}}, {"id": 2, "to": {"id": 1}}, {"id": 3, "to": {"id": 2}},
        ]  # fmt: skip
        counted = {"name": "letters", "aggregates": {"n": {"count": "*"}}}
        assert await rows(ADMIN, table="person", columns=["id", counted], order_by="id") == [
            {"id": 1, "letters": {"n": 2}}, {"id": 2, "letters": {"n": 1}},
        ]  # fmt: skip
        assert await rows(ADMIN, table="letter", columns=["id"], where={"to": {"id": 2}}) == [{"id": 3}]
        assert await rows(USER, table="person", columns=["id"]) == [{"id": 1}]

    with_engine(database, scenario)
