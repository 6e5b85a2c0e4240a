"""An authenticator and the browser before it, as WebAuthn has them; each can be told to cheat."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Credential:
    id: bytes
    key: ec.EllipticCurvePrivateKey
    user_handle: bytes
    count: int = 0


@dataclass
class Authenticator:
    """What holds somebody's passkeys, with a browser that is at a page of ``origin``."""

    origin: str
    verifies: bool = True
    counts: bool = True
    credentials: list[Credential] = field(default_factory=list)

    def make(
        self, asked: dict[str, Any], *, origin: str | None = None, domain: str | None = None, **client: Any
    ) -> Any:
        """The answer to creation options: RegistrationResponseJSON."""
        options = asked["publicKey"]
        key = ec.generate_private_key(ec.SECP256R1())
        made = Credential(secrets.token_bytes(32), key, decode(options["user"]["id"]))
        self.credentials.append(made)
        numbers = key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(made.id)) + made.id + cbor2.dumps(cose)
        data = self._data(domain or options["rp"]["id"], made, _ATTESTED) + attested
        return {
            "id": encode(made.id),
            "rawId": encode(made.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": encode(self._client("webauthn.create", options["challenge"], origin, client)),
                "attestationObject": encode(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
                "transports": ["internal", "of a kind nobody knows"],
            },
            "clientExtensionResults": {},
        }

    def show(
        self,
        asked: dict[str, Any],
        credential: Credential | None = None,
        *,
        origin: str | None = None,
        domain: str | None = None,
        **client: Any,
    ) -> Any:
        """The answer to request options: AuthenticationResponseJSON."""
        options = asked["publicKey"]
        shown = credential or self._choose(options)
        if self.counts:
            shown.count += 1
        data = self._data(domain or options["rpId"], shown)
        said = self._client("webauthn.get", options["challenge"], origin, client)
        signature = shown.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(SHA256()))
        return {
            "id": encode(shown.id),
            "rawId": encode(shown.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": encode(said),
                "authenticatorData": encode(data),
                "signature": encode(signature),
                "userHandle": encode(shown.user_handle),
            },
            "clientExtensionResults": {},
        }

    def _choose(self, options: dict[str, Any]) -> Credential:
        allowed = {decode(each["id"]) for each in options.get("allowCredentials", [])}
        return next(each for each in self.credentials if not allowed or each.id in allowed)

    def _data(self, domain: str, credential: Credential, more: int = 0) -> bytes:
        flags = _PRESENT | (_VERIFIED if self.verifies else 0) | more
        return hashlib.sha256(domain.encode()).digest() + struct.pack(">BI", flags, credential.count)

    def _client(self, kind: str, challenge: str, origin: str | None, more: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": origin or self.origin, "crossOrigin": False}
        return json.dumps({**said, **more}).encode()
