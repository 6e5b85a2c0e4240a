"""Passwords and the accounts they belong to: hashed, compared, changed."""

from __future__ import annotations

from collections.abc import Iterable

from howdah.auth import audit, users
from howdah.auth.errors import InvalidUser
from howdah.auth.identifiers import Identifier
from howdah.auth.part import Auth
from howdah.auth.password_rules import check_new_password
from howdah.auth.sessions import Origin
from howdah.auth.sign_in import Proof
from howdah.auth.users import User


async def hash_new_password(
    auth: Auth, password: str, *, context: Iterable[str] = (), with_factor: bool = False
) -> str:
    """The hash of a password somebody chooses. Raises UnacceptablePassword and AccountsBusy."""
    section = auth.section
    least = section.password_min_length_with_factor if with_factor else section.password_min_length
    check_new_password(password, least=least, context=(auth.site.name, *context))
    return await auth.hasher.hash(password)


async def check_password(auth: Auth, identifier: Identifier, password: str, origin: Origin) -> Proof:
    """Whose password it is, under the name given. Whatever is wrong takes as long and looks the same (R8).

    Raises InvalidUser and AccountsBusy.
    """
    user = await users.find_user_by(auth.store.pool, identifier.kind, identifier.canonical)
    try:
        return await check_password_of(auth, user, password)
    except InvalidUser:
        user_id = None if user is None else user.id
        await audit.note(auth.store.pool, "login-failed", origin, user_id=user_id, actor="stranger", by=identifier.kind)
        raise


async def check_password_of(auth: Auth, user: User | None, password: str) -> Proof:
    """The proof that the password is the user's. Raises InvalidUser and AccountsBusy."""
    stored = None if user is None else user.password_hash
    right = await auth.hasher.verify(None if stored is None else stored.reveal(), password)
    if user is None or stored is None or not right or not user.is_active:
        raise InvalidUser
    if auth.hasher.needs_rehash(stored.reveal()):
        renewed = await auth.hasher.hash(password)
        await users.replace_hash(auth.store.pool, user.id, stored.reveal(), renewed)
        stored = type(stored)(renewed)
    return Proof(user.id, ("password",), stored)
