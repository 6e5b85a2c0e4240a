"""Attacks on the Data API that once worked, or that would hurt most: asked of an Engine with a real Postgres."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support import Cluster, run

from howdah.data.execute import Answer, Engine
from howdah.data.query.address import TemplateAddress
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, Session

SECTION = DatabaseSection(pool_size=2, write_pool_size=2)
USER = Session("user", {"x-hasura-user-id": "1"})
BACKEND = "x-hasura-use-backend-only-permissions"


def with_engine(dsn: str, work: Callable[[Engine], Awaitable[None]], data: DataSection | None = None) -> None:
    async def scenario() -> None:
        engine = Engine(dsn, database=SECTION, data=data or DataSection())
        await engine.start()
        try:
            await work(engine)
        finally:
            await engine.stop()

    run(scenario())


async def ask(engine: Engine, session: Session, kind: str, **args: Any) -> Answer:
    return await engine.answer(json.dumps({"type": kind, "args": args}).encode(), session)


# -- rows that a filter hides ------------------------------------------------------------------------------------------

LETTERS = """
    create table person (id int primary key, name text not null, public boolean not null);
    create table letter (id int primary key, person_id int not null references person, body text not null);
    insert into person values (1, 'Ann', true), (2, 'Bob', false);
    insert into letter values (1, 1, 'open'), (2, 2, 'zebra');
    analyze;
"""
HIDDEN, MISSING = 2, 99
OPEN = {"person": {"public": True}}


def permission(operation: str, table: str, role: str = "user", **rule: Any) -> dict[str, Any]:
    return {
        "type": f"create_{operation}_permission",
        "args": {"table": table, "role": role, "permission": rule},
    }


LETTER_CALLS: list[dict[str, Any]] = [
    {"type": "run_sql", "args": {"sql": LETTERS}},
    {"type": "track_table", "args": "person"},
    {"type": "track_table", "args": "letter"},
    {
        "type": "create_object_relationship",
        "args": {"table": "letter", "name": "person", "using": {"foreign_key_constraint_on": "person_id"}},
    },
    {
        "type": "create_array_relationship",
        "args": {
            "table": "person",
            "name": "letters",
            "using": {"foreign_key_constraint_on": {"table": "letter", "column": "person_id"}},
        },
    },
    permission("select", "person", columns=["id"], filter={}),
    permission("select", "letter", columns=["id", "body"], filter=OPEN),
    permission("update", "letter", columns=["body"], filter=OPEN),
    permission("delete", "letter", filter=OPEN),
]

# Each fails, or would take long, on the one row that is hidden. None may be tried on it.
PATTERNS = {
    "like": {"$like": "%b\\"},
    "nlike": {"$nlike": "%b\\"},
    "ilike": {"$ilike": "%B\\"},
    "similar": {"$similar": "zebr\\"},
    "regex": {"$regex": "("},
    "iregex": {"$iregex": "("},
    "backreferences": {"$regex": "(z?)*\\9"},
}
ASKING: dict[str, Callable[[Any], tuple[str, dict[str, Any]]]] = {
    "select": lambda where: ("select", {"table": "letter", "columns": ["id"], "where": where}),
    "count": lambda where: ("count", {"table": "letter", "where": where}),
    "inside not": lambda where: ("count", {"table": "letter", "where": {**where, "$not": {"body": where["body"]}}}),
    "inside or": lambda where: (
        "count",
        {"table": "letter", "where": {"id": where["id"], "$or": [{"body": where["body"]}, {"id": 7}]}},
    ),
    "update": lambda where: ("update", {"table": "letter", "where": where, "$set": {"body": "mine"}}),
    "delete": lambda where: ("delete", {"table": "letter", "where": where}),
    "through a relationship": lambda where: (
        "select",
        {"table": "person", "columns": ["id"], "where": {"letters": where}},
    ),
    "of a relationship": lambda where: (
        "select",
        {"table": "person", "columns": [{"name": "letters", "columns": ["id"], "where": where}]},
    ),
    "exists": lambda where: ("count", {"table": "person", "where": {"$exists": {"_table": "letter", "_where": where}}}),
}


@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING.keys())
def test_patterns_are_not_tried_on_hidden_rows(database: str, asking: Callable[[Any], tuple[str, Any]]) -> None:
    """A pattern that fails answers for a row the filter hides exactly as for a row that is not there (R60, R62)."""

    async def scenario(engine: Engine) -> None:
        made = await engine.answer(json.dumps({"type": "bulk", "args": LETTER_CALLS}).encode(), ADMIN)
        assert made.status == 200, made.body
        for name, pattern in PATTERNS.items():
            answers = []
            for letter in (HIDDEN, MISSING):
                # A range and not the key: the row is found in a scan, where the cheapest condition comes first.
                kind, args = asking({"id": {"$gte": letter, "$lte": letter}, "body": pattern})
                answers.append(await ask(engine, USER, kind, **args))
            assert answers[0] == answers[1], name
            assert answers[0].status == 200, name

    with_engine(database, scenario)


def test_patterns_are_tried_on_visible_rows(database: str) -> None:
    """The twin: on a row the role may see a pattern matches, does not match, or fails."""

    async def scenario(engine: Engine) -> None:
        await engine.answer(json.dumps({"type": "bulk", "args": LETTER_CALLS}).encode(), ADMIN)
        for pattern, status, body in (
            ({"$like": "o%"}, 200, b'{"count":1}'),
            ({"$like": "z%"}, 200, b'{"count":0}'),
            ({"$nregex": "^z"}, 200, b'{"count":1}'),
        ):
            assert await ask(engine, USER, "count", table="letter", where={"body": pattern}) == Answer(status, body)
        assert (await ask(engine, USER, "count", table="letter", where={"body": {"$regex": "("}})).status == 400

    with_engine(database, scenario)


# -- statements that requests share ------------------------------------------------------------------------------------


def test_what_only_a_backend_may_do_is_refused_after_a_backend_did_it(changed: str) -> None:
    """A statement compiled for a trusted backend is not found by other sessions of its role (R61)."""

    async def scenario(engine: Engine) -> None:
        for name, variables, status in (
            ("one", {BACKEND: "true"}, 200),
            ("two", {BACKEND: "TRUE"}, 200),
            ("three", {}, 400),
            ("four", {BACKEND: "false"}, 400),
            ("five", {BACKEND: "true"}, 200),
        ):
            answer = await ask(
                engine, Session("backend", variables), "insert", table="author", objects=[{"name": name}]
            )
            assert (name, answer.status) == (name, status)

    with_engine(changed, scenario)


def test_a_key_in_the_wrong_place_is_refused_after_it_was_in_the_right_one(unchanged: str) -> None:
    """Requests whose keys come in the same order but at different depths are not the same."""

    async def scenario(engine: Engine) -> None:
        args = {"table": "author", "columns": ["id"]}
        for request, status in (
            ({"type": "select", "args": args, "version": 1}, 200),
            ({"type": "select", "args": {**args, "version": 1}}, 400),
        ):
            assert (await engine.answer(json.dumps(request).encode(), USER)).status == status

    with_engine(unchanged, scenario)


@pytest.mark.parametrize("kind", [None, True, 1, 1.5, [], ["select"], {}, {"select": 1}])
def test_a_type_that_is_no_text_is_refused(unchanged: str, kind: Any) -> None:
    """Whatever JSON stands where the request's type belongs, the answer is a refusal and not a failure (R67)."""

    async def scenario(engine: Engine) -> None:
        body = json.dumps({"type": kind, "args": {"table": "author"}}).encode()
        assert engine.submit(body, USER) is None
        answer = await engine.answer(body, USER)
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "parse-failed")

    with_engine(unchanged, scenario)


