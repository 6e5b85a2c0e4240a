"""Enum tables: which table can be one, where its values hold, and when a process learns of new ones."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from tests.data.support import fixture_catalog, fixture_database, fixture_metadata, read_metadata
from tests.support import eventually, run

from howdah.data.catalog.enums import MOST_VALUES, enum_tables, with_enum_values
from howdah.data.catalog.resolve import resolve
from howdah.data.change.calls import apply_call
from howdah.data.errors import ARGS, DataError, ParseFailed
from howdah.data.execute import Engine
from howdah.data.found.database import Database, DatabaseTable, EnumValue
from howdah.data.query.ast import MetadataCall, TableName
from howdah.data.sql.statement import Choice
from howdah.data.written.metadata import Metadata
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, Session

PRIORITY, ERRAND = TableName("app", "priority"), TableName("public", "errand")
VALUES = (EnumValue("high", "Now."), EnumValue("low"), EnumValue("secret"))
USER = Session("user", {"x-hasura-user-id": "1"})
TRACKED: dict[str, Any] = {"table": {"schema": "app", "name": "priority"}}
SECTION = DatabaseSection(pool_size=2, write_pool_size=2)


# -- the catalog -------------------------------------------------------------------------------------------------------


def test_the_catalog_has_the_values_and_who_refers_to_them() -> None:
    """The enum table has its rows, the referring column its labels; nothing else has any."""
    tables = fixture_catalog().tables
    assert tables[PRIORITY].enum_values == VALUES
    labelled = [
        (str(name), column.name, column.type.labels)
        for name, table in tables.items()
        for column in table.columns.values()
        if column.type.of_enum_table
    ]
    assert labelled == [("errand", "priority", ("high", "low", "secret"))]


def test_a_database_in_which_nothing_changed_is_the_same_value() -> None:
    """So that nobody resolves anything anew; and without enums nothing is left of the labels."""
    database = fixture_database()
    assert with_enum_values(database, {PRIORITY: VALUES}) is database
    assert with_enum_values(database, {}) == fixture_database(enums=False)
    assert with_enum_values(database, {PRIORITY: VALUES[:1]}) is not database


def changed(change: Callable[[DatabaseTable], DatabaseTable]) -> Database:
    database = fixture_database()
    return replace(database, tables={**database.tables, PRIORITY: change(database.tables[PRIORITY])})


BIG = tuple(EnumValue(str(number)) for number in range(MOST_VALUES + 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: replace(table, primary_key=None), "primary key of one column"),
        (
            lambda table: replace(table, primary_key=replace(table.primary_key, columns=("value", "comment"))),
            "primary key of one column",
        ),
        (lambda table: replace(table, columns=(*table.columns, replace(table.columns[1], name="x"))), "more columns"),
        (
            lambda table: replace(
                table,
                columns=(
                    table.columns[0],
                    replace(table.columns[1], type=replace(table.columns[1].type, category="number")),
                ),
            ),
            'column "comment" is not text',
        ),
        (lambda table: replace(table, enum_values=()), "has no rows"),
        (lambda table: replace(table, enum_values=BIG), "more than 1000 rows"),
    ],
)
def test_what_cannot_be_an_enum_is_a_problem_and_an_ordinary_table(
    change: Callable[[DatabaseTable], DatabaseTable], words: str
) -> None:
    """It is tracked all the same, and said what is wrong."""
    catalog = resolve(read_metadata({"tables": [{**TRACKED, "is_enum": True}]}), changed(change), version=1)
    (problem,) = catalog.problems
    assert (problem.kind, problem.code, problem.path) == (
        "enum",
        "invalid-configuration",
        '$.tables["app.priority"].is_enum',
    )
    assert words in problem.message
    assert PRIORITY in catalog.tables


def test_only_tables_that_can_be_enums_are_read() -> None:
    """A table of another form, or one that does not exist, is not looked into."""
    written = read_metadata({"tables": [{**TRACKED, "is_enum": True}, {"table": "gone", "is_enum": True}]})
    assert list(enum_tables(written, fixture_database())) == [PRIORITY]
    assert enum_tables(written, changed(lambda table: replace(table, primary_key=None))) == {}


@pytest.mark.parametrize(
    ("filter_", "inner"),
    [
        ({"priority": "x"}, ".filter.priority"),
        ({"priority": {"$in": ["low", "x"]}}, '.filter.priority["$in"][1]'),
        ({"priority": {"$in": ["X-Hasura-A", "x"]}}, '.filter.priority["$in"][1]'),
        ({"urgency": {"value": "x"}, "priority": {"$like": "l%"}}, '.filter.priority["$like"]'),
    ],
)
def test_a_rule_with_another_value_is_a_problem(filter_: dict[str, Any], inner: str) -> None:
    """Values in rules are looked at when the rule is resolved; of the enum table's own column any may be named."""
    rule = {"role": "user", "permission": {"columns": "*", "filter": filter_}}
    relationship = {"name": "urgency", "using": {"foreign_key_constraint_on": "priority"}}
    errand = {"table": "errand", "object_relationships": [relationship], "select_permissions": [rule]}
    catalog = resolve(read_metadata({"tables": [{**TRACKED, "is_enum": True}, errand]}), fixture_database(), version=1)
    assert [(problem.kind, problem.inner) for problem in catalog.problems] == [("permission", inner)]


