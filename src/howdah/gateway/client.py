"""Connection and head → who the client is, and how it came: the address and the scheme on which decisions are made.

What a client writes about itself is never believed. ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are only where a
proxy of ours wrote them (R11), and ``X-Forwarded-Host`` never: proxies in front pass ``Host`` on.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network
    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5}")
_MOST_HOPS: Final = 32


@dataclass(frozen=True, slots=True)
class Client:
    """``address`` is empty where there is none, as on a Unix socket; ``scheme`` is ``http`` or ``https``."""

    address: str
    scheme: str


def client_of(
    peer: str, scheme: str, headers: Iterable[tuple[bytes, bytes]], trusted: int | tuple[Network, ...]
) -> Client:
    """The client behind the proxies that are trusted: so many of them, or those in these networks.

    ``peer`` and ``scheme`` are the connection's, ``headers`` have lower-case names. Of ``X-Forwarded-For`` only what
    trusted proxies have appended counts, read from the right. Where it is too short or holds something else than
    addresses, the client is the last address that is certain.

    >>> client_of("10.0.0.2", "http", [(b"x-forwarded-for", b"6.6.6.6, 192.0.2.7")], 1)
    Client(address='192.0.2.7', scheme='http')
    >>> client_of("10.0.0.2", "http", [(b"x-forwarded-for", b"192.0.2.7")], 0)
    Client(address='10.0.0.2', scheme='http')
    """
    if not trusted or not (isinstance(trusted, int) or _within(_address(peer), trusted)):
        return Client(peer, scheme)
    hops: list[str] = []
    schemes: list[bytes] = []
    for name, value in headers:
        if name == b"x-forwarded-for":
            hops += value.decode("latin-1").split(",")
        elif name == b"x-forwarded-proto":
            schemes.append(value.strip().lower())
    if len(schemes) == 1 and schemes[0] in (b"http", b"https"):
        scheme = schemes[0].decode("ascii")
    hops = hops[-_MOST_HOPS:]
    return Client(_counted(peer, hops, trusted) if isinstance(trusted, int) else _known(peer, hops, trusted), scheme)


def _counted(peer: str, hops: list[str], count: int) -> str:
    """The address that the outermost of so many proxies saw; the peer when fewer of them have written one."""
    address = _address(hops[-count]) if len(hops) >= count else None
    return peer if address is None else str(address)


def _known(peer: str, hops: list[str], networks: tuple[Network, ...]) -> str:
    """The first address from the right that is not a proxy's."""
    certain = peer
    for hop in reversed(hops):
        address = _address(hop)
        if address is None:
            break
        certain = str(address)
        if not _within(address, networks):
            break
    return certain


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    """The address, also out of ``[address]:port``; an IPv4 address that is written as IPv6 is itself."""
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address(text if with_port is None else with_port[1] or with_port[2])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _within(address: Address | None, networks: tuple[Network, ...]) -> bool:
    return address is not None and any(address in network for network in networks)
