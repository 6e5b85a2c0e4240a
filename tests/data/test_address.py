"""Addresses of tables: the arguments of a query alone, with the table and the operation in the path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.test_routes import Response, request
from tests.support import Cluster, run

from howdah.data.execute import Engine
from howdah.data.query.address import OPERATIONS, TableAddress, place_in_args, read_address, write_address
from howdah.data.query.ast import TableName
from howdah.data.query.json import decode
from howdah.data.query.parse import parse_request
from howdah.data.routes import DataRoutes
from howdah.gateway.errors import MalformedTarget
from howdah.gateway.target import parse_target
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, Session

USER = Session("user", {"x-hasura-user-id": "1"})


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(NAMES | st.just("public"), NAMES, st.sampled_from(OPERATIONS))
def test_a_written_address_is_read_as_itself(schema: str, name: str, operation: str) -> None:
    """Through the gateway's one reading of paths, whatever the names are; names it refuses are not written."""
    address = TableAddress(operation, TableName(schema, name))
    written = write_address(address)
    if written is not None:
        path = parse_target(b"/data" + written.encode(), b"localhost").path
        assert read_address(path.removeprefix("/data")) == address
    elif "." not in schema:
        with pytest.raises(MalformedTarget):
            parse_target(f"/{quote(schema, safe='')}.{quote(name, safe='')}".encode(), b"localhost")


@pytest.mark.parametrize(
    ("path", "schema", "name"),
    [("article", "public", "article"), ("app.note", "app", "note"), ("public.a.b", "public", "a.b")],
)
def test_the_first_dot_ends_the_schema(path: str, schema: str, name: str) -> None:
    """Without one the schema is public."""
    assert read_address(f"/api/1/table/{path}/count") == TableAddress("count", TableName(schema, name))


@pytest.mark.parametrize(
    "path",
    [
        "/api/1/table/article",
        "/api/1/table/article/",
        "/api/1/table/article/bulk",
        "/api/1/table/article/run_sql",
        "/api/1/table/article/select/",
        "/api/1/table//select",
        "/api/1/table/.a/select",
        "/api/1/table/a./select",
        "/api/1/table/a/b/select",
        "/api/2/table/article/select",
        "/v1/query",
    ],
)
def test_everything_else_is_no_address(path: str) -> None:
    assert read_address(path) is None


def test_every_operation_is_a_type_of_query() -> None:
    """An address offers nothing that ``/v1/query`` does not have."""
    for operation in OPERATIONS:
        with pytest.raises(Exception, match='key "table" not found'):
            parse_request({"type": operation, "args": {}})


def test_places_are_places_in_what_was_sent() -> None:
    """A key that only begins like ``args`` is another key."""
    assert place_in_args("$.args[0]", "explain") == "$[0]"
    assert place_in_args("$.argsy", "explain") == "$.argsy"
    assert place_in_args("$", "explain") == "$"


@pytest.fixture(scope="module")
def database(cluster: Cluster, template: str) -> Iterator[str]:
    name = f"address_{id(cluster)}"
    yield cluster.create_database(name, template=template)
    cluster.drop_database(name)


def ask(dsn: str, address: str, args: Any, *, path: str = "/api/1/table/{}", **scope: Any) -> tuple[Response, Response]:
    """The answer at the address, and the one to the same request at ``/v1/query``."""
    table, operation = address.split("/")
    schema, _, name = table.rpartition(".")
    body = args if isinstance(args, bytes) else json.dumps(args).encode()
    scope = {"howdah.session": USER, **scope}

    async def scenario() -> tuple[Response, Response]:
        engine = Engine(dsn, database=DatabaseSection(pool_size=1, write_pool_size=1), data=DataSection())
        await engine.start()
        try:
            routes = DataRoutes(engine, max_body=10_000)
            here = await request(routes, body, path=path.format(unquote(address)), **scope)
            whole = {"type": "select" if operation == "page" else operation, "args": args}
            if isinstance(args, dict):
                whole["args"] = {"table": {"schema": schema or "public", "name": name}} | args
                if operation == "page":
                    whole["args"]["page"] = args.get("page") or {}
            there = await request(routes, json.dumps(whole, default=repr).encode(), **scope)
        finally:
            await engine.stop()
        return here, there

    return run(scenario())


