"""The permission tester agrees with what the role is answered, says why, and leaves nothing behind."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.data.oracle.reading import Refused
from tests.data.oracle.requests import make_condition, make_request, make_role, make_session
from tests.data.oracle.world import make_world, metadata_of
from tests.data.test_explain import ask
from tests.data.test_oracle import Product
from tests.data.test_oracle import connection as connection  # the fixture
from tests.support import run

from howdah.data.errors import CheckFailed, DataError, NotSupported, map_database_error
from howdah.data.execute.known import Known
from howdah.data.execute.nested import Part
from howdah.data.execute.trial import Trial
from howdah.data.found.introspect import introspect
from howdah.data.plan import plan, plan_nested
from howdah.data.query.ast import PermissionTest, Query
from howdah.data.query.json import decode
from howdah.data.query.parse import parse_request
from howdah.data.written.document import read_document
from howdah.data.written.store import StoredMetadata
from howdah.postgres.errors import DatabaseError
from howdah.postgres.results import Outcome
from howdah.session import ADMIN, ANONYMOUS, Session

WORLDS = int(os.environ.get("HOWDAH_TEST_EXAMPLES", "100"))

ANN = {"x-hasura-user-id": "1"}


def examine(dsn: str, **args: Any) -> Any:
    status, body = ask(dsn, {"type": "test_permission", "args": {"role": "user", "variables": ANN, **args}})
    assert status == 200, body
    return body


def leaves(tree: Any) -> Iterator[Any]:
    inner = [*tree.get("children", ()), *(row["rule"] for row in tree.get("rows", ()))]
    if tree["kind"] == "comparison":
        yield tree
    for one in inner:
        yield from leaves(one)


# -- what it says ------------------------------------------------------------------------------------------------------


def test_it_names_the_branches_that_decide_and_the_values(unchanged: str) -> None:
    """A draft of somebody else: both halves of the OR are false, each with the row's value and the session's."""
    told = examine(unchanged, table="article", operation="select", where={"id": 3})
    assert told["verdict"] == "denied"
    assert told["because"] == [
        "filter of select: published $eq true is false: published is false",
        'filter of select: author_id $eq "X-Hasura-User-Id" ("1") is false: author_id is 2',
    ]
    (row,) = told["rows"]["shown"]
    (rule,) = row["rules"]
    assert rule["result"] is False
    assert [(one["path"], one["value"], one["against"]) for one in leaves(rule["tree"])] == [
        ('$.filter["$or"][0].published', False, True),
        ('$.filter["$or"][1].author_id', 2, "1"),
    ]
    assert told["answer"] == []


def test_only_the_branch_that_makes_it_true_decides(unchanged: str) -> None:
    """A published article of one's own: the first half of the OR is enough."""
    told = examine(unchanged, table="article", operation="select", where={"id": 1}, columns=["id"])
    assert (told["verdict"], told["answer"]) == ("allowed", [{"id": 1}])
    (rule,) = told["rows"]["shown"][0]["rules"]
    assert [one.get("decides", False) for one in leaves(rule["tree"])] == [True, False]


def test_a_null_decides_as_null(unchanged: str) -> None:
    """An unknown branch is told apart from a false one."""
    told = examine(unchanged, role="guide", table="place", operation="select", where={"id": 5})
    assert told["verdict"] == "denied"
    assert told["because"] == ['filter of select: path $matches "Europe.*" is null: path is null']


def test_a_relationship_shows_the_row_it_looked_at(unchanged: str) -> None:
    """The comment's article is not published; with a published one the row that fulfils the check is shown."""
    told = examine(unchanged, table="comment", operation="insert", object={"article_id": 3, "text": "x"})
    assert (told["verdict"], told["error"]["code"]) == ("denied", "permission-error")
    assert told["because"][1:] == [
        "check of insert: check.article, a row of article, is false: none fulfils the condition",
        "check of insert: in that row of article: published $eq true is false: published is false",
    ]
    told = examine(unchanged, table="comment", operation="insert", object={"article_id": 1, "text": "x"})
    assert told["verdict"] == "allowed"
    (row,) = told["written"]
    assert row["row"]["user_id"] == 1  # the preset
    exists, mine = row["rules"][0]["tree"]["children"]
    assert exists["rows"][0]["row"]["id"] == 1
    assert (mine["value"], mine["against"]) == (1, "1")


