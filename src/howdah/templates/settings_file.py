"""The text of howdah.toml with a service more, less, or changed. Comments and the order of things stay. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import tomlkit
from tomlkit.container import OutOfOrderTableProxy
from tomlkit.items import Table

from howdah.project.sections import Project, Route
from howdah.templates.errors import NoSuchService, RouteClash

_KEY = tuple[str | None, str | None, str]


def routes_text(name: str, path: str | None) -> str:
    """The routes of a new service as TOML: its subdomain, and ``path``, which the service does not see.

    >>> routes_text("api", "/api")
    '[{ path = "/api", strip_prefix = true }, { subdomain = "api" }]'
    >>> routes_text("app", "/")
    '[{ path = "/" }, { subdomain = "app" }]'
    """
    subdomain = f"{{ subdomain = {_quoted(name)} }}"
    if path is None:
        return f"[{subdomain}]"
    strip = "" if path == "/" else ", strip_prefix = true"
    return f"[{{ path = {_quoted(path)}{strip} }}, {subdomain}]"


def add_section(text: str, section: str) -> str:
    """howdah.toml with a section at its end."""
    before = text.rstrip("\n")
    return f"{before}\n\n{section.strip()}\n" if before else f"{section.strip()}\n"


def sections_of(section: str) -> Mapping[str, Any]:
    """The services that a template's text for howdah.toml describes, by name."""
    services = tomllib.loads(section)["services"]
    assert isinstance(services, dict)
    return services


def remove_service(text: str, name: str) -> str:
    """howdah.toml without the section of a service, and what is written below it. Raises NoSuchService."""
    document = tomlkit.parse(text)
    services = _services(document)
    if name not in services:
        raise NoSuchService(f'howdah.toml has no service "{name}".', hint="`howdah service list` shows what there is.")
    del services[name]
    if not services:
        del document["services"]
    return tomlkit.dumps(document).rstrip("\n") + "\n"


def set_keys(text: str, name: str, changes: Mapping[str, Any]) -> str:
    """howdah.toml with other values for keys of a service; None takes a key out."""
    document = tomlkit.parse(text)
    table = _services(document)[name]
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    return tomlkit.dumps(document)


def check_routes(project: Project, name: str, routes: Iterable[Route]) -> None:
    """Raises RouteClash where another service of the project has one of the routes."""
    taken = {_key(route): service.name for service in project.services for route in service.routes}
    for route in routes:
        owner = taken.get(_key(route))
        if owner is not None and owner != name:
            raise RouteClash(
                f"{_shown(route)} already leads to {owner}.",
                hint="Give it another with --route, as in --route /api, or none but its subdomain with --no-route.",
            )


def _key(route: Route) -> _KEY:
    return (route.host, route.subdomain, route.path.rstrip("/"))


def _shown(route: Route) -> str:
    where = route.host or (f"{route.subdomain}.*" if route.subdomain else "")
    return where + route.path


def _services(document: tomlkit.TOMLDocument) -> Table | OutOfOrderTableProxy | dict[str, Any]:
    services = document.get("services", {})
    assert isinstance(services, Table | OutOfOrderTableProxy | dict)
    return services


def _quoted(text: str) -> str:
    return tomlkit.string(text).as_string()
