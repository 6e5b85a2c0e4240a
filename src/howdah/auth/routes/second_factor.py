"""A second factor is shown: to finish a sign-in, or to do something that needs a fresh proof."""

from __future__ import annotations

from typing import Final

from howdah.auth import audit, users
from howdah.auth.challenges import find_challenge, take_challenge
from howdah.auth.credentials import confirm_password
from howdah.auth.errors import InvalidBody, StepUpRequired
from howdah.auth.factors.owned import find_factors
from howdah.auth.factors.shown import ShownFactor, prove_factor
from howdah.auth.freshness import ways_to_step_up
from howdah.auth.http import Answer, Asked, Call
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidUser, SignInExpired
from howdah.auth.sign_in import PENDING, Carry, Proof, active_user, renew, sign_in, signed_in_answer


class SecondFactor(ShownFactor, kw_only=True):
    """What the first step answered, and a factor."""

    token: str


class StepUp(ShownFactor, kw_only=True):
    """A factor, or the password of an account that has none."""

    password: str | None = None


async def finish_log_in(auth: Auth, asked: Asked[SecondFactor]) -> Answer:
    """A sign-in that was begun ends with a session, carried as its first request wanted."""
    begun = await find_challenge(auth.store.pool, asked.body.token, PENDING)
    if begun is None or begun.user_id is None:
        raise SignInExpired
    carry: Carry = begun.data["carry"]
    async with prove_factor(auth, begun.user_id, asked.body, asked.origin) as proven:
        if await take_challenge(proven.connection, asked.body.token, PENDING) is None:
            raise SignInExpired  # somebody else has finished it meanwhile
        proof = Proof(begun.user_id, (*begun.data["methods"], proven.way))
        signed_in = await sign_in(auth, proven.connection, proof, asked.origin, caller=asked.caller, carry=carry)
    return signed_in_answer(auth, signed_in, carry)


async def step_up(auth: Auth, asked: Asked[StepUp]) -> Answer:
    """The session's owner has just shown who they are: it goes on under another token, of level 2 with a factor."""
    if asked.body.password is not None:
        return await _step_up_by_password(auth, asked, asked.body.password)
    async with prove_factor(auth, asked.user_id, asked.body, asked.origin, session_id=asked.session_id) as proven:
        answer = await renew(auth, proven.connection, asked, methods=(proven.way,), level=2)
        await audit.note(
            proven.connection, "step-up", asked.origin, user_id=asked.user_id, session_id=asked.session_id,
            method=proven.way,
        )  # fmt: skip
    return answer


async def _step_up_by_password(auth: Auth, asked: Asked[StepUp], password: str) -> Answer:
    if any(each is not None for each in (asked.body.code, asked.body.recovery_code, asked.body.passkey)):
        raise InvalidBody("Show one factor: `password`, `code`, `recovery_code` or `passkey`.")
    if (await find_factors(auth.store.pool, asked.user_id)).is_any:
        raise StepUpRequired(await ways_to_step_up(auth, asked.user_id))
    user = await users.find_user(auth.store.pool, asked.user_id)
    try:
        proof = await confirm_password(auth, user, password)
    except InvalidUser:
        await audit.note(auth.store.pool, "step-up-failed", asked.origin, user_id=asked.user_id, method="password")
        raise
    async with auth.store.transaction() as connection:
        await active_user(connection, proof)
        answer = await renew(auth, connection, asked, methods=proof.methods, level=asked.level)
        await audit.note(
            connection, "step-up", asked.origin, user_id=asked.user_id, session_id=asked.session_id, method="password"
        )
    return answer


CALLS: Final = (
    Call("POST", "/v1/login/second-factor", finish_log_in, SecondFactor),
    Call("POST", "/v1/user/step-up", step_up, StepUp, "user"),
)