def test_update_is_told_before_and_after(unchanged: str) -> None:
    """The filter is about the row that is there, the check about the row as it would be."""
    rating = {"table": "rating", "operation": "update"}
    told = examine(unchanged, **rating, where={"user_id": 1, "article_id": 1}, set={"stars": 0})
    assert told["verdict"] == "denied"
    assert told["because"][1:] == ["check of update: stars $gte 1 is false: stars is 0"]
    assert (told["rows"]["reached"], told["written"][0]["row"]["note"]) == (1, "changed")
    told = examine(unchanged, **rating, where={"article_id": 1}, set={"stars": 2})
    assert (told["verdict"], told["rows"]["meant"], told["rows"]["reached"]) == ("partly", 2, 1)
    assert [row["allowed"] for row in told["rows"]["shown"]] == [False, True]


def test_an_update_of_nothing_asks_which_rows_may_be_updated(unchanged: str) -> None:
    """Without presets nothing could be written, and the filters say enough."""
    told = examine(unchanged, role="steward", table="author", operation="update", where={"id": 1})
    assert (told["verdict"], "answer" in told) == ("allowed", False)
    told = examine(unchanged, role="steward", table="author", operation="update", where={"id": 3})
    assert told["because"] == ["filter of select: active $eq true is false: active is false"]


def test_an_upsert_shows_the_row_that_is_there(unchanged: str) -> None:
    """The update permission's filter is about the row with the same key."""
    told = examine(
        unchanged,
        role="sharer",
        query={
            "type": "insert",
            "args": {
                "table": "rating",
                "objects": [{"user_id": 2, "article_id": 1, "stars": 1}],
                "on_conflict": {"action": "update", "constraint_on": ["user_id", "article_id"]},
            },
        },
    )
    assert (told["verdict"], told["rows"]["meant"], told["rows"]["reached"]) == ("denied", 1, 0)
    assert told["because"] == ['filter of update: note $eq "mine" is null: note is null']


def test_a_nested_insert_is_tried_whole(changed: str) -> None:
    """The verdict, the place of the row that was refused, and the branches of the rules of every row."""
    for table, column in (("article", "title"), ("comment", "text")):
        rule = {"columns": "*", "check": {column: {"_ne": "bad"}}}
        create = {"table": table, "role": "writer", "permission": rule}
        assert ask(changed, {"type": "create_insert_permission", "args": create})[0] == 200

    def tried(title: str, text: str) -> Any:
        row = {"title": title, "author_id": 1, "comments": {"data": [{"text": text, "user_id": 1}]}}
        query = {"type": "insert", "args": {"table": "article", "objects": [row]}}
        return examine(changed, role="writer", query=query)

    assert tried("good", "good")["answer"] == {"affected_rows": 2}
    assert [tried(*words)["verdict"] for words in (("good", "good"), ("bad", "good"), ("good", "bad"))] == [
        "allowed",
        "denied",
        "denied",
    ]
    told = tried("good", "bad")
    place = "$.args.query.args"
    assert told["error"]["path"] == f"{place}.objects[0].comments"
    assert told["because"][1:] == ['check of insert: text $ne "bad" is false: text is "bad"']
    assert [(row["table"], row["path"], row["allowed"]) for row in told["written"]] == [
        ("comment", f"{place}.objects[0].comments", False),
        ("article", place, True),
    ]
    assert [(one["table"], one["operation"]) for one in told["permissions"]] == [
        ("article", "insert"),
        ("comment", "insert"),
    ]
    assert [row["allowed"] for row in tried("bad", "bad")["written"]] == [False, False]
    assert ask(changed, {"type": "count", "args": {"table": "comment"}}) == (200, {"count": 4})


def test_branches_of_a_nested_insert_see_all_of_its_rows(unchanged: str) -> None:
    """A check that looks at rows of the same request is shown as it is asked: when they are there."""
    row = {"title": "New", "published": True, "comments": {"data": [{"text": "x"}]}}
    query = {"type": "insert", "args": {"table": "article", "objects": [row]}}
    told = examine(unchanged, query=query)
    assert told["verdict"] == "allowed"
    (comment,) = [one for one in told["written"] if one["table"] == "comment"]
    exists, mine = comment["rules"][0]["tree"]["children"]
    assert (exists["result"], exists["rows"][0]["row"]["title"], mine["value"]) == (True, "New", 1)
    told = examine(unchanged, query={**query, "args": {"table": "article", "objects": [{**row, "published": False}]}})
    assert told["verdict"] == "denied"
    assert told["because"][1:] == [
        "check of insert: check.article, a row of article, is false: none fulfils the condition",
        "check of insert: in that row of article: published $eq true is false: published is false",
    ]


