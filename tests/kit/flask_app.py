"""The Flask app of the kit's tests, run as a service in a process of its own; fastapi_app.py is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import werkzeug.exceptions
from actions_example import table, values
from shapes import BY, plain

from howdah.errors import HowdahError
from howdah.kit import current
from howdah.kit.data import Data
from howdah.kit.flask import Howdah, accepts, allow, validate

app = flask.Flask(__name__)


class TooMany(HowdahError):
    """There are too many of these."""

    code, status = "too-many", 409


def check() -> None:
    """Fails when the test says so."""
    if Path("down").exists():
        raise RuntimeError("postgresql://me:hidden@db is down")


async def slow_check() -> None:
    """Fails when the test says so."""
    await asyncio.to_thread(check)


Howdah(app, checks={"database": check, "queue": slow_check}, actions=table)


@app.get("/whoami")
def whoami() -> dict[str, object]:
    """The caller as the kit knows it."""
    app.logger.warning("asked by %s", current.session.role)
    return {
        "role": current.session.role,
        "variables": dict(current.session.variables),
        "request_id": current.request_id,
    }


@app.post("/things")
def things() -> dict[str, object]:
    """Takes JSON only."""
    return {"got": flask.request.get_json()}


@app.route("/nothing-read", methods=["POST", "DELETE"])
def nothing_read() -> dict[str, object]:
    """Does not look at its body."""
    return {}


@app.post("/form")
@accepts("application/x-www-form-urlencoded", "multipart/form-data")
def form() -> dict[str, object]:
    """Takes a form."""
    return {"name": flask.request.form["name"]}


@app.post("/note")
@accepts("text/*")
def note() -> dict[str, object]:
    """Takes text."""
    return {"note": flask.request.get_data(as_text=True)}


@app.post("/edit")
@allow("editor", "admin")
def edit() -> dict[str, object]:
    """For editors."""
    return {"by": current.session.role, "thing": flask.request.get_json()}


for kind, (body_by, query_by) in BY.items():

    def _foss(body: Any) -> dict[str, Any]:
        return {"body": plain(body)}

    def _search(query: Any) -> dict[str, Any]:
        return {"query": plain(query)}

    app.post(f"/{kind}", endpoint=f"{kind}_foss")(validate(body=body_by)(_foss))
    app.get(f"/{kind}", endpoint=f"{kind}_search")(validate(query=query_by)(_search))


@app.get("/values")
@app.get("/untyped-values")
def some_values() -> dict[str, Any]:
    """What JSON does not know."""
    return values()


@app.get("/crash")
def crash() -> str:
    """Fails by accident."""
    raise ZeroDivisionError("the secret ingredient")


@app.get("/refuse")
def refuse() -> str:
    """Fails on purpose."""
    raise TooMany(path="$.n", hint="Fewer.")


@app.get("/abort/<int:status>")
def abort(status: int) -> str:
    """Fails with a status."""
    return flask.abort(status)


@app.get("/gone")
def gone() -> str:
    """Fails with a status and words of its own."""
    error = werkzeug.exceptions.Gone("It was sold.")
    error.get_headers = lambda *_: [("Retry-After", "7"), ("Content-Type", "text/html")]  # type: ignore[method-assign]
    raise error


@app.get("/refused-because")
def refused_because() -> str:
    """Fails with words of its own, because of a ValueError."""
    try:
        return str(int("x"))
    except ValueError as error:
        raise werkzeug.exceptions.BadRequest("Not a number.") from error


@app.get("/teapot")
def teapot() -> str:
    """Aborts with a response of its own."""
    return flask.abort(flask.Response("short and stout", 418))


@app.get("/articles")
def articles() -> dict[str, object]:
    """Asks the Data API."""
    return {"data": Data().query({"type": "select", "args": {}})}


@app.get("/stream")
def stream() -> flask.Response:
    """Answers in pieces."""

    def pieces() -> Iterator[str]:
        yield "a"
        yield "b"

    return flask.Response(pieces(), mimetype="text/plain")


@app.get("/slash/")
def slash() -> str:
    """Redirects without its slash."""
    return "slash"
