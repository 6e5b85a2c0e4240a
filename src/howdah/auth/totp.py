"""One-time codes of authenticator apps: HOTP (RFC 4226) and TOTP (RFC 6238), pure (R21 to R24).

``accept_code`` answers with the counter that matched. The caller stores it, and only a greater one is accepted from
then on, in one statement, so that no code is good twice however many try it at once (R23)::

    UPDATE … SET last_counter = $2 WHERE id = $1 AND (last_counter IS NULL OR last_counter < $2) RETURNING id
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from howdah.auth.codes import is_code

Algorithm = Literal["SHA1", "SHA256", "SHA512"]

SECRET_BYTES: Final = 20
"""160 bits, as RFC 4226 section 4 recommends and R21 asks for."""

_HASHES: Final[dict[Algorithm, Callable[..., Any]]] = {
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class TotpParameters:
    """What an app must know besides the secret. Many apps only know the default, so it is the default here (R21)."""

    algorithm: Algorithm = "SHA1"
    digits: int = 6
    period: int = 30


AUTHENTICATOR_APP: Final = TotpParameters()


def new_totp_secret() -> bytes:
    """A secret of 160 random bits."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_to_text(secret: bytes) -> str:
    """The secret as people type it into an app: base32 without padding (RFC 4648).

    >>> secret_to_text(b"12345678901234567890")
    'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
    """
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def secret_from_text(text: str) -> bytes | None:
    """The secret that a text of base32 is, in either case, with or without spaces, dashes and padding; None if none.

    >>> secret_from_text("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")
    b'12345678901234567890'
    """
    plain = text.replace(" ", "").replace("-", "").rstrip("=")
    if not plain.isascii() or not plain:
        return None
    try:
        return base64.b32decode(plain.upper() + "=" * (-len(plain) % 8))
    except binascii.Error:
        return None


def hotp(secret: bytes, counter: int, *, digits: int = 6, algorithm: Algorithm = "SHA1") -> str:
    """The code of a counter (RFC 4226, section 5.3).

    >>> hotp(b"12345678901234567890", 0)
    '755224'
    """
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), _HASHES[algorithm])
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def counter_at(now: datetime, period: int = AUTHENTICATOR_APP.period) -> int:
    """The number of the time step that ``now`` (with a time zone) is in, counted from 1970 (RFC 6238, section 4.2)."""
    if now.tzinfo is None:
        raise ValueError("a time without a time zone is not a moment")
    return int(now.timestamp() // period)


def accept_code(
    secret: bytes,
    code: Any,
    *,
    now: datetime,
    last_counter: int | None = None,
    window: Literal[0, 1] = 1,
    parameters: TotpParameters = AUTHENTICATOR_APP,
) -> int | None:
    """The counter that ``code`` belongs to, when it is right now and was not accepted before; None otherwise.

    ``window`` is how many steps before and after the current one are accepted too: one, for clocks that differ and
    people who type slowly, or none (R22). ``last_counter`` is the greatest that was accepted before: that one and
    those before it are over, also those whose codes were never used (R23). Anything but exactly as many ASCII digits
    as there must be is wrong, and nothing of it is computed with (R24).
    """
    if window not in (0, 1):
        raise ValueError("the window is 0 or 1")
    if not is_code(code, parameters.digits):
        return None
    current = counter_at(now, parameters.period)
    matched = None
    for counter in range(max(0, current - window), current + window + 1):
        expected = hotp(secret, counter, digits=parameters.digits, algorithm=parameters.algorithm)
        # Each is compared. Of two that have the same code the later counts: so the code is over for both.
        if hmac.compare_digest(expected, code) and (last_counter is None or counter > last_counter):
            matched = counter
    return matched


def provisioning_uri(
    secret: bytes, *, issuer: str, account: str, parameters: TotpParameters = AUTHENTICATOR_APP
) -> str:
    """What the QR code says to an authenticator app (the key URI format that they share).

    >>> provisioning_uri(b"12345678901234567890", issuer="Shop", account="ann@example.com")
    'otpauth://totp/Shop:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Shop&algorithm=SHA1&digits=6&period=30'
    """
    # The colon divides the label, so neither half may have one; apps do not agree on an encoded one.
    issuer, account = issuer.replace(":", " "), account.replace(":", " ")
    query = {
        "secret": secret_to_text(secret),
        "issuer": issuer,
        "algorithm": parameters.algorithm,
        "digits": parameters.digits,
        "period": parameters.period,
    }
    return f"otpauth://totp/{quote(issuer, safe='')}:{quote(account, safe='')}?{urlencode(query, quote_via=quote)}"
