"""The Flask app of the kit's tests, run as a service in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import flask

from howdah.errors import HowdahError
from howdah.kit.data import Data
from howdah.kit.flask import Howdah, request_id, session

app = flask.Flask(__name__)


class TooMany(HowdahError):
    """There are too many of these."""

    code, status = "too-many", 409


def check() -> None:
    """Fails when the test says so."""
    if Path("down").exists():
        raise RuntimeError("postgresql://me:hidden@db is down")


Howdah(app, checks={"database": check})


@app.get("/whoami")
def whoami() -> dict[str, object]:
    """The caller as the kit knows it."""
    app.logger.warning("asked by %s", session().role)
    return {"role": session().role, "variables": dict(session().variables), "request_id": request_id()}


@app.post("/things")
def things() -> dict[str, object]:
    """Takes JSON only."""
    return {"got": flask.request.get_json()}


@app.get("/crash")
def crash() -> str:
    """Fails by accident."""
    raise ZeroDivisionError("the secret ingredient")


@app.get("/refuse")
def refuse() -> str:
    """Fails on purpose."""
    raise TooMany(path="$.n", hint="Fewer.")


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
