"""A second factor is shown: counted, verified, used up, and whatever follows from it, in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from howdah.auth import audit, users
from howdah.auth.errors import InvalidBody, SessionExpired
from howdah.auth.factors.owned import Way
from howdah.auth.factors.passkeys import Purpose, TakenChallenge, take_answered, use_passkey
from howdah.auth.factors.recovery_codes import use_recovery_code
from howdah.auth.factors.totp_factors import use_totp
from howdah.auth.messages import notify
from howdah.auth.part import Auth
from howdah.auth.proof_errors import CopiedPasskey, InvalidFactor
from howdah.auth.sessions import Origin
from howdah.auth.throttling import Attempt, count_attempt, factor_attempt, forgive_attempt
from howdah.auth.users import User
from howdah.postgres.connection import Connection


class ShownFactor(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a request shows: one of these."""

    code: str | None = None
    recovery_code: str | None = None
    passkey: dict[str, Any] | None = None

    def way(self) -> Way:
        """Which of them it is. Raises InvalidBody when it is none or several."""
        shown: dict[Way, Any] = {"totp": self.code, "recovery": self.recovery_code, "passkey": self.passkey}
        given = [way for way, value in shown.items() if value is not None]
        if len(given) != 1:
            raise InvalidBody("Show one factor: `code`, `recovery_code` or `passkey`.")
        return given[0]


@dataclass(frozen=True, slots=True)
class Proven:
    """A factor counts as shown in the transaction of ``connection``, and is used up when that commits."""

    connection: Connection
    user: User
    way: Way


@asynccontextmanager
async def prove_factor(
    auth: Auth, user_id: int, shown: ShownFactor, origin: Origin, *, session_id: str | None = None
) -> AsyncIterator[Proven]:
    """A transaction around the block, which is entered only when the factor is the user's and right.

    ``session_id`` is whose step-up this is; without one it is a sign-in's second factor. Wrong ones are counted for the
    user's factor, whatever the session, address or challenge (R25), and are in the audit. Raises InvalidBody,
    TooManyAttempts, InvalidFactor.
    """
    way = shown.way()
    attempt = attempt_of(user_id, way)
    await count_attempt(auth.store.pool, attempt)
    try:
        challenge = await _challenge(auth, shown, session_id)
        async with auth.store.transaction() as connection:
            user = await locked_user(connection, user_id)
            await _verify(auth, connection, user, shown, challenge, origin)
            yield Proven(connection, user, way)
    except InvalidFactor as error:
        await note_failure(auth, error, origin, user_id, way)
        raise
    await forgive_attempt(auth.store.pool, attempt)


async def note_failure(auth: Auth, error: InvalidFactor, origin: Origin, user_id: int | None, way: Way) -> None:
    """A wrong factor is in the audit; a passkey of which there must be two, under a name of its own."""
    event = "passkey-copied" if isinstance(error, CopiedPasskey) else "factor-failed"
    await audit.note(auth.store.pool, event, origin, user_id=user_id, actor="stranger", method=way)


async def _challenge(auth: Auth, shown: ShownFactor, session_id: str | None) -> TakenChallenge | None:
    if shown.passkey is None:
        return None
    purpose: Purpose = "passkey-second-factor" if session_id is None else "passkey-step-up"
    return await take_answered(auth, shown.passkey, purpose, session_id=session_id)


def attempt_of(user_id: int, way: str) -> Attempt:
    """Where wrong ones are counted: for all of the user's apps together, or each more would give more guesses."""
    return factor_attempt(f"{way}:{user_id}")


async def locked_user(connection: Connection, user_id: int) -> User:
    """The user, whom nobody else changes until the end of the transaction. Raises SessionExpired: there is none."""
    await users.lock_user(connection, user_id)
    user = await users.find_user(connection, user_id)
    if user is None:
        raise SessionExpired
    return user


async def _verify(
    auth: Auth,
    connection: Connection,
    user: User,
    shown: ShownFactor,
    challenge: TakenChallenge | None,
    origin: Origin,
) -> None:
    if shown.code is not None:
        if await use_totp(auth, connection, user.id, shown.code) is None:
            raise InvalidFactor
    elif shown.passkey is not None and challenge is not None:
        if challenge.user_id != user.id:
            raise InvalidFactor  # it was asked of somebody else
        await use_passkey(auth, connection, shown.passkey, challenge)
    elif shown.recovery_code is not None:
        left = await use_recovery_code(auth, connection, user.id, shown.recovery_code)
        if left is None:
            raise InvalidFactor
        await audit.note(connection, "recovery-code-used", origin, user_id=user.id, remaining=left)
        await notify(auth, connection, user, "recovery-code-used", origin, remaining=left)