def test_limits_hold_for_remembered_statements(unchanged: str) -> None:
    """A list or a pattern that is too long is refused, even if a short one has made the statement known (R65)."""

    async def scenario(engine: Engine) -> None:
        for members, status in (([1, 2], 200), ([1, 2, 3], 200), ([1, 2, 3, 4], 400), ([3], 200)):
            answer = await ask(engine, USER, "count", table="author", where={"id": {"$in": members}})
            assert (members, answer.status) == (members, status)
        for length, status in ((2, 200), (1000, 200), (1001, 400), (3, 200)):
            answer = await ask(engine, USER, "count", table="author", where={"name": {"$regex": "x" * length}})
            assert (length, answer.status) == (length, status)

    with_engine(unchanged, scenario, DataSection(max_list=3))


def test_fractions_that_are_equal_are_not_the_same_text(unchanged: str) -> None:
    """1.0 and 1.00 are equal as numbers, but not as elements of a text array."""

    async def scenario(engine: Engine) -> None:
        for fraction, count in (("1.0", 1), ("1.00", 0), ("1.0", 1)):
            # In an array with a null the elements are part of the shape.
            where = f'{{"$or": [{{"tags": [{fraction}, null]}}, {{"tags": {{"$eq": [{fraction}, null]}}}}]}}'
            body = f'{{"type": "count", "args": {{"table": "article", "where": {where}}}}}'
            answer = await engine.answer(body.encode(), ADMIN)
            assert answer == Answer(200, b'{"count":%d}' % count), fraction

    async def prepared(engine: Engine) -> None:
        sql = "update article set tags = '{1.0,NULL}' where id = 1"
        await ask(engine, ADMIN, "run_sql", sql=sql)
        try:
            await scenario(engine)
        finally:
            await ask(engine, ADMIN, "run_sql", sql="update article set tags = '{hot,green}' where id = 1")

    with_engine(unchanged, prepared)


