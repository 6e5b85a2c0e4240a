"""What is sent to somebody to prove with: long tokens in links and cookies, short codes to be typed (R15, R16).

Only digests are stored. A token is too long to be guessed, so its digest is plain SHA-256, and it can be looked up by
it. A code is not: its digest is keyed, and bound to what the code is for, to whom it was sent, and to the flow that
asked for it, so the same digits are wrong everywhere else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from howdah.auth.sealing import Keyring, keyed_digest, matches_digest

TOKEN_BYTES: Final = 32
"""256 bits: no number of guesses matters, and no table of digests can be made."""

_TOKEN: Final = re.compile(r"(?:[a-z]{2,8}_)?[A-Za-z0-9_-]{43}", re.ASCII)

FEWEST_DIGITS: Final = 6
LONGEST_LIFE: Final = timedelta(minutes=10)
MOST_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class CodeRules:
    """How long a code is, how long it lives, and how often one may be wrong before it is dead even if right (R15)."""

    digits: int = FEWEST_DIGITS
    lifetime: timedelta = LONGEST_LIFE
    tries: int = MOST_TRIES


@dataclass(frozen=True, slots=True)
class CodeUse:
    """What a code is good for, and nothing else: a purpose, a canonical identity, and the flow that asked for it."""

    purpose: str
    identity: str
    flow: str


def new_token(prefix: str = "") -> str:
    """A token of 256 random bits in base64url; a prefix (``hwr_``) tells people and scanners what it is.

    >>> len(new_token()), is_token(new_token("hwr_")), new_token() == new_token()
    (43, True, False)
    """
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def is_token(value: Any) -> bool:
    """Whether a value has the form of a token, so that it is worth looking up."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def token_digest(token: str) -> bytes:
    """What is stored instead of a token, and what it is found by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_code(digits: int = FEWEST_DIGITS) -> str:
    """A code of decimal digits, each sequence as likely as any other.

    >>> is_code(new_code()), len(new_code(8))
    (True, 8)
    """
    if digits < FEWEST_DIGITS:
        raise ValueError(f"a code has at least {FEWEST_DIGITS} digits")
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def is_code(value: Any, digits: int = FEWEST_DIGITS) -> bool:
    """Whether a value is a text of exactly so many ASCII digits (R24).

    Full-width and other digits, numbers and spaces are not: what is compared must have one spelling.
    """
    return isinstance(value, str) and len(value) == digits and value.isascii() and value.isdigit()


def code_digest(keyring: Keyring, code: str, use: CodeUse) -> bytes:
    """What is stored instead of a code: keyed, and bound to its use (R15, R16)."""
    return keyed_digest(keyring.current, "code", _parts(code, use))


def code_matches(keyring: Keyring, stored: bytes, code: Any, use: CodeUse) -> bool:
    """Whether ``code`` is the one whose digest was stored for this use; constant time, and False for other forms."""
    return isinstance(code, str) and matches_digest(keyring, stored, "code", _parts(code, use))


def _parts(code: str, use: CodeUse) -> tuple[str, ...]:
    return (use.purpose, use.identity, use.flow, code)
