"""Query templates: where parameters may stand, what arguments can become, who may do what with one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.test_routes import Response, request
from tests.support import run

from howdah.data.errors import DataError
from howdah.data.execute import Engine
from howdah.data.query.address import read_arguments
from howdah.data.query.parse import check_template, parse_request
from howdah.data.query.template import expand, fill, only_reads
from howdah.data.routes import DataRoutes
from howdah.data.written.files import InvalidMetadataFiles, from_files
from howdah.data.written.metadata import Metadata, QueryTemplate
from howdah.data.written.write_files import to_files
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, ANONYMOUS, Session

ANN = Session("user", {"x-hasura-user-id": "1"})
SECTION = DatabaseSection(pool_size=2, write_pool_size=2)


def hole(name: str, *default: Any) -> dict[str, Any]:
    return {"param": name, "default": default[0]} if default else {"param": name}


def select(**more: Any) -> dict[str, Any]:
    return {"type": "select", "args": {"table": "article", "columns": ["id", "title"], **more}}


def filled(template: dict[str, Any], **arguments: Any) -> Any:
    return fill(template, arguments, None)["args"]


# -- filling -----------------------------------------------------------------------------------------------------------


def test_arguments_stand_where_values_stand() -> None:
    """In conditions, in lists, below relationships and $exists, in limit and offset, in what is written."""
    template = select(
        where={
            "id": hole("id"),
            "title": {"$like": hole("title")},
            "rating": {"$in": [1, hole("rating")]},
            "author_id": {"_in": hole("authors")},
            "$or": [{"author": {"name": hole("name")}}, {"$not": {"mood": {"$is_null": hole("null")}}}],
            "$exists": {"_table": "author", "_where": {"id": {"$gt": hole("id")}}},
            "data": {"$contains": {"a": [hole("title")]}},
        },
        limit=hole("limit"),
        offset=hole("offset", 2),
        columns=[
            "id",
            {"name": "comments", "columns": ["id"], "where": {"text": hole("title")}, "limit": hole("limit")},
        ],
    )
    arguments = {"id": 7, "title": "T", "rating": 5, "authors": [1, 2], "name": None, "null": True, "limit": 3}
    assert filled(template, **arguments) == {
        "table": "article",
        "columns": ["id", {"name": "comments", "columns": ["id"], "where": {"text": {"$eq": "T"}}, "limit": 3}],
        "where": {
            "id": {"$eq": 7},
            "title": {"$like": "T"},
            "rating": {"$in": [1, 5]},
            "author_id": {"_in": [1, 2]},
            "$or": [{"author": {"name": {"$eq": None}}}, {"$not": {"mood": {"$is_null": True}}}],
            "$exists": {"_table": "author", "_where": {"id": {"$gt": 7}}},
            "data": {"$contains": {"a": ["T"]}},
        },
        "limit": 3,
        "offset": 2,
    }


def test_arguments_stand_in_what_is_written() -> None:
    """In the rows of an insert, nested ones too, and in the operations of an update; a default may be null."""
    insert = {"type": "insert", "args": {"table": "t", "objects": [
        {"a": hole("a"), "b": {"deep": [hole("a")]},
         "rel": {"data": [{"c": hole("a")}]}, "one": {"data": {"d": hole("a")}}}
    ]}}  # fmt: skip
    assert filled(insert, a=1)["objects"] == [
        {"a": 1, "b": {"deep": [1]}, "rel": {"data": [{"c": 1}]}, "one": {"data": {"d": 1}}}
    ]
    update = {
        "type": "update",
        "args": {"table": "t", "where": {}, "$set": {"a": hole("a", None)}, "$inc": {"b": hole("b")}},
    }
    assert filled(update, b=2) == {"table": "t", "where": {}, "$set": {"a": None}, "$inc": {"b": 2}}


def test_a_column_may_be_called_as_a_parameter_is_written() -> None:
    """An object with anything but a name in ``param`` is no parameter."""
    template = select(where={"param": {"$eq": hole("x")}, "other": {"param": {"$eq": 1}}})
    assert filled(template, x=1)["where"] == {"param": {"$eq": 1}, "other": {"param": {"$eq": 1}}}


def test_an_argument_for_equality_never_becomes_an_operator() -> None:
    """An object stays a value: it cannot widen what the author wrote, and is refused for a number."""
    where = filled(select(where={"id": hole("id")}), id={"$gt": 0})["where"]
    assert where == {"id": {"$eq": {"$gt": 0}}}
    assert filled(select(where={"author": hole("x")}), x={"id": 1})["where"] == {"author": {"$eq": {"id": 1}}}


@pytest.mark.parametrize(
    ("template", "path"),
    [
        (select(table=hole("x")), "$.template.args.table"),
        (select(columns=hole("x")), "$.template.args.columns"),
        (select(columns=[hole("x")]), "$.template.args.columns[0]"),
        (select(where=hole("x")), "$.template.args.where"),
        (select(where={"$and": hole("x")}), '$.template.args.where["$and"]'),
        (select(where={"$and": [hole("x")]}), '$.template.args.where["$and"][0]'),
        (select(where={"$not": hole("x")}), '$.template.args.where["$not"]'),
        (select(where={"$exists": hole("x")}), '$.template.args.where["$exists"]'),
        (select(where={"$exists": {"_table": hole("x"), "_where": {}}}), '$.template.args.where["$exists"]._table'),
        (select(where={"$exists": {"_table": "t", "_where": hole("x")}}), '$.template.args.where["$exists"]._where'),
        (select(where={"id": {"$ceq": hole("x")}}), '$.template.args.where.id["$ceq"]'),
        (select(order_by=hole("x")), "$.template.args.order_by"),
        (select(order_by=[{"column": hole("x")}]), "$.template.args.order_by[0].column"),
        ({"type": "insert", "args": {"table": "t", "objects": hole("x")}}, "$.template.args.objects"),
        ({"type": "insert", "args": {"table": "t", "objects": [hole("x")]}}, "$.template.args.objects[0]"),
        ({"type": "insert", "args": {"table": "t", "objects": [{"r": {"data": hole("x")}}]}},
         "$.template.args.objects[0].r.data"),
        ({"type": "insert", "args": {"table": "t", "objects": [{}], "on_conflict": hole("x")}},
         "$.template.args.on_conflict"),
        ({"type": "update", "args": {"table": "t", "where": {}, "$set": hole("x")}}, '$.template.args["$set"]'),
        ({"type": "update", "args": {"table": "t", "where": {}, "$default": [hole("x")]}},
         '$.template.args["$default"][0]'),
        ({"type": "bulk", "args": hole("x")}, "$.template.args"),
        ({"type": "bulk", "args": [hole("x")]}, "$.template.args[0]"),
        ({"type": "transaction", "args": [hole("x")]}, "$.template.args[0]"),
        (select(page=hole("x")), "$.template.args.page"),
        (select(search=hole("x")), "$.template.args.search"),
        (select(search={"query": "x", "columns": hole("x")}), "$.template.args.search.columns"),
        (select(search={"query": "x", "columns": ["a"], "rank": hole("x")}), "$.template.args.search.rank"),
        (select(where={"a": {"$search": {"query": "x", "config": hole("x")}}}),
         '$.template.args.where.a["$search"].config'),
        (select(columns=[{"name": "f", "arguments": hole("x")}]), "$.template.args.columns[0].arguments"),
    ],
)  # fmt: skip
def test_a_parameter_is_no_name_no_operator_and_no_condition(template: dict[str, Any], path: str) -> None:
    """Where a table, column, operator, condition, row or request stands, none can: the template is refused."""
    with pytest.raises(DataError) as caught:
        check_template(template, (None, "template"))
    assert (caught.value.code in ("unexpected-payload", "not-supported"), caught.value.path) == (True, path)


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({"type": "run_sql", "args": {"sql": "select 1"}}, "not-supported"),
        ({"type": "track_table", "args": "t"}, "not-supported"),
        ({"type": "execute_query_template", "args": {"name": "t"}}, "not-supported"),
        ({"type": "bulk", "args": [{"type": "run_sql", "args": {"sql": "select 1"}}]}, "not-supported"),
        ({"args": {}}, "not-supported"),
        ({"type": []}, "not-supported"),
        ({"type": "select"}, "parse-failed"),
        ({"type": "select", "args": {"table": "t"}}, "parse-failed"),
        ({"type": "select", "args": {"table": "t", "columns": ["*"], "limt": 1}}, "unexpected-payload"),
        (
            {"type": "select", "args": {"table": "t", "columns": ["*"], "where": {"a": {"$what": 1}}}},
            "unexpected-payload",
        ),
        ({"type": "bulk", "args": {}}, "parse-failed"),
        ({"type": "transaction", "args": [{"type": "bulk", "args": []}]}, "unexpected-payload"),
        ({"type": "transaction", "args": [{"type": "run_sql", "args": {"sql": "select 1"}}]}, "not-supported"),
    ],
)
def test_a_template_has_the_form_of_a_request_about_rows(template: dict[str, Any], code: str) -> None:
    """What cannot be a template, whatever its arguments, is refused when it is made (R64)."""
    with pytest.raises(DataError) as caught:
        check_template(template, (None, "template"))
    assert caught.value.code == code
    assert caught.value.path is not None
    assert caught.value.path.startswith("$.template")


TEMPLATES = {"one": select(where={"id": hole("id")}), "some": select(limit=hole("limit", 5))}


@pytest.mark.parametrize(
    ("args", "code", "path", "message"),
    [
        ({"name": "one"}, "parse-failed", "$.args.args", 'the argument "id" is missing'),
        ({"name": "one", "args": {"id": 1, "x": 1}}, "unexpected-payload", "$.args.args.x", 'no parameter "x"'),
        ({"name": "two"}, "not-exists", "$.args.name", '"two" does not exist'),
        ({"name": "one", "args": [1]}, "parse-failed", "$.args.args", "expected Object"),
        ({"name": "one", "arguments": {}}, "unexpected-payload", "$.args.arguments", "unexpected key"),
        ({"args": {}}, "parse-failed", "$.args", 'key "name" not found'),
        ({"name": "some", "args": {"limit": "many"}}, "parse-failed", "$.limit", "expected Integer"),
        ({"name": "some", "args": {"limit": -1}}, "not-supported", "$.args.limit", "negative"),
    ],
)
def test_what_is_wrong_with_arguments(args: Any, code: str, path: str, message: str) -> None:
    """Missing, unknown or of the wrong kind: each is refused with its place."""
    with pytest.raises(DataError) as caught:
        parse_request(expand({"type": "execute_query_template", "args": args}, TEMPLATES))
    assert (caught.value.code, caught.value.path) == (code, path)
    assert message in caught.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["$gt", "param", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$gt", "param", "default", "$and", "id"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_parameters_of_pages_searches_and_functions() -> None:
    """Cursors, whether the total is wanted, words, and what a function is given."""
    template = select(
        page={"after": hole("after", None), "total": hole("total", False)},
        search={"query": hole("words"), "columns": ["title"]},
        where={"body": {"$search": hole("words")}, "title": {"$search": {"query": hole("words"), "config": "simple"}}},
        columns=["id", {"name": "works", "arguments": [hole("least"), 2], "columns": ["id"]}],
    )
    assert filled(template, words="fox", least=3) == {
        "table": "article",
        "page": {"after": None, "total": False},
        "search": {"query": "fox", "columns": ["title"]},
        "where": {"body": {"$search": "fox"}, "title": {"$search": {"query": "fox", "config": "simple"}}},
        "columns": ["id", {"name": "works", "arguments": [3, 2], "columns": ["id"]}],
    }
    assert filled(template, words="fox", least=3, after="abc", total=True)["page"] == {"after": "abc", "total": True}
    by_values = select(page={"after": {"id": hole("id")}})
    assert filled(by_values, id=4)["page"] == {"after": {"id": 4}}
    called = {"type": "select", "args": {"function": "f", "arguments": {"x": hole("x")}, "columns": ["id"]}}
    assert filled(called, x=[1])["arguments"] == {"x": [1]}


@pytest.mark.parametrize("argument", [{"id": 1}, 7, True, ["x"]])
@pytest.mark.parametrize("where", [{"page": {"after": hole("x")}}, {"search": {"query": hole("x"), "columns": ["a"]}}])
def test_an_argument_for_a_cursor_or_for_words_is_text(where: dict[str, Any], argument: Any) -> None:
    """Where an object would say more than the author let be said."""
    assert filled(select(**where), x="text")
    with pytest.raises(DataError, match="expected String"):
        filled(select(**where), x=argument)


def test_an_argument_is_never_a_reference() -> None:
    """In a template that is a transaction the author's references are some; what is sent to it stays a value."""
    insert = {"type": "insert", "args": {"table": "t", "objects": [{"a": hole("a"), "b": {"$ref": "0.id"}}]}}
    look = select(where={"id": hole("a"), "title": {"$in": hole("list")}, "data": {"$contains": {"x": hole("a")}}})
    reference = {"$ref": "0.secret"}
    written, asked = filled({"type": "transaction", "args": [insert, look]}, a=reference, list=[reference, "x"])
    assert written["args"]["objects"] == [{"a": {"$value": reference}, "b": {"$ref": "0.id"}}]
    assert asked["args"]["where"] == {
        "id": {"$eq": {"$value": reference}},
        "title": {"$in": [{"$value": reference}, "x"]},
        "data": {"$contains": {"x": reference}},
    }
    assert filled({"type": "transaction", "args": [insert]}, a=3)[0]["args"]["objects"][0]["a"] == 3


