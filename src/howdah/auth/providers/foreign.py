"""Accounts of somewhere else: an issuer's, or what a service of the project's own says."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from howdah.auth import audit, users
from howdah.auth.attempts import address_of
from howdah.auth.errors import ExpectedEmail, ProviderOff, SignupClosed, UserAlreadyExists
from howdah.auth.hooks import ask_hook
from howdah.auth.identifiers import parse_email
from howdah.auth.oauth.exchange import Exchange
from howdah.auth.oauth.issuers import ForeignAccount
from howdah.auth.part import Auth
from howdah.auth.proof_errors import ForeignAccountRefused, HookFailed, InvalidUser
from howdah.auth.providers.provider import Registered, Write, read_data
from howdah.auth.sessions import Origin
from howdah.auth.sign_in import Proof
from howdah.auth.throttling import count_attempt, issuer_attempt
from howdah.auth.users import User
from howdah.postgres.connection import Connection
from howdah.project.sections import HooksSection
from howdah.session import ADMIN_ROLE, ANONYMOUS_ROLE

Connect = Callable[[Connection], Awaitable[None]]
"""Writes another way to sign in into the transaction of a connection."""
_ROLE = re.compile(r"[^\x00-\x20,\x7f]{1,128}")


class IssuerData(msgspec.Struct, forbid_unknown_fields=True):
    """What shows an account of an issuer's: one of a code, an ID token and an access token."""

    code: str | None = None
    redirect_uri: str | None = None
    state: str | None = None
    id_token: str | None = None
    nonce: str | None = None
    """What the client asked the issuer for the ID token with: one that belongs to another sign-in is refused."""
    access_token: str | None = None


