"""One's own account: made, entered, looked at, left."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from howdah.auth import audit, sessions, users
from howdah.auth.attempts import address_of
from howdah.auth.credentials import choose, confirm_password
from howdah.auth.errors import InvalidBody, ProviderOff, SessionExpired, SignupClosed
from howdah.auth.freshness import require_fresh
from howdah.auth.hooks import ask_hook, without_secrets
from howdah.auth.http import Answer, Asked, Call, NoBody
from howdah.auth.messages import send_password_changed
from howdah.auth.part import Auth
from howdah.auth.providers.code import CodeProvider, EmailCode, MobileCode
from howdah.auth.providers.foreign import HookProvider, IssuerProvider, roles_of
from howdah.auth.providers.passkey import PasskeyProvider
from howdah.auth.providers.password import EmailPassword, MobilePassword, PasswordProvider
from howdah.auth.providers.provider import Provider
from howdah.auth.providers.username import UsernameProvider
from howdah.auth.sign_in import Carry, active_user, renew, sign_in, signed_in_answer
from howdah.auth.throttling import count_attempt, signup_attempt

PROVIDERS: Final[Mapping[str, Provider]] = {
    "username": UsernameProvider(),
    "email": PasswordProvider("email", EmailPassword),
    "email-code": CodeProvider("email-code", "email-code", EmailCode),
    "mobile": CodeProvider("mobile", "mobile-code", MobileCode),
    "mobile-password": PasswordProvider("mobile-password", MobilePassword),
    "passkey": PasskeyProvider(),
}
"""Every way to sign in that is built in."""


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    """How somebody wants to sign in or up, what that way needs, and how the session is to be carried."""

    provider: str
    data: dict[str, Any]
    session: Carry = "both"


class WayIn(msgspec.Struct, forbid_unknown_fields=True):
    """A way to sign in, and what shows who one is there."""

    provider: str
    data: dict[str, Any]


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """The password that is, and the one that is to be."""

    old_password: str
    new_password: str


class SessionChoice(msgspec.Struct, forbid_unknown_fields=True):
    """One session by its id, or, without one, all but the one that asks."""

    session_id: uuid.UUID | None = None


async def sign_up(auth: Auth, asked: Asked[Credentials]) -> Answer:
    """An account is made, and signed in to at once where nothing has to be verified first."""
    if not auth.section.signup:
        raise SignupClosed
    provider = _provider(auth, asked.body.provider)
    await count_attempt(auth.store.pool, signup_attempt(address_of(asked.origin), auth.limits))
    auth = await _asked_before_sign_up(auth, asked.body)
    write = await provider.sign_up(auth, asked.body.data, asked.origin)
    async with auth.store.transaction() as connection:
        registered = await write(connection)
        if registered.proof is None:
            return Answer(registered.answer, cookies=registered.cookies)
        signed_in = await sign_in(
            auth, connection, registered.proof, asked.origin, caller=asked.caller, carry=asked.body.session
        )
    return signed_in_answer(auth, signed_in, asked.body.session)


async def log_in(auth: Auth, asked: Asked[Credentials]) -> Answer:
    """Somebody shows who they are, and has a session, or is asked for a second factor."""
    provider = _provider(auth, asked.body.provider)
    await _ask_before(auth, auth.section.pre_login_hook, asked.body)
    proof = await provider.log_in(auth, asked.body.data, asked.origin)
    async with auth.store.transaction() as connection:
        signed_in = await sign_in(auth, connection, proof, asked.origin, caller=asked.caller, carry=asked.body.session)
    return signed_in_answer(auth, signed_in, asked.body.session)


async def log_out(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """The session that is shown is over, and whatever stands for it."""
    async with auth.store.transaction() as connection:
        await sessions.end_session(connection, asked.session_id)
        await audit.note(connection, "logout", asked.origin, user_id=asked.user_id, session_id=asked.session_id)
    return Answer({"message": "success"}, cookies=(auth.cookie.remove(),))


async def tell_user(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """The user who asks."""
    user = await users.find_user(auth.store.pool, asked.user_id)
    if user is None:
        raise SessionExpired
    return Answer({**users.to_json(user), "session": _shown_session(asked)})


async def change_password(auth: Auth, asked: Asked[PasswordChange]) -> Answer:
    """The password is another one; every other session is over, and this one is shown by something new (R6)."""
    user = await users.find_user(auth.store.pool, asked.user_id)
    proof = await confirm_password(auth, user, asked.body.old_password)
    assert user is not None
    if asked.body.new_password == asked.body.old_password:
        raise InvalidBody("The new password is the old one.", path="$.new_password")
    chosen = await choose(auth, user, asked.body.new_password)
    async with auth.store.transaction() as connection:
        await active_user(connection, proof)
        await chosen.check(connection, user.id)
        await users.set_password(connection, user.id, chosen.hashed, needs_factor=chosen.needs_factor)
        await sessions.end_sessions(connection, user.id, but=asked.session_id)
        await send_password_changed(auth, connection, user, asked.origin)
        answer = await renew(auth, connection, asked, methods=proof.methods, level=asked.level, proved=asked.level == 1)
        await audit.note(connection, "password-changed", asked.origin, user_id=user.id, session_id=asked.session_id)
    return answer


async def connect(auth: Auth, asked: Asked[WayIn]) -> Answer:
    """The user can sign in by what a service of the project's own says, too: for good, so it takes a fresh proof."""
    await require_fresh(auth, asked)
    provider = ways_in(auth).get(asked.body.provider)
    if not isinstance(provider, HookProvider):
        raise ProviderOff(hint="An issuer's account is connected by /v1/oauth/<name>/connect.", path="$.provider")
    write = await provider.merge(auth, asked.body.data, asked.user_id)
    async with auth.store.transaction() as connection:
        await write(connection)
        await audit.note(
            connection, "identity-connected", asked.origin, user_id=asked.user_id, provider=asked.body.provider
        )
    return Answer({"message": "success"})