@given(JSON)
def test_whatever_the_argument_is_the_rest_of_the_request_stays(argument: Any) -> None:
    """No argument changes anything but the value it stands for: not even one that looks like a parameter."""
    template = select(where={"id": hole("a"), "title": {"$ne": hole("a")}}, limit=3)
    expected = select(where={"id": {"$eq": argument}, "title": {"$ne": argument}}, limit=3)
    assert fill(template, {"a": argument}, None) == expected
    assert template == select(where={"id": hole("a"), "title": {"$ne": hole("a")}}, limit=3)


def test_what_only_reads() -> None:
    """A bulk reads when all in it does."""
    count = {"type": "count", "args": {"table": "t"}}
    delete = {"type": "delete", "args": {"table": "t", "where": {}}}
    assert only_reads(count)
    assert not only_reads(delete)
    assert only_reads({"type": "bulk", "args": [count, {"type": "bulk", "args": [count]}]})
    assert not only_reads({"type": "bulk", "args": [count, {"type": "bulk", "args": [delete]}]})


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        (b"", {}),
        (b"a=&b=1.5&c=x+y%2B", {"a": "", "b": "1.5", "c": "x y+"}),
        (b"a=true&b=null&c=%22true%22&d=[1,%22a%22]&e={%22f%22:1}", {
            "a": True, "b": None, "c": "true", "d": [1, "a"], "e": {"f": 1}}),
        (b"a=[1,&b={&c=%22&d=True", {"a": "[1,", "b": "{", "c": '"', "d": "True"}),
        (b"a=%C3%A4", {"a": "ä"}),
    ],
)  # fmt: skip
def test_arguments_of_an_address(query: bytes, arguments: dict[str, Any]) -> None:
    """Text, unless it is written as JSON that is no number."""
    assert json.loads(read_arguments(query)) == arguments


