"""Passwords and the accounts they belong to: hashed, compared, changed."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from howdah.auth import audit, users
from howdah.auth.attempts import account_of, count_login
from howdah.auth.factors.owned import find_factors
from howdah.auth.identifiers import Identifier
from howdah.auth.one_time import find_sign_up
from howdah.auth.part import Auth
from howdah.auth.password_rules import check_new_password, normalise_password
from howdah.auth.proof_errors import InvalidUser, NotVerified, ShortPassword
from howdah.auth.sessions import Origin
from howdah.auth.sign_in import Proof
from howdah.auth.throttling import count_attempt, forgive_attempt, password_attempt
from howdah.auth.users import User
from howdah.postgres.connection import Connection


def _needs_factor(auth: Auth, password: str) -> bool:
    """Whether the password is too short for an account without a second factor (R3)."""
    return len(normalise_password(password)) < auth.section.password_min_length


async def hash_new_password(
    auth: Auth, password: str, *, context: Iterable[str] = (), with_factor: bool = False
) -> str:
    """The hash of a password somebody chooses. Raises UnacceptablePassword and AccountsBusy."""
    section = auth.section
    least = section.password_min_length_with_factor if with_factor else section.password_min_length
    check_new_password(password, least=least, context=(auth.site.name, *context))
    return await auth.hasher.hash(password)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A password that somebody has chosen for an account, hashed; and whether it is too short without a factor."""

    hashed: str
    needs_factor: bool

    async def check(self, connection: Connection, user_id: int) -> None:
        """Return if it may be the password of this user, who is locked.

        Raises ShortPassword: it needs a second factor, which was removed meanwhile.
        """
        if self.needs_factor and not (await find_factors(connection, user_id)).is_any:
            raise ShortPassword


async def choose(auth: Auth, user: User, password: str) -> Chosen:
    """The password for the account: a shorter one where there is a second factor (R3).

    Raises UnacceptablePassword and AccountsBusy.
    """
    factors = await find_factors(auth.store.pool, user.id)
    context = [identity.subject for identity in user.identities]
    hashed = await hash_new_password(auth, password, context=context, with_factor=factors.is_any)
    return Chosen(hashed, _needs_factor(auth, password))


async def check_password(auth: Auth, identifier: Identifier, password: str, origin: Origin) -> Proof:
    """Whose password it is, under the name given. Whatever is wrong takes as long and looks the same (R8).

    The attempt is counted before anything is compared (R9). Raises InvalidUser, TooManyAttempts and AccountsBusy;
    NotVerified where the password is right, and the name was never shown to be its owner's.
    """
    user = await users.find_user_by(auth.store.pool, identifier.kind, identifier.canonical)
    user_id = None if user is None else user.id
    attempt = await count_login(auth, identifier, user_id, origin)
    try:
        proof = await _check(auth, identifier, user, password)
    except (InvalidUser, NotVerified):  # the latter is not forgiven: it proves nothing about the account
        await audit.note(auth.store.pool, "login-failed", origin, user_id=user_id, actor="stranger", by=identifier.kind)
        raise
    await forgive_attempt(auth.store.pool, attempt)
    return proof


async def _check(auth: Auth, identifier: Identifier, user: User | None, password: str) -> Proof:
    """The proof, whether or not somebody else signed up with the same name and did not confirm it.

    Where somebody did, their password is compared too: `NotVerified` is for them, whoever has the account. Theirs was
    hashed like the account's (`hash_sign_up`), so that one computation is all it takes in every case (R8).
    """
    signed_up = None
    if identifier.kind != "username":
        signed_up = await find_sign_up(auth.store.pool, identifier)
    stored = None if user is None or user.password_hash is None else user.password_hash.reveal()
    made = await auth.hasher.hash_like(stored or signed_up, password)
    unconfirmed = made is not None and signed_up is not None and hmac.compare_digest(made, signed_up)
    right = made is not None and stored is not None and hmac.compare_digest(made, stored)
    try:
        proof = await _accept(auth, user, password, right=right)
    except InvalidUser:
        if unconfirmed:
            raise NotVerified from None
        raise
    if user is None or not _is_verified(user, identifier):
        raise NotVerified
    return proof


async def hash_sign_up(auth: Auth, identifier: Identifier, password: str, hashed: str) -> str:
    """The hash by which somebody who signs up is known until they confirm it, whose account gets ``hashed`` then.

    Where somebody has a confirmed account of the name already it is made like that account's, and otherwise it is
    ``hashed``; either takes as long (R8).
    """
    user = await users.find_user_by(auth.store.pool, identifier.kind, identifier.canonical)
    stored = None if user is None or not _is_verified(user, identifier) else user.password_hash
    return await auth.hasher.hash_like(hashed if stored is None else stored.reveal(), password) or hashed


def _is_verified(user: User, identifier: Identifier) -> bool:
    found = (one for one in user.identities if (one.kind, one.subject) == (identifier.kind, identifier.canonical))
    return any(one.verified for one in found)


async def confirm_password(auth: Auth, user: User | None, password: str) -> Proof:
    """The same for somebody who is signed in already, and shows the password once more.

    Raises InvalidUser, TooManyAttempts and AccountsBusy.
    """
    attempt = password_attempt("" if user is None else account_of(user.id))
    await count_attempt(auth.store.pool, attempt)
    proof = await check_password_of(auth, user, password)
    await forgive_attempt(auth.store.pool, attempt)
    return proof


async def check_password_of(auth: Auth, user: User | None, password: str) -> Proof:
    """The proof that the password is the user's. Raises InvalidUser and AccountsBusy."""
    stored = None if user is None else user.password_hash
    right = await auth.hasher.verify(None if stored is None else stored.reveal(), password)
    return await _accept(auth, user, password, right=right)


async def _accept(auth: Auth, user: User | None, password: str, *, right: bool) -> Proof:
    """The proof, if the password is right; it is hashed anew where hashes are made stronger now (R1)."""
    stored = None if user is None else user.password_hash
    if user is None or stored is None or not right or not user.is_active:
        raise InvalidUser
    if auth.hasher.needs_rehash(stored.reveal()):
        renewed = await auth.hasher.hash(password)
        await users.replace_hash(auth.store.pool, user.id, stored.reveal(), renewed)
        stored = type(stored)(renewed)
    return Proof(user.id, ("password",), stored)
