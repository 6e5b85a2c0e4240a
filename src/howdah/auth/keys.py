"""Keys that tokens are signed with and checked by (R34, R35, R40).

A key is tied to the algorithms it may be used with: what a token says of its algorithm is compared with its key, and
decides nothing. Private parts are sealed wherever they are stored, and are in nothing that is published.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry

from howdah.auth.sealing import Keyring, derive_key, open_sealed, seal
from howdah.auth.setting_errors import UnreadableSeal, UnusableKey

SigningAlgorithm = Literal["EdDSA", "ES256"]
PrivateKey: TypeAlias = OKPKey | ECKey
Key: TypeAlias = OctKey | RSAKey | ECKey | OKPKey

LEAST_RSA_BITS: Final = 2048
MOST_KEYS: Final = 64
"""How many keys one key set of an issuer may have."""

_CURVES: Final[dict[str, tuple[str, ...]]] = {
    "Ed25519": ("EdDSA", "Ed25519"),  # one algorithm; RFC 9864 gave it a second name
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
}
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_SHARED: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
_SEALED_FOR: Final = "signing key"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of ours with its private part; ``kid`` is its thumbprint (RFC 7638)."""

    kid: str
    algorithm: SigningAlgorithm
    private: PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The signature of the message."""
        return JWSRegistry.algorithms[self.algorithm].sign(message, self.private)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key that signatures are checked by, and the only algorithms it may be used with (RFC 8725, section 3.1)."""

    kid: str | None
    algorithms: tuple[str, ...]
    key: Key = field(repr=False)

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, and the algorithm one of its own."""
        if algorithm not in self.algorithms:
            return False
        try:
            return JWSRegistry.algorithms[algorithm].verify(message, signature, self.key)
        except (JoseError, ValueError):
            return False


@dataclass(frozen=True, slots=True)
class KeyLife:
    """When a key of ours is what: published at once, signing from ``signs_from`` on, and gone when it is retired."""

    kid: str
    signs_from: datetime
    retired_at: datetime | None = None


def generate_signing_key(algorithm: SigningAlgorithm = "EdDSA") -> SigningKey:
    """A new key: Ed25519, or P-256 for clients that know no other."""
    key: PrivateKey = OKPKey.generate_key("Ed25519") if algorithm == "EdDSA" else ECKey.generate_key("P-256")
    return SigningKey(key.thumbprint(), algorithm, key)


def seal_signing_key(keyring: Keyring, key: SigningKey) -> bytes:
    """The key as it is stored: readable with the secret key only, and only as the key of this ``kid`` (R40)."""
    return seal(keyring, _SEALED_FOR, json.dumps(key.private.as_dict(private=True)).encode(), (key.kid, key.algorithm))


def open_signing_key(keyring: Keyring, kid: str, algorithm: SigningAlgorithm, sealed: bytes) -> SigningKey:
    """A stored key.

    Raises UnreadableSeal.
    """
    opened = json.loads(open_sealed(keyring, _SEALED_FOR, sealed, (kid, algorithm)))
    key = import_key(opened)
    if not isinstance(key, OKPKey | ECKey) or key.thumbprint() != kid:
        raise UnreadableSeal
    return SigningKey(kid, algorithm, key)


def verifying_key(key: SigningKey) -> VerifyingKey:
    """What checks the signatures of a key of ours; with it nothing can be signed."""
    return VerifyingKey(key.kid, (key.algorithm,), import_key(key.private.as_dict(private=False)))


def internal_token_keys(keyring: Keyring, service: str) -> tuple[bytes, ...]:
    """The key that gateway and ``service`` share for internal tokens (R36), and that of a key being replaced.

    It is derived, so every process of the platform has it; the service is given it when it is started.
    """
    return tuple(derive_key(key, f"internal token {service}") for key in keyring.keys)


def caller_proof_keys(keyring: Keyring) -> tuple[bytes, ...]:
    """What the platform knows its own internal tokens by when a service shows them, and the former key's."""
    return tuple(derive_key(key, "internal token proof") for key in keyring.keys)


def public_jwk(key: SigningKey) -> dict[str, Any]:
    """The key as others may see it: none of its private members (R40).

    >>> sorted(public_jwk(generate_signing_key()))
    ['alg', 'crv', 'kid', 'kty', 'use', 'x']
    """
    public = key.private.as_dict(private=False)
    shown: dict[str, Any] = {member: value for member, value in public.items() if member in _PUBLIC_MEMBERS}
    return shown | {"kid": key.kid, "use": "sig", "alg": key.algorithm}


