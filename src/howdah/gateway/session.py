"""Request head → Session: on whose behalf, decided from what the client presents and nothing else.

:class:`Resolver` is the seam. :class:`SecretResolver` knows anonymous callers and the admin secret; cookies and tokens
come with another Resolver that has accounts to look them up in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final, Protocol

from howdah.gateway.errors import InvalidAdminSecret, InvalidToken, MalformedAuthorization, MalformedIdentity
from howdah.session import (
    ADMIN,
    ADMIN_ROLE,
    ADMIN_SECRET_HEADER,
    ANONYMOUS,
    ANONYMOUS_ROLE,
    IDENTITY_PREFIX,
    ROLE_HEADER,
    USER_ID_HEADER,
    Session,
)

if TYPE_CHECKING:
    from howdah.gateway.match import RequestHead


class Resolver(Protocol):
    """Whatever can tell who calls."""

    def resolve(self, head: RequestHead) -> Session:
        """The Session of the request. Raises SessionRefused."""
        ...


class Revealing(Protocol):
    """A holder that shows its secret only when asked to."""

    def reveal(self) -> str:
        """The secret itself."""
        ...


Fields = tuple[tuple[bytes, bytes], ...]

_REMEMBERED: Final = 1024
_PREFIX: Final = IDENTITY_PREFIX.encode()
_SECRET: Final = ADMIN_SECRET_HEADER.encode()
_ROLE: Final = ROLE_HEADER.encode()
# An older name of the admin secret. It opens nothing here, but its value may still be a secret: never a variable.
_OLD_SECRET: Final = b"x-hasura-access-key"
_BEARER: Final = re.compile(rb"(?i:bearer) +[A-Za-z0-9._~+/-]+=*")
_ROLE_NAME: Final = re.compile(r"[^\x00-\x20,\x7f]{1,128}")


class SecretResolver:
    """Anonymous unless the admin secret is presented; with it, the admin or whomever the admin wishes to be.

    With no secret configured nobody is the admin: an absent secret equals nothing, not even an empty one (R51). Two
    may be valid at once, so that one can be replaced without a moment in which neither works.
    """

    def __init__(self, admin_secrets: tuple[Revealing | str, ...] = (), anonymous_user_id: str | None = None) -> None:
        plain = (secret if isinstance(secret, str) else secret.reveal() for secret in admin_secrets)
        # What was presented with a right secret before. Nothing else, so that strangers neither fill it nor find in it.
        self._resolved: dict[Fields, Session] = {}
        self._digests = tuple(_digest(secret.encode()) for secret in plain if secret)
        self._anonymous = (
            ANONYMOUS if anonymous_user_id is None else Session(ANONYMOUS_ROLE, {USER_ID_HEADER: anonymous_user_id})
        )

    def resolve(self, head: RequestHead) -> Session:
        """The Session of the request; without the secret, identity headers of the client's mean nothing (R41, R45).

        Raises InvalidAdminSecret, MalformedIdentity, MalformedAuthorization and InvalidToken.
        """
        presented = tuple(
            [field for field in head.headers if field[0].startswith(_PREFIX) or field[0] == b"authorization"]
        )
        if not presented:
            return self._anonymous
        return self._resolved.get(presented) or self._resolve(presented)

    def _resolve(self, presented: Fields) -> Session:
        secrets = [value for name, value in presented if name == _SECRET]
        authorizations = [value for name, value in presented if name == b"authorization"]
        if not secrets and not authorizations:
            return self._anonymous
        if authorizations:
            _refuse_authorization(authorizations, secrets)
        self._check_secret(secrets)
        session = _impersonated(presented)
        if len(self._resolved) >= _REMEMBERED:
            self._resolved.clear()
        self._resolved[presented] = session
        return session

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


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _refuse_authorization(authorizations: list[bytes], secrets: list[bytes]) -> None:
    """Raise for what the header holds: no token can be valid yet."""
    if len(authorizations) > 1 or not _BEARER.fullmatch(authorizations[0]):
        raise MalformedAuthorization
    if secrets:
        raise MalformedIdentity(f"Send either {ADMIN_SECRET_HEADER} or Authorization, not both.")  # R45
    raise InvalidToken


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
