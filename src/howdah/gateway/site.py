"""How this gateway is reached from outside, and what it says to browsers: settings, made ready for use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from howdah.gateway.client import Network
    from howdah.gateway.csrf import Tokens
    from howdah.gateway.internal import InternalTokens

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Site:
    """What is the same for every request.

    ``public_scheme`` is that of the public URL, where there is one. ``over_tls`` are fields of every answer that leaves
    over TLS. ``session_cookie`` is the name of the cookie that holds a session. At ``signing_in``, parts where people
    sign in, no other site's page may do anything, whoever calls. ``internal`` proves to services who calls.
    """

    trusted_proxies: int | tuple[Network, ...] = 0
    public_scheme: str | None = None
    over_tls: Fields = ()
    session_cookie: bytes = b""
    tokens: Tokens | None = None
    signing_in: frozenset[str] = frozenset()
    internal: InternalTokens | None = None


def transport_security(max_age: int, *, subdomains: bool) -> Fields:
    """The fields that make browsers insist on TLS (R56, RFC 6797); none for a maximum age of 0.

    >>> transport_security(3600, subdomains=True)
    ((b'strict-transport-security', b'max-age=3600; includeSubDomains'),)
    """
    if not max_age:
        return ()
    value = f"max-age={max_age}{'; includeSubDomains' if subdomains else ''}"
    return ((b"strict-transport-security", value.encode("ascii")),)
