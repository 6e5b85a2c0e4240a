"""What can be asked of a database, by threads and by event loops alike; rows of the seeds are named where it is one."""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest

from howdah.kit.db import OUT, Jsonb, Out
from howdah.kit.db import errors as e
from howdah.kit.db.aio import AsyncDatabase, AsyncQueries, AsyncTransaction
from howdah.kit.db.sync import Database, Queries, Transaction

ANN = {"email": "ann@example.com", "name": "Ann"}
BEN = {"email": "ben@example.com", "name": "Ben", "age": 30}


@dataclass(frozen=True)
class User:
    email: str
    name: str


@pytest.mark.parametrize(
    ("one", "other"), [(Queries, AsyncQueries), (Database, AsyncDatabase), (Transaction, AsyncTransaction)]
)
def test_both_have_the_same_words(one: type, other: type) -> None:
    """Every public method takes the same arguments, and says the same of itself."""

    def words(kind: type) -> dict[str, tuple[list[str], str]]:
        return {
            name: (
                [f"{p.name} {p.kind} {p.default!r}" for p in inspect.signature(found).parameters.values()],
                (inspect.getdoc(found) or "").replace("async with", "with"),
            )
            for name, found in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert words(one) == words(other)


def test_rows_are_dicts_or_what_one_makes_of_them(db: Any) -> None:
    """U1: dict rows by default; a dataclass where one is named, inside a transaction too."""
    db.insert("users", ANN)
    assert db.fetch_all("SELECT email, name FROM users") == [ANN]
    users = db.into(User)
    assert users.fetch_one("SELECT email, name FROM users WHERE email = %s", [ANN["email"]]) == User(**ANN)
    assert users.select("users", columns=["email", "name"]) == [User(**ANN)]
    with db.transaction() as tx:
        assert tx.into(User).select("users", {"name": "Ann"}, columns=["email", "name"]) == [User(**ANN)]
    with pytest.raises(e.Mistake, match="called a"):
        db.fetch_all("SELECT 1 AS a, 2 AS a")


def test_what_somebody_wrote_is_fetched(db: Any) -> None:
    """U2: all rows, the first, the first value; None where there is none. A statement counts its rows."""
    db.insert("users", [ANN, BEN])
    assert db.fetch_all("SELECT name FROM users ORDER BY 1") == [{"name": "Ann"}, {"name": "Ben"}]
    assert db.fetch_one("SELECT name FROM users ORDER BY 1 DESC") == {"name": "Ben"}
    assert db.fetch_one("SELECT name FROM users WHERE name = %(who)s", {"who": "Cleo"}) is None
    assert db.fetch_value("SELECT count(*) FROM users") == 2
    assert db.fetch_value("SELECT name FROM users WHERE name = %s", ["Cleo"]) is None
    assert db.execute("UPDATE users SET age = 7") == 2
    assert db.execute("CREATE TABLE more ()") == 0
    assert db.fetch_all("DELETE FROM users WHERE false") == []


def test_a_select_is_an_and_of_equals(db: Any) -> None:
    """U2: every column as given; null matches null, which a seed's never did; lists are any of theirs."""
    db.insert("users", [ANN, BEN, {"email": "cy@example.com", "name": "Ann", "age": 30}])

    def emails(where: Any, **more: Any) -> list[str]:
        return [row["email"][0] for row in db.select("users", where, order_by="email", **more)]

    assert emails(None) == ["a", "b", "c"]
    assert emails({"name": "Ann"}) == ["a", "c"]
    assert emails({"name": "Ann", "age": 30}) == ["c"]
    assert emails({"age": None}) == ["a"]
    assert emails({"age": [30, None]}) == ["a", "b", "c"]
    assert emails({"age": [30, 31]}) == ["b", "c"]
    assert emails({"age": []}) == []
    assert emails({"name": ("Ann", 'x"y\\')}) == ["a", "c"]
    assert emails(None, limit=1, offset=1) == ["b"]
    assert [row["age"] for row in db.select("users", columns="age", order_by=["-age", "email"])][1:] == [30, 30]
    assert db.select("users", {"name": "Ben"}, columns=["age"]) == [{"age": 30}]


def test_lists_of_texts_match_columns_of_any_type(db: Any) -> None:
    """Uuids, enums and dates are found by texts, one or several."""
    made = db.insert("moods", {"mood": "fine", "day": "2026-11-21"}, returning="*")
    for column, value in (("id", str(made["id"])), ("mood", "fine"), ("day", "2026-11-21")):
        assert db.select("moods", {column: value}) == db.select("moods", {column: [value]}) == [made]
    assert db.select("moods", {"id": [made["id"]]}) == [made]
    assert (type(made["id"]), made["day"]) == (UUID, date(2026, 11, 21))


def test_names_are_quoted_whatever_is_in_them(db: Any) -> None:
    """U2: `schema.table`, spaces, quotes, percent signs and words of SQL."""
    table = ("odd shop", 'the "table" 100%')
    assert db.insert("odd shop." + table[1], {"the %s column": 1, "order": "x"}) == 1
    assert db.update(table, {"order": "y"}, {"the %s column": 1}) == 1
    assert db.select(table, {"order": "y"}) == [{"the %s column": 1, "order": "y"}]
    with pytest.raises(e.NoUniqueIndex, match="100%"):
        db.upsert(table, {"the %s column": 1}, "the %s column")
    assert db.delete(table, {"order": "y"}) == 1
    for wrong in ("", "a.b.c", 'users"; DROP TABLE users; --', ("users; DROP TABLE users",), "nul\0"):
        with pytest.raises(e.Mistake):
            db.select(wrong)
    assert db.fetch_value("SELECT count(*) FROM users") == 0


def test_inserts_count_what_they_inserted(db: Any) -> None:
    """U3: one, several, very many, none; a seed's batch of three reported one."""
    assert db.insert("users", ANN) == 1
    assert db.insert("users", [BEN, {"email": "c", "name": "C"}]) == 2
    assert db.insert_batch("loose", ({"a": n, "b": n} for n in range(3))) == 3
    assert db.insert_batch("loose", ({"a": n, "b": n} for n in range(40_000))) == 40_000
    assert db.insert_batch("loose", []) == db.insert("loose", []) == 0
    assert db.insert("notes", {}) == 1
    assert db.insert("notes", [{}, {}], returning="id") == [{"id": 2}, {"id": 3}]
    assert db.insert("notes", {"body": "b"}, returning=["id", "body"]) == {"id": 4, "body": "b"}
    mixed = [{"author": "c"}, {"body": "only"}]
    assert db.insert("notes", mixed, returning=["author", "body"]) == [
        {"author": "c", "body": "empty"},
        {"author": None, "body": "only"},
    ]
    with pytest.raises(e.Mistake):
        db.insert("users", {"nothing": 1})


def test_a_batch_is_stored_as_a_whole_or_not(db: Any) -> None:
    """The last row of forty thousand is refused, and none of them is there."""
    rows = [{"email": f"{n}@example.com", "name": "N"} for n in range(40_000)]
    with pytest.raises(e.ValueMissing):
        db.insert_batch("users", [*rows, {"email": "last", "name": None}])
    assert db.fetch_value("SELECT count(*) FROM users") == 0


def test_updates_reach_what_they_say_their_own_key_column_too(db: Any) -> None:
    """U3: a seed kept the old value of a column that is filter and change at once."""
    db.insert("users", [ANN, BEN])
    assert db.update("users", {"email": "new@example.com"}, {"email": ANN["email"]}) == 1
    assert db.select("users", {"email": "new@example.com"}, columns="name") == [{"name": "Ann"}]
    assert db.update("users", {"age": None}, {"age": 30}, returning=["name", "age"]) == [{"name": "Ben", "age": None}]
    assert db.update("users", {"age": 1}, {"name": "Nobody"}) == 0
    with pytest.raises(e.Mistake):
        db.update("users", {}, {"name": "Ann"})


def test_a_whole_table_is_reached_only_on_purpose(db: Any) -> None:
    """U3: a seed's delete without a filter emptied the table."""
    db.insert("users", [ANN, BEN])
    for where in (None, {}):
        with pytest.raises(e.UnfilteredWrite) as refused:
            db.delete("users", where)
        assert "all_rows=True" in refused.value.hint
        with pytest.raises(e.UnfilteredWrite):
            db.update("users", {"age": 1}, where)
    assert db.fetch_value("SELECT count(*) FROM users WHERE age IS DISTINCT FROM 1") == 2
    assert db.update("users", {"age": 1}, all_rows=True) == 2
    assert db.delete("users", {"email": []}) == 0
    assert db.delete("users", {"email": ANN["email"]}, returning="name") == [{"name": "Ann"}]
    assert db.delete("users", all_rows=True) == 1


def test_an_upsert_makes_the_row_or_changes_it(db: Any) -> None:
    """U4: update or insert in one statement, by a column, or by values as the seeds' identifier."""
    assert db.upsert("users", ANN, "email") == 1
    assert db.upsert("users", {**ANN, "age": 8}, ["email"], returning="age") == {"age": 8}
    assert db.upsert("users", {"name": "Anna"}, {"email": ANN["email"]}) == 1
    assert db.select("users") == [{**ANN, "name": "Anna", "age": 8, "extra": None, "tags": None}]
    assert db.upsert("users", [BEN, {**ANN, "age": 9}], "email", returning="age") == [{"age": 30}, {"age": 9}]
    db.execute("CREATE TABLE seen (who text PRIMARY KEY)")
    assert [db.upsert("seen", {"who": "a"}, "who", returning="who") for _ in range(2)] == [{"who": "a"}] * 2


def test_an_upsert_that_cannot_be_one_says_why(db: Any) -> None:
    """U4: columns that nothing makes unique, a key without a value, rows that differ, one row twice."""
    with pytest.raises(e.NoUniqueIndex, match=r'CREATE UNIQUE INDEX ON "loose" \("a", "b"\)'):
        db.upsert("loose", {"a": 1, "b": 2}, ["a", "b"])
    for data, identifier in (
        ({"name": "Ann"}, "email"),
        ({"email": None, "name": "Ann"}, "email"),
        ([ANN, BEN], "email"),
        ([ANN, ANN], "email"),
        (ANN, []),
    ):
        with pytest.raises(e.Mistake):
            db.upsert("users", data, identifier)
    assert db.select("users") == []


def test_functions_are_called(db: Any) -> None:
    """U5: their rows, their first row, arguments by place and by name, `out` parameters."""
    assert db.sp_fetch_all("twice", [2]) == [{"n": 1, "doubled": 2}, {"n": 2, "doubled": 4}]
    assert db.sp_fetch_one("public.twice", {"n": 1}) == {"n": 1, "doubled": 2}
    assert db.sp_fetch_one("twice", [0]) is None
    assert db.sp_fetch_one("halves", [7]) == db.sp_fetch_one("halves", [7, OUT, OUT]) == {"low": 3, "high": 4}
    assert db.sp_fetch_one("halves", {"n": 7, "low": OUT}) == {"low": 3, "high": 4}


def test_procedures_are_called(db: Any) -> None:
    """U5: `out` and `inout` parameters come back as a row; a procedure without them gives none."""
    assert db.call("shift", [1, 2, OUT]) == {"b": 3, "sum": 4}
    assert db.call("shift", {"a": 1, "b": 2, "sum": Out("int")}) == {"b": 3, "sum": 4}
    assert db.call("note", ["four"]) is None
    assert db.select("loose", columns="a") == [{"a": 4}]
    with pytest.raises(e.Mistake):
        Out("int); DROP TABLE users; --")


def test_a_dict_is_json_and_a_list_an_array(db: Any) -> None:
    """Both ways, and `Jsonb` for lists that are JSON."""
    db.insert("users", {**ANN, "extra": {"likes": ["a"]}, "tags": ["x", "y"]})
    (row,) = db.select("users", {"extra": {"likes": ["a"]}})
    assert (row["extra"], row["tags"]) == ({"likes": ["a"]}, ["x", "y"])
    db.update("users", {"extra": Jsonb([1])}, {"email": ANN["email"]})
    assert db.fetch_value("SELECT extra FROM users") == [1]


CASES = [
    ("db.insert('users', ANN)", e.Duplicate, 409, "db-duplicate", "email"),
    ("db.insert('notes', {'author': 'nobody-secret'})", e.BrokenReference, 409, "db-broken-reference", "author"),
    ("db.delete('users', ANN)", e.BrokenReference, 409, "db-broken-reference", "email"),
    ("db.insert('users', {'email': 'secret'})", e.ValueMissing, 422, "db-value-missing", "name"),
    ("db.update('users', {'age': -77}, ANN)", e.Refused, 422, "db-refused", None),
    ("db.select('users', {'age': 'secret'})", e.BadValue, 422, "db-bad-value", None),
    ("db.insert('users', {'email': 'a', 'name': 'nul\\0secret'})", e.BadValue, 422, "db-bad-value", None),
    ("db.insert('users', {'email': 'a', 'name': 'half\\ud800secret'})", e.BadValue, 422, "db-bad-value", None),
    ("db.select('no_table')", e.Mistake, 500, "db-mistake", None),
    ("db.fetch_all('SELECT %s', [])", e.Mistake, 500, "db-mistake", None),
    ("db.fetch_all('SELECT %s', [object()])", e.Mistake, 500, "db-mistake", None),
    ("db.fetch_all('SELECT pg_sleep(%s)', [77])", e.TimedOut, 504, "db-timeout", None),
    ("db.sp_fetch_one('fuss')", e.Raised, 422, "db-raised", None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "status", "code", "path"), CASES, ids=[case[0][:60] for case in CASES])
def test_what_postgres_refuses_is_an_error_of_ours_without_a_value(
    settings: Any, opened: Any, caplog: Any, call: str, kind: type[e.DbError], status: int, code: str, path: str | None
) -> None:
    """F7: a duplicate is a conflict and no success. Neither the error nor its log shows what was sent."""
    caplog.set_level(logging.DEBUG)
    for mode in ("sync", "async"):
        db = opened(mode, replace(settings, statement_timeout=0.1))
        db.upsert("users", {**ANN, "age": 3}, "email")
        if db.fetch_value("SELECT count(*) FROM notes") == 0:
            db.insert("notes", {"author": ANN["email"]})
        with pytest.raises(kind) as refused:
            eval(call, {"db": db, "ANN": ANN})
        error = refused.value
        assert (type(error), error.status, error.code, error.path) == (kind, status, code, path)
        told = str(error.to_json())
        assert not any(value in told + caplog.text for value in ("secret", "-77", "Ann", "ann@"))
        assert error.__cause__ is None
        assert error.__suppress_context__
        assert db.fetch_value("SELECT 1") == 1


def test_what_a_function_raised_is_told(db: Any) -> None:
    """Its author wrote it to be read."""
    with pytest.raises(e.Raised) as raised:
        db.sp_fetch_one("fuss")
    assert (raised.value.message, raised.value.hint) == ("Only on weekdays.", "Come back on Monday.")


def test_a_table_that_changes_under_a_kept_plan_is_read_as_it_is_now(db: Any, dsn: str) -> None:
    """Postgres refuses a plan whose columns have changed; that is nobody's error, and outlasts no migration."""
    db.insert("loose", {"a": 1, "b": 2})
    for _ in range(10):
        assert db.select("loose") == [{"a": 1, "b": 2}]
    with psycopg.connect(dsn) as other:
        other.execute("ALTER TABLE loose ADD c int DEFAULT 3")
    assert db.select("loose") == [{"a": 1, "b": 2, "c": 3}]
    for _ in range(10):
        db.select("loose")
    with psycopg.connect(dsn) as other:
        other.execute("ALTER TABLE loose DROP c")
    with pytest.raises(e.TryAgain), db.transaction():
        db.select("loose")
    with db.transaction():
        assert db.select("loose") == [{"a": 1, "b": 2}]
