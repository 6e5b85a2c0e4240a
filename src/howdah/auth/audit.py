"""What happened to accounts, as rows of the transaction in which it happened (R75)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from howdah.auth.sessions import Origin
from howdah.auth.store import Submitter, Value, ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("audit.sql"))


async def note(
    where: Submitter,
    event: str,
    origin: Origin,
    *,
    user_id: int | None = None,
    actor: str | None = None,
    session_id: str | None = None,
    **detail: Value,
) -> None:
    """The event is written down. ``actor`` is who did it: ``user:<id>``, ``admin``, ``stranger``, ``system``.

    No password, code or token belongs into ``detail``.
    """
    actor = actor or ("stranger" if user_id is None else f"user:{user_id}")
    values = (event, user_id, actor, session_id, origin.ip, origin.request_id, detail)
    await ask(where, _QUERIES["write"], *values)


async def read(
    where: Submitter, *, user_id: int | None = None, before: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """What happened, the latest first: to one user, and before the event of a number, where they are given."""
    events: list[dict[str, Any]] = await ask(where, _QUERIES["read"], user_id, before, limit)
    return events