def test_roles_and_variables_do_not_share_answers(unchanged: str) -> None:
    """One request, asked by several sessions again and again, is answered for each by its own permissions (R60)."""

    async def scenario(engine: Engine) -> None:
        sessions = (
            (Session("user", {"x-hasura-user-id": "2"}), 200, b'{"count":4}'),
            (Session("user", {"x-hasura-user-id": "7"}), 200, b'{"count":3}'),
            (Session("anonymous"), 200, b'{"count":3}'),
            (ADMIN, 200, b'{"count":5}'),
            (Session("user"), 400, b'"x-hasura-user-id\\" header is expected but not found'),
            (Session("nobody"), 400, b"is not allowed"),
        )
        for _ in range(3):
            for session, status, part in sessions:
                answer = await ask(engine, session, "count", table="article", where={"id": {"$gt": 0}})
                assert answer.status == status
                assert part in answer.body

    with_engine(unchanged, scenario)


def test_a_permission_that_is_gone_is_gone_for_remembered_statements(changed: str) -> None:
    """When a permission is dropped, what it allowed is refused from the very next request on."""

    async def scenario(engine: Engine) -> None:
        count = {"table": "article", "where": {"id": {"$gt": 0}}}
        for status in (200, 200):
            assert (await ask(engine, USER, "count", **count)).status == status
        assert (await ask(engine, ADMIN, "drop_select_permission", table="article", role="user")).status == 200
        assert (await ask(engine, USER, "count", **count)).status == 400

    with_engine(changed, scenario)


# -- names that must stay hidden ---------------------------------------------------------------------------------------


def test_a_constraint_of_hidden_columns_looks_like_none(database: str) -> None:
    """ON CONFLICT cannot name a constraint whose columns the role may not know; its own constraints it can (R59)."""
    calls = [
        {"type": "run_sql", "args": {"sql": "create table vault (id int primary key, note text, code text unique)"}},
        {"type": "track_table", "args": "vault"},
        permission("insert", "vault", columns=["id", "note"], check={}),
        permission("update", "vault", columns=["note"], filter={}),
    ]

    async def scenario(engine: Engine) -> None:
        assert (await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)).status == 200

        async def conflict(session: Session, action: str, constraint: str, number: int = 1) -> Answer:
            conflict = {"action": action, "constraint": constraint}
            return await ask(engine, session, "insert", table="vault", objects=[{"id": number}], on_conflict=conflict)

        for action in ("ignore", "update"):
            hidden, missing = [await conflict(USER, action, name) for name in ("vault_code_key", "vault_none_key")]
            assert hidden.body.replace(b"vault_code", b"vault_none") == missing.body
            assert hidden.status == 400
        assert (await conflict(USER, "ignore", "vault_pkey")).status == 200
        assert (await conflict(ADMIN, "ignore", "vault_code_key", 2)).status == 200

    with_engine(database, scenario)


# -- the API's role in the database ------------------------------------------------------------------------------------


def test_the_role_of_the_api_reaches_nothing_but_tracked_tables(changed: str, cluster: Cluster) -> None:
    """It owns nothing, reads neither metadata nor untracked tables, and creates and changes no table (R66)."""

    async def scenario(engine: Engine) -> None:
        role = engine.installation.role
        assert role is not None
        # A statement of the data lanes, whatever it came from, has these powers and no others.
        for sql in (
            "select to_json(document) from howdah.metadata",
            "select to_json(version) from howdah.migrations",
            "select to_json(count(*)) from public.hidden",
            "select to_json(passwd) from pg_shadow",
            "select to_json(pg_read_file('PG_VERSION'))",
            "create table public.mine (id int)",
            "create table howdah.mine (id int)",
            "alter table public.author disable row level security",
        ):
            answer = await ask(engine, ADMIN, "run_sql", sql=f"set local role {role}; {sql}")
            assert answer.status == 400, sql
            assert json.loads(answer.body)["internal"]["error"]["status_code"] == "42501", sql
        owned = "select to_json(count(*)) from pg_shdepend d join pg_roles r on r.oid = d.refobjid"
        answer = await ask(engine, ADMIN, "run_sql", sql=f"{owned} where d.deptype = 'o' and r.rolname = '{role}'")
        assert json.loads(answer.body)["result"][1] == ["0"]

    with_engine(changed, scenario)


def test_row_level_security_holds_for_the_api_even_as_admin(changed: str) -> None:
    """Policies of the database are a second wall: what they hide no role sees, not even the admin (R66)."""

    async def scenario(engine: Engine) -> None:
        sql = """
            alter table author enable row level security;
            create policy visible on author using (id <> 2);
        """
        assert (await ask(engine, ADMIN, "run_sql", sql=sql)).status == 200
        for session in (ADMIN, USER):
            answer = await ask(engine, session, "select", table="author", columns=["id"], order_by="id")
            assert [row["id"] for row in json.loads(answer.body)] == [1, 3]

    with_engine(changed, scenario)


