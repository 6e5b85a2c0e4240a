"""The FastAPI app of the kit's tests: what app.py is in Flask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import fastapi
from actions_example import table, values
from shapes import BY, FossModel, plain
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from howdah.errors import HowdahError
from howdah.kit import current
from howdah.kit.data import Data
from howdah.kit.fastapi import Howdah, accepts, allow, validate

app = fastapi.FastAPI()
logger = logging.getLogger("app")


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
    logger.warning("asked by %s", current.session.role)
    return {
        "role": current.session.role,
        "variables": dict(current.session.variables),
        "request_id": current.request_id,
    }


@app.post("/things")
async def things(thing: Annotated[Any, fastapi.Body()]) -> dict[str, object]:
    """Takes JSON only."""
    return {"got": thing}


@app.api_route("/nothing-read", methods=["POST", "DELETE"])
async def nothing_read() -> dict[str, object]:
    """Does not look at its body."""
    return {}


@app.post("/form")
async def form(name: Annotated[str, fastapi.Form()]) -> dict[str, object]:
    """Takes a form."""
    return {"name": name}


@app.post("/note")
@accepts("text/*")
async def note(request: fastapi.Request) -> dict[str, object]:
    """Takes text."""
    return {"note": (await request.body()).decode()}


@app.post("/edit")
@allow("editor", "admin")
async def edit(thing: dict[str, int]) -> dict[str, object]:
    """For editors."""
    return {"by": current.session.role, "thing": thing}


for kind, (body_by, query_by) in BY.items():

    async def _foss(body: Any) -> dict[str, Any]:
        return {"body": plain(body)}

    def _search(query: Any) -> dict[str, Any]:
        return {"query": plain(query)}

    app.post(f"/{kind}", name=f"{kind}_foss")(validate(body=body_by)(_foss))
    app.get(f"/{kind}", name=f"{kind}_search")(validate(query=query_by)(_search))


@app.post("/native")
async def native(body: FossModel) -> dict[str, Any]:
    """FastAPI's own way."""
    return {"body": body.model_dump()}


@app.get("/values")
@app.get("/untyped-values", response_model=None, name="untyped_values")
def some_values() -> dict[str, Any]:
    """What JSON does not know."""
    return values()


@app.get("/crash")
async def crash() -> str:
    """Fails by accident."""
    raise ZeroDivisionError("the secret ingredient")


@app.get("/refuse")
async def refuse() -> str:
    """Fails on purpose."""
    raise TooMany(path="$.n", hint="Fewer.")


@app.get("/abort/{status}")
async def abort(status: int) -> str:
    """Fails with a status."""
    raise fastapi.HTTPException(status)


@app.get("/gone")
async def gone() -> str:
    """Fails with a status and words of its own."""
    raise fastapi.HTTPException(410, "It was sold.", {"Retry-After": "7"})


@app.get("/refused-because")
async def refused_because() -> str:
    """Fails with words of its own, because of a ValueError."""
    try:
        return str(int("x"))
    except ValueError as error:
        raise fastapi.HTTPException(400, "Not a number.") from error


@app.get("/teapot")
async def teapot() -> Response:
    """Answers an error of its own."""
    return PlainTextResponse("short and stout", 418)


@app.get("/articles")
def articles() -> dict[str, object]:
    """Asks the Data API."""
    return {"data": Data().query({"type": "select", "args": {}})}


@app.get("/stream")
def stream() -> Response:
    """Answers in pieces."""

    def pieces() -> Iterator[str]:
        yield "a"
        yield "b"

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/slash/")
async def slash() -> str:
    """Redirects without its slash."""
    return "slash"
