"""What one secret key protects: values sealed at rest, and digests of codes that are short enough to be guessed.

Each purpose has a key of its own, derived by HKDF (RFC 5869), so that what was made for one opens nothing of another. A
second secret may be given while one is replaced: everything new is made with the current one, and both are understood.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from howdah.auth.setting_errors import UnreadableSeal
from howdah.observe.secret import Secret
from howdah.project.secret_file import SHORTEST_KEY, check_secret

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_FORM: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One secret key: ``key_id`` says which it is without saying anything of it."""

    key_id: bytes
    material: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secret keys in force: the first makes what is new, each opens what it made."""

    keys: tuple[SecretKey, ...]

    @property
    def current(self) -> SecretKey:
        """The one that makes what is new."""
        return self.keys[0]


def make_keyring(current: Secret, *former: Secret) -> Keyring:
    """The keyring of ``secret_key`` and of those it has replaced.

    Raises UnusableSecret: one is a sample, or has fewer characters than 32 random bytes need (R7).
    """
    return Keyring(tuple(_secret_key(secret) for secret in (current, *former)))


def _secret_key(secret: Secret) -> SecretKey:
    material = check_secret(secret.reveal(), "secret_key", shortest=SHORTEST_KEY).reveal().encode("ascii")
    return SecretKey(_derive(material, "key id", KEY_ID_BYTES), material)


def derive_key(key: SecretKey, purpose: str) -> bytes:
    """The sub-key for one purpose: 32 bytes that say nothing about those for others."""
    return _derive(key.material, "purpose " + purpose, KEY_BYTES)


def _derive(material: bytes, info: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=b"howdah auth", info=info.encode()).derive(material)


def seal(keyring: Keyring, purpose: str, plain: bytes, associated: Sequence[str] = ()) -> bytes:
    """``plain`` encrypted and authenticated (AES-256-GCM) with the current key for ``purpose``.

    ``associated`` is what the value belongs to, as the id of its row: elsewhere it does not open.
    """
    key = keyring.current
    nonce = secrets.token_bytes(NONCE_BYTES)
    head = _FORM + key.key_id
    return head + nonce + AESGCM(derive_key(key, purpose)).encrypt(nonce, plain, head + join_parts(associated))


def open_sealed(keyring: Keyring, purpose: str, sealed: bytes, associated: Sequence[str] = ()) -> bytes:
    """What was sealed for ``purpose`` and ``associated``.

    Raises UnreadableSeal: it was sealed with a key that is no longer there, for something else, or was changed.
    """
    head, nonce, body = _divide(sealed)
    key = next((key for key in keyring.keys if key.key_id == head[len(_FORM) :]), None)
    if not head.startswith(_FORM) or key is None or len(body) < TAG_BYTES:
        raise UnreadableSeal
    try:
        return AESGCM(derive_key(key, purpose)).decrypt(nonce, body, head + join_parts(associated))
    except InvalidTag:
        raise UnreadableSeal from None


def needs_resealing(keyring: Keyring, sealed: bytes) -> bool:
    """Whether a sealed value was made with a key that is being replaced."""
    return _divide(sealed)[0] != _FORM + keyring.current.key_id


def _divide(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    head = len(_FORM) + KEY_ID_BYTES
    return sealed[:head], sealed[head : head + NONCE_BYTES], sealed[head + NONCE_BYTES :]


def keyed_digest(key: SecretKey, purpose: str, parts: Sequence[str]) -> bytes:
    """HMAC-SHA-256 of the parts: without the key nobody can try out what short text it was made of (R16)."""
    return hmac.digest(derive_key(key, purpose), join_parts(parts), hashlib.sha256)


def matches_digest(keyring: Keyring, stored: bytes, purpose: str, parts: Sequence[str]) -> bool:
    """Whether ``stored`` is the keyed digest of these parts, under any of the keys; in constant time (R16)."""
    matches = [hmac.compare_digest(stored, keyed_digest(key, purpose, parts)) for key in keyring.keys]
    return any(matches)  # each was compared, whatever the first said


def join_parts(parts: Sequence[str]) -> bytes:
    """Texts as one sequence of bytes, so that different ones never become the same: each behind its length.

    >>> join_parts(["ab", "c"]) == join_parts(["a", "bc"])
    False
    """
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