def test_a_whole_query_is_tested_as_it_is(unchanged: str) -> None:
    """Its condition is that of the role: a hidden comment does not make an article one that has it."""
    query = {
        "type": "select",
        "args": {"table": "article", "columns": ["id"], "where": {"comments": {"text": "Spam."}}},
    }
    told = examine(unchanged, query=query)
    assert (told["verdict"], told["answer"]) == ("denied", [])
    assert told["because"][0] == (
        "where of the request: args.query.args.where.comments, a row of comment, is false: none fulfils the condition"
    )
    assert examine(unchanged, query=query, variables={"X-Hasura-User-Id": 3})["verdict"] == "allowed"


def test_what_no_permission_allows_is_denied(unchanged: str) -> None:
    """No permission, a hidden column, a preset column, a column that may not be written, a missing variable."""
    cases: list[tuple[dict[str, Any], str]] = [
        ({"role": "nobody", "table": "article", "operation": "delete", "where": {"id": 1}}, "permission-denied"),
        ({"table": "author", "operation": "select", "where": {}, "columns": ["secret"]}, "permission-denied"),
        ({"table": "article", "operation": "insert", "object": {"author_id": 2, "title": "x"}}, "not-supported"),
        ({"table": "article", "operation": "update", "where": {"id": 1}, "set": {"mood": "calm"}}, "permission-denied"),
        ({"variables": {}, "table": "article", "operation": "delete", "where": {"id": 1}}, "not-found"),
        ({"role": "backend", "table": "author", "operation": "insert", "object": {"name": "x"}}, "permission-denied"),
    ]
    for args, code in cases:
        told = examine(unchanged, **args)
        assert (told["verdict"], told["error"]["code"]) == ("denied", code), told
    backend = {"x-hasura-use-backend-only-permissions": True}
    told = examine(
        unchanged, role="backend", variables=backend, table="author", operation="insert", object={"name": "x"}
    )
    assert told["verdict"] == "allowed"


def test_a_missing_variable_is_named_in_the_rule(unchanged: str) -> None:
    """Nothing is evaluated; the tree is there as it is written."""
    told = examine(unchanged, variables={}, table="article", operation="delete", where={"id": 1})
    (leaf, *_) = leaves(told["rules"][0]["tree"])
    assert leaf["missing"] == "x-hasura-user-id"
    assert "result" not in leaf


def test_what_fails_for_another_reason_is_no_denial(unchanged: str) -> None:
    """A row that a constraint refuses is not refused by a permission, and a test of nothing says so."""
    told = examine(unchanged, table="comment", operation="insert", object={"article_id": 1, "text": None})
    assert (told["verdict"], told["error"]["code"]) == ("failed", "constraint-violation")
    told = examine(unchanged, table="article", operation="delete", where={"id": 999})
    assert (told["verdict"], told["because"]) == (
        "untested",
        ['no row of "article" is meant: nothing was tried'],
    )


def test_nothing_binds_the_administrator(unchanged: str) -> None:
    """There is no rule to show."""
    told = examine(unchanged, role="admin", table="author", operation="delete", where={"id": 2})
    assert (told["verdict"], told["error"]["code"]) == ("failed", "constraint-violation")
    told = examine(unchanged, role="admin", table="author", operation="select", where={"id": 2})
    assert (told["verdict"], told["rows"]["shown"][0]["rules"]) == ("allowed", [])


@pytest.mark.parametrize(
    ("args", "code", "path"),
    [
        ({"table": "nothing", "operation": "select", "where": {}}, "not-exists", "$.args"),
        ({"table": "article", "operation": "read", "where": {}}, "parse-failed", "$.operation"),
        ({"table": "article", "operation": "select"}, "parse-failed", "$.args"),
        ({"table": "article", "operation": "select", "where": {"nonsense": 1}}, "not-exists", "$.args.where.nonsense"),
        ({"table": "article", "operation": "delete", "where": {}, "set": {}}, "unexpected-payload", "$.args.set"),
        ({"table": "article", "operation": "insert", "object": []}, "parse-failed", "$.objects[0]"),
        ({"query": {"type": "bulk", "args": []}}, "not-supported", "$.args.query.type"),
        ({"query": {"type": "clear_metadata", "args": {}}}, "not-supported", "$.args.query.type"),
        (
            {"query": {"type": "count", "args": {"table": "article", "x": 1}}},
            "unexpected-payload",
            "$.args.query.args.x",
        ),
        ({"table": "article", "operation": "select", "where": {"id": "x"}}, "postgres-error", "$.args"),
        ({"table": "author_statistics", "operation": "delete", "where": {}}, "not-supported", "$.args"),
        ({"variables": {"user-id": "1"}, "query": {}}, "unexpected-payload", '$.args.variables["user-id"]'),
    ],
)
def test_a_test_without_sense_is_refused(unchanged: str, args: Any, code: str, path: str) -> None:
    """What the administrator may not ask either is an error of the test, and no denial."""
    status, body = ask(unchanged, {"type": "test_permission", "args": {"role": "user", "variables": ANN, **args}})
    assert (status, body["code"], body["path"]) == (400, code, path), body


