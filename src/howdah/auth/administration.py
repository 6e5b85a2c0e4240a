"""What an administrator does with accounts, each in one transaction: for the API and for the command line alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from howdah.auth import audit, links, sessions, users
from howdah.auth.attempts import account_of
from howdah.auth.challenges import drop_challenges
from howdah.auth.credentials import choose, hash_new_password
from howdah.auth.errors import ExpectedIdentifier, InvalidBody, NoSuchUser
from howdah.auth.factors.owned import remove_factors
from howdah.auth.identifiers import Identifier, parse_email, parse_mobile, parse_username
from howdah.auth.messages import notify
from howdah.auth.part import Auth
from howdah.auth.providers.foreign import ask_before_deletion
from howdah.auth.sessions import BegunSession, Origin
from howdah.auth.throttling import account_bucket, forgive_attempt
from howdah.auth.users import User
from howdah.postgres.connection import Connection
from howdah.session import ANONYMOUS_ROLE, IDENTITY_PREFIX, ROLE_HEADER, USER_ID_HEADER

_ROLE: Final = re.compile(r"[^\x00-\x20,\x7f]{1,128}")
_VARIABLE: Final = re.compile(re.escape(IDENTITY_PREFIX) + r"[a-z0-9-]{1,64}")
_VALUE: Final = re.compile(r"[\x20-\x7e\x80-\U0010ffff]{0,1024}")


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who does it, for the audit: ``admin`` (by the secret), ``user:<id>`` or ``cli``; and from where."""

    actor: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to be made: what it can be found by, and a password unless its owner is to choose one."""

    identifiers: tuple[Identifier, ...]
    roles: tuple[str, ...]
    password: str | None = None
    is_active: bool = True


def read_identifier(data: Mapping[str, Any]) -> Identifier:
    """What an account is found by: the one of ``username``, ``email`` and ``mobile`` that is there.

    Raises ExpectedIdentifier, ExpectedUsername, ExpectedEmail, ExpectedMobile.
    """
    given = [kind for kind in ("username", "email", "mobile") if data.get(kind) is not None]
    if len(given) != 1:
        raise ExpectedIdentifier
    match given[0]:
        case "username":
            return parse_username(data["username"])
        case "email":
            return parse_email(data["email"])
        case _:
            return parse_mobile(data["mobile"], data.get("country_code"))


def check_roles(roles: Sequence[str]) -> tuple[str, ...]:
    """The roles, each once, in their order. Raises InvalidBody for names that are none, and for none at all."""
    found = tuple(dict.fromkeys(roles))
    for role in found:
        if not _ROLE.fullmatch(role) or role == ANONYMOUS_ROLE:
            raise InvalidBody(f"{role!r} cannot be a user's role.", path="$.roles")
    if not found:
        raise InvalidBody("A user has at least one role.", path="$.roles")
    return found


def check_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables by lower-case header name. Raises InvalidBody for names and values that no header can have."""
    found: dict[str, str] = {}
    for name, value in variables.items():
        lowered = name.lower()
        if not _VARIABLE.fullmatch(lowered) or lowered in (ROLE_HEADER, USER_ID_HEADER):
            raise InvalidBody(f"{name!r} cannot be a session variable.", path="$.variables", hint="X-Hasura-Org-Id")
        if not _VALUE.fullmatch(value):
            raise InvalidBody(f"The value of {name!r} cannot be sent in a header.", path="$.variables")
        found[lowered] = value
    return found


async def create(auth: Auth, new: NewUser, by: Administrator) -> User:
    """The account is there, verified and without a session. Raises UserAlreadyExists, UnacceptablePassword."""
    context = [identifier.canonical for identifier in new.identifiers]
    hashed = None if new.password is None else await hash_new_password(auth, new.password, context=context)
    roles = check_roles(new.roles)
    async with auth.store.transaction() as connection:
        user_id = await users.create_user(connection, roles=roles, password_hash=hashed, is_active=new.is_active)
        for identifier in new.identifiers:
            await users.add_identity(
                connection, user_id, identifier.kind, identifier.canonical, identifier.display, verified=True
            )
        await _note(connection, "user-created", by, user_id, roles=list(roles))
        return await find(connection, user_id)


async def find(connection: Connection, user_id: int) -> User:
    """The user. Raises NoSuchUser."""
    user = await users.find_user(connection, user_id)
    if user is None:
        raise NoSuchUser
    return user


async def find_by(auth: Auth, identifier: Identifier) -> User:
    """The user who is found by this. Raises NoSuchUser."""
    user = await users.find_user_by(auth.store.pool, identifier.kind, identifier.canonical)
    if user is None:
        raise NoSuchUser
    return user


async def delete(auth: Auth, user_id: int, by: Administrator) -> User:
    """The user is gone; who it was. Raises NoSuchUser, and HookRefused or HookFailed where a service keeps them."""
    async with auth.store.transaction() as connection:
        user = await find(connection, user_id)
    await ask_before_deletion(auth, user)
    async with auth.store.transaction() as connection:
        user = await _locked(connection, user_id)
        await users.remove_user(connection, user_id)
        await _note(connection, "user-deleted", by, user_id)
    return user


async def set_active(auth: Auth, user_id: int, by: Administrator, *, active: bool) -> User:
    """The user may sign in again, or has no session and cannot get one. Raises NoSuchUser."""
    async with auth.store.transaction() as connection:
        await _locked(connection, user_id)
        await users.set_active(connection, user_id, active=active)
        if not active:
            await sessions.end_sessions(connection, user_id)
            await links.revoke_links(connection, user_id)
        await _note(connection, "user-activated" if active else "user-deactivated", by, user_id)
        return await find(connection, user_id)


