"""Other issuers whose tokens are believed here: settings → issuers, a token → an identity without an account (R35)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from howdah.auth.external_tokens import (
    HASURA_NAMESPACE,
    ClaimsMapping,
    ExternalIssuer,
    check_mapping,
    map_claims,
    parse_claim_path,
    verify_external,
)
from howdah.auth.fetch import check_address, fetch_json
from howdah.auth.key_sets import FixedKeys, KeySource, RemoteKeys, narrow
from howdah.auth.keys import VerifyingKey, read_key_set, read_public_key, read_shared_key
from howdah.auth.proof_errors import InvalidAccessToken, UnknownTokenKey
from howdah.auth.setting_errors import UnusableClaimsMapping, UnusableKey
from howdah.project.sections import IssuerSection
from howdah.session import Identity

_SHARED: Final = "HS256"
_MOST_BYTES: Final = 512 * 1024


@dataclass(frozen=True, slots=True)
class Issuer:
    """Somebody else who signs tokens: what is believed of them, and the keys they are checked by."""

    name: str
    rules: ExternalIssuer
    source: KeySource


def build_issuers(sections: Sequence[IssuerSection], root: Path | None) -> tuple[Issuer, ...]:
    """The issuers of a project; ``root`` is where their files are looked for. Nothing is fetched yet.

    Raises UnusableKey, UnusableClaimsMapping, Unfetched: settings that cannot be used.
    """
    return tuple(_build(section, root or Path()) for section in sections)


def _build(section: IssuerSection, root: Path) -> Issuer:
    if not section.issuer or not section.audience:
        raise UnusableClaimsMapping(f"auth.issuers.{section.name} needs an issuer and an audience.")
    rules = ExternalIssuer(
        section.issuer,
        section.audience,
        mapping_of(section),
        timedelta(seconds=section.leeway),
    )
    return Issuer(section.name, rules, _source(section, root))


def mapping_of(section: IssuerSection) -> ClaimsMapping:
    """Where the claims are. Where no claim is named at all, they are where Hasura has them.

    Raises UnusableClaimsMapping.
    """
    namespace = section.namespace
    if namespace is None and not (section.role or section.default_role):
        namespace = HASURA_NAMESPACE
    return check_mapping(
        ClaimsMapping(
            role=None if section.role is None else parse_claim_path(section.role),
            allowed_roles=None if section.allowed_roles is None else parse_claim_path(section.allowed_roles),
            user_id=parse_claim_path(section.user_id),
            variables={name.lower(): parse_claim_path(path) for name, path in section.variables.items()},
            namespace=None if namespace is None else parse_claim_path(namespace),
            default_role=section.default_role,
            admin=section.admin,
        )
    )


def _source(section: IssuerSection, root: Path) -> KeySource:
    given = [each for each in (section.jwks_url, section.key_file, section.secret) if each is not None]
    if len(given) != 1:
        raise UnusableKey(f"auth.issuers.{section.name} has exactly one of jwks_url, key_file and secret.")
    if section.jwks_url is not None:
        return RemoteKeys(check_address(section.jwks_url), fetch_json, algorithms=section.algorithms)
    if section.secret is not None:
        algorithm = section.algorithms[0] if len(section.algorithms) == 1 else _SHARED
        return FixedKeys((read_shared_key(section.secret.reveal().encode(), algorithm),))
    assert section.key_file is not None
    return FixedKeys(narrow(_read_file(root / section.key_file), section.algorithms))


def _read_file(path: Path) -> tuple[VerifyingKey, ...]:
    try:
        text = path.read_text("utf-8")[:_MOST_BYTES]
    except (OSError, ValueError) as error:
        raise UnusableKey(f"The key file {path} cannot be read: {type(error).__name__}.") from None
    if not text.lstrip().startswith("{"):
        return (read_public_key(text),)
    try:
        return read_key_set(json.loads(text))
    except ValueError:
        raise UnusableKey(f"The key file {path} is neither PEM nor JSON.") from None


async def find_external(token: str, issuer_name: str, issuers: Sequence[Issuer]) -> Identity | None:
    """To whom a token belongs that says it is of ``issuer_name``; None where it is not valid for any such issuer.

    Raises IdentityUnavailable: the issuer's keys cannot be had at the moment, and without them nobody can tell.
    """
    for issuer in issuers:
        if issuer.rules.issuer != issuer_name:
            continue
        try:
            return await _find(token, issuer)
        except InvalidAccessToken:
            continue
    return None


async def _find(token: str, issuer: Issuer) -> Identity:
    now = datetime.now(UTC)
    try:
        claims = verify_external(token, issuer.rules, await issuer.source.keys(), now=now)
    except UnknownTokenKey:
        claims = verify_external(token, issuer.rules, await issuer.source.keys_anew(), now=now)
    mapped = map_claims(claims, issuer.rules.mapping)
    others = (role for role in mapped.allowed_roles if role != mapped.role)
    return Identity(
        credential="token",
        roles=(mapped.role, *others),
        variables=mapped.variables,
        expires_at=float(claims["exp"]) + issuer.rules.leeway.total_seconds(),
    )
