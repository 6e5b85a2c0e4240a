"""Access tokens of our own: signed, short-lived, and checked against keys we hold (R34, R35; RFC 9068)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from howdah.auth.compact import CompactToken, read_compact, write_compact
from howdah.auth.keys import SigningKey, VerifyingKey
from howdah.auth.proof_errors import ExpiredAccessToken, InvalidAccessToken, UnknownTokenKey

TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - a media type
SHORTEST_LIFE: Final = timedelta(minutes=5)
LONGEST_LIFE: Final = timedelta(minutes=15)
CLOCK_SKEW: Final = timedelta(seconds=5)
"""How far the clocks of two of our own machines may differ, for what lies in the future; what is over is over."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says: who, through which session, in which role, and from when until when.

    Times are seconds since 1970. ``role`` is the default one; any of ``allowed_roles`` may be asked for instead.
    """

    issuer: str
    audience: str
    subject: str
    session: str
    token_id: str
    role: str
    allowed_roles: tuple[str, ...]
    issued_at: int
    expires_at: int


def sign_access_token(key: SigningKey, claims: AccessClaims) -> str:
    """The token that says these claims."""
    return write_compact(
        key,
        type_=TOKEN_TYPE,
        claims={
            "iss": claims.issuer,
            "aud": claims.audience,
            "sub": claims.subject,
            "sid": claims.session,
            "jti": claims.token_id,
            "role": claims.role,
            "roles": list(claims.allowed_roles),
            "iat": claims.issued_at,
            "exp": claims.expires_at,
        },
    )


def verify_access_token(
    text: str, keys: Iterable[VerifyingKey], *, issuer: str, audience: str, now: datetime
) -> AccessClaims:
    """What a token of ours says, when one of our keys has signed it, for us, and it is not over.

    That the session still exists is for the caller to ask (R37).

    Raises InvalidAccessToken; of it UnknownTokenKey when there is no such key, and ExpiredAccessToken when all but its
    time is right.
    """
    token = read_compact(text)
    # The kid names one key, and only that one is tried (R35).
    key = next((key for key in keys if key.kid is not None and key.kid == token.kid), None)
    check_signature(token, key)
    if (token.type or "").lower() not in (TOKEN_TYPE, "application/" + TOKEN_TYPE):
        raise InvalidAccessToken("The token is not an access token.")
    check_issuer(token, issuer)
    check_audience(token, (audience,))
    check_times(token, now, leeway=timedelta(0), ahead=CLOCK_SKEW)
    allowed = token.claims.get("roles")
    if not isinstance(allowed, list) or not allowed or not all(isinstance(role, str) and role for role in allowed):
        raise InvalidAccessToken("The token's roles are no list of names.")
    claims = AccessClaims(
        issuer=issuer,
        audience=audience,
        subject=text_claim(token, "sub"),
        session=text_claim(token, "sid"),
        token_id=text_claim(token, "jti"),
        role=text_claim(token, "role"),
        allowed_roles=tuple(allowed),
        issued_at=time_claim(token, "iat"),
        expires_at=time_claim(token, "exp"),
    )
    if claims.role not in claims.allowed_roles:
        raise InvalidAccessToken("The token's role is not one of its roles.")
    return claims


def check_signature(token: CompactToken, key: VerifyingKey | None) -> None:
    """Refuse a token without a key, with an algorithm that is not its key's, or that the key has not signed.

    Raises UnknownTokenKey, InvalidAccessToken.
    """
    if key is None:
        raise UnknownTokenKey
    if token.algorithm not in key.algorithms:
        raise InvalidAccessToken("The token's algorithm is not its key's.")
    if not key.verifies(token.algorithm, token.message, token.signature):
        raise InvalidAccessToken("The token's signature is not its key's.")


def check_issuer(token: CompactToken, issuer: str) -> None:
    """Refuse a token of another issuer: InvalidAccessToken."""
    if token.claims.get("iss") != issuer:
        raise InvalidAccessToken("The token is of another issuer.")


def check_audience(token: CompactToken, audiences: Iterable[str]) -> None:
    """Refuse a token for nobody of ``audiences``, and one whose audience is no text or list of texts.

    Raises InvalidAccessToken.
    """
    named = token.claims.get("aud")
    listed = named if isinstance(named, list) else [named]
    if not all(isinstance(one, str) for one in listed) or not set(audiences) & set(listed):
        raise InvalidAccessToken("The token is for somebody else.")


def check_times(token: CompactToken, now: datetime, *, leeway: timedelta, ahead: timedelta) -> None:
    """Refuse a token that is over (for longer than ``leeway``), or that begins later than ``ahead`` from now.

    ``exp`` must be there; all times are whole numbers (R35).

    Raises ExpiredAccessToken, InvalidAccessToken.
    """
    at = now.timestamp()
    for name in ("iat", "nbf"):
        if name in token.claims and time_claim(token, name) > at + ahead.total_seconds():
            raise InvalidAccessToken("The token is not valid yet.")
    if time_claim(token, "exp") + leeway.total_seconds() <= at:
        raise ExpiredAccessToken


def time_claim(token: CompactToken, name: str) -> int:
    """A claim that is a time: whole seconds since 1970.

    Raises InvalidAccessToken.
    """
    value: Any = token.claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LAST_SECOND:
        raise InvalidAccessToken(f"The token's {name} is no whole number of seconds.")
    return value


_LAST_SECOND: Final = 253_402_300_799  # of the year 9999


def text_claim(token: CompactToken, name: str) -> str:
    """A claim that is a text and says something.

    Raises InvalidAccessToken.
    """
    value: Any = token.claims.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidAccessToken(f"The token's {name} is no text.")
    return value
