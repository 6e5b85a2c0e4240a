"""Recovery codes of users as rows: a set at a time, each good once (R28)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from howdah.auth.part import Auth
from howdah.auth.recovery import (
    new_recovery_codes,
    read_recovery_code,
    recovery_code_digest,
    recovery_code_digests,
)
from howdah.auth.store import Submitter, ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("recovery_codes.sql"))


async def replace_recovery_codes(auth: Auth, where: Submitter, user_id: int) -> tuple[str, ...]:
    """The user has these codes and no others; this is the only time that they can be read."""
    codes = new_recovery_codes()
    digests = [recovery_code_digest(auth.keyring, code, user=str(user_id)).hex() for code in codes]
    await ask(where, _QUERIES["replace"], user_id, digests)
    return codes


async def use_recovery_code(auth: Auth, where: Submitter, user_id: int, written: str) -> int | None:
    """How many are left after this one; None where it is none of the user's, or was used before."""
    code = read_recovery_code(written)
    if code is None:
        return None
    digests = [digest.hex() for digest in recovery_code_digests(auth.keyring, code, user=str(user_id))]
    left: int | None = await ask(where, _QUERIES["use"], user_id, digests)
    return left
