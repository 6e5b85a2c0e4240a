"""What was begun and is to be finished soon, by whoever shows its token: once, and not for anything else (R27, R30)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from howdah.auth.codes import token_digest
from howdah.auth.store import Submitter, Value, ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("challenges.sql"))


@dataclass(frozen=True, slots=True)
class Challenge:
    """What was noted at the beginning: whose it is, of which session, and what else the end needs."""

    user_id: int | None
    session_id: str | None
    data: Mapping[str, Any]


async def begin_challenge(
    where: Submitter,
    token: str,
    purpose: str,
    *,
    lifetime: float,
    user_id: int | None = None,
    session_id: str | None = None,
    data: Mapping[str, Value] | None = None,
) -> None:
    """Something is begun that can be finished with ``token``, which nobody can guess, for ``lifetime`` seconds.

    It ends with the user and the session, and when the user's password becomes another one.
    """
    values = (token_digest(token), purpose, user_id, session_id, dict(data or {}), lifetime)
    await ask(where, _QUERIES["begin"], *values)


async def find_challenge(where: Submitter, token: str, purpose: str) -> Challenge | None:
    """What was begun for this purpose and is not over; it stays."""
    row = await ask(where, _QUERIES["find"], token_digest(token), purpose)
    return None if row is None else Challenge(**row)


async def take_challenge(where: Submitter, token: str, purpose: str) -> Challenge | None:
    """The same, and it is gone: of many who take it at once one gets it."""
    row = await ask(where, _QUERIES["take"], token_digest(token), purpose)
    return None if row is None else Challenge(**row)


async def drop_challenges(where: Submitter, user_id: int, purpose: str | None = None) -> None:
    """Nothing that was begun for the user, for this purpose or for any, can be finished any more."""
    await ask(where, _QUERIES["drop"], user_id, purpose)
