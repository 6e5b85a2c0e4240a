"""Request head → Caller: who asks, decided from what the client presents and nothing else.

In this order (R45): the admin secret; an ``Authorization`` header; the session's cookie; nobody. Two different ones are
refused and never merged. :class:`Resolver` knows the secret by itself and asks :class:`Accounts` about everything else;
what it is told it remembers for a bounded time, and until it hears that it is no longer so (R37).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from howdah.gateway.errors import (
    AccountsUnavailable,
    AmbiguousCredentials,
    InvalidAdminSecret,
    InvalidToken,
    MalformedAuthorization,
    MalformedIdentity,
    RoleNotAllowed,
)
from howdah.postgres.errors import PostgresError
from howdah.session import (
    ADMIN,
    ADMIN_ROLE,
    ADMIN_SECRET_HEADER,
    ALLOWED_ROLES_HEADER,
    ANONYMOUS,
    ANONYMOUS_ROLE,
    IDENTITY_PREFIX,
    ROLE_HEADER,
    USER_ID_HEADER,
    Caller,
    Identity,
    IdentityUnavailable,
    Session,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.gateway.match import RequestHead


class Accounts(Protocol):
    """Whatever knows to whom credentials belong."""

    async def find_by_cookie(self, value: str) -> Identity | None:
        """To whom a session's cookie belongs; None when there is no such session. Raises PostgresError."""
        ...

    async def find_by_token(self, token: str) -> Identity | None:
        """To whom a bearer token of any kind belongs; None when it is not valid.

        Raises PostgresError, and IdentityUnavailable when somebody else has to be asked who does not answer.
        """
        ...


class Believed(Protocol):
    """Knows the word of services of the project's own."""

    def claims(self, token: str) -> bool:
        """Whether the bearer token has the form of one."""
        ...

    def identify(self, token: str) -> Identity | None:
        """To whom it belongs; None when it is not valid."""
        ...


class Forgetful(Protocol):
    """Is told what `Resolver.forget` was."""

    def __call__(self, *, session_id: str | None, user_id: str | None) -> None:
        """Nothing that is known of the session, or of the user, need be true any more."""
        ...


class Revealing(Protocol):
    """A holder that shows its secret only when asked to."""

    def reveal(self) -> str:
        """The secret itself."""
        ...


Fields = tuple[tuple[bytes, bytes], ...]

_REMEMBERED_SECRETS: Final = 1024
REMEMBERED: Final = 10_000
"""Credentials that one process remembers at most."""
REMEMBERED_SECONDS: Final = 30.0
"""How long it does, if nobody says that they are over."""
_LONGEST_TOKEN: Final = 8192
_PREFIX: Final = IDENTITY_PREFIX.encode()
_SECRET: Final = ADMIN_SECRET_HEADER.encode()
_ROLE: Final = ROLE_HEADER.encode()
# An older name of the admin secret. It opens nothing here, but its value may still be a secret: never a variable.
_OLD_SECRET: Final = b"x-hasura-access-key"
_BEARER: Final = re.compile(rb"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")
_COOKIE_VALUE: Final = re.compile(rb"[A-Za-z0-9._~-]{16,512}")
_ROLE_NAME: Final = re.compile(r"[^\x00-\x20,\x7f]{1,128}")


@dataclass(slots=True)
class _Remembered:
    """What is known of one credential, and the Callers made of it by the role they asked for."""

    identity: Identity
    until: float
    callers: dict[bytes | None, Caller] = field(default_factory=dict)


