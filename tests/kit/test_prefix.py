"""A service below a path that the gateway cuts off makes links that lead back to it, in Flask and in FastAPI."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import fastapi
import flask
import pytest

from howdah.kit import fastapi as for_fastapi
from howdah.kit import flask as for_flask


def flask_links(headers: dict[str, str]) -> dict[str, str]:
    """The links that a Flask app makes, and the path it sees."""
    app = flask.Flask("app")
    for_flask.Howdah(app)

    @app.get("/items/<int:number>")
    def item(number: int) -> dict[str, str]:
        return {"link": flask.url_for("item", number=number), "path": flask.request.path}

    return dict(app.test_client().get("/items/1", headers=headers).json or {})


def fastapi_links(headers: dict[str, str]) -> dict[str, str]:
    """Those of a FastAPI app."""
    app = fastapi.FastAPI()
    for_fastapi.Howdah(app)

    @app.get("/items/{number}")
    def item(number: int, request: fastapi.Request) -> dict[str, str]:
        return {"link": request.url_for("item", number=number).path, "path": request.scope["path"]}

    return json.loads(asyncio.run(_get(app, "/items/1", headers)))


async def _get(app: Any, path: str, headers: dict[str, str]) -> bytes:
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("body", b""))

    fields = [(b"host", b"x"), *((name.lower().encode(), value.encode()) for name, value in headers.items())]
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "headers": fields, "scheme": "http", "server": ("x", 80), "root_path": ""}, receive, send)
    return b"".join(sent)


@pytest.mark.parametrize("links", [flask_links, fastapi_links])
def test_links_begin_with_what_was_cut_off(links: Any) -> None:
    """``X-Forwarded-Prefix`` stands before the path of every link; what is no path is not believed."""
    assert links({"X-Forwarded-Prefix": "/shop/api"})["link"] == "/shop/api/items/1"
    assert links({})["link"] == "/items/1"
    for wrong in ("//evil.example", "/a/../b c", "evil", "/x?y"):
        assert links({"X-Forwarded-Prefix": wrong})["link"] == "/items/1"


def test_routes_are_found_whatever_the_prefix() -> None:
    """A prefix that a path of the service begins with as well: nothing is cut off twice."""
    app = fastapi.FastAPI()
    for_fastapi.Howdah(app)

    @app.get("/api/things")
    def things() -> str:
        return "found"

    assert json.loads(asyncio.run(_get(app, "/api/things", {"X-Forwarded-Prefix": "/api"}))) == "found"
