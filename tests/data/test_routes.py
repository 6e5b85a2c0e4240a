"""The data part as an ASGI application, with an Engine behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support import Cluster, run

from howdah.data.execute import Engine
from howdah.data.routes import DataRoutes
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN

SECTION = DatabaseSection(pool_size=1, write_pool_size=1)


@dataclass
class Response:
    """What an application sent."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    @property
    def error(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def request(
    application: DataRoutes,
    *parts: bytes,
    path: str = "/v1/query",
    method: str = "POST",
    gone: bool = False,
    **scope: Any,
) -> Response:
    """One request, its body in parts as they come off the network; with ``gone`` the client leaves after them."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.disconnect"} if gone else {"type": "http.request", "body": b"", "more_body": False})
    if len(parts) == 1 and not gone:
        messages = [{"type": "http.request", "body": parts[0]}]
    response = Response()

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = dict(message["headers"])
        else:
            response.body += message["body"]

    await application({"type": "http", "path": path, "method": method, "headers": [], **scope}, receive, send)
    return response


@pytest.fixture(scope="module")
def tables(cluster: Cluster) -> Iterator[str]:
    """A database with a table in it."""
    name = "routes_" + str(id(cluster))
    dsn = cluster.create_database(name)
    cluster.execute("create table t (id int primary key); insert into t values (1)", database=name)
    yield dsn
    cluster.drop_database(name)


def respond(dsn: str, *parts: bytes, max_body: int = 1000, **options: Any) -> Response:
    async def scenario() -> Response:
        engine = Engine(dsn, database=SECTION, data=DataSection())
        await engine.start()
        try:
            return await request(DataRoutes(engine, max_body=max_body), *parts, **options)
        finally:
            await engine.stop()

    return run(scenario())


@pytest.mark.parametrize("path", ["/v1/query", "/data/v1/query"])
def test_a_query_is_answered(tables: str, path: str) -> None:
    """POST with a session gives the Engine's answer as JSON, with its length."""
    body = b'{"type":"run_sql","args":{"sql":"select 1 as one"}}'
    response = respond(tables, body, path=path, **{"howdah.session": ADMIN})
    assert response.status == 200
    assert response.headers[b"content-type"] == b"application/json; charset=utf-8"
    assert response.headers[b"content-length"] == b"%d" % len(response.body)
    assert response.error["result"] == [["one"], ["1"]]


def test_who_has_no_session_is_anonymous(tables: str) -> None:
    """Without a session in the scope nobody is administrator by accident."""
    assert respond(tables, b'{"type":"export_metadata","args":{}}').error["code"] == "access-denied"


@pytest.mark.parametrize("sent_by_browsers", [b"origin", b"sec-fetch-site", b"cookie"])
@pytest.mark.parametrize(
    ("type_", "status"),
    [
        (b"application/json", 200),
        (b"application/json; charset=utf-8", 200),
        (b"Application/JSON ;charset=UTF-8", 200),
        (b"application/x-www-form-urlencoded", 415),
        (b"multipart/form-data; boundary=x", 415),
        (b"text/plain", 415),
        (b"text/plain; application/json", 415),
        (b"application/jsonp", 415),
        (b"application/json, text/plain", 415),
        (b"", 415),
        (None, 415),
    ],
)
def test_what_a_browser_sends_says_that_it_is_json(
    tables: str, sent_by_browsers: bytes, type_: bytes | None, status: int
) -> None:
    """No form and no text of another page is read, at any address that takes JSON; a program need not say it (R54)."""
    body = b'{"type":"export_metadata","args":{}}'
    fields = [(b"content-type", type_)] if type_ is not None else []
    by_browser = [(sent_by_browsers, b"x"), *fields]
    response = respond(tables, body, headers=by_browser, **{"howdah.session": ADMIN})
    assert response.status == status
    if status != 200:
        assert response.error["code"] == "not-supported"
        for path in ("/api/1/table/t/select", "/v1/template/t", "/v1/query/explain"):
            assert respond(tables, body, path=path, headers=by_browser).status == status
    assert respond(tables, body, headers=fields, **{"howdah.session": ADMIN}).status == 200


def test_a_body_in_pieces_is_one_body(tables: str) -> None:
    """However the network cut a body, it is read whole."""
    response = respond(tables, b'{"type":"export', b'_metadata","ar', b'gs":{}}', **{"howdah.session": ADMIN})
    assert response.error == {"tables": []}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(tables: str, method: str) -> None:
    """405 says in Allow what is possible."""
    response = respond(tables, b"", method=method)
    assert (response.status, response.headers[b"allow"]) == (405, b"POST")
    assert response.error["code"] == "not-supported"


@pytest.mark.parametrize("path", ["/", "/v1/query/", "/v1", "/v1/graphql", "/data/v1"])
def test_unknown_addresses_are_refused(tables: str, path: str) -> None:
    """404 in the language's form of an error."""
    response = respond(tables, b"{}", path=path)
    assert response.status == 404
    assert response.error == {"path": "$", "error": response.error["error"], "code": "not-found"}


@pytest.mark.parametrize("parts", [(b"x" * 101,), (b"x" * 60, b"x" * 60, b"never read")])
def test_a_body_that_is_too_large_is_refused_unread(tables: str, parts: tuple[bytes, ...]) -> None:
    """413 as soon as the limit is passed, and the connection is not used again (R65)."""
    response = respond(tables, *parts, max_body=100)
    assert (response.status, response.headers[b"connection"]) == (413, b"close")
    assert respond(tables, b"x" * 100, max_body=100).status == 400


@pytest.mark.parametrize("parts", [(), (b"",), (b"{",), (b"\xff",), (b'{"type":1}',)])
def test_what_is_no_request_is_refused(tables: str, parts: tuple[bytes, ...]) -> None:
    """No body, no JSON, no query: 400 with a code, never 500 (R67)."""
    response = respond(tables, *parts)
    assert response.status == 400
    assert response.error["code"] in {"invalid-json", "parse-failed"}


def test_a_client_that_leaves_gets_nothing(tables: str) -> None:
    """When the client goes away before its body is complete, nothing is done and nothing sent."""
    assert respond(tables, b'{"type":', gone=True).status == 0
    assert respond(tables, gone=True).status == 0


def test_without_a_database_clients_are_asked_to_come_back(tables: str) -> None:
    """503 carries Retry-After."""

    async def scenario() -> Response:
        engine = Engine(tables, database=SECTION, data=DataSection())
        await engine.start()
        application = DataRoutes(engine, max_body=1000)
        await request(application, b'{"type":"track_table","args":"t"}', **{"howdah.session": ADMIN})
        await engine.stop()
        return await request(application, b'{"type":"count","args":{"table":"t"}}', **{"howdah.session": ADMIN})

    response = asyncio.run(scenario())
    assert (response.status, response.headers[b"retry-after"]) == (503, b"1")
