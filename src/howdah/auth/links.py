"""One-time links that an administrator hands to somebody: to choose a password, and so to enter for the first time.

The token is what follows ``#`` in the link: no server is told it, and no log has it.
"""

from __future__ import annotations

from typing import Final

from howdah.auth.challenges import begin_challenge, drop_challenges, find_challenge, take_challenge
from howdah.auth.codes import new_token
from howdah.auth.part import Auth
from howdah.auth.store import Submitter

PURPOSE: Final = "set-password"
LIFETIME: Final = 24 * 3600.0
"""Seconds."""


async def make_link(auth: Auth, where: Submitter, user_id: int) -> str:
    """A link by which the user, who is locked, chooses a password once; one made before opens nothing more (R17)."""
    token = new_token()
    await revoke_links(where, user_id)
    await begin_challenge(where, token, PURPOSE, lifetime=LIFETIME, user_id=user_id)
    return f"{auth.site.url}/auth/ui/set-password#token={token}"


async def take_link(where: Submitter, token: str) -> int | None:
    """Whose link it was: of many who ask at once, one is told. None where it is over or was never made."""
    challenge = await take_challenge(where, token, PURPOSE)
    return None if challenge is None else challenge.user_id


async def whose_link(where: Submitter, token: str) -> int | None:
    """Whose link it is, which can be used as before."""
    challenge = await find_challenge(where, token, PURPOSE)
    return None if challenge is None else challenge.user_id


async def revoke_links(where: Submitter, user_id: int) -> None:
    """No link of the user's opens anything any more."""
    await drop_challenges(where, user_id, PURPOSE)
