"""The gateway's word on who calls: a token for one service, short-lived, signed with that service's own key (R36).

It is a JWT (RFC 7519) with HS256. The key is shared by the gateway and one service: with it a service can check what
it is told, and could deceive nobody but itself. Services in other languages check it with any library for JWT:
algorithm ``HS256`` and no other, ``typ`` ``howdah-internal+jwt``, ``aud`` the service's name, ``exp``.

A service that asks the platform on behalf of its caller shows the token it was given (`howdah.kit.assertion`). Its own
signature proves nothing there, since the service could have made it; the claim ``proof`` does, which only the platform
can write and read.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from howdah.kit import signed
from howdah.kit.errors import CallerUnproven
from howdah.session import Session

INTERNAL_TOKEN_HEADER: Final = "X-Howdah-Internal-Token"  # noqa: S105 - the name of a header
INTERNAL_TOKEN_TYPE: Final = "howdah-internal+jwt"  # noqa: S105 - a media type
ISSUER: Final = "howdah-gateway"

SHORTEST_LIFE: Final = 30
LONGEST_LIFE: Final = 60

_HEADER: Final = signed.header_of(INTERNAL_TOKEN_TYPE)
_PROOF: Final = b"howdah caller "  # in front of what is proven, so that the key signs nothing else


@dataclass(frozen=True, slots=True)
class ProvenCaller:
    """Whom the platform itself named to a service, until when, and what that caller's credential was meant for."""

    session: Session
    ends: int
    scopes: tuple[str, ...] | None


def sign_internal_token(
    key: bytes,
    session: Session,
    *,
    audience: str,
    now: float,
    lifetime: int = SHORTEST_LIFE,
    request_id: str = "",
    scopes: tuple[str, ...] | None = None,
    proof_key: bytes | None = None,
) -> str:
    """The token that tells the service ``audience`` on whose behalf it is asked, for the next half minute.

    With a ``proof_key``, which services do not have, the service can show it to the platform again.

    >>> token = sign_internal_token(b"k" * 32, Session("user", {"x-hasura-user-id": "7"}), audience="app", now=1000.5)
    >>> verify_internal_token(token, [b"k" * 32], audience="app", now=1020)
    Session(role='user', variables={'x-hasura-user-id': '7'})
    """
    if not SHORTEST_LIFE <= lifetime <= LONGEST_LIFE:
        raise ValueError(f"an internal token lives for {SHORTEST_LIFE} to {LONGEST_LIFE} seconds")
    issued = int(now)
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience,
        "iat": issued,
        "exp": issued + lifetime,
        "jti": request_id,
        "role": session.role,
        "variables": dict(session.variables),
    }
    if scopes is not None:
        claims["scopes"] = list(scopes)
    if proof_key is not None:
        claims["proof"] = _prove(claims, proof_key)
    return signed.sign(_HEADER, claims, key)


def verify_internal_token(
    token: str | None, keys: Sequence[bytes], *, audience: str, now: float | None = None
) -> Session:
    """Whom the gateway speaks for, when it is the gateway who says so, to this service, and now.

    Two keys may be given while one is replaced.

    Raises CallerUnproven: the token is missing, not signed with one of the keys, for another service, or over.
    """
    return _session(_verified(token, keys, audience, now))


def verify_shown_token(
    token: str | None, keys: Sequence[bytes], proof_keys: Sequence[bytes], *, audience: str, now: float
) -> ProvenCaller:
    """Whom the platform named to the service ``audience``, which shows what it was told. Raises CallerUnproven."""
    claims = _verified(token, keys, audience, now)
    proof = claims.pop("proof", None)
    if not isinstance(proof, str):
        raise CallerUnproven
    proven = [hmac.compare_digest(_prove(claims, key).encode(), proof.encode()) for key in proof_keys if key]
    if not any(proven):
        raise CallerUnproven
    scopes = claims.get("scopes")
    return ProvenCaller(_session(claims), claims["exp"], None if scopes is None else tuple(scopes))


def _verified(token: str | None, keys: Sequence[bytes], audience: str, now: float | None) -> dict[str, Any]:
    claims = signed.verify(token, _HEADER, keys)
    signed.check_times(claims, now=time.time() if now is None else now, longest=LONGEST_LIFE)
    if claims.get("iss") != ISSUER or claims.get("aud") != audience:
        raise CallerUnproven
    return claims


def _session(claims: Mapping[str, Any]) -> Session:
    role, variables = claims.get("role"), claims.get("variables")
    if not isinstance(role, str) or not isinstance(variables, dict):
        raise CallerUnproven
    return Session(role, variables)


def _prove(claims: Mapping[str, Any], key: bytes) -> str:
    return signed.encode(signed.digest(key, _PROOF + signed.canonical(claims)))
