"""Request head → Target: which part or service answers, decided by host name and path alone.

A part lives under ``/name`` of the domain and under the subdomain ``name``. A service lives wherever its routes say.
The longest path that covers the request's path, segment by segment, wins. Nothing here does I/O.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from howdah.gateway.errors import RouteInvalid, UnknownHost, UnknownPath
from howdah.project.sections import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

OPEN: Final = Policy()
"""The policy of an address at which everybody may pass."""

Headers = tuple[tuple[bytes, bytes], ...]
Kind = Literal["part", "service"]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What is known of a request before its body: ``host`` as sent, ``path`` decoded, headers as sent."""

    method: str
    host: str
    path: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Route:
    """One address: requests under ``path`` of the subdomain (None: the domain itself) or the host go to the target."""

    subdomain: str | None
    path: str
    kind: Kind
    name: str
    strip_prefix: bool = False
    host: str | None = None
    policy: Policy = OPEN


@dataclass(frozen=True, slots=True)
class Target:
    """Who answers whom, and what of the path in front of it is not for them to see (``/data``, or nothing)."""

    kind: Kind
    name: str
    prefix: str
    policy: Policy = OPEN
    internal: bool = False
    """Whether only services of the project's own may call here."""


def part_routes(name: str, policy: Policy = OPEN) -> tuple[Route, Route]:
    """Both addresses of a part: its path on the domain, and its subdomain.

    >>> [(route.subdomain, route.path) for route in part_routes("data")]
    [(None, '/data'), ('data', '/')]
    """
    return (
        Route(None, f"/{name}", "part", name, strip_prefix=True, policy=policy),
        Route(name, "/", "part", name, strip_prefix=True, policy=policy),
    )


_Table = tuple[tuple[str, str, Target], ...]

_LABELS: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_HOST: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:]+))(?::\d{1,5})?")
_ROUTE_PATH: Final = re.compile(r"/|(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~!$&'()*+,=:@-]+)+")
_SLASHES: Final = re.compile(r"/{2,}")
_RESERVED_PATH: Final = "/-"
INTERNAL_PATH: Final = "/-/services/"
"""Below it is every service under its name, for the others alone."""
_OWN_PATH: Final = "/-/"
_REMEMBERED_HOSTS: Final = 1024


def subdomain_of(host: str, *domains: str) -> str | None:
    """The labels in front of one of the domains; None for the domain itself.

    An address, ``localhost`` and any name of a single label (a container's, a machine's) are the domain itself: that is
    how health checks and neighbours call. Another public name is refused, which also keeps a web page that points its
    own name at this server (DNS rebinding) from reading it. Raises UnknownHost.

    >>> subdomain_of("App.localhost:8080", "localhost")
    'app'
    >>> subdomain_of("127.0.0.1:8080", "localhost") is None
    True
    """
    name = host_name_of(host)
    if name is None or name in domains or name == "localhost" or _is_address(name):
        return None
    for parent in (*domains, "localhost"):
        if name.endswith("." + parent):
            label = name[: -len(parent) - 1]
            if _LABELS.fullmatch(label):
                return label
            break
    else:
        if "." not in name and _LABELS.fullmatch(name):
            return None
    raise UnknownHost(
        f"Nothing is served under the host name {name!r}.",
        hint=f"This server's domain (server.domain) is {domains[0]!r}.",
    )


