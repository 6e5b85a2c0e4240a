"""Tokens made by hand, also such as no library would make."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from howdah.auth.keys import SigningKey, generate_signing_key

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER, AUDIENCE = "https://shop.example/auth", "https://shop.example"

KEY = generate_signing_key()
OTHER = generate_signing_key()
P256 = generate_signing_key("ES256")

CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "aud": AUDIENCE, "sub": "7", "sid": "s-1", "jti": "t-1", "iat": AT, "exp": AT + 600,
    "role": "user", "roles": ["user", "editor"],
}  # fmt: skip


def encode(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def header(key: SigningKey = KEY, **members: Any) -> dict[str, Any]:
    return {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt", **members}


def claims(*, without: str = "", **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**CLAIMS, **changed}.items() if name != without}


def token(head: Mapping[str, Any] | bytes, body: Any, key: SigningKey = KEY) -> str:
    """Whatever head and body are, rightly signed."""
    message = f"{encode(head)}.{encode(body)}"
    return f"{message}.{encode(key.sign(message.encode()))}"