def test_a_preset_with_another_value_is_a_problem() -> None:
    """As in a filter."""
    rule = {"role": "user", "permission": {"check": {}, "set": {"priority": "x"}}}
    errand = {"table": "errand", "insert_permissions": [rule]}
    catalog = resolve(read_metadata({"tables": [errand]}), fixture_database(), version=1)
    assert [problem.inner for problem in catalog.problems] == [".set.priority"]


def test_long_lists_of_values_are_not_told_in_full() -> None:
    """The first twenty, and how many more."""
    choice = Choice("x", "text", None, labels=tuple(f"v{number:02}" for number in range(30)))
    with pytest.raises(ParseFailed) as caught:
        choice.check("x")
    assert caught.value.message.endswith('"v19" and 10 more')
    choice.check("v29")


# -- the calls ---------------------------------------------------------------------------------------------------------


def call(kind: str, args: Any, metadata: Metadata, database: Database | None = None) -> Metadata:
    database = database or fixture_database()
    return apply_call(MetadataCall(kind, args, ARGS), metadata, database, resolve(metadata, database, version=1))


def test_a_table_becomes_an_enum_and_an_ordinary_table_again() -> None:
    """When it is tracked, or later."""
    plain = call("track_table", {"schema": "app", "name": "priority"}, Metadata())
    enum = call("set_table_is_enum", {**TRACKED, "is_enum": True}, plain)
    assert enum == call("track_table", {**TRACKED, "is_enum": True}, Metadata())
    assert enum.tables[0].is_enum
    assert call("set_table_is_enum", {**TRACKED, "is_enum": False}, enum) == plain


@pytest.mark.parametrize(
    ("kind", "args", "code", "path"),
    [
        ("set_table_is_enum", {"table": "author", "is_enum": True}, "invalid-configuration", "$.args"),
        ("set_table_is_enum", {"table": "author", "is_enum": "yes"}, "parse-failed", "$.args.is_enum"),
        ("set_table_is_enum", {"table": "author"}, "parse-failed", "$.args"),
        ("set_table_is_enum", {"table": "hidden", "is_enum": True}, "not-exists", "$.args.table"),
        ("track_table", {"table": "hidden", "is_enum": True}, "invalid-configuration", "$.args.is_enum"),
        ("track_table", {"table": "hidden", "is_enum": 1}, "parse-failed", "$.args.is_enum"),
    ],
)
def test_a_call_is_refused(kind: str, args: Any, code: str, path: str) -> None:
    """For what cannot be an enum, with the place."""
    with pytest.raises(DataError) as caught:
        call(kind, args, fixture_metadata())
    assert (caught.value.code, caught.value.path) == (code, path), caught.value.message


