"""The calls of administrators: users, their roles, sessions and passwords; and what happened."""

from __future__ import annotations

import uuid
from typing import Any, Final

import msgspec

from howdah.auth import administration, audit, links, users
from howdah.auth.administration import Administrator, NewUser, check_roles, read_identifier
from howdah.auth.credentials import choose, confirm_password
from howdah.auth.errors import InvalidBody
from howdah.auth.http import Answer, Asked, Call, NoBody, Number
from howdah.auth.identifiers import canonical_text
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidLink
from howdah.auth.providers.foreign import HookProvider

_BY_NAME: Final = ("username", "email", "mobile", "mobile-password")


class NewUserBody(msgspec.Struct, forbid_unknown_fields=True):
    """An account to be made; ``data`` as its owner would send it, without a password where they are to choose one."""

    provider: str
    data: dict[str, Any]
    is_active: bool = True
    roles: list[str] | None = None


class UserChoice(msgspec.Struct, forbid_unknown_fields=True):
    """One user by number."""

    hasura_id: int


class RoleChoice(msgspec.Struct, forbid_unknown_fields=True):
    """A role of one user's."""

    hasura_id: int
    role: str


class Variables(msgspec.Struct, forbid_unknown_fields=True):
    """The session variables of one user."""

    hasura_id: int
    variables: dict[str, str]


class SessionWish(msgspec.Struct, forbid_unknown_fields=True):
    """A session for one user; ``expiry_time`` is in seconds from now."""

    hasura_id: int
    expiry_time: float | None = None


class SessionOfUser(msgspec.Struct, forbid_unknown_fields=True):
    """One session of one user's."""

    hasura_id: int
    session_id: uuid.UUID


class PasswordReset(msgspec.Struct, forbid_unknown_fields=True):
    """A password for one user. A user who is administrator gives their own with it."""

    hasura_id: int
    new_password: str
    admin_password: str | None = None


class Search(msgspec.Struct, forbid_unknown_fields=True):
    """Which users: with ``search`` in what they are found by, of one role, after a number."""

    search: str | None = None
    role: str | None = None
    after: Number = 0
    limit: Number = 100


class AuditSearch(msgspec.Struct, forbid_unknown_fields=True):
    """Which events: of one user, before a number, the latest first."""

    user_id: Number | None = None
    before: Number | None = None
    limit: Number = 100


class ChosenPassword(msgspec.Struct, forbid_unknown_fields=True):
    """A password, with the token of the link that allows to choose it."""

    token: str
    password: str


def administrator(asked: Asked[Any]) -> Administrator:
    """Who asks, as the audit names them."""
    identity = asked.caller.identity
    actor = "admin" if identity is None else f"{identity.credential}:{identity.user_id or identity.session_id}"
    return Administrator(f"user:{identity.user_id}" if identity and identity.user_id else actor, asked.origin)


async def create_user(auth: Auth, asked: Asked[NewUserBody]) -> Answer:
    """An account is made, without a session."""
    if asked.body.provider in auth.custom:
        return await _create_by_hook(auth, asked)
    if asked.body.provider not in _BY_NAME:
        raise InvalidBody(f"Here it is: {', '.join((*_BY_NAME, *auth.custom))}.", path="$.provider")
    data = dict(asked.body.data)
    password = data.pop("password", None)
    if password is not None and not isinstance(password, str):
        raise InvalidBody("A password is text.", path="$.data.password")
    known = {"mobile", "country_code"} if asked.body.provider.startswith("mobile") else {asked.body.provider}
    if not set(data) <= known:
        raise InvalidBody(f"Known here: {', '.join(sorted(known))}, password.", path="$.data")
    roles = tuple(asked.body.roles or auth.section.default_roles)
    new = NewUser((read_identifier(data),), roles, password, asked.body.is_active)
    user = await administration.create(auth, new, administrator(asked))
    return Answer(users.to_json(user, administrator=True))


