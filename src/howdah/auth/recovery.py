"""Recovery codes: what somebody who has lost the second factor signs in with, once each (R28).

A code has eighty random bits. Stored is a digest that is keyed with a key that is not in the database and bound to the
account, so a stolen table says nothing, and the digest can be looked up and marked as used in one statement.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, Final

from howdah.auth.sealing import Keyring, keyed_digest

CODES: Final = 10
CHARACTERS: Final = 16
_GROUP: Final = 4
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32: five bits for each character, and none that is read for another."""

_READ_AS: Final = str.maketrans("oil", "011", " -\t\r\n")
_CODE: Final = re.compile(f"[{_ALPHABET}]{{{CHARACTERS}}}")
_LONGEST_WRITTEN: Final = 4 * CHARACTERS


def new_recovery_codes(number: int = CODES) -> tuple[str, ...]:
    """A set of codes as they are shown, once: four groups of four characters each."""
    return tuple(_grouped("".join(secrets.choice(_ALPHABET) for _ in range(CHARACTERS))) for _ in range(number))


def _grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, CHARACTERS, _GROUP))


def read_recovery_code(value: Any) -> str | None:
    """The code that somebody typed, in the form it was shown; None when it cannot be one.

    Case, spaces and dashes do not matter, and what looks alike on paper is the same: ``O`` and ``0``, ``I``, ``l`` and
    ``1``.

    >>> read_recovery_code(" 7K3O 9mPq-aaaa bbbl ")
    '7k30-9mpq-aaaa-bbb1'
    """
    if not isinstance(value, str) or len(value) > _LONGEST_WRITTEN:
        return None
    code = value.lower().translate(_READ_AS)
    return _grouped(code) if _CODE.fullmatch(code) else None


def recovery_code_digest(keyring: Keyring, code: str, *, user: str) -> bytes:
    """What is stored instead of a code of this user."""
    return recovery_code_digests(keyring, code, user=user)[0]


def recovery_code_digests(keyring: Keyring, code: str, *, user: str) -> tuple[bytes, ...]:
    """The digests a code may be stored as: with the current secret key first, then with one that is being replaced.

    Whoever looks one up marks it as used in the same statement, which only one of many at once can do::

        UPDATE … SET used_at = now() WHERE user_id = $1 AND digest = ANY($2) AND used_at IS NULL RETURNING id
    """
    return tuple(keyed_digest(key, "recovery code", (user, code)) for key in keyring.keys)
