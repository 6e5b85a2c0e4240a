"""Another e-mail address or number for one's own account (R20)."""

from __future__ import annotations

from typing import Final

from howdah.auth import users
from howdah.auth.attempts import attempt_code, count_message
from howdah.auth.confirmation import ask_to_change, confirm
from howdah.auth.credentials import confirm_password
from howdah.auth.errors import InvalidBody
from howdah.auth.factors.owned import find_factors
from howdah.auth.freshness import require_fresh
from howdah.auth.http import Answer, Asked, Call
from howdah.auth.one_time import Use, begin_flow, find_flow
from howdah.auth.part import Auth
from howdah.auth.providers.addresses import Email, FlowText, Mobile


class NewEmail(Email, kw_only=True, forbid_unknown_fields=True):
    """The new address, and the account's password where that is what it has."""

    password: str | None = None
    flow: FlowText | None = None


class NewMobile(Mobile, kw_only=True, forbid_unknown_fields=True):
    """The new number, and the account's password where that is what it has."""

    password: str | None = None
    flow: FlowText | None = None


class NewEmailConfirmation(Email, kw_only=True, forbid_unknown_fields=True):
    """The new address and the code that was sent there."""

    code: str
    flow: FlowText | None = None


class NewMobileConfirmation(Mobile, kw_only=True, forbid_unknown_fields=True):
    """The new number and the code that was sent there."""

    otp: str
    flow: FlowText | None = None

    @property
    def code(self) -> str:
        """What it is called elsewhere."""
        return self.otp


async def change_address(auth: Auth, asked: Asked[NewEmail] | Asked[NewMobile]) -> Answer:
    """A message went to the new address or number. Until it is confirmed there, the one before stays."""
    sent = asked.body
    identifier = sent.read(auth)
    await _check_owner(auth, asked)
    await count_message(auth, "change", identifier, asked.origin)
    flow = begin_flow(auth, asked.origin, sent.flow)
    async with auth.store.transaction() as connection:
        await ask_to_change(auth, connection, asked.user_id, identifier, flow, asked.origin)
    return Answer({"message": "success"}, cookies=flow.cookies)


async def confirm_address(auth: Auth, asked: Asked[NewEmailConfirmation] | Asked[NewMobileConfirmation]) -> Answer:
    """The new address or number is the account's, by the code that was sent there."""
    sent = asked.body
    use = Use("change", sent.read(auth), find_flow(auth, asked.origin, sent.flow))
    tried = await attempt_code(auth, use, sent.code, asked.origin)
    async with auth.store.transaction() as connection:
        await confirm(auth, connection, tried, asked.origin)
    return Answer({"message": "success"})


async def _check_owner(auth: Auth, asked: Asked[NewEmail] | Asked[NewMobile]) -> None:
    """Who asks has shown the password just now; with a second factor, or without a password, a fresh proof.

    Raises InvalidUser, TooManyAttempts, InvalidBody and StepUpRequired.
    """
    user = await users.find_user(auth.store.pool, asked.user_id)
    factors = await find_factors(auth.store.pool, asked.user_id)
    if user is None or user.password_hash is None or factors.is_any:
        await require_fresh(auth, asked)
    elif asked.body.password is None:
        raise InvalidBody("The password of the account is needed.", path="$.password")
    else:
        await confirm_password(auth, user, asked.body.password)


CALLS: Final = (
    Call("POST", "/v1/user/change-email", change_address, NewEmail, "user"),
    Call("POST", "/v1/user/confirm-email", confirm_address, NewEmailConfirmation, "user"),
    Call("POST", "/v1/user/change-mobile", change_address, NewMobile, "user"),
    Call("POST", "/v1/user/confirm-mobile", confirm_address, NewMobileConfirmation, "user"),
)
