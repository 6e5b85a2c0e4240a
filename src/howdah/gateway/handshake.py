"""The opening handshake of a WebSocket: what a client must send for one, and how a service accepts it (RFC 6455, 4)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final

from howdah.gateway.errors import (
    MalformedHandshake,
    OriginRefused,
    UpstreamBroken,
    WebSocketVersionUnsupported,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.gateway.origins import Pages
    from howdah.session import Caller

    Fields = Iterable[tuple[bytes, bytes]]

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES: Final = 16


def check_handshake(method: bytes, version: str, headers: Fields) -> bytes:
    """The key of the handshake. Raises MalformedHandshake and WebSocketVersionUnsupported."""
    if method != b"GET" or version != "1.1":
        raise MalformedHandshake("A WebSocket is opened with GET of HTTP/1.1.")
    keys, versions = [], []
    for name, value in headers:
        if name == b"sec-websocket-key":
            keys.append(value)
        elif name == b"sec-websocket-version":
            versions.append(value)
        elif name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            raise MalformedHandshake("A request that opens a WebSocket has no body.")
        elif name == b"expect":
            raise MalformedHandshake("A request that opens a WebSocket expects nothing.")
    if versions != [b"13"]:
        raise WebSocketVersionUnsupported
    if len(keys) != 1 or not _is_key(keys[0]):
        raise MalformedHandshake("Sec-WebSocket-Key must hold 16 bytes in base64, once.")
    return keys[0]


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def accept_of(key: bytes) -> bytes:
    """What a service that understood the handshake answers to the key.

    >>> accept_of(b"dGhlIHNhbXBsZSBub25jZQ==")
    b's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def check_acceptance(key: bytes, headers: Fields) -> None:
    """Raise UpstreamBroken unless the service's 101 is the answer to this very handshake.

    Otherwise a service that answers 101 to anything would open a way past the gateway for whatever comes behind it.
    """
    fields = [(name, value.strip()) for name, value in headers]
    upgrades = [value.lower() for name, value in fields if name == b"upgrade"]
    accepts = [value for name, value in fields if name == b"sec-websocket-accept"]
    if upgrades != [b"websocket"] or accepts != [accept_of(key)]:
        raise UpstreamBroken("The service switched to a protocol it was not asked for.")


def check_origin(origins: tuple[bytes, ...], pages: Pages, caller: Caller) -> None:
    """Raise OriginRefused for a page of another site: browsers let any page open a WebSocket anywhere (R48).

    What is no browser sends no Origin, and has no cookies but those it was given on purpose. Where all pages may call,
    or the service decides which, they may as long as no cookie comes along.
    """
    if not origins or (pages.cors.mode != "origins" and caller.credential != "cookie"):
        return
    origin = origins[0].decode("latin-1") if len(origins) == 1 else "null"
    if not (pages.are_own(origin) or pages.include(origin)):
        raise OriginRefused
