"""Apps that browsers reach directly, in both frameworks; gunicorn serves `flask_app`, uvicorn `fastapi_app`."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import fastapi
import flask
from starlette.responses import PlainTextResponse, StreamingResponse

from howdah.kit.cors import Cors
from howdah.kit.csrf import Csrf
from howdah.kit.fastapi import Howdah as FastAPIHowdah
from howdah.kit.flask import Howdah as FlaskHowdah
from howdah.kit.settings import Secret

options: dict[str, Any] = {
    "cors": Cors(["https://shop.example"], credentials=True, headers=("Content-Type", "X-Secure-Key", "X-CSRF-Token")),
    "csrf": Csrf(Secret("s" * 32), secure=False),
    "root_path": os.environ.get("TEST_ROOT_PATH"),
    "traces": True if os.environ.get("TEST_TRACES") else None,
}
LONG = "howdah " * 1000

flask_app = flask.Flask("pages")
fastapi_app = fastapi.FastAPI(title="pages")
if os.environ["TEST_FRAMEWORK"] == "flask":
    FlaskHowdah(flask_app, **options)
else:
    FastAPIHowdah(fastapi_app, **options)


def events() -> Iterator[str]:
    """An event stream, of which the second half comes late."""
    yield "data: " + "x" * 2000 + "\n\n"
    time.sleep(1)
    yield "data: last\n\n"


@flask_app.get("/long")
def flask_long() -> flask.Response:
    return flask.Response(LONG, mimetype="text/plain", headers={"Vary": "Cookie"})


@flask_app.get("/short")
def flask_short() -> str:
    return "short"


@flask_app.get("/plain")
def flask_plain() -> flask.Response:
    return flask.Response(LONG, mimetype="text/plain", headers={"Content-Encoding": "identity"})


@flask_app.get("/events")
def flask_events() -> flask.Response:
    return flask.Response(events(), mimetype="text/event-stream")


@flask_app.post("/change/<int:number>")
def flask_change(number: int) -> dict[str, int]:
    return {"changed": number}


@flask_app.get("/url")
def flask_url() -> dict[str, str]:
    return {"url": flask.url_for("flask_long"), "path": flask.request.path}


@flask_app.get("/slow")
def flask_slow() -> str:
    time.sleep(1.5)
    return "slow"


@flask_app.get("/thread")
def flask_thread() -> str:
    threading.Thread(target=lambda: 1 / 0, name="unlucky").start()
    return "thread"


router = fastapi.APIRouter(prefix="/change")


@fastapi_app.get("/long")
async def fastapi_long() -> PlainTextResponse:
    return PlainTextResponse(LONG, headers={"Vary": "Cookie"})


@fastapi_app.get("/short")
async def fastapi_short() -> PlainTextResponse:
    return PlainTextResponse("short")


@fastapi_app.get("/plain")
async def fastapi_plain() -> PlainTextResponse:
    return PlainTextResponse(LONG, headers={"Content-Encoding": "identity"})


@fastapi_app.get("/events")
def fastapi_events() -> StreamingResponse:
    return StreamingResponse(events(), media_type="text/event-stream")


@router.post("/{number}")
async def fastapi_change(number: int) -> dict[str, int]:
    return {"changed": number}


@fastapi_app.get("/url")
async def fastapi_url(request: fastapi.Request) -> dict[str, str]:
    return {"url": request.url_for("fastapi_long").path, "path": request.url.path}


@fastapi_app.get("/slow")
async def fastapi_slow() -> PlainTextResponse:
    await asyncio.sleep(1.5)
    return PlainTextResponse("slow")


@fastapi_app.get("/thread")
async def fastapi_thread() -> PlainTextResponse:
    threading.Thread(target=lambda: 1 / 0, name="unlucky").start()
    return PlainTextResponse("thread")


fastapi_app.include_router(router)