@pytest.mark.parametrize("path", ["/api/1/table/{}", "/data/api/1/table/{}"])
@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("article/select", {"columns": ["id", "title"], "where": {"id": {"$lt": 3}}, "order_by": "id"}),
        ("article/select", {"table": "article", "columns": ["id"], "order_by": "id"}),
        ("article/count", {}),
        ("app.note/select", {"columns": ["*"]}),
        ("article/page", {"columns": ["id"], "limit": 1, "page": {"total": True}}),
        ("article/page", {"columns": ["id"], "limit": 1}),
        ("article/page", {"columns": ["id"], "limit": 1, "page": None}),
    ],
)
def test_an_address_answers_what_the_query_answers(database: str, path: str, address: str, args: Any) -> None:
    """Byte for byte, also below ``/data`` as on the ``data.`` host."""
    here, there = ask(database, address, args, path=path)
    assert (here.status, here.body) == (there.status, there.body)
    assert here.status == 200


def test_writing(database: str) -> None:
    """Insert, update and delete answer as ever, under the same permissions."""
    new = {"objects": [{"user_id": 1, "article_id": 2, "stars": 4}], "returning": ["stars"]}
    mine = {"where": {"article_id": 2, "user_id": 1}}
    (made, _), (changed, _), (gone, _) = (
        ask(database, address, args, **{"howdah.session": ADMIN})
        for address, args in (
            ("rating/insert", new),
            ("rating/update", {**mine, "$inc": {"stars": 1}, "returning": ["stars"]}),
            ("rating/delete", mine),
        )
    )
    assert made.error == {"affected_rows": 1, "returning": [{"stars": 4}]}
    assert changed.error == {"affected_rows": 1, "returning": [{"stars": 5}]}
    assert gone.error == {"affected_rows": 1}


@pytest.mark.parametrize(
    ("address", "args", "path", "code"),
    [
        ("article/select", {"columns": ["id", "nonsense"]}, "$.columns[1]", "permission-denied"),
        ("article/select", {"columns": ["id"], "limt": 3}, "$.limt", "unexpected-payload"),
        ("article/select", {"columns": ["id"], "limit": "3"}, "$.limit", "parse-failed"),
        ("article/select", {"columns": ["id"], "args": 3}, "$.args", "unexpected-payload"),
        ("article/select", {"table": "author", "columns": ["id"]}, "$.table", "unexpected-payload"),
        ("article/select", [1], "$", "parse-failed"),
        ("article/select", b'{"columns":["id"]},"type":"run_sql"', "$", "invalid-json"),
        ("audit/select", {"columns": ["*"]}, "$", "permission-denied"),
        ("hidden/select", {"columns": ["*"]}, "$", "permission-denied"),
    ],
)
def test_errors_have_their_place_in_the_arguments(database: str, address: str, args: Any, path: str, code: str) -> None:
    """And the code they have elsewhere; a table that does not exist and one that may not be read look the same."""
    here, _ = ask(database, address, args)
    assert (here.status, here.error["path"], here.error["code"]) == (400, path, code)


def test_unknown_operations_and_methods(database: str) -> None:
    """No such address is 404, another method 405."""
    assert ask(database, "article/run_sql", {})[0].status == 404
    here, _ = ask(database, "article/select", {}, method="GET")
    assert (here.status, here.headers[b"allow"]) == (405, b"POST")


def read(dsn: str, path: str, **scope: Any) -> Response:
    async def scenario() -> Response:
        engine = Engine(dsn, database=DatabaseSection(pool_size=1, write_pool_size=1), data=DataSection())
        await engine.start()
        answer = await request(DataRoutes(engine, max_body=10), b"", method="GET", path=path, **scope)
        await engine.stop()
        return answer

    return run(scenario())


def test_which_howdah_this_is_is_for_the_administrator(database: str) -> None:
    """Everybody else learns nothing of it (R56)."""
    assert set(decode(read(database, "/v1/version", **{"howdah.session": ADMIN}).body)) == {"version"}
    refused = read(database, "/v1/version", **{"howdah.session": USER})
    assert (refused.status, refused.error["code"]) == (400, "access-denied")


def test_health_is_a_word(database: str) -> None:
    """200 and OK, as probes of other servers expect; 503 when the database is gone."""
    healthy = read(database, "/healthz")
    assert (healthy.status, healthy.body) == (200, b"OK")

    async def without_database() -> Response:
        engine = Engine(database, database=DatabaseSection(pool_size=1, write_pool_size=1), data=DataSection())
        await engine.start()
        await engine.stop()
        return await request(DataRoutes(engine, max_body=10), b"", method="GET", path="/data/healthz")

    assert run(without_database()).status == 503