async def _create_by_hook(auth: Auth, asked: Asked[NewUserBody]) -> Answer:
    """An account of somebody whom a service of the project's own knows. Raises what that refuses."""
    provider = HookProvider(auth.custom[asked.body.provider])
    write = await provider.sign_up_for(auth, asked.body.data, asked.origin)
    async with auth.store.transaction() as connection:
        registered = await write(connection)
        assert registered.proof is not None
        if asked.body.roles is not None:
            await users.set_roles(connection, registered.proof.user_id, check_roles(asked.body.roles))
        await users.set_active(connection, registered.proof.user_id, active=asked.body.is_active)
        user = await administration.find(connection, registered.proof.user_id)
        by = administrator(asked)
        await audit.note(connection, "user-created", by.origin, user_id=user.id, actor=by.actor, roles=list(user.roles))
    return Answer(users.to_json(user, administrator=True))


async def tell_user(auth: Auth, asked: Asked[NoBody]) -> Answer:
    """One user, with what only administrators see."""
    async with auth.store.transaction() as connection:
        user = await administration.find(connection, int(asked.path["user_id"]))
    return Answer({**users.to_json(user, administrator=True), "variables": dict(user.variables)})


async def list_users(auth: Auth, asked: Asked[Search]) -> Answer:
    """Users in the order of their numbers, and where the next ones begin."""
    body, limit = asked.body, min(max(asked.body.limit, 1), 100)
    text = None if body.search is None else canonical_text(body.search)
    found = await users.search_users(auth.store.pool, text=text, role=body.role, after=body.after, limit=limit)
    after = found[-1].id if len(found) == limit else None
    return Answer({"users": [users.to_json(user, administrator=True) for user in found], "after": after})


async def delete_user(auth: Auth, asked: Asked[UserChoice]) -> Answer:
    """The user is gone; for each way to sign in, whether there was something to delete."""
    user = await administration.delete(auth, asked.body.hasura_id, administrator(asked))
    details = {
        kind: "not-found" if user.identity(kind) is None else "deleted" for kind in ("username", "email", "mobile")
    }
    return Answer({"details": details, "message": "success"})


async def activate(auth: Auth, asked: Asked[UserChoice]) -> Answer:
    """The user may sign in again."""
    user = await administration.set_active(auth, asked.body.hasura_id, administrator(asked), active=True)
    return Answer(users.to_json(user, administrator=True))


async def deactivate(auth: Auth, asked: Asked[UserChoice]) -> Answer:
    """The user has no session and cannot get one."""
    user = await administration.set_active(auth, asked.body.hasura_id, administrator(asked), active=False)
    return Answer(users.to_json(user, administrator=True))


async def add_role(auth: Auth, asked: Asked[RoleChoice]) -> Answer:
    """The user has one role more, and signs in again to use it."""
    user = await administration.add_role(auth, asked.body.hasura_id, asked.body.role, administrator(asked))
    return Answer(users.to_json(user, administrator=True))


async def remove_role(auth: Auth, asked: Asked[RoleChoice]) -> Answer:
    """The user has one role less, and no session."""
    user = await administration.remove_role(auth, asked.body.hasura_id, asked.body.role, administrator(asked))
    return Answer(users.to_json(user, administrator=True))


async def set_variables(auth: Auth, asked: Asked[Variables]) -> Answer:
    """The user's sessions have these variables."""
    user = await administration.set_variables(auth, asked.body.hasura_id, asked.body.variables, administrator(asked))
    return Answer({**users.to_json(user, administrator=True), "variables": dict(user.variables)})


async def create_session(auth: Auth, asked: Asked[SessionWish]) -> Answer:
    """A session for the user, told to the administrator once."""
    lifetime = asked.body.expiry_time
    if lifetime is not None and lifetime <= 0:
        raise InvalidBody("This is how many seconds from now the session is over.", path="$.expiry_time")
    begun = await administration.create_session(auth, asked.body.hasura_id, administrator(asked), lifetime=lifetime)
    return Answer({"hasura_id": asked.body.hasura_id, "session_id": begun.id, "auth_token": begun.token})


async def remove_session(auth: Auth, asked: Asked[SessionOfUser]) -> Answer:
    """One session of the user's is over."""
    session_id = str(asked.body.session_id)
    ended = await administration.end_sessions(auth, asked.body.hasura_id, administrator(asked), session_id=session_id)
    return Answer({"message": "success", "ended": ended})