async def list_sessions(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """The sessions of the user who asks; ``current`` is the one that asks."""
    found = await sessions.list_sessions(auth.store.pool, asked.user_id, idle=auth.section.session_idle)
    return Answer({"sessions": [{**each, "current": each["id"] == asked.session_id} for each in found]})


async def end_session(auth: Auth, asked: Asked[SessionChoice]) -> Answer:
    """One of the user's own sessions is over, or all others."""
    async with auth.store.transaction() as connection:
        if asked.body.session_id is None:
            ended = await sessions.end_sessions(connection, asked.user_id, but=asked.session_id)
        else:
            ended = int(await sessions.end_session(connection, str(asked.body.session_id), user_id=asked.user_id))
        await audit.note(connection, "sessions-ended", asked.origin, user_id=asked.user_id, ended=ended)
    return Answer({"message": "success", "ended": ended})


def _shown_session(asked: Asked[NoBody]) -> dict[str, Any]:
    identity = asked.caller.identity
    assert identity is not None
    return {
        "id": identity.session_id,
        "role": asked.caller.session.role,
        "level": identity.level,
        "expires_at": identity.expires_at,
    }


def ways_in(auth: Auth) -> Mapping[str, Provider]:
    """Every way to sign in here, by its name."""
    built_in = {name: PROVIDERS[name] for name in auth.section.providers if name in PROVIDERS}
    issuers = {name: IssuerProvider(exchange) for name, exchange in auth.oauth.items()}
    return {**built_in, **issuers, **{name: HookProvider(section) for name, section in auth.custom.items()}}


def _provider(auth: Auth, name: str) -> Provider:
    provider = ways_in(auth).get(name)
    if provider is None:
        raise ProviderOff(hint=f"Here it is: {', '.join(auth.section.providers)}.", path="$.provider")
    return provider


async def _ask_before(auth: Auth, url: str | None, wanted: Credentials) -> dict[str, Any]:
    """What the project's hook says before somebody comes in. Raises HookRefused and HookFailed."""
    if url is None:
        return {}
    sent = {"provider": wanted.provider, "data": without_secrets(wanted.data)}
    return await ask_hook(url, sent, secret=auth.section.hook_secret, seconds=auth.section.hook_timeout)


async def _asked_before_sign_up(auth: Auth, wanted: Credentials) -> Auth:
    """The accounts as they are for this one sign-up: a hook may add roles to those of every new account."""
    added = roles_of(await _ask_before(auth, auth.section.pre_signup_hook, wanted))
    if not added:
        return auth
    roles = tuple(dict.fromkeys((*auth.section.default_roles, *added)))
    return replace(auth, section=replace(auth.section, default_roles=roles))


CALLS: Final = (
    Call("POST", "/v1/signup", sign_up, Credentials),
    Call("POST", "/v1/login", log_in, Credentials),
    Call("POST", "/v1/user/logout", log_out, NoBody, "user"),
    Call("GET", "/v1/user/info", tell_user, NoBody, "user"),
    Call("POST", "/v1/user/change-password", change_password, PasswordChange, "user"),
    Call("POST", "/v1/user/connect", connect, WayIn, "user"),
    Call("GET", "/v1/user/sessions", list_sessions, NoBody, "user"),
    Call("POST", "/v1/user/end-session", end_session, SessionChoice, "user"),
)
