"""What is written of routes and their policies → values, or the reason why it cannot be, and where."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from howdah.project.addresses import host_name, subdomain
from howdah.project.scalars import Unusable, Written, boolean, kind_of, text, texts
from howdah.project.schema import nearest, settings_of
from howdah.project.sections import PartPolicy, Policy, Route, Setting

_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@/-]*")
_ROLE = re.compile(r"[^\x00-\x20,\x7f]{1,128}")
_ANONYMOUS = "anonymous"

RESERVED_NAMES = ("data", "auth", "files", "hooks", "console", "-")
"""First path segments and subdomains that are the platform's own."""
PARTS = ("data", "auth")
"""The parts that have an address."""
_ADDRESS = ("subdomain", "host", "path", "strip_prefix")
_FOR_SERVICES = ("max_body", "timeout", "websockets")
_POLICY = settings_of(Policy)


Convert = Callable[[Setting, Written], Any]


def role_names(value: object) -> tuple[str, ...]:
    """The names of roles. Raises Unusable."""
    for number, name in enumerate(names := texts(value)):
        if not _ROLE.fullmatch(name):
            raise Unusable(f'"{name}" cannot be the name of a role', (number,))
    return names


def service_routes(value: object, convert: Convert) -> tuple[Route, ...]:
    """The routes of a service. Raises Unusable."""
    return _routes(value, lambda element: _service_route(element, convert))


def part_policies(value: object, convert: Convert) -> Mapping[str, PartPolicy]:
    """The policies of parts, by name. Raises Unusable."""
    if not isinstance(value, Mapping):
        raise Unusable(f"this must be tables, one for each part, not {kind_of(value)}")
    policies = {}
    for name, table in value.items():
        if name not in PARTS:
            raise Unusable(f"there is no part {name}; parts are {', '.join(PARTS)}", (name,))
        with _Below(name):
            policies[name] = _part_policy(table, convert)
            if name == "auth" and not policies[name].policy.allow_anonymous:
                raise Unusable("nobody could sign in: accounts are for callers who are not signed in, too")
    return policies


class _Below:
    """What is unusable within is so at this key or element."""

    def __init__(self, key: str | int) -> None:
        self._key = key

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Unusable):
            error.below = (self._key, *error.below)


def _routes(value: object, read: Callable[[object], Route]) -> tuple[Route, ...]:
    if not isinstance(value, list):
        raise Unusable(f"this must be a list of routes, not {kind_of(value)}")
    routes = []
    for number, element in enumerate(value):
        with _Below(number):
            routes.append(read(element))
    return tuple(routes)


def _service_route(value: object, convert: Convert) -> Route:
    if isinstance(value, str):
        value = {"path": value}
    table = _table(value, (*_ADDRESS, *_POLICY), "a route is a path or a table")
    if not set(_ADDRESS) & set(table):
        raise Unusable("a route needs a subdomain, a host or a path")
    route = _address(table)
    reserved = route.subdomain if route.subdomain in RESERVED_NAMES else None
    first = route.path.split("/")[1]
    if route.subdomain is None and route.host is None and first in RESERVED_NAMES:
        reserved = "/" + first
    if reserved is not None:
        raise Unusable(f"{reserved} is the platform's own and cannot be routed to a service")
    policy = _policy(table, convert)
    with _Below("strip_prefix"):
        strip_prefix = boolean(table.get("strip_prefix", False), is_text=False)
    return Route(route.subdomain, route.path, strip_prefix, route.host, policy)


def _part_policy(value: object, convert: Convert) -> PartPolicy:
    known = [key for key in _POLICY if key not in _FOR_SERVICES]
    table = _table(value, ("routes", *known), "a part's policy is a table")
    with _Below("routes"):
        routes = _routes(table.get("routes", []), _part_route)
    return PartPolicy(_policy(table, convert), routes)


def _part_route(value: object) -> Route:
    """Another address of a part, which never sees what leads to it."""
    if isinstance(value, str):
        value = {"path": value}
    route = _address(_table(value, ("subdomain", "host", "path"), "a route is a path or a table"))
    return Route(route.subdomain, route.path, True, route.host)


def _table(value: object, known: tuple[str, ...], otherwise: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Unusable(f"{otherwise}, not {kind_of(value)}")
    for key in value:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near}?" if near else f"known here: {', '.join(known)}"
            raise Unusable(f"unknown key {key}; {hint}", (key,))
    return value


def _address(table: Mapping[str, Any]) -> Route:
    with _Below("path"):
        path = text(table.get("path", "/"))
        if not _PATH.fullmatch(path) or "//" in path or {".", ".."} & set(path.split("/")):
            raise Unusable(
                f'a route\'s path begins with "/" and has neither "//" nor dot segments; "{path}" is not one'
            )
    with _Below("subdomain"):
        below = subdomain(table["subdomain"]) if "subdomain" in table else None
    with _Below("host"):
        host = host_name(table["host"]) if "host" in table else None
        if host is not None and below is not None:
            raise Unusable("a route has either a subdomain or a host")
    return Route(below, path, host=host)


def _policy(table: Mapping[str, Any], convert: Convert) -> Policy:
    given = {}
    for key, setting in _POLICY.items():
        if key in table:
            with _Below(key):
                given[key] = convert(setting, Written(table[key], ""))
    policy = Policy(**given)
    roles = policy.restrict_to_roles
    if roles and "allow_anonymous" in given and given["allow_anonymous"] != (_ANONYMOUS in roles):
        raise Unusable(
            "restrict_to_roles says who may pass: anonymous callers if it names anonymous", ("allow_anonymous",)
        )
    if roles and "allow_anonymous" not in given and _ANONYMOUS not in roles:
        policy = Policy(**given, allow_anonymous=False)
    if policy.no_session_redirect_url is not None and policy.allow_anonymous:
        raise Unusable(
            "nobody is asked for a session here: set restrict_to_roles, or allow_anonymous = false",
            ("no_session_redirect_url",),
        )
    if policy.no_access_redirect_url is not None and not roles:
        raise Unusable("nobody is asked for a role here: set restrict_to_roles", ("no_access_redirect_url",))
    return policy