async def remove_all_sessions(auth: Auth, asked: Asked[UserChoice]) -> Answer:
    """Every session of the user's is over."""
    ended = await administration.end_sessions(auth, asked.body.hasura_id, administrator(asked))
    return Answer({"message": "success", "ended": ended})


async def reset_password(auth: Auth, asked: Asked[PasswordReset]) -> Answer:
    """The user has another password and no session. An administrator who is a user shows their own password."""
    if asked.caller.identity is not None and asked.caller.identity.user_id is not None:
        own = await users.find_user(auth.store.pool, asked.user_id)
        await confirm_password(auth, own, asked.body.admin_password or "")
    await administration.reset_password(auth, asked.body.hasura_id, asked.body.new_password, administrator(asked))
    return Answer({"message": "success"})


async def make_password_link(auth: Auth, asked: Asked[UserChoice]) -> Answer:
    """A link by which the user chooses a password, told to the administrator once."""
    link = await administration.make_password_link(auth, asked.body.hasura_id, administrator(asked))
    return Answer({"hasura_id": asked.body.hasura_id, "link": link, "valid_for": int(links.LIFETIME)})


async def read_audit(auth: Auth, asked: Asked[AuditSearch]) -> Answer:
    """What happened to accounts, the latest first."""
    body, limit = asked.body, min(max(asked.body.limit, 1), 1000)
    events = await audit.read(auth.store.pool, user_id=body.user_id, before=body.before, limit=limit)
    return Answer({"events": events})


async def reset_factors(auth: Auth, asked: Asked[UserChoice]) -> Answer:
    """A user has no second factor and no session any more."""
    removed = await administration.reset_factors(auth, asked.body.hasura_id, administrator(asked))
    return Answer({"message": "success", "removed": removed})


async def choose_password(auth: Auth, asked: Asked[ChosenPassword]) -> Answer:
    """Whoever has the link chooses a password, once; they sign in with it afterwards (R17)."""
    user_id = await links.whose_link(auth.store.pool, asked.body.token)
    user = None if user_id is None else await users.find_user(auth.store.pool, user_id)
    if user is None:
        raise InvalidLink
    chosen = await choose(auth, user, asked.body.password)
    async with auth.store.transaction() as connection:
        if await links.take_link(connection, asked.body.token) != user.id:
            raise InvalidLink
        await users.lock_user(connection, user.id)
        await chosen.check(connection, user.id)
        await administration.put_password(connection, user, chosen.hashed, needs_factor=chosen.needs_factor)
        await audit.note(connection, "password-chosen", asked.origin, user_id=user.id)
    return Answer({"message": "success"})


CALLS: Final = (
    Call("GET", "/v1/admin/user/{user_id:int}", tell_user, NoBody, "admin"),
    Call("GET", "/v1/admin/users", list_users, Search, "admin"),
    Call("POST", "/v1/admin/create-user", create_user, NewUserBody, "admin"),
    Call("POST", "/v1/admin/delete-user", delete_user, UserChoice, "admin"),
    Call("POST", "/v1/admin/user/activate", activate, UserChoice, "admin"),
    Call("POST", "/v1/admin/user/deactivate", deactivate, UserChoice, "admin"),
    Call("POST", "/v1/admin/user/add-role", add_role, RoleChoice, "admin"),
    Call("POST", "/v1/admin/user/remove-role", remove_role, RoleChoice, "admin"),
    Call("POST", "/v1/admin/user/set-variables", set_variables, Variables, "admin"),
    Call("POST", "/v1/admin/user/create-session", create_session, SessionWish, "admin"),
    Call("POST", "/v1/admin/user/remove-session", remove_session, SessionOfUser, "admin"),
    Call("POST", "/v1/admin/user/remove-all-sessions", remove_all_sessions, UserChoice, "admin"),
    Call("POST", "/v1/admin/user/reset-password", reset_password, PasswordReset, "admin"),
    Call("POST", "/v1/admin/user/reset-factors", reset_factors, UserChoice, "admin"),
    Call("POST", "/v1/admin/user/password-link", make_password_link, UserChoice, "admin"),
    Call("GET", "/v1/admin/audit", read_audit, AuditSearch, "admin"),
    Call("POST", "/v1/user/set-password", choose_password, ChosenPassword),
)
