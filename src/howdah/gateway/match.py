"""Request head → Target: which part or service answers, decided by host name and path alone.

A part lives under ``/name`` of the domain and under the subdomain ``name``. A service lives wherever its routes say.
The longest path that covers the request's path, segment by segment, wins. Nothing here does I/O.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from howdah.gateway.errors import RouteInvalid, UnknownHost, UnknownPath

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    """One address: requests under ``path`` of the subdomain (None is the domain itself) go to the target."""

    subdomain: str | None
    path: str
    kind: Kind
    name: str
    strip_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Who answers, and what of the path in front of it is not for them to see (``/data``, or nothing)."""

    kind: Kind
    name: str
    prefix: str


def part_routes(name: str) -> tuple[Route, Route]:
    """Both addresses of a part: its path on the domain, and its subdomain.

    >>> [(route.subdomain, route.path) for route in part_routes("data")]
    [(None, '/data'), ('data', '/')]
    """
    return (
        Route(None, f"/{name}", "part", name, strip_prefix=True),
        Route(name, "/", "part", name, strip_prefix=True),
    )


_LABELS: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_HOST: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:]+))(?::\d{1,5})?")
_ROUTE_PATH: Final = re.compile(r"/|(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~!$&'()*+,=:@-]+)+")
_SLASHES: Final = re.compile(r"/{2,}")
_RESERVED_PATH: Final = "/-"
_REMEMBERED_HOSTS: Final = 1024


def subdomain_of(host: str, domain: str) -> str | None:
    """The labels in front of the domain; None for the domain itself.

    An address, ``localhost`` and any name of a single label (a container's, a machine's) are the domain itself: that is
    how health checks and neighbours call. Another public name is refused, which also keeps a web page that points its
    own name at this server (DNS rebinding) from reading it. Raises UnknownHost.

    >>> subdomain_of("App.localhost:8080", "localhost")
    'app'
    >>> subdomain_of("127.0.0.1:8080", "localhost") is None
    True
    """
    parsed = _HOST.fullmatch(host)
    if parsed is None:
        raise UnknownHost(f"The Host header {host!r} is not a host name.")
    address, name = parsed.groups()
    if address is not None:
        return None
    name = name.lower().removesuffix(".")
    if name in {domain, "localhost"} or _is_address(name):
        return None
    for parent in (domain, "localhost"):
        if name.endswith("." + parent):
            label = name[: -len(parent) - 1]
            if _LABELS.fullmatch(label):
                return label
            break
    else:
        if "." not in name and _LABELS.fullmatch(name):
            return None
    raise UnknownHost(
        f"Nothing is served under the host name {name!r}.", hint=f"This server's domain (server.domain) is {domain!r}."
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class RouteTable:
    """All routes of a project, ready to be asked."""

    def __init__(self, domain: str, routes: Iterable[Route]) -> None:
        """Raises RouteInvalid for a path that cannot match and for two routes with the same address."""
        self._domain = domain.lower().removesuffix(".")
        self._tables = _build(routes)
        self._subdomains: dict[str, str | None] = {}

    def match(self, head: RequestHead) -> Target:
        """Who answers the request. Raises UnknownHost and UnknownPath."""
        subdomain = self._subdomain(head.host)
        table = self._tables.get(subdomain)
        if table is None:
            raise UnknownHost(f"There is no subdomain {subdomain!r}.", hint=_known(self._tables))
        # A doubled slash must not lead past a route: "//admin" is "/admin" to many upstreams.
        path = _SLASHES.sub("/", head.path) if "//" in head.path else head.path
        for prefix, below, target in table:
            if path.startswith(below) or path == prefix:
                return target
        raise UnknownPath(f"Nothing is served at {head.path}.")

    def _subdomain(self, host: str) -> str | None:
        try:
            return self._subdomains[host]
        except KeyError:
            if len(self._subdomains) >= _REMEMBERED_HOSTS:
                self._subdomains.clear()
            subdomain = self._subdomains[host] = subdomain_of(host, self._domain) if host else None
            return subdomain


def _known(tables: Iterable[str | None]) -> str:
    names = sorted(name for name in tables if name)
    return f"Subdomains: {', '.join(names)}." if names else "There are no subdomains."


_Table = tuple[tuple[str, str, Target], ...]


def _build(routes: Iterable[Route]) -> dict[str | None, _Table]:
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
            where = f"{subdomain}.<domain>{path}" if subdomain else path
            raise RouteInvalid(f"{other.kind} {other.name!r} and {route.kind} {route.name!r} both want {where}.")
        table[path] = route
    return {
        subdomain: tuple(
            (
                path,
                path if path == "/" else path + "/",
                Target(route.kind, route.name, path if route.strip_prefix and path != "/" else ""),
            )
            for path, route in sorted(table.items(), key=lambda item: (-item[0].count("/"), -len(item[0]), item[0]))
        )
        for subdomain, table in by_subdomain.items()
    }


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