@pytest.mark.parametrize(
    ("query", "code"), [(b"a=1&a=2", "unexpected-payload"), (b"a=%FF", "invalid-json"), (b"\xff=1", "invalid-json")]
)
def test_arguments_of_an_address_that_are_refused(query: bytes, code: str) -> None:
    """Twice, or no text."""
    with pytest.raises(DataError) as caught:
        read_arguments(query)
    assert caught.value.code == code


# -- in a database -----------------------------------------------------------------------------------------------------

BY_TITLE = {"name": "by_title", "template": select(where={"title": hole("title")}, limit=hole("limit", 10))}
RENAME = {
    "name": "rename",
    "comment": "A new title.",
    "template": {
        "type": "update",
        "args": {
            "table": "article",
            "where": {"id": hole("id")},
            "$set": {"title": hole("title")},
            "returning": ["id"],
        },
    },
}


def with_engine(dsn: str, work: Callable[[Engine], Awaitable[Any]]) -> Any:
    async def scenario() -> Any:
        engine = Engine(dsn, database=SECTION, data=DataSection())
        await engine.start()
        try:
            return await work(engine)
        finally:
            await engine.stop()

    return run(scenario())


async def ask(engine: Engine, kind: str, args: Any, session: Session = ADMIN) -> tuple[int, Any]:
    answer = await engine.answer(json.dumps({"type": kind, "args": args}).encode(), session)
    return answer.status, json.loads(answer.body)


