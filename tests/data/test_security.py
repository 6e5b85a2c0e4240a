"""Attacks on the Data API that once worked, or that would hurt most: asked of an Engine with a real Postgres."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
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