# -- admin only --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["run_sql", "export_metadata", "track_table", "replace_metadata"])
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_admin_calls_are_refused_however_deep(changed: str, kind: str, depth: int) -> None:
    """A metadata call inside bulks is refused before anything of them is done, whatever its arguments are (R64)."""

    async def scenario(engine: Engine) -> None:
        request: dict[str, Any] = {"type": kind, "args": {"sql": "drop table author"}}
        insert = {"type": "insert", "args": {"table": "article", "objects": [{"title": "x"}]}}
        for _ in range(depth):
            request = {"type": "bulk", "args": [insert, request]}
        before = await ask(engine, ADMIN, "count", table="article")
        answer = await engine.answer(json.dumps(request).encode(), USER)
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "access-denied")
        assert await ask(engine, ADMIN, "count", table="article") == before

    with_engine(changed, scenario)


def test_a_bulk_that_fails_at_its_end_has_done_nothing(changed: str) -> None:
    """All requests of a bulk are one transaction, for a role as for the admin (R61)."""

    async def scenario(engine: Engine) -> None:
        insert = {"type": "insert", "args": {"table": "article", "objects": [{"title": "x"}]}}
        forbidden = {"type": "select", "args": {"table": "author", "columns": ["secret"]}}
        before = await ask(engine, ADMIN, "count", table="article")
        bulk = {"type": "bulk", "args": [insert, {"type": "bulk", "args": [insert, forbidden]}]}
        assert (await engine.answer(json.dumps(bulk).encode(), USER)).status == 400
        assert await ask(engine, ADMIN, "count", table="article") == before

    with_engine(changed, scenario)


# -- templates, references and functions -------------------------------------------------------------------------------


def test_fixed_words_of_a_template_stay_its_authors(database: str) -> None:
    """What a template looks for is never replaced by what an earlier caller sent, for any role (R63)."""
    template = {
        "type": "select",
        "args": {
            "table": "letter",
            "columns": ["id"],
            "search": {"query": "open", "columns": ["body"]},
            "where": {"body": {"$ne": {"param": "not"}}},
        },
    }
    calls = [
        *LETTER_CALLS,
        permission("select", "letter", role="other", columns=["id", "body"], filter={}),
        {"type": "create_query_template", "args": {"name": "words", "template": template}},
    ]

    async def scenario(engine: Engine) -> None:
        assert (await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)).status == 200
        for session in (USER, USER, Session("other"), Session("other"), USER):
            for words in ("x", "zebra", "x"):
                answer = await ask(engine, session, "execute_query_template", name="words", args={"not": words})
                assert answer == Answer(200, b'[{"id":1}]'), (session.role, words)

    with_engine(database, scenario)


def test_references_lead_to_no_more_than_a_request_may_have(unchanged: str) -> None:
    """Neither a list by reference nor all references of one query are longer than what could be sent (R65)."""

    async def scenario(engine: Engine) -> None:
        first = {"type": "select", "args": {"table": "article", "columns": ["id"], "order_by": "id"}}
        for members, status in (("0[*].id", 400), ("0[0].id", 200)):
            operand = {"$eq": {"$ref": members}} if status == 200 else {"$in": {"$ref": members}}
            then = {"type": "count", "args": {"table": "article", "where": {"id": operand}}}
            body = json.dumps({"type": "transaction", "args": [first, then]}).encode()
            assert (await engine.answer(body, ADMIN)).status == status

    with_engine(unchanged, scenario, DataSection(max_list=3))


def test_a_function_that_changes_something_is_neither_counted_nor_called_by_get(database: str) -> None:
    """VOLATILE functions run neither among reads, which may be asked twice, nor behind GET, which sites forge (R61)."""
    sql = """
        create table entry (id serial primary key);
        create function enter() returns setof entry volatile language sql security definer
          as 'insert into public.entry default values returning *';
    """
    template = {"type": "select", "args": {"function": "enter", "columns": ["id"]}}
    calls = [
        {"type": "run_sql", "args": {"sql": sql}},
        {"type": "track_table", "args": "entry"},
        {"type": "track_function", "args": {"function": "enter", "configuration": {"exposed_as": "query"}}},
        permission("select", "entry", columns=["id"], filter={}, allow_aggregations=True),
        {"type": "create_query_template", "args": {"name": "enter", "template": template}},
    ]

    async def scenario(engine: Engine) -> None:
        assert (await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)).status == 200
        assert (await ask(engine, USER, "count", function="enter")).status == 400
        assert (await ask(engine, USER, "aggregate", function="enter", aggregates={"n": {"count": "*"}})).status == 400
        for _ in range(2):  # the second time the statement is known
            got = await engine.answer(b"{}", USER, TemplateAddress("enter", textual=True, only_reading=True))
            assert got.status == 405
            assert (await engine.answer(b"{}", USER, TemplateAddress("enter"))).status == 200
        assert await ask(engine, USER, "count", table="entry") == Answer(200, b'{"count":2}')

    with_engine(database, scenario)


