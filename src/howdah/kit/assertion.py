"""A service's word to the gateway: that it is itself, and on whose behalf it asks.

It is the counterpart of the internal token, an assertion as RFC 7523 has it: a JWT that the service signs with the key
it shares with the gateway, for half a minute, sent as ``Authorization: Bearer``. On behalf of its caller the service
puts the internal token of the request it is answering inside. It cannot make one of those that the platform believes,
and one that was made for another service is no use to it: so it can speak for nobody but itself and whoever calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from howdah.kit import signed
from howdah.kit.errors import CallerUnproven

ASSERTION_TYPE: Final = "howdah-service+jwt"
AUDIENCE: Final = "howdah-gateway"
LIFETIME: Final = 30
"""Seconds an assertion is good for."""

_HEADER: Final = signed.header_of(ASSERTION_TYPE)


@dataclass(frozen=True, slots=True)
class Assertion:
    """A service has said that it asks, until when that counts, and which internal token it shows (None: none)."""

    service: str
    ends: int
    caller: str | None


def sign_assertion(key: bytes, *, service: str, now: float, caller: str | None = None) -> str:
    """The word of ``service``: for itself, or on behalf of the ``caller`` whose internal token it was given.

    >>> token = sign_assertion(b"k" * 32, service="app", now=1000.5)
    >>> verify_assertion(token, {"app": [b"k" * 32]}.get, now=1020)
    Assertion(service='app', ends=1030, caller=None)
    """
    issued = int(now)
    claims: dict[str, Any] = {"iss": service, "aud": AUDIENCE, "iat": issued, "exp": issued + LIFETIME}
    if caller is not None:
        claims["caller"] = caller
    return signed.sign(_HEADER, claims, key)


def is_assertion(token: str) -> bool:
    """Whether a bearer token has the form of one; nothing is proven by that."""
    return token.startswith(_HEADER + ".")


def verify_assertion(token: str, keys_of: Callable[[str], Sequence[bytes] | None], *, now: float) -> Assertion:
    """What the service says, when it is that service: ``keys_of`` has its keys, by its name. Raises CallerUnproven."""
    service = signed.unverified_claims(token).get("iss")
    keys = keys_of(service) if isinstance(service, str) else None
    claims = signed.verify(token, _HEADER, keys or ())
    signed.check_times(claims, now=now, longest=LIFETIME)
    caller = claims.get("caller")
    if claims.get("aud") != AUDIENCE or not (caller is None or isinstance(caller, str)):
        raise CallerUnproven
    return Assertion(claims["iss"], claims["exp"], caller)