async def set_roles(auth: Auth, user_id: int, roles: Sequence[str], by: Administrator) -> User:
    """The user has these roles, and every session ends: it was begun under others. Raises NoSuchUser, InvalidBody."""
    checked = check_roles(roles)
    async with auth.store.transaction() as connection:
        user = await _locked(connection, user_id)
        await _set_roles(connection, user, checked, by)
        return await find(connection, user_id)


async def add_role(auth: Auth, user_id: int, role: str, by: Administrator) -> User:
    """The user has this role too, after the others. Raises NoSuchUser, InvalidBody."""
    async with auth.store.transaction() as connection:
        user = await _locked(connection, user_id)
        await _set_roles(connection, user, check_roles([*user.roles, role]), by)
        return await find(connection, user_id)


async def remove_role(auth: Auth, user_id: int, role: str, by: Administrator) -> User:
    """The user has this role no longer. Raises NoSuchUser, and InvalidBody for the last one."""
    async with auth.store.transaction() as connection:
        user = await _locked(connection, user_id)
        await _set_roles(connection, user, check_roles([other for other in user.roles if other != role]), by)
        return await find(connection, user_id)


async def _set_roles(connection: Connection, user: User, roles: tuple[str, ...], by: Administrator) -> None:
    if roles == user.roles:
        return
    await users.set_roles(connection, user.id, roles)
    await sessions.end_sessions(connection, user.id)
    await _note(connection, "roles-changed", by, user.id, before=list(user.roles), after=list(roles))


async def set_variables(auth: Auth, user_id: int, variables: Mapping[str, str], by: Administrator) -> User:
    """The user's sessions have these variables, at once. Raises NoSuchUser, InvalidBody."""
    checked = check_variables(variables)
    async with auth.store.transaction() as connection:
        await _locked(connection, user_id)
        await users.set_variables(connection, user_id, checked)
        await _note(connection, "variables-changed", by, user_id, names=sorted(checked))
        return await find(connection, user_id)


async def create_session(auth: Auth, user_id: int, by: Administrator, *, lifetime: float | None = None) -> BegunSession:
    """A session of the user's that somebody else asked for; it lasts as long as any, or less. Raises NoSuchUser."""
    most = auth.section.session_lifetime
    async with auth.store.transaction() as connection:
        user = await _locked(connection, user_id)
        if not user.is_active:
            raise NoSuchUser("The user is not active.")
        begun = await sessions.begin_session(
            connection, user_id, methods=("admin",), lifetime=min(lifetime or most, most), origin=by.origin
        )
        await _note(connection, "session-created", by, user_id, session_id=begun.id)
    return begun


async def end_sessions(auth: Auth, user_id: int, by: Administrator, *, session_id: str | None = None) -> int:
    """One session of the user's is over, or all of them; how many. Raises NoSuchUser."""
    async with auth.store.transaction() as connection:
        await _locked(connection, user_id)
        if session_id is None:
            ended = await sessions.end_sessions(connection, user_id)
        else:
            ended = int(await sessions.end_session(connection, session_id, user_id=user_id))
        await _note(connection, "sessions-ended", by, user_id, ended=ended)
    return ended


async def reset_password(auth: Auth, user_id: int, password: str, by: Administrator) -> User:
    """The user has this password, and no session. Raises NoSuchUser, UnacceptablePassword."""
    async with auth.store.transaction() as connection:
        user = await find(connection, user_id)
    chosen = await choose(auth, user, password)
    async with auth.store.transaction() as connection:
        await _locked(connection, user_id)
        await chosen.check(connection, user_id)
        await put_password(connection, user, chosen.hashed, needs_factor=chosen.needs_factor)
        await _note(connection, "password-reset", by, user_id)
    return user


async def reset_factors(auth: Auth, user_id: int, by: Administrator) -> dict[str, int]:
    """A user who has lost everything has no second factor and no session any more (R29, R39); how many there were.

    A password that is too short to be the only thing that is shown is gone with them (R3): ``password`` is 1 then, and
    its owner chooses another by mail, or by a link (`make_password_link`). Raises NoSuchUser.
    """
    async with auth.store.transaction() as connection:
        user = await _locked(connection, user_id)
        removed = await remove_factors(connection, user_id)
        if user.password_needs_factor:
            await users.set_password(connection, user_id, None)
            removed["password"] = 1
        await drop_challenges(connection, user_id)
        await sessions.end_sessions(connection, user_id)
        await _note(connection, "factors-reset", by, user_id, removed=removed)
        await notify(auth, connection, user, "factor-removed", by.origin, factor="all of them")
    return removed


async def put_password(connection: Connection, user: User, hashed: str, *, needs_factor: bool = False) -> None:
    """The user has this password; no session, link or lock of before is left."""
    await users.set_password(connection, user.id, hashed, needs_factor=needs_factor)
    await sessions.end_sessions(connection, user.id)
    await links.revoke_links(connection, user.id)
    await forgive_attempt(connection, (account_bucket(account_of(user.id)),))


async def make_password_link(auth: Auth, user_id: int, by: Administrator) -> str:
    """A link by which the user chooses a password, once; the one there is holds until then. Raises NoSuchUser."""
    async with auth.store.transaction() as connection:
        await _locked(connection, user_id)
        link = await links.make_link(auth, connection, user_id)
        await _note(connection, "password-link-made", by, user_id)
    return link


async def _locked(connection: Connection, user_id: int) -> User:
    await users.lock_user(connection, user_id)
    return await find(connection, user_id)


async def _note(
    connection: Connection,
    event: str,
    by: Administrator,
    user_id: int,
    *,
    session_id: str | None = None,
    **detail: Any,
) -> None:
    await audit.note(connection, event, by.origin, user_id=user_id, actor=by.actor, session_id=session_id, **detail)