def test_a_check_that_calls_a_function_sees_nested_rows(database: str) -> None:
    """A check through a computed field is asked when the rows nested in the row are there, too (R61)."""
    sql = """
        create table crate (id int primary key);
        create table thing (id int primary key, crate_id int references crate);
        create function things(crate) returns bigint stable language sql
          as 'select count(*) from public.thing where crate_id = $1.id';
    """
    using = {"foreign_key_constraint_on": {"table": "thing", "column": "crate_id"}}
    calls = [
        {"type": "run_sql", "args": {"sql": sql}},
        {"type": "track_table", "args": "crate"},
        {"type": "track_table", "args": "thing"},
        {"type": "create_array_relationship", "args": {"table": "crate", "name": "contents", "using": using}},
        {"type": "add_computed_field", "args": {"table": "crate", "name": "n", "definition": {"function": "things"}}},
        permission("insert", "crate", columns=["id"], check={"n": {"$lte": 1}}),
        permission("insert", "thing", columns=["id", "crate_id"], check={}),
    ]

    async def scenario(engine: Engine) -> None:
        assert (await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)).status == 200
        for number, status in ((1, 200), (2, 400)):
            things = [{"id": 10 * number + index} for index in range(number)]
            row = {"id": number, "contents": {"data": things}}
            assert (await ask(engine, USER, "insert", table="crate", objects=[row])).status == status
        assert await ask(engine, ADMIN, "count", table="thing") == Answer(200, b'{"count":1}')

    with_engine(database, scenario)


# -- a table of attacks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attack:
    """A request of user 1 that is refused with the code, and its ``control``, which is like it and is answered."""

    requirement: str
    name: str
    code: str
    request: Any
    control: Any

    def __str__(self) -> str:
        return f"{self.requirement}: {self.name}"


def q(kind: str, table: str = "article", **args: Any) -> dict[str, Any]:
    return {"type": kind, "args": {"table": table, **args}}


def rows(**args: Any) -> dict[str, Any]:
    return q("select", **{"columns": ["id"], **args})


def nested(levels: int) -> dict[str, Any]:
    """Articles of authors of articles, and so on."""
    columns: list[Any] = ["id"]
    for level in range(levels):
        columns = [{"name": "author" if level % 2 else "articles", "columns": columns}]
    return q("select", "author" if levels % 2 else "article", columns=columns)


def deep(levels: int) -> dict[str, Any]:
    where: dict[str, Any] = {"id": 1}
    for _ in range(levels):
        where = {"$not": where}
    return rows(where=where)