def test_it_is_for_the_administrator_and_stands_alone(unchanged: str) -> None:
    """It shows rows and rules, so nobody else may ask, not about themselves either."""
    request = {
        "type": "test_permission",
        "args": {"role": "user", "table": "article", "operation": "select", "where": {}},
    }
    for session in (ANONYMOUS, Session("user", ANN)):
        assert ask(unchanged, request, session)[1]["code"] == "access-denied"
    for session in (ANONYMOUS, ADMIN):
        assert ask(unchanged, {"type": "bulk", "args": [request]}, session)[1]["code"] == "not-supported"


# -- what it leaves behind ---------------------------------------------------------------------------------------------


def test_nothing_is_left_behind_but_numbers_of_sequences(changed: str) -> None:
    """Neither rows, nor what triggers wrote, nor notifications; deferred constraints have their say."""
    with psycopg.connect(changed, autocommit=True) as other:
        other.execute("create table trace (what text)")
        other.execute(
            "create function note() returns trigger security definer language plpgsql as $$ begin"
            " insert into public.trace values (tg_op); notify told; return coalesce(new, old); end $$"
        )
        other.execute(
            "create trigger note after insert or update or delete on article for each row execute function note()"
        )
        other.execute("alter table comment alter constraint comment_article_id_fkey deferrable initially deferred")
        other.execute("listen told")
        before = other.execute("select * from article order by id").fetchall()
        number = other.execute("select last_value from article_id_seq").fetchone()
        told = examine(changed, table="article", operation="insert", object={"title": "x"})
        assert told["verdict"] == "allowed"
        told = examine(changed, table="article", operation="update", where={"id": 1}, set={"title": "x"})
        assert told["verdict"] == "allowed"
        told = examine(changed, role="admin", table="article", operation="delete", where={"id": 1})
        assert (told["verdict"], told["error"]["code"]) == ("failed", "constraint-violation")
        assert other.execute("select * from article order by id").fetchall() == before
        assert other.execute("select * from trace").fetchall() == []
        assert list(other.notifies(timeout=0.2)) == []
        assert other.execute("select last_value from article_id_seq").fetchone() != number


def test_a_branch_that_cannot_be_evaluated_alone_does_not_stop_the_test(changed: str) -> None:
    """The rule as a whole never comes to the pattern; the verdict is there, the branches are not."""
    rule = {"columns": ["id", "title"], "filter": {"$or": [{"id": 1}, {"title": {"$like": "X-Hasura-Pattern"}}]}}
    create = {"type": "create_select_permission", "args": {"table": "article", "role": "seeker", "permission": rule}}
    assert ask(changed, create)[0] == 200
    variables = {"x-hasura-pattern": "T\\"}
    told = examine(changed, role="seeker", variables=variables, table="article", operation="select", where={"id": 1})
    assert (told["verdict"], told["rows"]["shown"][0]["rules"][0].get("result", "unknown")) == ("allowed", "unknown")


# -- that it agrees ----------------------------------------------------------------------------------------------------


