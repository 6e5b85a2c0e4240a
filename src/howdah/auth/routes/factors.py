"""One's own second factors: set up, looked at, renamed, removed."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

import msgspec

from howdah.auth import audit, sessions
from howdah.auth.challenges import drop_challenges
from howdah.auth.factors.owned import Factor, find_factors, remove_factors
from howdah.auth.factors.owned import remove_factor as remove_owned
from howdah.auth.factors.owned import rename_factor as rename_owned
from howdah.auth.factors.recovery_codes import replace_recovery_codes
from howdah.auth.factors.shown import attempt_of, locked_user
from howdah.auth.factors.totp_factors import SETUP_SECONDS, begin_totp, confirm_totp
from howdah.auth.freshness import require_fresh
from howdah.auth.http import Answer, Asked, Call, NoBody
from howdah.auth.messages import notify
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidFactor, PasswordTooShortAlone, TooManyFactors, UnknownFactor
from howdah.auth.qr import qr_svg
from howdah.auth.sign_in import renew
from howdah.auth.throttling import count_attempt, forgive_attempt
from howdah.auth.totp import provisioning_uri, secret_to_text
from howdah.auth.users import User
from howdah.postgres.connection import Connection

MOST_FACTORS: Final = 20

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class NewApp(msgspec.Struct, forbid_unknown_fields=True):
    """What an authenticator app is to be called in the list of factors."""

    name: Name = "Authenticator app"


class FirstCode(msgspec.Struct, forbid_unknown_fields=True):
    """The code that the new app shows."""

    code: str


class FactorChoice(msgspec.Struct, forbid_unknown_fields=True):
    """One of one's own factors."""

    factor_id: uuid.UUID


class NewName(FactorChoice, forbid_unknown_fields=True):
    """One of one's own factors, and what it is to be called."""

    name: Name


