"""On whose behalf: a role and its variables, and how both travel in identity headers.

A Session is a value. The gateway resolves one from a request head, the data part obeys it, services read it from the
headers the gateway set. None of them knows how another does its half.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from howdah.errors import HowdahError

IDENTITY_PREFIX = "x-hasura-"
ROLE_HEADER = "x-hasura-role"
USER_ID_HEADER = "x-hasura-user-id"
ALLOWED_ROLES_HEADER = "x-hasura-allowed-roles"
BASE_DOMAIN_HEADER = "x-hasura-base-domain"
ADMIN_SECRET_HEADER = "x-hasura-admin-secret"  # noqa: S105 - the name of a header

ADMIN_ROLE = "admin"
ANONYMOUS_ROLE = "anonymous"


class IdentityUnavailable(HowdahError):
    """Nobody can tell at the moment to whom the credential belongs."""

    code = "accounts-unavailable"
    status = 503


_SIGN = re.compile("[^a-z0-9]")
_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Session:
    """A role and the session's variables, keyed by lower-case header name (``x-hasura-user-id``), without the role."""

    role: str
    variables: Mapping[str, str] = field(default_factory=lambda: _NO_VARIABLES)  # 3.11 takes no proxy as a default

    @property
    def is_admin(self) -> bool:
        """Whether permissions do not apply to this session."""
        return self.role == ADMIN_ROLE


ANONYMOUS = Session(ANONYMOUS_ROLE)
ADMIN = Session(ADMIN_ROLE)

Credential = Literal["none", "cookie", "token", "service", "secret", "internal"]
"""How somebody shows who they are: not at all, by a session's cookie, an access token, a service token, a secret, or by
the word of a service of the project's own, for itself or for whoever calls it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """To whom a credential belongs: the roles they may take, the first of which is theirs unless they ask otherwise.

    ``variables`` are keyed like those of a Session. ``expires_at`` is in seconds since 1970; ``level`` is 1 when one
    factor was shown and 2 when a second was. ``session_id`` ends with the session, ``user_id`` with the user.
    """

    credential: Credential
    roles: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=lambda: _NO_VARIABLES)
    user_id: str | None = None
    session_id: str | None = None
    level: int = 1
    expires_at: float | None = None
    scopes: tuple[str, ...] | None = None
    """What a service token may be used for; None is everything its roles may do."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as one request shows it: the Session it has, and the Identity behind it (None: nobody's)."""

    session: Session
    credential: Credential = "none"
    identity: Identity | None = None
    stale_cookie: bool = False
    """The request has a cookie of a session that is over: the client is to forget it."""

    @property
    def is_signed_in(self) -> bool:
        """Whether a credential says who it is; a service may also speak for somebody who has shown none."""
        return self.credential != "none" and not (self.credential == "internal" and self.session.role == ANONYMOUS_ROLE)

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role this caller may take."""
        return (self.session.role,) if self.identity is None else self.identity.roles


def is_identity_header(name: str) -> bool:
    """Whether a header of this name would be read as identity by some upstream (R41).

    Every sign counts as a dash: WSGI folds underscores and dashes into one name, some CGI servers all signs there are.

    >>> is_identity_header("X_Hasura-User_Id"), is_identity_header("X.Hasura.Role")
    (True, True)
    >>> is_identity_header("X-Request-Id")
    False
    """
    return _SIGN.sub("-", name.lower()).startswith(IDENTITY_PREFIX)


def to_headers(session: Session) -> list[tuple[str, str]]:
    """The identity headers a service is told: the role exactly once, then the variables in the order of their names.

    >>> to_headers(Session("user", {"x-hasura-user-id": "7"}))
    [('x-hasura-role', 'user'), ('x-hasura-user-id', '7')]
    """
    return [(ROLE_HEADER, session.role), *sorted(session.variables.items())]


def from_headers(headers: Iterable[tuple[str, str]]) -> Session:
    """The Session that identity headers set by the gateway describe; anonymous when there is no role among them.

    >>> from_headers([("X-Hasura-Role", "user"), ("X-Hasura-User-Id", "7"), ("Accept", "*/*")])
    Session(role='user', variables={'x-hasura-user-id': '7'})
    """
    role = ANONYMOUS_ROLE
    variables: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered == ROLE_HEADER:
            role = value
        elif lowered.startswith(IDENTITY_PREFIX) and lowered not in (ADMIN_SECRET_HEADER, BASE_DOMAIN_HEADER):
            variables[lowered] = value
    return Session(role, variables)