NEW = {"title": "New"}
RATED = {"user_id": 1, "article_id": 2}
ATTACKS = [
    Attack("R58", "a table's name that ends the quotes", "permission-denied",
           q("count", 'article"; drop table "comment'), q("count")),
    Attack("R58", "a column's name with a query in it", "permission-denied",
           rows(columns=['id", (select secret from author limit 1) as "x']), rows(columns=["id", "title"])),
    Attack("R58", "an order with a statement behind it", "permission-denied",
           rows(order_by="id; drop table comment --"), rows(order_by="-id")),
    Attack("R58", "an operator that is none", "unexpected-payload",
           rows(where={"id": {"$eq 1 or 1": 1}}), rows(where={"id": {"$eq": 1}})),
    Attack("R58", "a type that ends the cast", "unexpected-payload",
           rows(where={"id": {"$cast": {"text = '1' or true --": "x"}}}), rows(where={"id": {"$cast": {"text": "1"}}})),
    Attack("R58", "a language that is none", "unexpected-payload",
           rows(where={"title": {"$search": {"query": "x", "config": "english', 'x') or true --"}}}),
           rows(where={"title": {"$search": {"query": "x", "config": "english"}}})),
    Attack("R58", "an aggregate that is a function of Postgres", "unexpected-payload",
           q("aggregate", aggregates={"n": {"pg_sleep": "id"}}), q("aggregate", aggregates={"n": {"sum": "id"}})),
    Attack("R59", "a hidden column is returned", "permission-denied",
           q("update", "author", where={}, **{"$set": {"name": "Ann"}}, returning=["secret"]),
           q("update", "author", where={}, **{"$set": {"name": "Ann"}}, returning=["name"])),
    Attack("R59", "a hidden column is written", "permission-denied",
           q("update", "author", where={}, **{"$set": {"secret": "x"}}),
           q("update", "author", where={}, **{"$set": {"email": "x"}})),
    Attack("R59", "a hidden column beside a search", "permission-denied",
           q("select", "author", columns=["id"], search={"query": "tea", "columns": ["name", "secret"]}),
           q("select", "author", columns=["id"], search={"query": "tea", "columns": ["name"]})),
    Attack("R59", "a computed field that is not granted", "permission-denied",
           q("select", "author", columns=["whisper"]), q("select", "author", columns=["label"])),
    Attack("R59", "a computed field by its arguments", "permission-denied",
           q("select", "author", columns=[{"name": "whisper", "arguments": {}}]),
           q("select", "author", columns=[{"name": "label", "arguments": {}}])),
    Attack("R60", "rows of a table without permission", "permission-denied",
           q("count", "audit"), q("count", "comment")),
    Attack("R60", "a relationship to a table without permission", "permission-denied",
           q("select", "author", columns=[{"name": "audits", "columns": ["id"]}]),
           q("select", "author", columns=[{"name": "articles", "columns": ["id"]}])),
    Attack("R60", "a table without permission in $exists", "permission-denied",
           rows(where={"$exists": {"_table": "audit"}}), rows(where={"$exists": {"_table": "comment"}})),
    Attack("R60", "aggregates without their permission", "permission-denied",
           q("aggregate", "profile", aggregates={"n": {"count": "*"}}), q("count", "profile")),
    Attack("R61", "a preset is given", "not-supported",
           q("insert", objects=[{**NEW, "author_id": 2}]), q("insert", objects=[NEW])),
    Attack("R61", "the last row of many fails its check", "permission-error",
           q("insert", "comment", objects=[{"article_id": number, "text": "x"} for number in (1, 2, 3)]),
           q("insert", "comment", objects=[{"article_id": number, "text": "x"} for number in (1, 2, 4)])),
    Attack("R61", "a row of somebody else", "permission-error",
           q("insert", "rating", objects=[{**RATED, "user_id": 2}]), q("insert", "rating", objects=[RATED])),
    Attack("R61", "a row is given away", "permission-denied",
           q("update", where={"id": 1}, **{"$set": {"author_id": 2}}),
           q("update", where={"id": 1}, **{"$set": {"title": "Tea"}})),
    Attack("R61", "an upsert without permission to update", "permission-denied",
           q("insert", "comment", objects=[{"article_id": 1, "text": "x"}],
             on_conflict={"action": "update", "constraint": "comment_pkey"}),
           q("insert", "rating", objects=[RATED], on_conflict={"action": "update", "constraint": "rating_pkey"})),
    Attack("R61", "a write that the role has no permission for", "permission-denied",
           q("delete", "comment", where={"id": 1}), q("delete", where={"id": 1000})),
    Attack("R63", "a session variable in a request", "postgres-error",
           rows(where={"author_id": "X-Hasura-User-Id"}), rows(where={"author_id": "1"})),
    Attack("R63", "a session variable for a list", "parse-failed",
           rows(where={"author_id": {"$in": "X-Hasura-User-Id"}}), rows(where={"author_id": {"$in": [1]}})),
    Attack("R64", "SQL", "access-denied", {"type": "run_sql", "args": {"sql": "select 1"}}, q("count")),
    Attack("R64", "a permission for oneself, in a bulk in a bulk", "access-denied",
           {"type": "bulk", "args": [
               {"type": "bulk", "args": [permission("select", "audit", columns="*", filter={})]}]},
           {"type": "bulk", "args": [{"type": "bulk", "args": [q("count")]}]}),
    Attack("R64", "SQL in a transaction", "unexpected-payload",
           {"type": "transaction", "args": [{"type": "run_sql", "args": {"sql": "select 1"}}]},
           {"type": "transaction", "args": [q("count")]}),
    Attack("R64", "what others may do", "access-denied",
           {"type": "explain", "args": {"query": q("count"), "user": {"x-hasura-role": "admin"}}}, q("count")),
    Attack("R64", "whether others may do it", "access-denied",
           {"type": "test_permission", "args": {"role": "admin", "query": q("count")}}, q("count")),
    Attack("R65", "conditions in conditions without end", "invalid-json", deep(70), deep(50)),
    Attack("R65", "more parts than a request may have", "unexpected-payload",
           rows(where={"$or": [{"id": 1}] * 2000}), rows(where={"$or": [{"id": 1}] * 200})),
    Attack("R65", "a list beyond its length", "unexpected-payload",
           rows(where={"id": {"$in": [1] * 10_001}}), rows(where={"id": {"$in": [1] * 10_000}})),
    Attack("R65", "relationships in relationships", "unexpected-payload", nested(13), nested(12)),
    Attack("R65", "a pattern beyond its length", "parse-failed",
           rows(where={"title": {"$regex": "x" * 1001}}), rows(where={"title": {"$regex": "x" * 1000}})),
    Attack("R65", "wildcards in wildcards", "unexpected-payload",
           q("select", "author", columns=["*" + ".*" * 13]), q("select", "author", columns=["*.*"])),
    Attack("R68", "a role in the envelope", "unexpected-payload", {**rows(), "role": "admin"}, rows()),
    Attack("R68", "a session in the envelope", "unexpected-payload",
           {**rows(), "session_variables": {"x-hasura-role": "admin"}}, {**rows(), "version": 1}),
    Attack("R68", "a key of a select that means nothing", "unexpected-payload",
           rows(filter={}), rows(where={})),
    Attack("R68", "a key of a page that means nothing", "unexpected-payload",
           rows(page={"filter": {}}), rows(page={"total": True})),
    Attack("R68", "a key of on_conflict that means nothing", "unexpected-payload",
           q("insert", "rating", objects=[RATED],
             on_conflict={"action": "update", "constraint": "rating_pkey", "where": {}}),
           q("insert", "rating", objects=[RATED], on_conflict={"action": "update", "constraint": "rating_pkey"})),
    Attack("R68", "a generated column is given", "permission-denied",
           q("insert", objects=[{**NEW, "size": 7}]), q("insert", objects=[NEW])),
    Attack("R68", "the time of its making is given", "permission-denied",
           q("insert", "comment", objects=[{"article_id": 1, "text": "x", "created": "2020-01-01"}]),
           q("insert", "comment", objects=[{"article_id": 1, "text": "x"}])),
]  # fmt: skip
HIDDEN_TEXTS = (b"likes tea", b"owes Ann", b"Spam", b"signed in", b"hidden_note")


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_is_refused_and_does_nothing(changed: str, attack: Attack) -> None:
    """R58, R59, R60, R61, R63, R64, R65, R68: each with its control, which differs in what is attacked alone."""

    async def state(engine: Engine) -> list[bytes]:
        counts = [
            await ask(engine, ADMIN, "count", table=table) for table in ("author", "article", "comment", "rating")
        ]
        texts = await ask(engine, ADMIN, "select", table="author", columns="*", order_by="id")
        return [*(answer.body for answer in counts), texts.body]

    async def scenario(engine: Engine) -> None:
        before = await state(engine)
        for _ in range(2):  # what is remembered of the first makes no difference
            answer = await engine.answer(json.dumps(attack.request).encode(), USER)
            told = json.loads(answer.body)
            assert (answer.status, told["code"]) == (400, attack.code), told
            assert "internal" not in told
            assert not any(text in answer.body for text in HIDDEN_TEXTS)
            assert await state(engine) == before
        control = await engine.answer(json.dumps(attack.control).encode(), USER)
        assert control.status == 200, control.body

    with_engine(changed, scenario)


