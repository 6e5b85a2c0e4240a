"""Authenticator apps of users as rows: their secrets sealed, each code good once (R21 to R26)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from howdah.auth.part import Auth
from howdah.auth.sealing import open_sealed, seal
from howdah.auth.store import Submitter, ask
from howdah.auth.totp import accept_code, new_totp_secret
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("totp_factors.sql"))
_PURPOSE: Final = "totp secret"

SETUP_SECONDS: Final = 900.0
"""How long a secret that was shown waits for its first code."""


@dataclass(frozen=True, slots=True)
class AcceptedCode:
    """Whose code it was."""

    factor_id: str
    name: str


async def begin_totp(auth: Auth, where: Submitter, user_id: int, name: str) -> bytes:
    """A new app's secret, sealed and of no effect until a code of it is shown; one that was begun before is gone."""
    factor_id, secret = str(uuid.uuid4()), new_totp_secret()
    sealed = seal(auth.keyring, _PURPOSE, secret, (factor_id,))
    await ask(where, _QUERIES["begin"], factor_id, user_id, name, sealed)
    return secret


async def confirm_totp(auth: Auth, where: Submitter, user_id: int, code: str) -> AcceptedCode | None:
    """The app that was begun counts from now on; None where the code is not its, or nothing was begun."""
    return await _accept(auth, where, user_id, code, confirmed=False)


async def use_totp(auth: Auth, where: Submitter, user_id: int, code: str) -> AcceptedCode | None:
    """The app whose code this is, used up by this call; None where it is no app's, or was used before (R23)."""
    return await _accept(auth, where, user_id, code, confirmed=True)


async def _accept(auth: Auth, where: Submitter, user_id: int, code: str, *, confirmed: bool) -> AcceptedCode | None:
    now, window = datetime.now(UTC), auth.section.totp_window
    for row in await ask(where, _QUERIES["find"], user_id, confirmed, SETUP_SECONDS):
        secret = open_sealed(auth.keyring, _PURPOSE, bytes.fromhex(row["secret"]), (row["id"],))
        counter = accept_code(secret, code, now=now, last_counter=row["last_counter"], window=1 if window else 0)
        if counter is not None and await ask(where, _QUERIES["use"], row["id"], counter):
            return AcceptedCode(row["id"], row["name"])
    return None