class IssuerProvider:
    """An account of an issuer's is an account here: made at the first sign-in, where people may make their own."""

    data = IssuerData

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._kind = kind_of(exchange.issuer.name)

    async def sign_up(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Write:
        """A new account, or the one that is there already. Raises ForeignAccountRefused and IssuerDown."""
        account = await self._account(auth, data, origin)

        async def write(connection: Connection) -> Registered:
            return Registered(await self.enter(auth, connection, account, origin))

        return write

    async def log_in(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Proof:
        """Whose account it is, made now where it is new. Raises as `sign_up`, and SignupClosed."""
        account = await self._account(auth, data, origin)
        auth = await self.ask_before(auth, account, logging_in=False)
        async with auth.store.transaction() as connection:
            return await self.enter(auth, connection, account, origin)

    async def ask_before(self, auth: Auth, account: ForeignAccount, *, logging_in: bool) -> Auth:
        """The accounts as they are for this one sign-in: a new account is asked for at the hook for those, too.

        ``logging_in``: nobody has asked the hook for sign-ins yet. Raises HookRefused and HookFailed.
        """
        is_new = await users.find_user_by(auth.store.pool, self._kind, account.subject) is None
        url = auth.section.pre_signup_hook if is_new else auth.section.pre_login_hook if logging_in else None
        if url is None:
            return auth
        data = {"id": account.subject, "email": account.email, "email_verified": account.email_verified}
        sent = {"provider": self._exchange.issuer.name, "data": data}
        told = await ask_hook(url, sent, secret=auth.section.hook_secret, seconds=auth.section.hook_timeout)
        roles = tuple(dict.fromkeys((*auth.section.default_roles, *(roles_of(told) if is_new else ()))))
        return replace(auth, section=replace(auth.section, default_roles=roles))

    async def enter(self, auth: Auth, connection: Connection, account: ForeignAccount, origin: Origin) -> Proof:
        """The proof that the account is this user's. Raises SignupClosed and UserAlreadyExists."""
        roles = self._exchange.issuer.roles or auth.section.default_roles
        return await enter(auth, connection, self._kind, account, roles, origin)

    async def _account(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> ForeignAccount:
        sent = read_data(data, IssuerData)
        await count_attempt(auth.store.pool, issuer_attempt(address_of(origin)))
        if sent.id_token is not None and self._exchange.issuer.issuer is not None:
            return await self._exchange.account_of_id_token(sent.id_token, nonce=sent.nonce)
        if sent.code is not None and sent.redirect_uri is not None:
            return await self._exchange.account_of_code(sent.code, redirect_uri=sent.redirect_uri)
        if sent.access_token is not None:
            return await self._exchange.account_of_foreign_token(sent.access_token)
        raise ForeignAccountRefused("Send a code and its redirect_uri, an ID token, or an access token.")


class HookProvider:
    """A service of the project's own says who somebody is: ``{"id", "email"?, "email_verified"?, "roles"?}``."""

    data = None

    def __init__(self, section: HooksSection) -> None:
        self._section = section
        self._kind = kind_of(section.name)

    async def sign_up(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Write:
        """A new account, unless the hook refuses. Raises HookRefused and HookFailed; writing, UserAlreadyExists."""
        return await self._sign_up(auth, self._section.signup, data, origin)

    async def sign_up_for(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Write:
        """The same for somebody else, by an administrator, also where nobody may make their own."""
        auth = replace(auth, section=replace(auth.section, signup=True))
        return await self._sign_up(auth, self._section.create_user or self._section.signup, data, origin)

    async def _sign_up(self, auth: Auth, url: str, data: Mapping[str, Any], origin: Origin) -> Write:
        account, roles = await self._ask(auth, url, data)

        async def write(connection: Connection) -> Registered:
            if await users.find_user_by(connection, self._kind, account.subject) is not None:
                raise UserAlreadyExists
            return Registered(await enter(auth, connection, self._kind, account, roles, origin))

        return write

    async def merge(self, auth: Auth, data: Mapping[str, Any], user_id: int) -> Connect:
        """From then on the user can sign in this way too. Raises ProviderOff, HookRefused and HookFailed."""
        if self._section.merge is None:
            raise ProviderOff(f"{self._section.name!r} cannot be connected to an account.", path="$.provider")
        account, _ = await self._ask(auth, self._section.merge, data, hasura_id=user_id)

        async def write(connection: Connection) -> None:
            await connect(connection, user_id, self._kind, account)

        return write

    async def log_in(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Proof:  # noqa: ARG002 - as all
        """Whose account it is. Raises InvalidUser, HookRefused and HookFailed."""
        account, _ = await self._ask(auth, self._section.login, data)
        user = await users.find_user_by(auth.store.pool, self._kind, account.subject)
        if user is None:
            raise InvalidUser
        return Proof(user.id, (self._kind,))

    async def _ask(
        self, auth: Auth, url: str, data: Mapping[str, Any], **more: int
    ) -> tuple[ForeignAccount, tuple[str, ...]]:
        sent = {"provider": self._section.name, "data": dict(data), **more}
        told = await ask_hook(url, sent, secret=self._section.secret, seconds=auth.section.hook_timeout)
        subject = told.get("id")
        if isinstance(subject, bool) or not isinstance(subject, str | int) or not str(subject):
            raise HookFailed("The hook does not say who it is.")
        email = told.get("email")
        account = ForeignAccount(
            str(subject),
            email if isinstance(email, str) else None,
            told.get("email_verified") is True,
            {},
        )
        roles = self._section.roles or auth.section.default_roles
        return account, (*roles, *roles_of(told))


async def ask_before_deletion(auth: Auth, user: User) -> None:
    """The services that say who somebody is agree that the user is deleted. Raises HookRefused and HookFailed."""
    for identity in user.identities:
        section = auth.custom.get(identity.kind.removeprefix(kind_of("")))
        if section is not None and section.delete_user is not None and identity.kind == kind_of(section.name):
            sent = {"provider": section.name, "data": {"id": identity.subject}, "hasura_id": user.id}
            await ask_hook(section.delete_user, sent, secret=section.secret, seconds=auth.section.hook_timeout)


async def connect(connection: Connection, user_id: int, kind: str, account: ForeignAccount) -> bool:
    """The user can sign in by the foreign account; whether that is new. Raises UserAlreadyExists: somebody else can."""
    owner = await users.find_user_by(connection, kind, account.subject)
    if owner is not None and owner.id != user_id:
        raise UserAlreadyExists("Somebody else has connected this account.")
    if owner is None:
        shown = account.email or account.subject
        await users.add_identity(
            connection, user_id, kind, account.subject, shown, verified=True, profile=account.profile
        )
    return owner is None


async def enter(
    auth: Auth,
    connection: Connection,
    kind: str,
    account: ForeignAccount,
    roles: Sequence[str],
    origin: Origin,
) -> Proof:
    """The proof that a foreign account is this user's; the user is made where there is none.

    An address that the issuer has verified becomes the user's too. Where somebody else has it here already, nobody is
    made: who owns both signs in as before and connects them, so that no issuer can open an account that is not its own.

    Raises SignupClosed and UserAlreadyExists.
    """
    user = await users.find_user_by(connection, kind, account.subject)
    if user is not None:
        return Proof(user.id, (kind,))
    if not auth.section.signup:
        raise SignupClosed
    email = None
    if account.email is not None and account.email_verified:
        try:
            email = parse_email(account.email)
        except ExpectedEmail:
            email = None
    if email is not None:
        owner = await users.find_user_by(connection, "email", email.canonical)
        identity = None if owner is None else owner.identity("email")
        if identity is not None and identity.verified:
            raise UserAlreadyExists(hint="Sign in as you did before, and connect this account there.")
        if identity is not None:
            email = None  # somebody claims it, and has never shown that it is theirs
    user_id = await users.create_user(connection, roles=list(dict.fromkeys(roles)))
    shown = account.email or account.subject
    await users.add_identity(connection, user_id, kind, account.subject, shown, verified=True, profile=account.profile)
    if email is not None:
        await users.add_identity(connection, user_id, "email", email.canonical, email.display, verified=True)
    await audit.note(connection, "signup", origin, user_id=user_id, provider=kind)
    return Proof(user_id, (kind,))


def roles_of(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles that a hook adds. Raises HookFailed for what cannot be a role.

    Nor can ``admin`` be: administrators are made by administrators, and not by whoever answers at a URL.
    """
    roles = told.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) and _ROLE.fullmatch(role) for role in roles):
        raise HookFailed("The hook adds roles that cannot be.")
    if not {ADMIN_ROLE, ANONYMOUS_ROLE}.isdisjoint(roles):
        raise HookFailed(f"A hook cannot add the roles {ADMIN_ROLE} and {ANONYMOUS_ROLE}.")
    return tuple(roles)


def kind_of(name: str) -> str:
    """What an identity of an issuer's is called, and the method that a session shows."""
    return f"provider:{name}"
