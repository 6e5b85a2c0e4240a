"""Tokens of other issuers: verified by their keys, and read as a role, allowed roles and variables; pure (R35).

An issuer is configured with its name, the audiences that mean us, its keys and a mapping. Reading keys over the network
is somebody else's work: here they are given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from howdah.auth.access_tokens import check_audience, check_issuer, check_signature, check_times
from howdah.auth.compact import CompactToken, read_compact
from howdah.auth.keys import VerifyingKey
from howdah.auth.proof_errors import InvalidAccessToken
from howdah.auth.setting_errors import UnusableClaimsMapping
from howdah.session import (
    ADMIN_ROLE,
    ADMIN_SECRET_HEADER,
    ANONYMOUS_ROLE,
    ROLE_HEADER,
    USER_ID_HEADER,
    is_identity_header,
)

ClaimPath: TypeAlias = tuple[str, ...]
"""The way to a claim: the names of members, from the outside in."""

HASURA_NAMESPACE: Final = "https://hasura.io/jwt/claims"
ALLOWED_ROLES_HEADER: Final = "x-hasura-allowed-roles"
DEFAULT_ROLE_HEADER: Final = "x-hasura-default-role"
MOST_ROLES: Final = 100
LONGEST_VALUE: Final = 4096

_NO_VARIABLES: Final[Mapping[str, ClaimPath]] = MappingProxyType({})
_VARIABLE: Final = re.compile(r"x-hasura-[a-z0-9]+(?:-[a-z0-9]+)*")
_ROLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,62}")
_NOT_VARIABLES: Final = {ROLE_HEADER, ADMIN_SECRET_HEADER, ALLOWED_ROLES_HEADER, DEFAULT_ROLE_HEADER}


@dataclass(frozen=True, slots=True)
class ClaimsMapping:
    """Where in an issuer's claims is what we want to know.

    Without ``role``, or where a token lacks it, the role is ``default_role``; without ``allowed_roles`` the role is the
    only one. ``namespace`` is an object whose members are named like our headers, as Hasura has it. The role ``admin``
    is believed of an issuer only where that is said, because no permission applies to it.
    """

    role: ClaimPath | None = None
    allowed_roles: ClaimPath | None = None
    user_id: ClaimPath = ("sub",)
    variables: Mapping[str, ClaimPath] = field(default_factory=lambda: _NO_VARIABLES)
    namespace: ClaimPath | None = None
    default_role: str | None = None
    admin: bool = False


@dataclass(frozen=True, slots=True)
class ExternalIssuer:
    """Whose tokens are believed, for whom they must be meant, and how far its clock may be from ours."""

    issuer: str
    audiences: tuple[str, ...]
    mapping: ClaimsMapping = ClaimsMapping()
    leeway: timedelta = timedelta(seconds=30)
    types: tuple[str, ...] = ("jwt", "at+jwt", "application/at+jwt")
    """What ``typ`` may be, where there is one; an issuer's other tokens (ID tokens of logout, say) have types too."""


@dataclass(frozen=True, slots=True)
class MappedClaims:
    """What somebody's token means here; variables are named like headers and do not hold the role."""

    role: str
    allowed_roles: tuple[str, ...]
    variables: Mapping[str, str]


def parse_claim_path(text: str) -> ClaimPath:
    """The way to a claim, as settings write it: a claim's name, or a JSON Pointer (RFC 6901) to one further in.

    Raises UnusableClaimsMapping.

    >>> parse_claim_path("role"), parse_claim_path("/realm_access/roles")
    (('role',), ('realm_access', 'roles'))
    >>> parse_claim_path("/https:~1~1hasura.io~1jwt~1claims/x-hasura-user-id")
    ('https://hasura.io/jwt/claims', 'x-hasura-user-id')
    """
    parts = text[1:].split("/") if text.startswith("/") else [text]
    if not all(parts) or any(re.search("~(?![01])", part) for part in parts):
        raise UnusableClaimsMapping(f'"{text[:100]}" is neither the name of a claim nor a JSON Pointer to one.')
    if not text.startswith("/"):
        return (text,)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def check_mapping(mapping: ClaimsMapping) -> ClaimsMapping:
    """The mapping, when something can be made of it.

    Raises UnusableClaimsMapping: a variable has a name that is none or that is decided otherwise, a default role is
    none, or no role can ever come out.
    """
    for name in mapping.variables:
        if not _VARIABLE.fullmatch(name) or name in _NOT_VARIABLES:
            raise UnusableClaimsMapping(f'"{name[:100]}" is not the name of a variable, as x-hasura-org-id is one.')
    if mapping.default_role is not None and not _ROLE.fullmatch(mapping.default_role):
        raise UnusableClaimsMapping(f'"{mapping.default_role[:100]}" is not the name of a role.')
    if mapping.default_role in (ADMIN_ROLE, ANONYMOUS_ROLE):
        raise UnusableClaimsMapping(f'"{mapping.default_role}" cannot be the role of whoever has a token.')
    if mapping.role is None and mapping.namespace is None and mapping.default_role is None:
        raise UnusableClaimsMapping("The mapping names neither a claim for the role nor a default role.")
    return mapping


def unverified_issuer(text: str) -> str | None:
    """The issuer that a token says it has: only to choose whose keys to check it with.

    Raises InvalidAccessToken: it has not the form of a token.
    """
    issuer = read_compact(text).claims.get("iss")
    return issuer if isinstance(issuer, str) else None


