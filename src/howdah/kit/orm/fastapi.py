"""A session for each request of a FastAPI app, as an argument.

    from howdah.kit.orm.fastapi import AsyncSession

    @app.post("/articles")
    async def add(session: AsyncSession):
        session.add(Article(title="Hello"))

What the function did is stored once, after it and before its answer is sent; nothing of it when it raises, as an
``HTTPException`` does. A commit that fails is the answer. Functions that are not ``async`` take `Session`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import Depends

from howdah.kit.db.settings import DEFAULT
from howdah.kit.orm import sessions


def session_of(name: str = DEFAULT) -> Any:
    """What makes an argument a session of the database ``name``, as in the module's `Session`."""

    def session() -> Iterator[sessions.Session]:
        with sessions.session(name) as one:
            yield one

    return Depends(session, scope="function")


def async_session_of(name: str = DEFAULT) -> Any:
    """As `session_of`, for functions that are ``async``."""

    async def session() -> AsyncIterator[sessions.AsyncSession]:
        async with sessions.async_session(name) as one:
            yield one

    return Depends(session, scope="function")


Session = Annotated[sessions.Session, session_of()]
AsyncSession = Annotated[sessions.AsyncSession, async_session_of()]
