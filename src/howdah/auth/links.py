"""One-time links that an administrator hands to somebody: to choose a password, and so to enter for the first time.

The token is what follows ``#`` in the link: no server is told it, and no log has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from howdah.auth.codes import new_token, token_digest
from howdah.auth.part import Auth
from howdah.auth.store import Submitter, ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("links.sql"))

PURPOSE: Final = "set-password"
LIFETIME: Final = 24 * 3600.0
"""Seconds."""


async def make_link(auth: Auth, where: Submitter, user_id: int) -> str:
    """A link by which the user chooses a password, once; one made before opens nothing any more (R17)."""
    token = new_token()
    await ask(where, _QUERIES["make"], token_digest(token), PURPOSE, user_id, LIFETIME)
    return f"{auth.site.url}/auth/ui/set-password#token={token}"


async def take_link(where: Submitter, token: str) -> int | None:
    """Whose link it was: of many who ask at once, one is told. None where it is over or was never made."""
    user_id = await ask(where, _QUERIES["take"], token_digest(token), PURPOSE)
    return None if user_id is None else int(user_id)


async def whose_link(where: Submitter, token: str) -> int | None:
    """Whose link it is, which can be used as before."""
    user_id = await ask(where, _QUERIES["whose"], token_digest(token), PURPOSE)
    return None if user_id is None else int(user_id)


async def revoke_links(where: Submitter, user_id: int) -> None:
    """No link of the user's opens anything any more."""
    await ask(where, _QUERIES["revoke"], PURPOSE, user_id)