async def execute(engine: Engine, name: str, session: Session = ADMIN, **arguments: Any) -> tuple[int, Any]:
    return await ask(engine, "execute_query_template", {"name": name, "args": arguments}, session)


async def made(engine: Engine, *templates: dict[str, Any]) -> None:
    for template in templates:
        assert await ask(engine, "create_query_template", template) == (200, {"message": "success"})


def test_a_template_is_executed_with_the_permissions_of_whoever_asks(changed: str) -> None:
    """Made by the administrator, it gives nobody more than they may do themselves."""

    async def scenario(engine: Engine) -> None:
        await made(engine, BY_TITLE, RENAME)
        assert await execute(engine, "by_title", title="Water") == (200, [{"id": 3, "title": "Water"}])
        assert await execute(engine, "by_title", ANN, title="Water") == (200, [])
        assert await execute(engine, "by_title", ANN, title="Tea") == (200, [{"id": 1, "title": "Tea"}])
        assert await execute(engine, "rename", ANN, id=1, title="X") == (
            200,
            {"affected_rows": 1, "returning": [{"id": 1}]},
        )
        assert await execute(engine, "rename", ANN, id=4, title="X") == (200, {"affected_rows": 0, "returning": []})
        status, error = await execute(engine, "rename", ANONYMOUS, id=1, title="Y")
        assert (status, error["code"]) == (400, "permission-denied")
        assert await execute(engine, "by_title", title="X", limit=0) == (200, [])

    with_engine(changed, scenario)


