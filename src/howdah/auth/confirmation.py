"""Whose an address or a number is: shown by what was sent there (R14, R20).

An account whose owner has shown nothing yet is *pending*: anybody may have made it. Signing up again with its address
makes no second one, and what a link or code confirms is the sign-up that it was sent for, its password included.
"""

from __future__ import annotations

from typing import Final

from howdah.auth import audit, users
from howdah.auth.identifiers import Identifier
from howdah.auth.messages import address_in, send_account_exists, send_confirmation, send_identity_changed
from howdah.auth.one_time import (
    Flow,
    Redeemed,
    Tried,
    Use,
    cancel_codes,
    cancel_codes_for,
    issue,
    redeem_code,
    redeem_token,
)
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidCode, InvalidUser
from howdah.auth.sessions import Origin
from howdah.auth.users import User
from howdah.postgres.connection import Connection

CONFIRMABLE: Final = ("verify", "change")


def is_pending(user: User) -> bool:
    """Whether nobody has shown that anything of the account is theirs."""
    return not any(identity.verified for identity in user.identities)


def is_shown_by(user: User, kind: str, subject: str) -> bool:
    """Whether who reads what is sent there owns the account: it is confirmed, or nothing of the account is."""
    own = (identity.verified for identity in user.identities if (identity.kind, identity.subject) == (kind, subject))
    return is_pending(user) or any(own)


async def ask_to_confirm(
    auth: Auth,
    connection: Connection,
    identifier: Identifier,
    flow: Flow,
    *,
    user: User | None,
    password_hash: str | None = None,
) -> None:
    """A pending user has a message with a link and a code; for anybody else the same work is done, for nobody (R8).

    Without a password hash, what confirms is the sign-up that was made in this flow.
    """
    pending = user is not None and is_pending(user)
    issued = await issue(
        connection,
        auth,
        Use("verify", identifier, flow.digest),
        user_id=user.id if user is not None and pending else None,
        lifetime=auth.section.verify_lifetime,
        by_link=identifier.kind == "email",
        payload=None if password_hash is None else {"password_hash": password_hash},
    )
    to = address_in(user, identifier) if pending else None
    await send_confirmation(auth, connection, "verify", identifier, to, issued, redirect_url=flow.redirect_url)


async def confirm(auth: Auth, connection: Connection, shown: Tried | str, origin: Origin) -> None:
    """What the link or code was sent for has come true. Raises InvalidCode."""
    if isinstance(shown, Tried):
        redeemed = await redeem_code(connection, shown)
    else:
        redeemed = await redeem_token(connection, shown, CONFIRMABLE)
    await users.lock_identity(connection, redeemed.kind, redeemed.subject)
    user = await _owner(connection, redeemed)
    if redeemed.purpose == "change":
        await _change(auth, connection, user, redeemed, origin)
        return
    if not is_pending(user) or not await users.verify_identity(connection, user.id, redeemed.kind, redeemed.subject):
        raise InvalidCode
    # Without one nobody knows whose password the account has: anybody may have signed up with the address last.
    await users.set_password(connection, user.id, redeemed.payload.get("password_hash"))
    await cancel_codes(connection, user.id)
    await cancel_codes_for(connection, "pending", redeemed.kind, redeemed.subject)
    await audit.note(connection, "identity-verified", origin, user_id=user.id, kind=redeemed.kind)


async def claim(connection: Connection, user: User, kind: str, subject: str, origin: Origin) -> None:
    """A pending account belongs to who has just shown that address or number are theirs.

    A password that somebody gave it before may be a stranger's, so it has none now.
    """
    await users.verify_identity(connection, user.id, kind, subject)
    await users.set_password(connection, user.id, None)
    await cancel_codes(connection, user.id)
    await cancel_codes_for(connection, "pending", kind, subject)
    await audit.note(connection, "identity-verified", origin, user_id=user.id, kind=kind)


async def _owner(connection: Connection, redeemed: Redeemed) -> User:
    """The user the code was sent for, locked. Raises InvalidCode: there is none (any more)."""
    if redeemed.user_id is None or not await users.lock_user(connection, redeemed.user_id):
        raise InvalidCode
    user = await users.find_user(connection, redeemed.user_id)
    if user is None:
        raise InvalidCode
    return user


# -- another address ---------------------------------------------------------------------------------------------------


async def ask_to_change(
    auth: Auth, connection: Connection, user_id: int, identifier: Identifier, flow: Flow, origin: Origin
) -> None:
    """A message went to the new address or number: who shows it is theirs has it as their own (R20).

    Where somebody else has it, they are told instead, and the one who asks is not. Raises InvalidUser.
    """
    if not await users.lock_user(connection, user_id):
        raise InvalidUser
    taken = await users.find_user_by(connection, identifier.kind, identifier.canonical)
    free = taken is None or is_pending(taken)
    issued = await issue(
        connection,
        auth,
        Use("change", identifier, flow.digest),
        user_id=user_id if free else None,
        lifetime=auth.section.reset_lifetime,
        by_link=identifier.kind == "email",
        payload={"shown": identifier.display},
    )
    if free:
        await send_confirmation(auth, connection, "change", identifier, identifier.display, issued)
    else:
        await send_account_exists(auth, connection, identifier, address_in(taken, identifier), origin)
    await audit.note(connection, "identity-change-asked", origin, user_id=user_id, kind=identifier.kind)


async def _change(auth: Auth, connection: Connection, user: User, redeemed: Redeemed, origin: Origin) -> None:
    taken = await users.find_user_by(connection, redeemed.kind, redeemed.subject)
    if taken is not None:
        if taken.id == user.id or not is_pending(taken):
            raise InvalidCode
        await users.remove_user(connection, taken.id)  # never anybody's: its owner stands before us
    before = user.identity(redeemed.kind)
    await users.replace_identity(connection, user.id, redeemed.kind, redeemed.subject, redeemed.payload["shown"])
    await cancel_codes(connection, user.id)
    await cancel_codes_for(connection, "reset", redeemed.kind, redeemed.subject)
    await audit.note(connection, "identity-changed", origin, user_id=user.id, kind=redeemed.kind)
    if before is not None:
        await send_identity_changed(auth, connection, before, redeemed.payload["shown"], origin)