def public_key_set(keys: Iterable[SigningKey]) -> dict[str, Any]:
    """The JSON document of ``/.well-known/jwks.json`` (RFC 7517, section 5)."""
    return {"keys": [public_jwk(key) for key in keys]}


def key_that_signs(keys: Sequence[KeyLife], now: datetime) -> KeyLife | None:
    """The key that signs now: of those whose time has come and that are not retired, the newest."""
    ready = [key for key in keys if key.signs_from <= now and not _is_retired(key, now)]
    return max(ready, key=lambda key: (key.signs_from, key.kid), default=None)


def keys_that_verify(keys: Sequence[KeyLife], now: datetime, longest_life: timedelta) -> tuple[KeyLife, ...]:
    """The keys whose tokens are believed, and that are published (R40).

    The one that signs, those that will, so that others know them before the first token comes, and those that signed,
    until the last token they can have signed is over. A retired one is none of them, at once.
    """
    signs = key_that_signs(keys, now)
    over = now - longest_life
    found = []
    for key in keys:
        later = [other.signs_from for other in keys if key.signs_from < other.signs_from <= now]
        if not _is_retired(key, now) and (key == signs or not later or min(later) > over):
            found.append(key)
    return tuple(found)


def _is_retired(key: KeyLife, now: datetime) -> bool:
    return key.retired_at is not None and key.retired_at <= now


def read_key_set(document: Any) -> tuple[VerifyingKey, ...]:
    """The keys of another issuer's JWKS that signatures can be checked by.

    Others in it (for encryption, of unknown kinds, too short) are left out, as RFC 7517 section 5 asks. A shared secret
    is never taken from a document that is read over the network.

    Raises UnusableKey: it is no key set, holds a private or shared key, or no key that could be used.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not listed or len(listed) > MOST_KEYS:
        raise UnusableKey("The document is no JSON Web Key Set.")
    found = [key for jwk in listed if isinstance(jwk, dict) and (key := _read_jwk(jwk)) is not None]
    if not found:
        raise UnusableKey("The key set has no key that signatures could be checked by.")
    return tuple(found)


def _read_jwk(jwk: dict[str, Any]) -> VerifyingKey | None:
    if jwk.get("kty") == "oct" or "d" in jwk or "k" in jwk:
        raise UnusableKey("The key set holds a key that should be nobody's but its owner's.")
    operations = jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        return None
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        return None
    try:
        key = import_key({name: value for name, value in jwk.items() if name in _PUBLIC_MEMBERS})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    algorithms = _algorithms(key)
    if "alg" in jwk:
        algorithms = tuple(name for name in algorithms if name == jwk["alg"])
    return VerifyingKey(kid, algorithms, key) if algorithms else None


_PUBLIC_MEMBERS: Final = ("kty", "crv", "x", "y", "n", "e")


def read_public_key(pem: str, *, kid: str | None = None) -> VerifyingKey:
    """The public key of another issuer, in PEM form.

    Raises UnusableKey: it is none, a private one, or of a kind or length that is not used.
    """
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key = kind.import_key(pem)
        except (JoseError, ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
            continue
        if not key.is_private and (algorithms := _algorithms(key)):
            return VerifyingKey(kid, algorithms, key)
    raise UnusableKey("The key is no public key in PEM form: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519.")


def read_shared_key(secret: bytes, algorithm: str, *, kid: str | None = None) -> VerifyingKey:
    """A secret that another issuer shares with us, for one algorithm alone.

    Raises UnusableKey: the algorithm is no HMAC, or the secret is shorter than its hash (RFC 7518, section 3.2).
    """
    if algorithm not in _SHARED or len(secret) < _SHARED[algorithm]:
        raise UnusableKey(f"A secret for {algorithm} has at least {_SHARED.get(algorithm, 32)} bytes.")
    return VerifyingKey(kid, (algorithm,), OctKey.import_key(secret))


def _algorithms(key: Key) -> tuple[str, ...]:
    if isinstance(key, OKPKey | ECKey):
        return _CURVES.get(key.curve_name, ())
    if isinstance(key, RSAKey):
        return _RSA if key.public_key.key_size >= LEAST_RSA_BITS else ()
    return ()
