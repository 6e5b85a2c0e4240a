"""The app: what it is called, the line that makes it a service of howdah's, and its routers."""

import asyncio
from contextlib import asynccontextmanager

from fastapi import FastAPI
from howdah.kit.db import async_database
from howdah.kit.fastapi import Howdah
from howdah.kit.orm import migrate

from app.routers import ext, notes
from app.settings import settings


@asynccontextmanager
async def lifespan(_app: FastAPI):
    """The tables are as migrations/ says before anybody asks; of several that start at once, one does it."""
    if await asyncio.to_thread(migrate.main, ["upgrade"]):
        raise RuntimeError("The tables could not be brought up to date.")
    yield


app = FastAPI(
    title=settings.title,
    version="0.1.0",
    contact={"name": settings.contact.name, "email": settings.contact.email},
    license_info={"name": "Apache-2.0"},
    terms_of_service=settings.contact.terms,
    lifespan=lifespan,
)
Howdah(app, checks={"database": async_database().ping})
app.include_router(ext.router)
app.include_router(notes.router, prefix="/notes")