class Through:
    """What the tester needs of a connection, on the one that has the world."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw = raw

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        self.raw.execute("savepoint attempt")
        try:
            yield
        finally:
            self.raw.execute("rollback to attempt")

    async def fetch(self, text: str, parameters: Any = ()) -> Outcome:
        result = self.raw.pgconn.exec_params(text.encode(), list(parameters))
        state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
        if state is not None:
            raise DatabaseError(state.decode(), result.error_message.decode())
        return Outcome("", ("answer",), ((result.get_value(0, 0),),))

    async def script(self, text: str) -> None:
        self.raw.execute(text.encode())


class Trying:
    """The tester over a world, and what really happens there."""

    def __init__(self, product: Product, role: dict[str, Any], session: Session) -> None:
        self.product, self.session = product, session
        stored = StoredMetadata(1, read_document(metadata_of(product.world, role)), None)
        self.known = Known(stored, run(introspect(product)), product.catalog)

    def tested(self, **args: Any) -> Any:
        request = {"role": self.session.role, "variables": dict(self.session.variables), **args}
        body = json.dumps({"type": "test_permission", "args": request}).encode()
        parsed = parse_request(decode(body))
        assert isinstance(parsed, PermissionTest)

        def plan_of(query: Query, session: Session) -> Any:
            return plan(query, self.product.catalog, session)

        def refused(error: DatabaseError, _: Query | Part) -> DataError:
            return map_database_error(error.sqlstate, error.message, admin=True)

        def nested_of(query: Query, session: Session, apart: bool) -> Any:
            return plan_nested(query, self.product.catalog, session, apart=apart)

        trial = Trial(Through(self.product.connection), self.known, plan_of, nested_of, refused)  # type: ignore[arg-type]
        return json.loads(run(trial.run(parsed)))

    def happens(self, request: Any, session: Session | None = None) -> Any:
        """The answer; Refused; or the error of the database. Nothing stays."""
        with self.product.connection.transaction(force_rollback=True):
            try:
                return self.product.answer(request, session or self.session)
            except Refused:
                return Refused
            except Exception as error:  # noqa: BLE001 - Violated, without which kind
                return error

    def count(self, table: str, where: Any, session: Session) -> Any:
        return self.happens({"type": "count", "args": {"table": table, "where": where}}, session)


def agree(tester: Trying, request: Any) -> None:
    """A whole query: the verdict is what happens."""
    happened = tester.happens(request)
    try:
        told = tester.tested(query=request)
    except (DataError, NotSupported):
        assert happened is Refused or isinstance(happened, Exception)
        assert tester.happens(request, ADMIN) is Refused or isinstance(happened, Exception)
        return
    verdict = told["verdict"]
    if happened is Refused:
        assert verdict == "denied"
        return
    if isinstance(happened, Exception):
        assert verdict == ("denied" if told["error"]["code"] == CheckFailed.code else "failed")
        if verdict == "denied" and "written" in told:  # without the check another row may break a constraint
            assert any(row["allowed"] is False for row in told["written"])
        return
    args = request["args"]
    if request["type"] == "insert":
        objects, affected = len(args["objects"]), happened["affected_rows"]
        if affected == objects:
            assert verdict == "allowed"
        elif args.get("on_conflict", {}).get("action") == "update":
            assert verdict == ("partly" if affected else "denied")
        assert all(row["allowed"] for row in told["written"])
        return
    where = args.get("where", {})
    meant = tester.count(args["table"], where, ADMIN)["count"]
    if request["type"] in ("update", "delete"):
        everything = happened["affected_rows"]
    else:
        everything = tester.count(args["table"], where, tester.session)["count"]
    # With `$not` a condition may hold for the role just because it does not see what makes it false.
    reached = everything - told["rows"].get("beyond", 0)
    assert (told["rows"]["meant"], told["rows"]["reached"]) == (meant, reached)
    if "beyond" in told["rows"]:
        assert "not" in json.dumps(where)
    assert verdict == (
        "untested" if not meant else "denied" if not reached else "allowed" if reached == meant else "partly"
    )
    for row in told["rows"]["shown"]:
        assert row["allowed"] is all(rule["result"] is True for rule in row["rules"]), row


def agree_about_rows(tester: Trying, table: str, where: Any) -> None:
    """Rows that the administrator picks: each is allowed exactly when the role alone gets at it."""
    key = [row["id"] for row in tester.happens({"type": "select", "args": {"table": table, "columns": ["id"]}}, ADMIN)]
    for operation in ("select", "delete"):
        told = tester.tested(table=table, operation=operation, where=where)
        if "rows" not in told:
            assert told["verdict"] in ("denied", "failed")
            continue
        for row in told["rows"]["shown"]:
            assert row["row"]["id"] in key
            one = {"table": table, "where": {"id": row["row"]["id"]}}
            happened = tester.happens({"type": "count" if operation == "select" else "delete", "args": one})
            if isinstance(happened, dict):
                assert row["allowed"] is bool(happened.get("count", happened.get("affected_rows")))
            else:
                assert isinstance(happened, Exception), happened  # a foreign key, not a permission


@settings(
    max_examples=WORLDS,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # not shrunk: a world has one seed
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.integers(0, 2**62))
def test_its_verdict_is_what_happens(connection: psycopg.Connection[Any], seed: int) -> None:
    """For made-up worlds, permissions, sessions and requests, in both directions."""
    random = Random(seed)
    world = make_world(random)
    role = make_role(random, world)
    with connection.transaction(force_rollback=True):
        product = Product(connection, world, role)
        for _ in range(4):
            tester = Trying(product, role, make_session(random))
            agree(tester, make_request(random, world))
            table = random.choice(list(world.columns))
            agree_about_rows(tester, table, make_condition(random, world, table, 1))