def test_only_the_administrator_makes_and_drops_templates(changed: str) -> None:
    """The calls are metadata calls (R64)."""

    async def scenario(engine: Engine) -> None:
        for kind, args in (
            ("create_query_template", BY_TITLE),
            ("drop_query_template", {"name": "by_title"}),
            ("set_query_template_comment", {"name": "by_title", "comment": "x"}),
        ):
            status, error = await ask(engine, kind, args, ANN)
            assert (status, error["code"]) == (400, "access-denied")

    with_engine(changed, scenario)


def test_templates_in_bulk_and_transaction(changed: str) -> None:
    """Among other requests, in one transaction; a template may itself be a bulk."""

    async def scenario(engine: Engine) -> None:
        both = {"type": "bulk", "args": [RENAME["template"], {"type": "count", "args": {"table": "article"}}]}
        await made(engine, BY_TITLE, RENAME, {"name": "both", "template": both})
        call = {"type": "execute_query_template", "args": {"name": "rename", "args": {"id": 1, "title": "X"}}}
        look = {"type": "execute_query_template", "args": {"name": "by_title", "args": {"title": "X"}}}
        assert (await ask(engine, "bulk", [call, look], ANN))[1] == [
            {"affected_rows": 1, "returning": [{"id": 1}]},
            [{"id": 1, "title": "X"}],
        ]
        assert await execute(engine, "both", ANN, id=1, title="Tea") == (
            200,
            [{"affected_rows": 1, "returning": [{"id": 1}]}, {"count": 3}],
        )
        status, error = await ask(
            engine, "bulk", [look, {"type": "execute_query_template", "args": {"name": "rename"}}]
        )
        assert (status, error["path"]) == (400, "$.args[1].args.args")
        by_reference = {"name": "by_title", "args": {"title": {"$ref": "0[0].title"}}}
        answer = await ask(engine, "transaction", [look, {"type": "execute_query_template", "args": by_reference}])
        assert answer == (200, [[], []]) or answer[0] == 400  # there is no first row: a reference to it fails
        status, answers = await ask(
            engine, "transaction", [select(where={"id": 4}), {"type": "execute_query_template", "args": by_reference}]
        )
        assert (status, answers[1]) == (200, [{"id": 4, "title": "100% juice"}])

    with_engine(changed, scenario)


