"""Passkeys: one's own made, and asked for at sign-in, as a second factor, and for a fresh proof."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from howdah.auth.challenges import find_challenge
from howdah.auth.factors.passkeys import add_passkey, ask_for, ask_for_new, take_answered
from howdah.auth.factors.shown import locked_user, note_failure
from howdah.auth.freshness import require_fresh
from howdah.auth.http import Answer, Asked, Call, NoBody
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidFactor, SignInExpired
from howdah.auth.routes.factors import Name, account_name, check_room, factor_added
from howdah.auth.sign_in import PENDING
from howdah.auth.throttling import count_attempt, passkey_attempt


class NewPasskey(msgspec.Struct, forbid_unknown_fields=True):
    """What the browser made (RegistrationResponseJSON), and what it is to be called."""

    credential: dict[str, Any]
    name: Name = "Passkey"


class BegunSignIn(msgspec.Struct, forbid_unknown_fields=True):
    """What the first step answered."""

    token: str


async def ask_for_new_passkey(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """What the browser is asked for a new passkey of the user's."""
    await require_fresh(auth, asked)
    async with auth.store.transaction() as connection:
        user = await locked_user(connection, asked.user_id)
        await check_room(connection, user.id)
        options = await ask_for_new(auth, connection, user, account_name(user), asked.session_id)
    return Answer({"publicKey": options})


async def register_passkey(auth: Auth, asked: Asked[NewPasskey]) -> Answer:
    """The user has another passkey: to sign in with, and as a second factor."""
    await require_fresh(auth, asked)
    try:
        challenge = await take_answered(auth, asked.body.credential, "passkey-new", session_id=asked.session_id)
        async with auth.store.transaction() as connection:
            user = await locked_user(connection, asked.user_id)
            await check_room(connection, user.id)
            await add_passkey(auth, connection, user, asked.body.name, asked.body.credential, challenge)
            return await factor_added(auth, connection, asked, user, asked.body.name, way="passkey")
    except InvalidFactor as error:
        await note_failure(auth, error, asked.origin, asked.user_id, "passkey")
        raise


async def ask_for_any_passkey(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """What the browser is asked for a passkey to sign in with: the same for everybody, for nobody is named (R8)."""
    await count_attempt(auth.store.pool, passkey_attempt(asked.origin.ip or ""))
    return Answer({"publicKey": await ask_for(auth, auth.store.pool, "passkey-login")})


async def ask_for_second_factor(auth: Auth, asked: Asked[BegunSignIn]) -> Answer:
    """What the browser is asked for a passkey that finishes a sign-in."""
    begun = await find_challenge(auth.store.pool, asked.body.token, PENDING)
    if begun is None:
        raise SignInExpired
    options = await ask_for(auth, auth.store.pool, "passkey-second-factor", user_id=begun.user_id)
    return Answer({"publicKey": options})


async def ask_for_step_up(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """What the browser is asked for a passkey as a fresh proof."""
    options = await ask_for(
        auth, auth.store.pool, "passkey-step-up", user_id=asked.user_id, session_id=asked.session_id
    )
    return Answer({"publicKey": options})


CALLS: Final = (
    Call("POST", "/v1/login/passkey/options", ask_for_any_passkey, NoBody),
    Call("POST", "/v1/login/second-factor/options", ask_for_second_factor, BegunSignIn),
    Call("POST", "/v1/user/step-up/options", ask_for_step_up, NoBody, "user"),
    Call("POST", "/v1/user/passkey/options", ask_for_new_passkey, NoBody, "user"),
    Call("POST", "/v1/user/passkey", register_passkey, NewPasskey, "user"),
)