def verify_external(
    text: str, issuer: ExternalIssuer, keys: Sequence[VerifyingKey], *, now: datetime
) -> Mapping[str, Any]:
    """The claims of a token that this issuer has signed with one of ``keys``, for us, and that is valid now.

    A token that names no key is checked with the only one that its algorithm fits. When UnknownTokenKey is raised, the
    issuer may have new keys: read them again, but not for every such token.

    Raises InvalidAccessToken; of it UnknownTokenKey and ExpiredAccessToken.
    """
    token = read_compact(text)
    check_signature(token, _key_of(token, keys))
    if token.type is not None and token.type.lower() not in issuer.types:
        raise InvalidAccessToken("The token's type is not one that this issuer's access tokens have.")
    check_issuer(token, issuer.issuer)
    check_audience(token, issuer.audiences)
    check_times(token, now, leeway=issuer.leeway, ahead=issuer.leeway)
    return token.claims


def _key_of(token: CompactToken, keys: Sequence[VerifyingKey]) -> VerifyingKey | None:
    if token.kid is not None and any(key.kid is not None for key in keys):
        fitting = [key for key in keys if key.kid == token.kid]
        # Two keys of different kinds may share a kid (RFC 7517, section 4.5).
        return next((key for key in fitting if token.algorithm in key.algorithms), fitting[0] if fitting else None)
    fitting = [key for key in keys if token.algorithm in key.algorithms]
    if len(fitting) > 1:
        raise InvalidAccessToken("The token does not say which of its issuer's keys it is signed with.")
    return fitting[0] if fitting else keys[0] if len(keys) == 1 else None


def map_claims(claims: Mapping[str, Any], mapping: ClaimsMapping) -> MappedClaims:
    """What the claims mean here.

    Texts, numbers and truth values become variables as they are; lists of them become array literals of Postgres,
    which ``$in`` understands. A claim that is not there makes no variable.

    Raises InvalidAccessToken: there is no role or none that may be, or a value cannot be a variable.
    """
    namespace = _namespace(claims, mapping)
    allowed = _roles(_at(claims, mapping.allowed_roles), namespace.get(ALLOWED_ROLES_HEADER))
    role = _first_text(_at(claims, mapping.role), namespace.get(DEFAULT_ROLE_HEADER), namespace.get(ROLE_HEADER))
    if role is None:
        role = mapping.default_role or (allowed[0] if allowed else None)
    if role is None:
        raise InvalidAccessToken("The token says no role.")
    allowed = allowed or (role,)
    if role not in allowed:
        raise InvalidAccessToken("The token's role is not one of its allowed roles.")
    for one in allowed:
        if not _ROLE.fullmatch(one) or one == ANONYMOUS_ROLE or (one == ADMIN_ROLE and not mapping.admin):
            raise InvalidAccessToken("The token says a role that it cannot give.")
    found: dict[str, Any] = {name: value for name, value in namespace.items() if name not in _NOT_VARIABLES}
    found |= {name: _at(claims, path) for name, path in mapping.variables.items()}
    if found.get(USER_ID_HEADER) is None:
        found[USER_ID_HEADER] = _at(claims, mapping.user_id)
    variables = {name: _variable(name, value) for name, value in sorted(found.items()) if value is not None}
    return MappedClaims(role, allowed, MappingProxyType(variables))


def _at(claims: Mapping[str, Any], path: ClaimPath | None) -> Any:
    value: Any = claims
    for name in path if path is not None else ():
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if path is not None else None


def _namespace(claims: Mapping[str, Any], mapping: ClaimsMapping) -> dict[str, Any]:
    """The members of the namespace that are named like headers of ours, each name in lower case and there once."""
    members = _at(claims, mapping.namespace)
    if not isinstance(members, Mapping):
        return {}
    found: dict[str, Any] = {}
    for name, value in members.items():
        lowered = name.lower()
        if not is_identity_header(lowered):
            continue
        if lowered in found or not _VARIABLE.fullmatch(lowered) or lowered == ADMIN_SECRET_HEADER:
            raise InvalidAccessToken("The token has a variable twice, or one of a name that cannot be.")
        found[lowered] = value
    return found


def _roles(*values: Any) -> tuple[str, ...]:
    """The first of the values that is there, as names of roles: a list of them, or a single one."""
    value: Any = next((value for value in values if value is not None), [])
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > MOST_ROLES or not all(isinstance(one, str) for one in listed):
        raise InvalidAccessToken("The token's allowed roles are no list of names.")
    return tuple(dict.fromkeys(listed))


def _first_text(*values: Any) -> str | None:
    value = next((value for value in values if value is not None), None)
    if value is not None and not isinstance(value, str):
        raise InvalidAccessToken("The token's role is no text.")
    return value


def _variable(name: str, value: Any) -> str:
    text = "{" + ",".join(_element(name, one) for one in value) + "}" if isinstance(value, list) else _scalar(value)
    if text is None or len(text) > LONGEST_VALUE or not text.isprintable():
        raise InvalidAccessToken(f"The token's value for {name} cannot be a variable.")
    return text


def _element(name: str, value: Any) -> str:
    text = _scalar(value)
    if text is None:
        raise InvalidAccessToken(f"The token's value for {name} cannot be a variable.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return value if isinstance(value, str) else None