def test_a_template_may_be_a_transaction(changed: str) -> None:
    """Its references are the author's; it is in nobody's transaction, and what it names cannot be dropped."""
    article = {"table": "article", "objects": [{"title": hole("title"), "published": True}], "returning": ["title"]}
    comment = {"table": "comment", "objects": [{"article_id": {"$ref": "0.id"}, "text": hole("text")}]}
    template = {
        "type": "transaction",
        "args": [{"type": "insert", "args": article}, {"type": "insert", "args": comment}],
    }

    async def scenario(engine: Engine) -> None:
        await made(engine, {"name": "post", "template": template})
        status, answers = await execute(engine, "post", ANN, title="T", text="first")
        assert (status, answers[0]["returning"], answers[1]) == (200, [{"title": "T"}], {"affected_rows": 1})
        status, error = await execute(engine, "post", ANN, title={"$ref": "0.secret"}, text="x")
        assert (status, error["code"]) == (400, "parse-failed"), "a value, and no text"
        inside = {"type": "execute_query_template", "args": {"name": "post", "args": {"title": "a", "text": "b"}}}
        status, error = await ask(engine, "transaction", [inside], ANN)
        assert (status, error["code"]) == (400, "unexpected-payload")
        status, answers = await ask(engine, "bulk", [inside], ANN)
        assert (status, len(answers[0])) == (200, 2)
        status, error = await ask(engine, "run_sql", {"sql": "alter table comment drop column text"})
        assert (status, error["code"]) == (400, "dependency-error")

    with_engine(changed, scenario)


def test_templates_are_kept_exported_commented_and_dropped(changed: str) -> None:
    """Another process knows them, too; what is exported can be replaced."""

    async def scenario(engine: Engine) -> None:
        await made(engine, RENAME, BY_TITLE)
        exported = (await ask(engine, "export_metadata", {}))[1]
        assert exported["query_templates"] == [BY_TITLE, RENAME]
        await ask(engine, "set_query_template_comment", {"name": "by_title", "comment": "One."})
        await ask(engine, "set_query_template_comment", {"name": "rename", "comment": None})
        other = Engine(changed, database=SECTION, data=DataSection())
        await other.start()
        try:
            written = (await ask(other, "export_metadata", {}))[1]["query_templates"]
            assert [template.get("comment") for template in written] == ["One.", None]
            assert (await execute(other, "by_title", title="Tea"))[0] == 200
        finally:
            await other.stop()
        assert (await ask(engine, "drop_query_template", {"name": "by_title"}))[0] == 200
        assert (await execute(engine, "by_title", title="Tea"))[1]["code"] == "not-exists"
        assert (await ask(engine, "replace_metadata", exported))[0] == 200
        assert (await execute(engine, "by_title", title="Tea"))[0] == 200

    with_engine(changed, scenario)


