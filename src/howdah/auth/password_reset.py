"""A new password for who has forgotten the old one (R17).

What was sent to the address or number shows whose the account is, and nothing more: nobody is signed in by it, and a
second factor is asked for afterwards as ever. It is good once; a newer link, or another address, is the end of it.
"""

from __future__ import annotations

from howdah.auth import audit, sessions, users
from howdah.auth.attempts import count_message, forgive_account
from howdah.auth.confirmation import is_shown_by
from howdah.auth.credentials import choose
from howdah.auth.identifiers import Identifier
from howdah.auth.messages import address_in, send_password_changed, send_reset
from howdah.auth.one_time import (
    Flow,
    Tried,
    Use,
    cancel_codes,
    cancel_codes_for,
    issue,
    redeem_code,
    redeem_token,
    whose,
)
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidCode
from howdah.auth.sessions import Origin
from howdah.auth.users import User


async def ask_for_reset(auth: Auth, identifier: Identifier, flow: Flow, origin: Origin) -> None:
    """A message is on its way where there is such an account; otherwise the same work was done (R8).

    A link works in any browser; a code only in the flow that asked for it. Raises TooManyAttempts.
    """
    await count_message(auth, "reset", identifier, origin)
    by_link = identifier.kind == "email"
    names = (identifier.kind, identifier.canonical)
    async with auth.store.transaction() as connection:
        user = await users.find_user_by(connection, *names)
        known = user if user is not None and user.is_active and is_shown_by(user, *names) else None
        issued = await issue(
            connection,
            auth,
            Use("reset", identifier, b"" if by_link else flow.digest),
            user_id=None if known is None else known.id,
            lifetime=auth.section.reset_lifetime if by_link else auth.section.code_lifetime,
            by_link=by_link,
            by_code=not by_link,
            payload={},
        )
        to = address_in(known, identifier)
        await send_reset(auth, connection, identifier, to, issued, origin, redirect_url=flow.redirect_url)
        user_id = None if known is None else known.id
        await audit.note(connection, "password-reset-asked", origin, user_id=user_id, actor="stranger")


async def reset_password(auth: Auth, shown: Tried | str, password: str, origin: Origin) -> None:
    """The account has the new password, and no session any more. Raises InvalidCode and UnacceptablePassword.

    How long it has to be is a matter of whether the account has a second factor (R3).
    """
    chosen = await choose(auth, await find_owner(auth, shown), password)
    async with auth.store.transaction() as connection:
        if isinstance(shown, Tried):
            redeemed = await redeem_code(connection, shown)
        else:
            redeemed = await redeem_token(connection, shown, ("reset",))
        if redeemed.user_id is None or not await users.lock_user(connection, redeemed.user_id):
            raise InvalidCode
        user = await users.find_user(connection, redeemed.user_id)
        if user is None or not user.is_active:
            raise InvalidCode
        await chosen.check(connection, user.id)
        await users.set_password(connection, user.id, chosen.hashed, needs_factor=chosen.needs_factor)
        await users.verify_identity(connection, user.id, redeemed.kind, redeemed.subject)
        await sessions.end_sessions(connection, user.id)
        await cancel_codes(connection, user.id)
        await cancel_codes_for(connection, "pending", redeemed.kind, redeemed.subject)
        await send_password_changed(auth, connection, user, origin)
        await audit.note(connection, "password-reset", origin, user_id=user.id, by=redeemed.kind)
    await forgive_account(auth, user, origin)


async def find_owner(auth: Auth, shown: Tried | str) -> User:
    """Whose link or code it is, which may be used as before. Raises InvalidCode: nobody's, or it is over."""
    user_id = await whose(auth.store.pool, shown, ("reset",))
    user = None if user_id is None else await users.find_user(auth.store.pool, user_id)
    if user is None:
        raise InvalidCode  # hashing is work that strangers get none of
    return user
