"""Step-up: what is not done for whoever merely holds a session, but for whoever has just shown who they are.

A proof is fresh for ten minutes (a setting): signing in is one, and `step_up` is one. With a second factor, only a
proof that included one counts (R29): a password alone, however fresh, is what a thief of passwords has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from howdah.auth import users
from howdah.auth.errors import StepUpRequired
from howdah.auth.factors.owned import find_factors
from howdah.auth.http import Asked
from howdah.auth.part import Auth
from howdah.auth.store import ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("freshness.sql"))


async def require_fresh(auth: Auth, asked: Asked[Any], seconds: float | None = None) -> None:
    """Who asks has shown a factor within ``seconds`` (those of the settings), a second one where there is one.

    Raises StepUpRequired, with the ways to show one now.
    """
    factors = await find_factors(auth.store.pool, asked.user_id)
    proven = await ask(auth.store.pool, _QUERIES["proven"], asked.session_id)
    within = auth.section.step_up_seconds if seconds is None else seconds
    if proven is not None and proven["age"] <= within and (proven["level"] == 2 or not factors.is_any):
        return
    raise StepUpRequired(await ways_to_step_up(auth, asked.user_id))


async def ways_to_step_up(auth: Auth, user_id: int) -> Sequence[str]:
    """How the user shows who they are in the middle of a session; ``login`` where only signing in again does it."""
    factors = await find_factors(auth.store.pool, user_id)
    if factors.is_any:
        return factors.ways
    user = await users.find_user(auth.store.pool, user_id)
    return ("login",) if user is None or user.password_hash is None else ("password",)
