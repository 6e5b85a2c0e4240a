"""Browsers that accounts were signed in to from, so that what strangers do locks nobody out of theirs (R10).

A browser is known by a cookie that says nothing and opens nothing; stored is its hash. It is noted for a user only at
the end of a sign-in, second factor and all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from howdah.auth.codes import token_digest
from howdah.auth.sessions import new_token
from howdah.auth.store import Submitter, ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("devices.sql"))

KNOWN_SECONDS: Final = 400 * 24 * 3600
"""How long a browser is remembered: browsers themselves keep no cookie longer."""


async def note_device(where: Submitter, user_id: int, shown: str | None) -> str:
    """The user has signed in from this browser; what it is known by, new where it showed nothing."""
    device = new_token() if shown is None else shown
    await ask(where, _QUERIES["note"], user_id, token_digest(device))
    return device


async def is_known(where: Submitter, user_id: int | None, device: str) -> bool:
    """Whether the user has signed in from this browser before; nobody has where there is no user."""
    return bool(await ask(where, _QUERIES["is_known"], user_id, token_digest(device), KNOWN_SECONDS))
