"""What is written of hosts, proxies, URLs and origins → values to compare exactly, or the reason why not."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from howdah.project.scalars import Unusable, integer, kind_of, text, texts
from howdah.project.sections import Cors, Network

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = re.compile(_LABEL)
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_PORT = re.compile(r":[1-9][0-9]{0,4}")
_REDIRECT = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
OWN_SUBDOMAINS = "own_subdomains"


def subdomain(value: object) -> str:
    """The subdomain. Raises Unusable."""
    name = text(value)
    if not _SUBDOMAIN.fullmatch(name):
        raise Unusable(f'a subdomain is lower-case letters, digits and dashes; "{name}" is not one')
    return name


def host_name(value: object) -> str:
    """The host name, without a port. Raises Unusable.

    >>> host_name("shop.example.com")
    'shop.example.com'
    """
    name = text(value)
    if not _HOST.fullmatch(name) or len(name) > 253 or "." not in name or name.rpartition(".")[2].isdigit():
        raise Unusable(f'a host is a name such as shop.example.com, in lower case and without a port; not "{name}"')
    return name


def host_names(value: object) -> tuple[str, ...]:
    """The host names of a list. Raises Unusable."""
    return tuple(host_name(name) for name in texts(value))


def public_url(value: str) -> str:
    """A URL that is a scheme and a host, without anything behind them. Raises Unusable.

    >>> public_url("https://example.com/")
    'https://example.com'
    """
    found = origin_of(value.removesuffix("/"))
    if found is None:
        raise Unusable(f'this must be https://host or http://host:port, without a path; not "{value}"')
    return found


def redirect_url(value: str) -> str:
    """Where a browser may be sent: a path of the same host, or a whole URL without a user in it. Raises Unusable."""
    whole = _URL.fullmatch(value) and origin_of("/".join(value.split("/", 3)[:3]).partition("?")[0])
    if not whole and not _REDIRECT.fullmatch(value):
        raise Unusable(f'this must be a path such as /auth/ui/login or a URL, without a fragment; not "{value}"')
    return value


def origin_of(value: str) -> str | None:
    """The origin as a browser sends it (RFC 6454, section 6.2); None when the text is not exactly one.

    >>> origin_of("https://Example.com:443"), origin_of("null"), origin_of("https://example.com/")
    ('https://example.com', None, None)
    """
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme, parts.hostname
    if scheme not in _DEFAULT_PORTS or not host or value.lower() != f"{scheme}://{parts.netloc.lower()}":
        return None
    if host.startswith("[") or ":" in host:
        try:
            host = f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            return None
    elif not _HOST.fullmatch(host):
        return None
    authority = parts.netloc.lower()
    if authority not in (host, f"{host}:{port}") or port == 0:
        return None
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def origin_policy(value: object) -> Cors:
    """Which origins may call (R55): exact ones only. Raises Unusable for patterns, for ``null`` and for ``*``.

    >>> origin_policy(["https://example.com", "own_subdomains"])
    Cors(mode='origins', origins=('https://example.com',), own=True)
    """
    if value == "allow_all":
        return Cors("allow_all")
    if value == "upstream":
        return Cors("upstream")
    if value == OWN_SUBDOMAINS:
        return Cors(own=True)
    if not isinstance(value, list):
        shown = f'"{value}"' if isinstance(value, str) else kind_of(value)
        raise Unusable(f'this must be "allow_all", "upstream", "own_subdomains" or a list of origins, not {shown}')
    origins = []
    for number, written in enumerate(value):
        if written == OWN_SUBDOMAINS:
            continue
        origin = origin_of(written) if isinstance(written, str) else None
        if origin is None:
            raise Unusable(f"{_shown(written)} is not an origin: {_WHY.get(str(written), _EXACTLY)}", (number,))
        origins.append(origin)
    return Cors(origins=tuple(dict.fromkeys(origins)), own=OWN_SUBDOMAINS in value)


_EXACTLY = "write exactly what a browser sends, as https://app.example.com"
_WHY = {
    "*": 'for pages of every origin, without cookies, write cors = "allow_all"',
    "null": "any page can have it, in a frame without an origin of its own",
}


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else kind_of(value)


def proxies(value: object) -> int | tuple[Network, ...]:
    """How many proxies are in front, or the networks they are in. Raises Unusable.

    >>> proxies(["10.0.0.0/8"])
    (IPv4Network('10.0.0.0/8'),)
    """
    if not isinstance(value, list):
        count = integer(value, is_text=False)
        if not 0 <= count <= 16:
            raise Unusable(f"this must be between 0 and 16, not {count}")
        return count
    networks = []
    for number, written in enumerate(value):
        try:
            networks.append(ipaddress.ip_network(text(written)))
        except ValueError as error:
            raise Unusable(f"{_shown(written)} is neither an address nor a network: {error}", (number,)) from None
    return tuple(networks)