class Resolver:
    """Tells who calls.

    With no secret configured nobody is the admin by secret: an absent secret equals nothing, not even an empty one
    (R51). Two may be valid at once, so that one can be replaced without a moment in which neither works. Without
    ``accounts`` no cookie means anything and no token is valid.
    """

    def __init__(
        self,
        admin_secrets: tuple[Revealing | str, ...] = (),
        anonymous_user_id: str | None = None,
        *,
        accounts: Accounts | None = None,
        cookie: str = "",
        services: Believed | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        plain = (secret if isinstance(secret, str) else secret.reveal() for secret in admin_secrets)
        # What was presented with a right secret before. Nothing else, so that strangers neither fill it nor find in it.
        self._admins: dict[Fields, Caller] = {}
        self._digests = tuple(_digest(secret.encode()) for secret in plain if secret)
        self._anonymous = Caller(
            ANONYMOUS if anonymous_user_id is None else Session(ANONYMOUS_ROLE, {USER_ID_HEADER: anonymous_user_id})
        )
        self._stale = Caller(self._anonymous.session, stale_cookie=True)
        self._accounts = accounts
        self._services = services
        self._cookie = cookie.encode("ascii") + b"="
        self._clock = clock
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._generation = 0
        self._told: tuple[Forgetful, ...] = ()

    # -- who calls -----------------------------------------------------------------------------------------------------

    def known(self, head: RequestHead) -> Caller | None:
        """Who calls, where nobody has to be asked; None where `resolve` has to. Raises SessionRefused."""
        return self.recall(self.present(head))

    def recall(self, presented: Presented) -> Caller | None:
        """Who presents this, where nobody has to be asked; None where `resolve` has to. Raises SessionRefused."""
        if isinstance(presented, Caller):
            return presented
        remembered = self._recall(presented.key)
        return None if remembered is None else _as_asked(remembered, presented.role)

    async def resolve(self, head: RequestHead) -> Caller:
        """Who calls. Raises SessionRefused, and AccountsUnavailable when nobody can tell (R47)."""
        presented = self.present(head)
        if isinstance(presented, Caller):
            return presented
        remembered = self._recall(presented.key) or await self._find(presented)
        if remembered is None:
            if presented.is_cookie:
                return self._stale
            raise InvalidToken
        return _as_asked(remembered, presented.role)

    async def _find(self, presented: Credentials) -> _Remembered | None:
        generation = self._generation
        identity = await self._ask(presented)
        if identity is None:
            return None
        now = self._clock()
        until = now + REMEMBERED_SECONDS
        if identity.expires_at is not None:
            until = min(until, identity.expires_at)
        remembered = _Remembered(identity, until)
        # Somebody was forgotten while we asked: what we were told may be older than that.
        if generation == self._generation:
            self._remembered[presented.key] = remembered
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return remembered

    async def _ask(self, presented: Credentials) -> Identity | None:
        """To whom the credential belongs; None when it is not valid. Raises AccountsUnavailable."""
        value = presented.value.decode("ascii")
        if self._services is not None and not presented.is_cookie and self._services.claims(value):
            return self._services.identify(value)
        if self._accounts is None:
            return None
        find = self._accounts.find_by_cookie if presented.is_cookie else self._accounts.find_by_token
        try:
            return await find(value)
        except (PostgresError, IdentityUnavailable) as error:
            raise AccountsUnavailable from error

    def _recall(self, key: bytes) -> _Remembered | None:
        remembered = self._remembered.get(key)
        if remembered is None:
            return None
        if remembered.until <= self._clock():
            del self._remembered[key]
            return None
        return remembered

    # -- what is no longer so ------------------------------------------------------------------------------------------

    def tell(self, listener: Forgetful) -> None:
        """Whoever keeps what it was told of a caller for longer than a request is told when that may be over."""
        self._told = (*self._told, listener)

    def forget(self, *, session_id: str | None = None, user_id: str | None = None) -> None:
        """Nothing is remembered of the session, or of any of the user's; without either, of nobody's (R37)."""
        self._generation += 1
        for tell in self._told:
            tell(session_id=session_id, user_id=user_id)
        if session_id is None and user_id is None:
            self._remembered.clear()
            return
        over = [
            key
            for key, remembered in self._remembered.items()
            if (session_id is not None and remembered.identity.session_id == session_id)
            or (user_id is not None and remembered.identity.user_id == user_id)
        ]
        for key in over:
            del self._remembered[key]

    # -- what is presented ---------------------------------------------------------------------------------------------

    def present(self, head: RequestHead) -> Presented:
        """What the head presents, or who it is where that alone says so: always the same of the same header.

        Raises SessionRefused.
        """
        identity = []
        authorizations = []
        cookies = []
        for name, value in head.headers:
            if name.startswith(_PREFIX):
                identity.append((name, value))
            elif name == b"authorization":
                authorizations.append(value)
            elif name == b"cookie" and self._accounts is not None and self._cookie in value:
                cookies += _values(value, self._cookie)
        if not identity and not authorizations and not cookies:
            return self._anonymous
        secrets = [value for name, value in identity if name == _SECRET]
        if secrets:
            return self._admin(tuple(identity), secrets, authorizations, cookies)
        if not authorizations and not cookies:
            return self._anonymous  # identity headers of the client's mean nothing by themselves (R41)
        if authorizations:
            bearer = _BEARER.fullmatch(authorizations[0]) if len(authorizations) == 1 else None
            if bearer is None:
                raise MalformedAuthorization
            if cookies:
                raise AmbiguousCredentials("Send either the session's cookie or Authorization, not both.")
            if len(bearer[1]) > _LONGEST_TOKEN:
                raise InvalidToken
            return Credentials(b"b" + bearer[1], _role_asked_for(identity))
        if len(cookies) > 1:
            raise AmbiguousCredentials("There is more than one cookie of a session.")
        if not _COOKIE_VALUE.fullmatch(cookies[0]):
            return self._stale
        return Credentials(b"c" + cookies[0], _role_asked_for(identity))

    def _admin(
        self, identity: Fields, secrets: list[bytes], authorizations: list[bytes], cookies: list[bytes]
    ) -> Caller:
        if authorizations or cookies:
            if len(authorizations) > 1 or (authorizations and not _BEARER.fullmatch(authorizations[0])):
                raise MalformedAuthorization
            other = "Authorization" if authorizations else "the session's cookie"
            raise AmbiguousCredentials(f"Send either {ADMIN_SECRET_HEADER} or {other}, not both.")  # R45
        known = self._admins.get(identity)
        if known is not None:
            return known
        self._check_secret(secrets)
        caller = Caller(_impersonated(identity), "secret")
        if len(self._admins) >= _REMEMBERED_SECRETS:
            self._admins.clear()
        self._admins[identity] = caller
        return caller

    def _check_secret(self, presented: list[bytes]) -> None:
        if len(presented) != 1:
            raise MalformedIdentity(f"There is more than one {ADMIN_SECRET_HEADER} header.")
        digest = _digest(presented[0])
        # Every digest is compared, in constant time, so that the time taken tells neither which nor how far.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if any(matches):
            return
        if b"," in presented[0]:
            raise MalformedIdentity(f"There is more than one value in the {ADMIN_SECRET_HEADER} header.")
        raise InvalidAdminSecret


@dataclass(frozen=True, slots=True)
class Credentials:
    """A credential that somebody has to be asked about: its kind's letter and its value, and the role asked for."""

    key: bytes = field(repr=False)
    role: bytes | None

    @property
    def is_cookie(self) -> bool:
        """Whether it is a session's cookie, and not a token."""
        return self.key[0] == ord("c")

    @property
    def value(self) -> bytes:
        """The credential itself."""
        return self.key[1:]


Presented = Credentials | Caller
"""What a head presents: who it is, or what somebody has to be asked about."""


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _values(cookies: bytes, name: bytes) -> list[bytes]:
    """The values of one cookie in a Cookie header (RFC 6265, section 4.2): as many as there are."""
    pairs = [pair.strip(b" \t") for pair in cookies.split(b";")]
    return [pair[len(name) :].strip(b'"') for pair in pairs if pair.startswith(name)]


def _role_asked_for(identity: list[tuple[bytes, bytes]]) -> bytes | None:
    roles = [value for name, value in identity if name == _ROLE]
    if len(roles) > 1:
        raise MalformedIdentity(f"There is more than one {ROLE_HEADER} header.")
    return roles[0] if roles else None


def _as_asked(remembered: _Remembered, role: bytes | None) -> Caller:
    """The Caller in the role it asks for. Raises RoleNotAllowed (R46)."""
    caller = remembered.callers.get(role)
    if caller is None:
        identity = remembered.identity
        chosen = identity.roles[0] if role is None else role.decode("utf-8", "replace")
        if chosen not in identity.roles:
            raise RoleNotAllowed
        variables = {**identity.variables, ALLOWED_ROLES_HEADER: ",".join(identity.roles)}
        if identity.credential == "internal":  # on behalf of somebody it is what they were, and nothing else of theirs
            if chosen != identity.roles[0]:
                raise RoleNotAllowed
            variables = dict(identity.variables)
        caller = remembered.callers[role] = Caller(Session(chosen, variables), identity.credential, identity)
    return caller


def _impersonated(presented: Fields) -> Session:
    """The session an admin asks for: the admin itself, or the role and variables named (R46: the admin only)."""
    role: str | None = None
    variables: dict[str, str] = {}
    for raw_name, raw_value in presented:
        if not raw_name.startswith(_PREFIX) or raw_name in (_SECRET, _OLD_SECRET) or b"_" in raw_name:
            continue
        name = raw_name.decode("ascii", "replace")
        try:
            value = raw_value.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedIdentity(f"The {name} header is not UTF-8.") from None
        if raw_name == _ROLE:
            if role is not None:
                raise MalformedIdentity(f"There is more than one {name} header.")
            if not _ROLE_NAME.fullmatch(value):
                raise MalformedIdentity(f"The {name} header does not hold exactly one role.")
            role = value
        elif name in variables:
            raise MalformedIdentity(f"There is more than one {name} header.")
        else:
            variables[name] = value
    if role is None and not variables:
        return ADMIN
    return Session(role or ADMIN_ROLE, variables)
