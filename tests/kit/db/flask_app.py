"""A Flask service with a database, run in processes of its own; it connects before it is forked, as mistakes do."""

from __future__ import annotations

import os
from typing import Any

import flask

from howdah.kit.db import Database, database, inject
from howdah.kit.flask import Howdah

app = flask.Flask("shop")
Howdah(app, checks={"database": database().ping})

database().ping()  # under gunicorn's preload this is the parent

taken: list[Any] = []


@app.get("/who")
@inject(db="default")
def who(db: Database) -> Any:
    with db.transaction():
        backend = db.fetch_value("SELECT pg_backend_pid() FROM pg_sleep(0.05)")
        assert backend == db.fetch_value("SELECT pg_backend_pid()")
        db.insert("users", {"email": f"{os.getpid()}-{backend}-{os.urandom(8).hex()}", "name": "N"})
    return {"process": os.getpid(), "backend": backend}


@app.get("/leak")
def leak() -> Any:
    taken.append(one := database().connection())
    one.__enter__()
    return {}


@app.post("/duplicate")
@inject(db="default")
def duplicate(db: Database) -> Any:
    db.insert("users", [{"email": "secret@example.com", "name": "N"}] * 2)
    return {}
