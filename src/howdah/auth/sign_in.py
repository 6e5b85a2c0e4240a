"""What happens once somebody has shown who they are: a session, in the transaction that found them active.

Every way in ends here, so here is where a second factor is asked for: who has one and has not shown it gets no session,
but a token with which the sign-in is finished and nothing else can be done (R27).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from howdah.auth import audit, devices, sessions, users
from howdah.auth.challenges import begin_challenge
from howdah.auth.factors.owned import WAYS, find_factors
from howdah.auth.http import Answer, Asked
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidUser
from howdah.auth.sessions import Origin, new_token
from howdah.auth.tokens import TokenPair, begin_family, renew_family
from howdah.auth.users import User
from howdah.observe.secret import Secret
from howdah.postgres.connection import Connection
from howdah.session import Caller

Carry = Literal["both", "cookie", "token", "tokens"]
"""How the client wants its session: as a cookie, as an opaque token in the answer, as both (which older clients
expect), or as a pair of access and refresh token."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Somebody showed who they are: which user, and by what. ``password_hash`` is what a password was held against."""

    user_id: int
    methods: tuple[str, ...]
    password_hash: Secret | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a new session, and what shows it: an opaque token, or a pair.

    ``device`` is what the browser is known by (R10).
    """

    user: User
    session_id: str
    token: str | None
    tokens: TokenPair | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class FactorOwed:
    """There is no session yet: ``token`` finishes the sign-in, with a second factor shown in one of these ways."""

    token: str
    ways: tuple[str, ...]


PENDING: Final = "second-factor"
"""The purpose of a challenge that is a sign-in without its second factor; its data are ``methods`` and ``carry``."""
PENDING_SECONDS: Final = 600.0


async def sign_in(
    auth: Auth, connection: Connection, proof: Proof, origin: Origin, *, caller: Caller, carry: Carry
) -> SignedIn | FactorOwed:
    """The user has a new session; one that the same browser showed before is over (R31).

    Whoever has a second factor and has not shown it has begun to sign in. Otherwise it is from now on a device the
    account is known to be used on, unless it takes no cookies to be known by (R10).

    Raises InvalidUser: the user is gone or not active, or the password was changed while it was being compared.
    """
    user = await active_user(connection, proof)
    if level_of(proof.methods) == 1:
        factors = await find_factors(connection, user.id)
        if factors.is_any:
            return await _owe_factor(connection, proof, factors.ways, origin, carry)
    if caller.credential == "cookie" and caller.identity is not None and caller.identity.session_id is not None:
        await sessions.end_session(connection, caller.identity.session_id)
    signed_in = await _begin(auth, connection, user, proof.methods, origin, carry)
    if carry not in ("token", "tokens"):
        signed_in = replace(signed_in, device=await devices.note_device(connection, user.id, origin.device))
    await users.note_login(connection, user.id)
    await audit.note(
        connection, "login", origin, user_id=user.id, session_id=signed_in.session_id, methods=list(proof.methods)
    )
    return signed_in


async def _owe_factor(
    connection: Connection, proof: Proof, ways: tuple[str, ...], origin: Origin, carry: Carry
) -> FactorOwed:
    token, methods = new_token(), list(proof.methods)
    data = {"methods": methods, "carry": carry}
    await begin_challenge(connection, token, PENDING, lifetime=PENDING_SECONDS, user_id=proof.user_id, data=data)
    await audit.note(connection, "factor-asked", origin, user_id=proof.user_id, methods=methods)
    return FactorOwed(token, ways)


async def _begin(
    auth: Auth, connection: Connection, user: User, methods: Sequence[str], origin: Origin, carry: Carry
) -> SignedIn:
    lifetime, level = auth.section.session_lifetime, level_of(methods)
    if carry == "tokens":
        session_id = await sessions.begin_tokenless_session(
            connection, user.id, methods=methods, lifetime=lifetime, origin=origin, level=level
        )
        return SignedIn(user, session_id, None, await begin_family(auth, connection, session_id))
    begun = await sessions.begin_session(
        connection, user.id, methods=methods, lifetime=lifetime, origin=origin, level=level
    )
    return SignedIn(user, begun.id, begun.token)


async def active_user(connection: Connection, proof: Proof) -> User:
    """The user of the proof, locked until the end of the transaction. Raises InvalidUser."""
    await users.lock_user(connection, proof.user_id)
    user = await users.find_user(connection, proof.user_id)
    if user is None or not user.is_active:
        raise InvalidUser
    if proof.password_hash is not None and user.password_hash != proof.password_hash:
        raise InvalidUser
    return user


def level_of(methods: Sequence[str]) -> int:
    """2 where a second factor was shown beside something else, or a passkey, which verified its user; else 1.

    Codes and links by mail or text message are no second factor, whatever else was shown.
    """
    return 2 if "passkey" in methods or (WAYS.intersection(methods) and not WAYS.issuperset(methods)) else 1


def signed_in_answer(auth: Auth, signed_in: SignedIn | FactorOwed, carry: Carry) -> Answer:
    """The user object, with the session as the client wants to carry it; or what is still to be shown, and no user."""
    if isinstance(signed_in, FactorOwed):
        owed = {"token": signed_in.token, "factors": list(signed_in.ways), "expires_in": int(PENDING_SECONDS)}
        return Answer({"auth_token": None, "second_factor": owed})
    if signed_in.tokens is not None:
        return Answer(users.to_json(signed_in.user) | signed_in.tokens.to_json())
    assert signed_in.token is not None
    body = users.to_json(signed_in.user, token=None if carry == "cookie" else signed_in.token)
    cookies: tuple[str, ...] = (
        () if carry == "token" else (auth.cookie.put(signed_in.token, seconds=auth.section.session_lifetime),)
    )
    if signed_in.device is not None:
        cookies += (auth.device_cookie.put(signed_in.device, seconds=devices.KNOWN_SECONDS),)
    return Answer(body, cookies=cookies)


async def renew(
    auth: Auth,
    connection: Connection,
    asked: Asked[Any],
    *,
    methods: Sequence[str],
    level: int,
    proved: bool = True,
    more: Mapping[str, Any] | None = None,
) -> Answer:
    """The caller's session goes on at this level, shown by something new, which the answer hands out (R31).

    What showed it before shows nothing any more. Of a session with tokens it is a new family, under another id.
    ``proved``: a factor of this level was just shown (`freshness`); ``more`` is what else to answer.
    """
    body = {"message": "success", **(more or {})}
    token = await sessions.renew_session(connection, asked.session_id, methods=methods, level=level, proved=proved)
    if token is None:
        tokens = await renew_family(auth, connection, asked.session_id, methods=methods, level=level, proved=proved)
        return Answer(body | tokens.to_json())
    if asked.caller.credential == "cookie":
        return Answer(body, cookies=(auth.cookie.put(token, seconds=auth.section.session_lifetime),))
    return Answer(body | {"auth_token": token})