async def list_factors(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """The factors of the user who asks, and how many recovery codes are left."""
    factors = await find_factors(auth.store.pool, asked.user_id)
    return Answer(
        {
            "totp": [_to_json(factor) for factor in factors.totp],
            "passkeys": [_to_json(factor) for factor in factors.passkeys],
            "recovery_codes": factors.recovery_codes,
        }
    )


async def begin_app(auth: Auth, asked: Asked[NewApp]) -> Answer:
    """An authenticator app is set up: its secret, which is shown this once and has no effect before it is confirmed."""
    await require_fresh(auth, asked)
    async with auth.store.transaction() as connection:
        user = await locked_user(connection, asked.user_id)
        await check_room(connection, user.id)
        secret = await begin_totp(auth, connection, user.id, asked.body.name)
        await audit.note(connection, "totp-begun", asked.origin, user_id=user.id, session_id=asked.session_id)
    uri = provisioning_uri(secret, issuer=auth.site.name, account=account_name(user))
    return Answer(
        {
            "secret": secret_to_text(secret),
            "uri": uri,
            "qr": qr_svg(uri, title="QR code for an authenticator app"),
            "expires_in": int(SETUP_SECONDS),
        }
    )


async def confirm_app(auth: Auth, asked: Asked[FirstCode]) -> Answer:
    """The app that is being set up shows its first code: from now on it is asked for when its user signs in."""
    attempt = attempt_of(asked.user_id, "totp-setup")
    await count_attempt(auth.store.pool, attempt)
    async with auth.store.transaction() as connection:
        user = await locked_user(connection, asked.user_id)
        accepted = await confirm_totp(auth, connection, user.id, asked.body.code)
        if accepted is None:
            raise InvalidFactor
        answer = await factor_added(auth, connection, asked, user, accepted.name, way="totp")
    await forgive_attempt(auth.store.pool, attempt)
    return answer


async def factor_added(
    auth: Auth, connection: Connection, asked: Asked[Any], user: User, name: str, *, way: str
) -> Answer:
    """A factor counts from now on: this session has shown it, and those that did not show one are over (V7.4.3).

    The answer has recovery codes when the user has none.
    """
    factors = await find_factors(connection, user.id)
    more: dict[str, Any] = {}
    if not factors.recovery_codes:
        more["recovery_codes"] = await replace_recovery_codes(auth, connection, user.id)
    await sessions.end_weak_sessions(connection, user.id, but=asked.session_id)
    answer = await renew(auth, connection, asked, methods=(way,), level=2, more=more)
    await audit.note(connection, "factor-added", asked.origin, user_id=user.id, session_id=asked.session_id, method=way)
    await notify(auth, connection, user, "factor-added", asked.origin, factor=name)
    return answer


async def rename_factor(auth: Auth, asked: Asked[NewName]) -> Answer:
    """One of the user's factors is called something else."""
    async with auth.store.transaction() as connection:
        if not await rename_owned(connection, asked.user_id, str(asked.body.factor_id), asked.body.name):
            raise UnknownFactor
        await audit.note(connection, "factor-renamed", asked.origin, user_id=asked.user_id, session_id=asked.session_id)
    return Answer({"message": "success"})


async def remove_factor(auth: Auth, asked: Asked[FactorChoice]) -> Answer:
    """One of the user's factors is gone; every other session is over, and this one is of level 1 without (R29).

    With the last factor the recovery codes go. It stays while the password is too short to be the only one (R3).
    """
    await require_fresh(auth, asked)
    async with auth.store.transaction() as connection:
        user = await locked_user(connection, asked.user_id)
        name = await remove_owned(connection, user.id, str(asked.body.factor_id))
        if name is None:
            raise UnknownFactor
        left = await find_factors(connection, user.id)
        if not left.is_any:
            if user.password_needs_factor:
                raise PasswordTooShortAlone(hint="POST /v1/user/change-password, then remove it.")
            await remove_factors(connection, user.id)
        await drop_challenges(connection, user.id)
        await sessions.end_sessions(connection, user.id, but=asked.session_id)
        answer = await renew(auth, connection, asked, methods=(), level=2 if left.is_any else 1, proved=False)
        await audit.note(connection, "factor-removed", asked.origin, user_id=user.id, session_id=asked.session_id)
        await notify(auth, connection, user, "factor-removed", asked.origin, factor=name)
    return answer


async def renew_recovery_codes(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """The user has new recovery codes, which are shown this once; those before are worth nothing (R28)."""
    await require_fresh(auth, asked)
    async with auth.store.transaction() as connection:
        user = await locked_user(connection, asked.user_id)
        if not (await find_factors(connection, user.id)).is_any:
            raise UnknownFactor(hint="Set up an authenticator app or a passkey first.")
        codes = await replace_recovery_codes(auth, connection, user.id)
        await audit.note(
            connection, "recovery-codes-renewed", asked.origin, user_id=user.id, session_id=asked.session_id
        )
    return Answer({"recovery_codes": codes})


async def check_room(connection: Connection, user_id: int) -> None:
    """Raises TooManyFactors."""
    factors = await find_factors(connection, user_id)
    if len(factors.totp) + len(factors.passkeys) >= MOST_FACTORS:
        raise TooManyFactors


def account_name(user: User) -> str:
    """What an app or an authenticator lists the account as."""
    found = (user.identity(kind) for kind in ("email", "username", "mobile"))
    return next((identity.shown for identity in found if identity is not None), f"user {user.id}")


def _to_json(factor: Factor) -> dict[str, Any]:
    return {"id": factor.id, "name": factor.name, "created": factor.created, "used": factor.used}


CALLS: Final = (
    Call("GET", "/v1/user/factors", list_factors, NoBody, "user"),
    Call("POST", "/v1/user/totp", begin_app, NewApp, "user"),
    Call("POST", "/v1/user/totp/confirm", confirm_app, FirstCode, "user"),
    Call("POST", "/v1/user/rename-factor", rename_factor, NewName, "user"),
    Call("POST", "/v1/user/remove-factor", remove_factor, FactorChoice, "user"),
    Call("POST", "/v1/user/recovery-codes", renew_recovery_codes, NoBody, "user"),
)
