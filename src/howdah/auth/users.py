"""Users and what they can be found by, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from howdah.auth.errors import UserAlreadyExists
from howdah.auth.store import Submitter, ask
from howdah.observe.secret import Secret
from howdah.postgres import queries
from howdah.postgres.errors import DatabaseError

_QUERIES: Final = queries.load(Path(__file__).with_name("users.sql"))


@dataclass(frozen=True, slots=True)
class StoredIdentity:
    """Something a user can be found by. ``kind`` is username, email, mobile or ``provider:<name>``."""

    kind: str
    subject: str
    shown: str
    verified: bool


@dataclass(frozen=True, slots=True)
class User:
    """An account as it is stored. The first role is the one it has unless a request asks for another."""

    id: int
    is_active: bool
    roles: tuple[str, ...]
    created: str
    last_login: str | None
    identities: tuple[StoredIdentity, ...]
    password_hash: Secret | None = None
    password_needs_factor: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    extra_info: Mapping[str, Any] = field(default_factory=dict)

    def identity(self, kind: str) -> StoredIdentity | None:
        """The user's identity of this kind; the first one, where there are several."""
        return next((identity for identity in self.identities if identity.kind == kind), None)


async def create_user(
    where: Submitter, *, roles: Sequence[str], password_hash: str | None = None, is_active: bool = True
) -> int:
    """A new user without anything to be found by; its id."""
    return int(await ask(where, _QUERIES["create"], roles, password_hash, is_active))


async def add_identity(
    where: Submitter,
    user_id: int,
    kind: str,
    subject: str,
    shown: str,
    *,
    verified: bool,
    profile: Mapping[str, Any] | None = None,
) -> None:
    """The user can be found by this. Raises UserAlreadyExists when somebody else can, which ends the transaction."""
    try:
        await ask(where, _QUERIES["add_identity"], user_id, kind, subject, shown, verified, dict(profile or {}))
    except DatabaseError as error:
        if error.constraint == "identities_kind_subject_key":
            raise UserAlreadyExists from None
        raise


async def find_user(where: Submitter, user_id: int) -> User | None:
    """The user of this id."""
    return _user(await ask(where, _QUERIES["find"], user_id, None, None))


async def find_user_by(where: Submitter, kind: str, subject: str) -> User | None:
    """The user who can be found by this canonical spelling. One statement, whether or not there is one (R8)."""
    return _user(await ask(where, _QUERIES["find"], None, kind, subject))


def _user(row: Any) -> User | None:
    if row is None:
        return None
    stored = row["password_hash"]
    return User(
        id=row["id"],
        is_active=row["is_active"],
        roles=tuple(row["roles"]),
        created=row["created"],
        last_login=row["last_login"],
        identities=tuple(StoredIdentity(**identity) for identity in row["identities"]),
        password_hash=None if stored is None else Secret(stored),
        password_needs_factor=row["password_needs_factor"],
        variables=row["variables"],
        extra_info=row["extra_info"],
    )


async def lock_identity(where: Submitter, kind: str, subject: str) -> None:
    """Nobody else makes an account of this, or moves one to it, until the end of the transaction."""
    await ask(where, _QUERIES["lock_identity"], kind, subject)


async def verify_identity(where: Submitter, user_id: int, kind: str, subject: str) -> bool:
    """It is shown that this is the user's; whether they have it (still)."""
    return bool(await ask(where, _QUERIES["verify_identity"], user_id, kind, subject))


async def replace_identity(where: Submitter, user_id: int, kind: str, subject: str, shown: str) -> None:
    """The user can be found by this, and no more by what they had of its kind. Raises UserAlreadyExists."""
    try:
        await ask(where, _QUERIES["replace_identity"], user_id, kind, subject, shown)
    except DatabaseError as error:
        if error.constraint == "identities_kind_subject_key":
            raise UserAlreadyExists from None
        raise


async def lock_user(where: Submitter, user_id: int) -> bool:
    """Whether the user is there; if so, nobody else changes it until the end of the transaction."""
    return bool(await ask(where, _QUERIES["lock"], user_id))


async def note_login(where: Submitter, user_id: int) -> None:
    """The user has signed in now."""
    await ask(where, _QUERIES["note_login"], user_id)


async def set_password(
    where: Submitter, user_id: int, password_hash: str | None, *, needs_factor: bool = False
) -> None:
    """The user has this password from now on, or none; ``needs_factor``: it is too short to be all that is shown."""
    await ask(where, _QUERIES["set_password"], user_id, password_hash, needs_factor)


async def replace_hash(where: Submitter, user_id: int, old: str, new: str) -> None:
    """The same password is stored by another hash, unless it was changed meanwhile (R1)."""
    await ask(where, _QUERIES["rehash"], user_id, old, new)


def to_json(user: User, *, token: str | None = None, administrator: bool = False) -> dict[str, Any]:
    """The user as the API shows it; an administrator sees more."""
    shown: dict[str, Any] = {"auth_token": token, "hasura_id": user.id, "hasura_roles": list(user.roles)}
    for kind in ("username", "email", "mobile"):
        identity = user.identity(kind)
        if identity is not None:
            shown[kind] = identity.shown
    if administrator:
        shown |= {
            "created": user.created,
            "last_login": user.last_login,
            "is_active": user.is_active,
            "extra_info": dict(user.extra_info),
        }
    return shown


async def set_active(where: Submitter, user_id: int, *, active: bool) -> None:
    """The user may sign in, or may not and has no session that is believed."""
    await ask(where, _QUERIES["set_active"], user_id, active)


async def set_roles(where: Submitter, user_id: int, roles: Sequence[str]) -> None:
    """The user has these roles, the first of which is theirs unless a request asks for another."""
    await ask(where, _QUERIES["set_roles"], user_id, list(roles))


async def set_variables(where: Submitter, user_id: int, variables: Mapping[str, str]) -> None:
    """The user's sessions have these variables, by lower-case header name."""
    await ask(where, _QUERIES["set_variables"], user_id, dict(variables))


async def remove_user(where: Submitter, user_id: int) -> bool:
    """The user is gone, with everything but what the audit says; whether there was one."""
    return bool(await ask(where, _QUERIES["remove"], user_id))


async def search_users(
    where: Submitter, *, text: str | None = None, role: str | None = None, after: int = 0, limit: int = 100
) -> list[User]:
    """Users in the order of their numbers; ``text`` is part of something canonical that they can be found by."""
    ids = await ask(where, _QUERIES["search"], text, after, limit, role)
    found = [await find_user(where, user_id) for user_id in ids]
    return [user for user in found if user is not None]
