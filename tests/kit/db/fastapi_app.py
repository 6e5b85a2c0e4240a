"""The same in FastAPI: functions that are async, and functions that are not."""

from __future__ import annotations

import os
from typing import Annotated, Any

import fastapi

from howdah.kit.db import AsyncDatabase, async_database, database, inject, provide_async
from howdah.kit.fastapi import Howdah

app = fastapi.FastAPI()
taken: list[Any] = []


async def ping() -> None:
    await async_database().ping()


Howdah(app, checks={"database": ping})


@app.get("/who")
@inject(db="default")
async def who(db: AsyncDatabase) -> Any:
    async with db.transaction():
        backend = await db.fetch_value("SELECT pg_backend_pid() FROM pg_sleep(0.05)")
        assert backend == await db.fetch_value("SELECT pg_backend_pid()")
        await db.insert("users", {"email": f"{os.getpid()}-{backend}-{os.urandom(8).hex()}", "name": "N"})
    return {"process": os.getpid(), "backend": backend}


@app.get("/leak")
async def leak() -> Any:
    taken.append(one := async_database().connection())
    await one.__aenter__()
    return {}


@app.get("/threads")
def threads() -> Any:
    return {"backend": database().fetch_value("SELECT pg_backend_pid()")}


@app.post("/duplicate")
async def duplicate(db: Annotated[AsyncDatabase, fastapi.Depends(provide_async())]) -> Any:
    await db.insert("users", [{"email": "secret@example.com", "name": "N"}] * 2)
    return {}