# -- in a database -----------------------------------------------------------------------------------------------------


def with_engines(dsn: str, work: Callable[[Engine, Engine], Awaitable[None]]) -> None:
    async def scenario() -> None:
        one, other = (Engine(dsn, database=SECTION, data=DataSection()) for _ in range(2))
        await one.start()
        await other.start()
        try:
            await work(one, other)
        finally:
            await one.stop()
            await other.stop()

    run(scenario())


async def ask(engine: Engine, kind: str, args: Any, session: Session = ADMIN) -> tuple[int, Any]:
    answer = await engine.answer(json.dumps({"type": kind, "args": args}).encode(), session)
    return answer.status, json.loads(answer.body)


def add(title: str, priority: str) -> dict[str, Any]:
    return {"table": "errand", "objects": [{"title": title, "priority": priority}]}


def labels(engine: Engine) -> tuple[str, ...]:
    return engine.catalog.tables[ERRAND].columns["priority"].type.labels


NEW = {"table": TRACKED["table"], "objects": [{"value": "later"}]}


def test_a_remembered_statement_takes_no_other_value(changed: str) -> None:
    """The second request of a shape is looked at as the first one is."""

    async def scenario(engine: Engine, _: Engine) -> None:
        for value, status in (("low", 200), ("high", 200), ("x", 400), ("low", 200), ("y", 400)):
            assert (await ask(engine, "insert", add("t", value), USER))[0] == status
            where = {"table": "errand", "columns": ["id"], "where": {"priority": {"$in": [value]}}}
            assert (await ask(engine, "select", where, USER))[0] == status

    with_engines(changed, scenario)


@pytest.mark.parametrize("envelope", ["alone", "bulk", "transaction"])
def test_a_value_that_a_request_adds_counts_at_once_and_everywhere(changed: str, envelope: str) -> None:
    """In this process with the answer, in another one soon; one that is deleted counts no longer."""

    async def scenario(one: Engine, other: Engine) -> None:
        status, error = await ask(one, "insert", add("a", "later"))
        assert (status, error["code"]) == (400, "parse-failed")
        if envelope == "alone":
            assert (await ask(one, "insert", NEW))[0] == 200
        else:
            assert (await ask(one, envelope, [{"type": "insert", "args": NEW}]))[0] == 200
        assert labels(one) == ("high", "later", "low", "secret")
        assert (await ask(one, "insert", add("a", "later"), USER))[0] == 200
        await eventually(lambda: "later" in labels(other))
        assert (await ask(other, "delete", {"table": "errand", "where": {"priority": "later"}}))[0] == 200
        gone = {"table": TRACKED["table"], "where": {"value": "later"}}
        assert (await ask(other, "delete", gone))[1] == {"affected_rows": 1}
        assert labels(other) == ("high", "low", "secret")
        await eventually(lambda: "later" not in labels(one))

    with_engines(changed, scenario)


def test_a_value_that_is_added_inside_of_another_row_counts(changed: str) -> None:
    """As a nested insert adds it."""

    async def scenario(engine: Engine, _: Engine) -> None:
        row = {"title": "Moon", "urgency": {"data": {"value": "some day"}}}
        args = {"table": "errand", "objects": [row], "returning": ["priority"]}
        assert (await ask(engine, "insert", args))[1]["returning"] == [{"priority": "some day"}]
        assert "some day" in labels(engine)

    with_engines(changed, scenario)


def test_a_known_write_of_an_enum_table_is_not_answered_on_the_short_way(changed: str) -> None:
    """Its values are to be read again afterwards; a write of any other table is."""

    async def scenario(engine: Engine, _: Engine) -> None:
        for value in ("one", "two"):
            body = json.dumps({"type": "insert", "args": {**NEW, "objects": [{"value": value}]}}).encode()
            assert engine.submit(body, ADMIN) is None
            assert (await engine.answer(body, ADMIN)).status == 200
            assert engine.submit(body, ADMIN) is None
            assert value in labels(engine)
        body = json.dumps({"type": "insert", "args": add("a", "two")}).encode()
        assert (await engine.answer(body, ADMIN)).status == 200
        future = engine.submit(body, ADMIN)
        assert future is not None
        assert json.loads(await future) == {"affected_rows": 1}

    with_engines(changed, scenario)