def test_templates_that_are_refused(changed: str) -> None:
    """There already, not there, or about tables and columns that are not there."""

    async def scenario(engine: Engine) -> None:
        await made(engine, BY_TITLE)
        for kind, args, code, path in (
            ("create_query_template", BY_TITLE, "already-exists", "$.args.name"),
            ("create_query_template", {"name": "x"}, "parse-failed", "$.args"),
            ("create_query_template", {"name": "", "template": select()}, "parse-failed", "$.args.name"),
            (
                "create_query_template",
                {"name": "x", "template": select(table="nope")},
                "not-exists",
                "$.args.template.args",
            ),
            (
                "create_query_template",
                {"name": "x", "template": {"type": "bulk", "args": [select(columns=["nope"])]}},
                "not-exists",
                "$.args.template.args[0].args.columns[0]",
            ),
            ("drop_query_template", {"name": "x"}, "not-exists", "$.args.name"),
            ("set_query_template_comment", {"name": "x", "comment": "y"}, "not-exists", "$.args.name"),
            (
                "replace_metadata",
                {"query_templates": [{"name": "x", "template": {"type": "run_sql", "args": {}}}]},
                "not-supported",
                "$.args.query_templates[0].template",
            ),
        ):
            status, error = await ask(engine, kind, args)
            assert (status, error["code"], error["path"]) == (400, code, path), error

    with_engine(changed, scenario)


def test_requests_of_one_template_share_a_statement(changed: str) -> None:
    """Its arguments are values like any others, so that it is compiled once."""

    async def scenario(engine: Engine) -> None:
        await made(engine, BY_TITLE)
        for title in ("Tea", "Milk", "Coffee"):
            assert (await execute(engine, "by_title", title=title))[1][0]["title"] == title
        assert len(engine._statements._known) == 1

    with_engine(changed, scenario)


# -- its address -------------------------------------------------------------------------------------------------------


def respond(dsn: str, *asked: tuple[str, str, bytes, bytes], session: Session = ADMIN) -> list[Response]:
    async def scenario(engine: Engine) -> list[Response]:
        await made(engine, BY_TITLE, RENAME)
        application = DataRoutes(engine, max_body=1000)
        return [
            await request(
                application, body, path=path, method=method, query_string=query, **{"howdah.session": session}
            )
            for method, path, query, body in asked
        ]

    found: list[Response] = with_engine(dsn, scenario)
    return found


def test_a_template_has_an_address(changed: str) -> None:
    """GET and DELETE take arguments in the address, POST and PUT in the body; all may have ``/data`` in front."""
    rename = b'{"id": 1, "title": "Tisane"}'
    answers = respond(
        changed,
        ("GET", "/v1/template/by_title", b"title=Tea&limit=1", b""),
        ("POST", "/v1/template/by_title", b"", b'{"title": "Tea"}'),
        ("PUT", "/data/v1/template/rename", b"", rename),
        ("DELETE", "/v1/template/rename", b"id=1&title=Tea", b""),
        ("GET", "/v1/template/by_title", b"title=Tea", b""),
    )
    tea, renamed = [{"id": 1, "title": "Tea"}], {"affected_rows": 1, "returning": [{"id": 1}]}
    assert [(answer.status, answer.error) for answer in answers] == [
        (200, tea),
        (200, tea),
        (200, renamed),
        (200, renamed),
        (200, tea),
    ]