BODIES = {
    "two keys alike": b'{"type": "count", "type": "count", "args": {"table": "article"}}',
    "two keys alike inside": b'{"type": "count", "args": {"table": "article", "where": {"id": 1, "id": 2}}}',
    "no number": b'{"type": "count", "args": {"table": "article", "where": {"id": NaN}}}',
    "a number without end": b'{"type": "count", "args": {"table": "article", "where": {"price": 1e400}}}',
    "beyond 64 bits": b'{"type": "count", "args": {"table": "article", "where": {"id": 18446744073709551616}}}',
    "NUL": b'{"type": "count", "args": {"table": "article", "where": {"title": "a\\u0000b"}}}',
    "half a character": b'{"type": "count", "args": {"table": "article", "where": {"title": "\\ud800"}}}',
    "a mark of byte order": b'\xef\xbb\xbf{"type": "count", "args": {"table": "article"}}',
    "another encoding": b'{"type": "count", "args": {"table": "article", "where": {"title": "\xe9"}}}',
    "brackets without end": b"[" * 100_000,
    "something behind it": b'{"type": "count", "args": {"table": "article"}} {}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_two_could_read_apart_is_refused(unchanged: str, body: bytes) -> None:
    """R67: with 400 and never with 500, on the short way as on the long one; the same without it is answered."""

    async def scenario(engine: Engine) -> None:
        assert await ask(engine, USER, "count", table="article", where={"title": "é"}) == Answer(200, b'{"count":0}')
        answer = await engine.answer(body, USER)
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "invalid-json")

    with_engine(unchanged, scenario)


def test_a_value_is_never_sql(unchanged: str) -> None:
    """What would be a condition, a comment or a statement is looked for as the text it is (R58)."""

    async def scenario(engine: Engine) -> None:
        for text in ("' or '1'='1", "x'; drop table comment; --", "\\' or true --", "$1", "%(a)s", '") or ("1"="1'):
            answer = await ask(engine, USER, "count", table="article", where={"title": text})
            assert answer == Answer(200, b'{"count":0}'), text
        assert await ask(engine, USER, "count", table="article", where={"title": "Tea"}) == Answer(200, b'{"count":1}')

    with_engine(unchanged, scenario)


def test_a_clash_with_a_hidden_row_looks_like_any_other(database: str) -> None:
    """A key that a row has which the role may not see is refused as that of a visible one; so is what refers (R62)."""
    calls = [*LETTER_CALLS, permission("insert", "letter", columns=["id", "person_id", "body"], check={})]

    async def scenario(engine: Engine) -> None:
        assert (await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)).status == 200

        async def inserted(**row: Any) -> Answer:
            return await ask(engine, USER, "insert", table="letter", objects=[{"body": "x", "person_id": 1, **row}])

        seen, hidden = await inserted(id=1), await inserted(id=HIDDEN)
        assert seen == hidden
        assert json.loads(seen.body)["code"] == "constraint-violation"
        assert b"Key (" not in seen.body
        assert (await inserted(id=3)).status == 200
        nobody = await inserted(id=4, person_id=MISSING)
        assert b"Foreign key violation" in nobody.body
        assert b"person_id)=" not in nobody.body

    with_engine(database, scenario)


