"""The gateway's word on who calls: a token for one service, short-lived, signed with that service's own key (R36).

It is a JWT (RFC 7519) with HS256. The key is shared by the gateway and one service: with it a service can check what
it is told, and could deceive nobody but itself. Services in other languages check it with any library for JWT:
algorithm ``HS256`` and no other, ``typ`` ``howdah-internal+jwt``, ``aud`` the service's name, ``exp``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Sequence
from typing import Any, Final

from howdah.kit.errors import CallerUnproven
from howdah.session import Session

INTERNAL_TOKEN_HEADER: Final = "X-Howdah-Internal-Token"  # noqa: S105 - the name of a header
INTERNAL_TOKEN_TYPE: Final = "howdah-internal+jwt"  # noqa: S105 - a media type
ISSUER: Final = "howdah-gateway"

SHORTEST_LIFE: Final = 30
LONGEST_LIFE: Final = 60
CLOCK_SKEW: Final = 5
"""Seconds by which a token may begin in the future; gateway and service may be two machines."""

_LONGEST: Final = 16_384
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})", re.ASCII)


def sign_internal_token(
    key: bytes, session: Session, *, audience: str, now: float, lifetime: int = SHORTEST_LIFE, request_id: str = ""
) -> str:
    """The token that tells the service ``audience`` on whose behalf it is asked, for the next half minute.

    >>> token = sign_internal_token(b"k" * 32, Session("user", {"x-hasura-user-id": "7"}), audience="app", now=1000.5)
    >>> verify_internal_token(token, [b"k" * 32], audience="app", now=1020)
    Session(role='user', variables={'x-hasura-user-id': '7'})
    """
    if not SHORTEST_LIFE <= lifetime <= LONGEST_LIFE:
        raise ValueError(f"an internal token lives for {SHORTEST_LIFE} to {LONGEST_LIFE} seconds")
    issued = int(now)
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "iat": issued,
        "exp": issued + lifetime,
        "jti": request_id,
        "role": session.role,
        "variables": dict(session.variables),
    }
    message = f"{_HEADER}.{_encode(json.dumps(claims, separators=(',', ':')).encode('ascii'))}"
    return f"{message}.{_encode(_signature(key, message))}"


def verify_internal_token(
    token: str | None, keys: Sequence[bytes], *, audience: str, now: float | None = None
) -> Session:
    """Whom the gateway speaks for, when it is the gateway who says so, to this service, and now.

    Two keys may be given while one is replaced.

    Raises CallerUnproven: the token is missing, not signed with one of the keys, for another service, or over.
    """
    found = _COMPACT.fullmatch(token) if token is not None and len(token) <= _LONGEST else None
    if token is None or found is None:
        raise CallerUnproven
    message = token[: found.end(2)]
    # The header is compared as a whole: no other algorithm, type or parameter is ever considered.
    proven = [hmac.compare_digest(_encode(_signature(key, message)), found[3]) for key in keys if key]
    if not hmac.compare_digest(found[1], _HEADER) or not any(proven):
        raise CallerUnproven
    claims = _claims(found[2])
    at = time.time() if now is None else now
    issued, ends = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(ends) is not int or not issued - CLOCK_SKEW <= at < ends:
        raise CallerUnproven
    if claims.get("iss") != ISSUER or claims.get("aud") != audience or ends - issued > LONGEST_LIFE:
        raise CallerUnproven
    role, variables = claims.get("role"), claims.get("variables")
    if not isinstance(role, str) or not isinstance(variables, dict):
        raise CallerUnproven
    return Session(role, variables)


def _signature(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode("ascii"), hashlib.sha256)


def _claims(part: str) -> dict[str, Any]:
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise CallerUnproven from None
    if not isinstance(claims, dict):
        raise CallerUnproven
    return claims


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


_HEADER: Final = _encode(
    json.dumps({"alg": "HS256", "typ": INTERNAL_TOKEN_TYPE}, separators=(",", ":")).encode("ascii")
)
