"""Signed tokens in compact form (RFC 7515, 7519), read in one way only (R35).

joserfc signs and checks; what a token looks like is decided here, before any key is looked for. What is refused would
mean something else to another reader (twice the same member, odd base64), asks for something nobody needs
(``crit``, ``b64``, ``zip``, encryption), or names a key of its own (``jku``, ``x5u``, ``jwk``, ``x5c``).
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from howdah.auth.keys import SigningKey
from howdah.auth.proof_errors import InvalidAccessToken

LONGEST: Final = 8192
"""Characters; the head of a request has room for one such."""

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_HEADER_MEMBERS: Final = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
"""What a header may have. The thumbprints name a key as ``kid`` does; nothing is looked up by them."""


@dataclass(frozen=True, slots=True)
class CompactToken:
    """A token whose form is right; whether it is true, its signature says."""

    algorithm: str
    kid: str | None
    type: str | None
    claims: dict[str, Any]
    message: bytes
    signature: bytes


def write_compact(key: SigningKey, *, type_: str, claims: dict[str, Any]) -> str:
    """The claims as a token, signed."""
    header = {"alg": key.algorithm, "kid": key.kid, "typ": type_}
    message = f"{_encode(_to_json(header))}.{_encode(_to_json(claims))}"
    return f"{message}.{_encode(key.sign(message.encode('ascii')))}"


def read_compact(text: str) -> CompactToken:
    """The parts of a token, of which nothing is proven yet.

    Raises InvalidAccessToken: it has another form, or its header asks for something that is never done.
    """
    found = _COMPACT.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise InvalidAccessToken("The token has not the form of a signed token.")
    header, claims = _object(found[1], "header"), _object(found[2], "claims")
    if unknown := sorted(header.keys() - _HEADER_MEMBERS):
        raise InvalidAccessToken(f"The token's header has members that are never obeyed: {', '.join(unknown)[:100]}.")
    algorithm, kid, type_ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or not isinstance(kid, str | None) or not isinstance(type_, str | None):
        raise InvalidAccessToken("The token's header has a member of the wrong kind.")
    message = text[: found.end(2)].encode("ascii")
    return CompactToken(algorithm, kid, type_, claims, message, _decode(found[3]))


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        value = _JSON.decode(_decode(part).decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidAccessToken(f"The token's {name} cannot be read as one JSON object.")
    return value


def _decode(part: str) -> bytes:
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        decoded = b""
    if _encode(decoded) != part:  # the last character has bits that nobody reads: one text for one value
        raise InvalidAccessToken("The token is not written in base64url.")
    return decoded


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _to_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member is there twice")
    return value


def _never(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_never)