def test_arithmetic_reads_what_it_changes(database: str) -> None:
    """Whether a sum is out of range would tell a value that the role may not select: so it must be one it may (R59)."""
    sql = "create table purse (id int primary key, coins int not null); insert into purse values (1, 1000)"
    calls = [
        {"type": "run_sql", "args": {"sql": sql}},
        {"type": "track_table", "args": "purse"},
        permission("select", "purse", columns=["id"], filter={}),
        permission("update", "purse", columns=["coins"], filter={}),
        permission("select", "purse", role="owner", columns=["id", "coins"], filter={}),
        permission("update", "purse", role="owner", columns=["coins"], filter={}),
    ]

    async def scenario(engine: Engine) -> None:
        assert (await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)).status == 200
        largest = 2**31 - 1
        answers = []
        for operator, operand in (("$inc", largest - 1000), ("$inc", largest - 999), ("$mul", 2), ("$mul", largest)):
            args = {"table": "purse", "where": {"id": 1}, operator: {"coins": operand}}
            answers.append(await ask(engine, USER, "update", **args))
            assert json.loads(answers[-1].body)["code"] == "permission-denied"
        assert {answer.body.replace(b"$inc", b"$mul") for answer in answers} == {
            answers[-1].body.replace(b"$inc", b"$mul")
        }
        assert (
            await ask(engine, USER, "update", table="purse", where={"id": 1}, **{"$set": {"coins": 7}})
        ).status == 200
        owner = Session("owner", {})
        assert (await ask(engine, owner, "update", table="purse", where={}, **{"$inc": {"coins": 3}})).status == 200
        assert b'"coins":10' in (await ask(engine, owner, "select", table="purse", columns=["coins"])).body
        refused = await ask(engine, owner, "update", table="purse", where={}, **{"$inc": {"coins": largest}})
        assert (refused.status, json.loads(refused.body)["code"]) == (400, "postgres-error")

    with_engine(database, scenario)


def test_an_upsert_reaches_the_rows_that_the_update_permission_lets_it_reach(database: str) -> None:
    """The update permission alone says which; what is returned is what the role may select (R61)."""
    sql = """
        create table page (id int primary key, owner int not null, text text not null, public boolean not null);
        insert into page values (1, 1, 'mine', true), (2, 1, 'mine, hidden', false), (3, 2, 'of another', true);
    """
    calls = [
        {"type": "run_sql", "args": {"sql": sql}},
        {"type": "track_table", "args": "page"},
        permission("select", "page", columns=["id", "text"], filter={"public": True}),
        permission("insert", "page", columns=["id", "text", "public"], check={"text": {"$ne": "no"}},
                   set={"owner": "X-Hasura-User-Id"}),
        permission("update", "page", columns=["text"], filter={"owner": "X-Hasura-User-Id"},
                   check={"text": {"$ne": "never"}}),
    ]  # fmt: skip

    async def scenario(engine: Engine) -> None:
        assert (await engine.answer(json.dumps({"type": "bulk", "args": calls}).encode(), ADMIN)).status == 200

        async def put(number: int, text: str) -> Any:
            row = {"id": number, "text": text, "public": True}
            conflict = {"action": "update", "constraint": "page_pkey"}
            returning = {"returning": ["id", "text"]}
            answer = await ask(engine, USER, "insert", table="page", objects=[row], on_conflict=conflict, **returning)
            return json.loads(answer.body)

        assert await put(1, "new") == {"affected_rows": 1, "returning": [{"id": 1, "text": "new"}]}
        assert await put(2, "new") == {"affected_rows": 1, "returning": []}, "hidden before and after"
        assert await put(3, "new") == {"affected_rows": 0, "returning": []}, "another's stays as it is"
        assert await put(4, "new") == {"affected_rows": 1, "returning": [{"id": 4, "text": "new"}]}
        for number, text in ((5, "no"), (1, "never"), (1, "no")):
            assert (await put(number, text))["code"] == "permission-error", (number, text)
        kept = await ask(engine, ADMIN, "select", table="page", columns=["id", "owner", "text"], order_by="id")
        assert [tuple(row.values()) for row in json.loads(kept.body)] == [
            (1, 1, "new"), (2, 1, "new"), (3, 2, "of another"), (4, 1, "new"),
        ]  # fmt: skip

    with_engine(database, scenario)


def test_the_values_of_an_enum_are_told_to_who_may_read_them(unchanged: str) -> None:
    """A refusal lists them to the administrator and to roles that may select the whole table, to nobody else (R62)."""

    async def scenario(engine: Engine) -> None:
        for session, listed in ((ADMIN, True), (USER, True), (Session("courier", {"x-hasura-priority": "low"}), False)):
            where = {"priority": "none of these"}
            for _ in range(2):
                answer = await ask(engine, session, "count", table="errand", where=where)
                assert (answer.status, json.loads(answer.body)["code"]) == (400, "parse-failed")
                assert (b"secret" in answer.body) is listed
            assert (await ask(engine, session, "count", table="errand", where={"priority": "low"})).status == 200

    with_engine(unchanged, scenario)