def host_name_of(host: str) -> str | None:
    """The name in a Host header field, in lower case; None for an IPv6 address. Raises UnknownHost for what is neither.

    >>> host_name_of("Shop.Example.com:8080")
    'shop.example.com'
    """
    parsed = _HOST.fullmatch(host)
    if parsed is None:
        raise UnknownHost(f"The Host header {host!r} is not a host name.")
    return None if parsed[1] is not None else parsed[2].lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class RouteTable:
    """All routes of a project, ready to be asked."""

    def __init__(self, domain: str, routes: Iterable[Route], domains: tuple[str, ...] = ()) -> None:
        """``domains`` are more of them, under which the same is served.

        Raises RouteInvalid for a path that cannot match, two routes with the same address, and hosts that are ours.
        """
        self.domains = tuple(dict.fromkeys(name.lower().removesuffix(".") for name in (domain, *domains)))
        routes = tuple(routes)
        self._tables = _build([route for route in routes if route.host is None])
        self._hosts = {host: self._host_table(host, routes) for host in {route.host for route in routes} if host}
        self._remembered: dict[str, _Table] = {}
        self._domains: dict[str, str] = {}

    def _host_table(self, host: str, routes: tuple[Route, ...]) -> _Table:
        if any(host == domain or host.endswith("." + domain) for domain in (*self.domains, "localhost")):
            raise RouteInvalid(f"The host {host!r} belongs to a domain of ours: route its subdomain.")
        return _build([replace(route, subdomain=None) for route in routes if route.host == host], host)[None]

    def match(self, head: RequestHead) -> Target:
        """Who answers the request. Raises UnknownHost and UnknownPath."""
        if head.path.startswith(INTERNAL_PATH):
            return internal_target(head.path)
        table = self._remembered.get(head.host)
        if table is None:
            table = self._table(head.host)
        # A doubled slash must not lead past a route: "//admin" is "/admin" to many upstreams.
        path = _SLASHES.sub("/", head.path) if "//" in head.path else head.path
        for prefix, below, target in table:
            if path.startswith(below) or path == prefix:
                return target
        raise UnknownPath(f"Nothing is served at {head.path}.")

    def _table(self, host: str) -> _Table:
        """The routes of a host, remembered until there are too many of them. Raises UnknownHost."""
        name = host_name_of(host) if host else None
        table = self._hosts.get(name) if name is not None else None
        if table is None:
            subdomain = subdomain_of(host, *self.domains) if host else None
            table = self._tables.get(subdomain)
            if table is None:
                raise UnknownHost(f"There is no subdomain {subdomain!r}.", hint=_known(self._tables))
        if len(self._remembered) >= _REMEMBERED_HOSTS:
            self._remembered.clear()
        self._remembered[host] = table
        return table

    def serves(self, name: str) -> bool:
        """Whether a host name is exactly one under which something is routed; addresses and machine names are not.

        >>> table = RouteTable("example.com", part_routes("data"))
        >>> table.serves("data.example.com"), table.serves("evil.example.com"), table.serves("10.0.0.1")
        (True, False, False)
        """
        return name in self._hosts or any(
            name == domain or (name.endswith("." + domain) and name[: -len(domain) - 1] in self._tables)
            for domain in self.domains
        )

    def domain_of(self, host: str) -> str:
        """The domain a Host header field belongs to; the first where it belongs to none."""
        domain = self._domains.get(host)
        if domain is None:
            name = (host_name_of(host) if host else None) or ""
            ours = (each for each in self.domains if name == each or name.endswith("." + each))
            domain = next(ours, self.domains[0])
            if len(self._domains) >= _REMEMBERED_HOSTS:
                self._domains.clear()
            self._domains[host] = domain
        return domain


def _known(tables: Iterable[str | None]) -> str:
    names = sorted(name for name in tables if name)
    return f"Subdomains: {', '.join(names)}." if names else "There are no subdomains."


def _build(routes: Iterable[Route], host: str = "") -> dict[str | None, _Table]:
    """The routes by subdomain, the longest path first, each as path, path with a slash behind it, and target."""
    by_subdomain: dict[str | None, dict[str, Route]] = {None: {}}
    for route in routes:
        path = route.path.rstrip("/") or "/"
        if not _ROUTE_PATH.fullmatch(path):
            raise RouteInvalid(f"The path {route.path!r} of {route.kind} {route.name!r} is not a path.")
        if path == _RESERVED_PATH or path.startswith(_RESERVED_PATH + "/"):
            raise RouteInvalid(f"The path {route.path!r} of {route.kind} {route.name!r} is reserved for the platform.")
        subdomain = route.subdomain.lower() if route.subdomain else None
        if subdomain is not None and not _LABELS.fullmatch(subdomain):
            raise RouteInvalid(f"The subdomain {subdomain!r} of {route.kind} {route.name!r} is not a host name.")
        table = by_subdomain.setdefault(subdomain, {})
        if path in table:
            other = table[path]
            where = f"{subdomain}.<domain>{path}" if subdomain else host + path
            raise RouteInvalid(f"{other.kind} {other.name!r} and {route.kind} {route.name!r} both want {where}.")
        table[path] = route
    return {
        subdomain: tuple(
            (
                path,
                path if path == "/" else path + "/",
                Target(route.kind, route.name, path if route.strip_prefix and path != "/" else "", route.policy),
            )
            for path, route in sorted(table.items(), key=lambda item: (-item[0].count("/"), -len(item[0]), item[0]))
        )
        for subdomain, table in by_subdomain.items()
    }


def internal_target(path: str) -> Target:
    """The service that another one calls, whatever the host. To strangers all names are alike, also those of none.

    >>> target = internal_target("/-/services/bills/due")
    >>> target.name, target.prefix, target.internal
    ('bills', '/-/services/bills', True)
    """
    name = path[len(INTERNAL_PATH) :].partition("/")[0]
    return Target("service", name, INTERNAL_PATH + name, internal=True)


def is_own_path(path: str) -> bool:
    """Whether the gateway itself answers at the path."""
    return path.startswith(_OWN_PATH) and not path.startswith(INTERNAL_PATH)


def strip_prefix(path: str, prefix: str) -> str:
    """The path below the prefix (not empty) that matched it, with as many segments cut off as the prefix has.

    Works on the decoded and on the raw path alike, because a path with an encoded slash never gets this far.

    >>> strip_prefix("/data/v1/query", "/data")
    '/v1/query'
    >>> strip_prefix("/d%61ta", "/data")
    '/'
    """
    if path.startswith(prefix) and path.startswith("/", len(prefix)):
        return path[len(prefix) :]
    position = 0
    for _ in range(prefix.count("/")):
        while path.startswith("/", position):
            position += 1
        position = path.find("/", position)
        if position < 0:
            return "/"
    return path[position:]
