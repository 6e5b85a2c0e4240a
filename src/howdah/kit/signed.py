"""Claims as a signed text: a JWT (RFC 7519) with HS256, in one form only, by the standard library alone.

What is read is compared with one header as a whole, so no other algorithm, type or parameter is ever considered, and a
token of one type is never taken for one of another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from howdah.kit.errors import CallerUnproven

CLOCK_SKEW: Final = 5
"""Seconds by which a token may begin in the future; who signs and who reads may be two machines."""

_LONGEST: Final = 16_384
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})", re.ASCII)


def header_of(type_: str) -> str:
    """What tokens of the type begin with, up to the first dot."""
    return encode(json.dumps({"alg": "HS256", "typ": type_}, separators=(",", ":")).encode("ascii"))


def sign(header: str, claims: Mapping[str, Any], key: bytes) -> str:
    """The claims under this header, signed with the key."""
    message = f"{header}.{encode(canonical(claims))}"
    return f"{message}.{encode(digest(key, message.encode('ascii')))}"


def verify(token: str | None, header: str, keys: Sequence[bytes]) -> dict[str, Any]:
    """The claims of a token that has this header and is signed with one of the keys. Raises CallerUnproven."""
    found = _COMPACT.fullmatch(token) if token is not None and len(token) <= _LONGEST else None
    if token is None or found is None:
        raise CallerUnproven
    message = token[: found.end(2)].encode("ascii")
    proven = [hmac.compare_digest(encode(digest(key, message)), found[3]) for key in keys if key]
    if not hmac.compare_digest(found[1], header) or not any(proven):
        raise CallerUnproven
    return _claims(found[2])


def unverified_claims(token: str) -> dict[str, Any]:
    """What a token says, whoever wrote it: to find the key it has to be checked with. Raises CallerUnproven."""
    found = _COMPACT.fullmatch(token) if len(token) <= _LONGEST else None
    if found is None:
        raise CallerUnproven
    return _claims(found[2])


def check_times(claims: Mapping[str, Any], *, now: float, longest: int) -> None:
    """Return for claims whose time is now and that live for so many seconds at most. Raises CallerUnproven."""
    issued, ends = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(ends) is not int or not issued - CLOCK_SKEW <= now < ends:
        raise CallerUnproven
    if ends - issued > longest:
        raise CallerUnproven


def canonical(claims: Mapping[str, Any]) -> bytes:
    """The claims as JSON, in their order: the same of what was read as of what was written."""
    return json.dumps(claims, separators=(",", ":")).encode("ascii")


def digest(key: bytes, message: bytes) -> bytes:
    """The HMAC of the message, by SHA-256."""
    return hmac.digest(key, message, hashlib.sha256)


def encode(value: bytes) -> str:
    """The bytes in the letters of tokens (base64url, RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _claims(part: str) -> dict[str, Any]:
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise CallerUnproven from None
    if not isinstance(claims, dict):
        raise CallerUnproven
    return claims
