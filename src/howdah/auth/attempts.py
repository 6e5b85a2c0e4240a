"""Attempts of one request: who tries what, from where, and from which device (R9, R10).

`throttling.py` has the rules and the counting. Here they meet what a request knows.
"""

from __future__ import annotations

from howdah.auth import devices, users
from howdah.auth.identifiers import Identifier
from howdah.auth.one_time import Tried, Use, try_code
from howdah.auth.part import Auth
from howdah.auth.sessions import Origin
from howdah.auth.throttling import (
    Attempt,
    code_attempt,
    count_attempt,
    forgive_attempt,
    login_attempt,
    text_attempt,
)
from howdah.auth.users import User


def address_of(origin: Origin) -> str:
    """The network address of a request; empty where nobody knows it: all such requests are one place."""
    return origin.ip or ""


def account_of(user_id: int) -> str:
    """What all identities of one account are counted under."""
    return f"user:{user_id}"


def name_of(kind: str, canonical: str) -> str:
    """What attempts at a canonical identity are counted under (R12)."""
    return f"{kind}:{canonical}"


async def count_login(auth: Auth, identifier: Identifier, user_id: int | None, origin: Origin) -> Attempt:
    """An attempt to sign in is counted, whether or not there is such an account; give it to `forgive_attempt` if right.

    Raises TooManyAttempts, and PostgresError where nothing can be counted (R13).
    """
    attempt = login_attempt(
        name_of(identifier.kind, identifier.canonical),
        address_of(origin),
        account=None if user_id is None else account_of(user_id),
        device=await _known_device(auth, user_id, origin),
        limits=auth.limits,
    )
    await count_attempt(auth.store.pool, attempt)
    return attempt


async def _known_device(auth: Auth, user_id: int | None, origin: Origin) -> str | None:
    """The browser of the request, where this very account was signed in to from it before (R10)."""
    known = origin.device is not None and await devices.is_known(auth.store.pool, user_id, origin.device)
    return origin.device if known else None


async def count_message(auth: Auth, purpose: str, identifier: Identifier, origin: Origin) -> None:
    """A message with a code or link is asked for; counted whether or not it will be sent, so nobody learns of it (R8).

    Text messages have a budget by number, by block of numbers and in all (R19). Raises TooManyAttempts.
    """
    name = name_of(identifier.kind, identifier.canonical)
    user = await users.find_user_by(auth.store.pool, identifier.kind, identifier.canonical)
    device = await _known_device(auth, None if user is None else user.id, origin)
    attempt = code_attempt(purpose, name, address_of(origin), device=device, limits=auth.limits)
    await count_attempt(auth.store.pool, attempt)
    if identifier.kind == "mobile":
        await count_attempt(auth.store.pool, text_attempt(identifier.canonical, auth.limits))


async def attempt_code(auth: Auth, use: Use, code: str, origin: Origin) -> Tried:
    """The code is right, and may be redeemed. Wrong ones count as wrong passwords do, beside the five of each (R15).

    Raises InvalidCode and TooManyAttempts.
    """
    user = await users.find_user_by(auth.store.pool, use.identifier.kind, use.identifier.canonical)
    attempt = await count_login(auth, use.identifier, None if user is None else user.id, origin)
    tried = await try_code(auth, use, code)
    await forgive_attempt(auth.store.pool, attempt)
    return tried


async def forgive_account(auth: Auth, user: User, origin: Origin) -> None:
    """The account has a new password: what strangers tried before is over (R10)."""
    for identity in user.identities:
        attempt = login_attempt(
            name_of(identity.kind, identity.subject),
            address_of(origin),
            account=account_of(user.id),
            limits=auth.limits,
        )
        await forgive_attempt(auth.store.pool, tuple(bucket for bucket in attempt if not bucket.shared))