def test_a_write_that_changes_no_value_makes_no_new_version(changed: str) -> None:
    """Nobody reloads for a row that was not changed."""

    async def scenario(engine: Engine, _: Engine) -> None:
        version = engine.catalog.version
        update = {"table": TRACKED["table"], "where": {"value": "none"}, "$set": {"comment": "x"}}
        assert (await ask(engine, "update", update))[1] == {"affected_rows": 0}
        assert engine.catalog.version == version
        commented = {"table": TRACKED["table"], "where": {"value": "low"}, "$set": {"comment": "Some day."}}
        assert (await ask(engine, "update", commented))[0] == 200
        assert engine.catalog.tables[PRIORITY].enum_values[1] == EnumValue("low", "Some day.")

    with_engines(changed, scenario)


def test_rows_that_were_changed_by_other_means_are_read_with_reload_metadata(changed: str) -> None:
    """By run_sql at once; behind our back only when we are told."""

    async def scenario(engine: Engine, other: Engine) -> None:
        assert (await ask(engine, "run_sql", {"sql": "insert into app.priority values ('mine')"}))[0] == 200
        assert "mine" in labels(engine)
        await eventually(lambda: "mine" in labels(other))
        with psycopg.connect(changed, autocommit=True) as connection:
            connection.execute("insert into app.priority values ('theirs')")
        assert (await ask(engine, "insert", add("a", "theirs")))[0] == 400
        assert (await ask(engine, "reload_metadata", {}))[0] == 200
        assert (await ask(engine, "insert", add("a", "theirs")))[0] == 200
        await eventually(lambda: "theirs" in labels(other))

    with_engines(changed, scenario)


def test_an_enum_without_rows_is_one_as_soon_as_it_has_some(changed: str) -> None:
    """Until then it is a problem, and columns take whatever the foreign key lets them."""

    async def scenario(engine: Engine, _: Engine) -> None:
        assert (await ask(engine, "run_sql", {"sql": "create table level (name text primary key)"}))[0] == 200
        status, error = await ask(engine, "track_table", {"table": "level", "is_enum": True})
        assert (status, error["code"], error["path"]) == (400, "invalid-configuration", "$.args.is_enum")
        assert (await ask(engine, "run_sql", {"sql": "insert into level values ('one')"}))[0] == 200
        assert (await ask(engine, "track_table", {"table": "level", "is_enum": True}))[0] == 200
        emptied = await ask(engine, "delete", {"table": "level", "where": {}})
        assert emptied == (200, {"affected_rows": 1})
        assert [problem.kind for problem in engine.catalog.problems] == ["enum"]
        assert (await ask(engine, "insert", {"table": "level", "objects": [{"name": "two"}]}))[0] == 200
        assert engine.catalog.problems == ()
        assert engine.catalog.tables[TableName("public", "level")].enum_values == (EnumValue("two"),)

    with_engines(changed, scenario)


def test_a_table_that_is_no_enum_any_more_limits_nobody(changed: str) -> None:
    """Whether it was made ordinary, or untracked."""

    async def scenario(engine: Engine, _: Engine) -> None:
        assert (await ask(engine, "set_table_is_enum", {**TRACKED, "is_enum": False}))[0] == 200
        assert labels(engine) == ()
        status, error = await ask(engine, "insert", add("a", "x"))
        assert (status, error["code"]) == (400, "constraint-violation")
        assert (await ask(engine, "set_table_is_enum", {**TRACKED, "is_enum": True}))[0] == 200
        assert labels(engine) == ("high", "low", "secret")
        untrack = {**TRACKED, "cascade": True}
        assert (await ask(engine, "untrack_table", untrack))[0] == 200
        assert labels(engine) == ()

    with_engines(changed, scenario)