def test_what_is_wrong_at_its_address(changed: str) -> None:
    """GET never writes; other methods are refused; errors have places in the arguments that were sent."""
    answers = respond(
        changed,
        ("GET", "/v1/template/rename", b"id=1&title=x", b""),
        ("PATCH", "/v1/template/rename", b"", b"{}"),
        ("GET", "/v1/template/nope", b"", b""),
        ("GET", "/v1/template/by_title", b"", b""),
        ("GET", "/v1/template/by_title", b"title=x&more=1", b""),
        ("GET", "/v1/template/by_title", b"title=x&title=y", b""),
        ("GET", "/v1/template/by_title", b"title=%00", b""),
        ("GET", "/v1/template/by_title", b"title=x&limit=no", b""),
        ("GET", "/v1/template/", b"", b""),
        ("POST", "/v1/template/by_title", b"", b"[]"),
    )
    assert [(answer.status, answer.error["code"], answer.error["path"]) for answer in answers] == [
        (405, "not-supported", "$"),
        (405, "not-supported", "$"),
        (400, "not-exists", "$.args.name"),
        (400, "parse-failed", "$"),
        (400, "unexpected-payload", "$.more"),
        (400, "unexpected-payload", "$.title"),
        (400, "invalid-json", "$"),
        (400, "parse-failed", "$.limit"),
        (404, "not-found", "$"),
        (400, "parse-failed", "$.args"),
    ]
    assert answers[1].headers[b"allow"] == b"GET, POST, PUT, DELETE"


def test_nobody_gains_by_its_address(changed: str) -> None:
    """The caller's permissions apply there as well."""
    (refused,) = respond(changed, ("POST", "/v1/template/rename", b"", b'{"id": 1, "title": "x"}'), session=ANONYMOUS)
    assert (refused.status, refused.error["code"]) == (400, "permission-denied")


# -- its file ----------------------------------------------------------------------------------------------------------

FILE = """\
[by_title]
comment = "Articles of a title."
type = "select"
args.table = "article"
args.columns = ["id", "title"]
args.where.title.param = "title"
args.limit = { param = "limit", default = 10 }
"""


def test_a_file_of_templates() -> None:
    """As a person would write it."""
    metadata = from_files({"query_templates.toml": FILE})
    assert metadata.query_templates == (QueryTemplate("by_title", BY_TITLE["template"], "Articles of a title."),)
    assert from_files(to_files(metadata)) == metadata


def test_a_template_with_null_is_written_as_json() -> None:
    """TOML has no null."""
    query = {"type": "update", "args": {"table": "t", "where": {}, "$set": {"a": hole("a", None)}}}
    metadata = Metadata(query_templates=(QueryTemplate("reset", query),))
    files = to_files(metadata)
    assert "json = " in files["query_templates.toml"]
    assert from_files(files) == metadata


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('type = "select"', 'type = "run_sql"', 1, "a template is a request of one of the types"),
        ('args.table = "article"', "", 5, 'key "table" not found'),
        ('args.table = "article"', 'args.table.param = "t"', 4, "a parameter stands for a value"),
        ('args.where.title.param = "title"', 'args.where.title."$what" = "title"', 6, "unknown operator"),
        ('comment = "Articles of a title."', "comment = 3", 2, '"comment" must be a name'),
        ('comment = "Articles of a title."', 'note = "x"', 2, 'unknown key "note"'),
        ("[by_title]", "x = 1\n[by_title]", 1, "a query template is a table with a name"),
        ('type = "select"', "json = '{}'", 4, 'unknown key "args"'),
    ],
)  # fmt: skip
def test_mistakes_in_the_file(old: str, new: str, line: int, words: str) -> None:
    """Each is told with its line."""
    with pytest.raises(InvalidMetadataFiles) as caught:
        from_files({"query_templates.toml": FILE.replace(old, new)})
    places = [(mistake.place, mistake.message) for mistake in caught.value.mistakes]
    assert any(place == f"metadata/query_templates.toml:{line}" and words in message for place, message in places), (
        places
    )
