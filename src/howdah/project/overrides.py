"""Environment variables and ``section.key=value`` texts → the settings they override, and what each was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from howdah.project.errors import Problem
from howdah.project.scalars import Written
from howdah.project.schema import (
    NAMED,
    SECTIONS,
    SERVICE_NAME,
    SERVICE_SETTINGS,
    SETTINGS,
    SettingPath,
    nearest,
    settings_of,
)

PREFIX = "HOWDAH_"
NOT_SETTINGS = frozenset(
    {"HOWDAH_DATA_URL", "HOWDAH_DATA_TIMEOUT", "HOWDAH_GATEWAY_URL", "HOWDAH_SERVICES", "HOWDAH_SERVICES_FILE"}
)
"""What services are told: begins as a setting of the section ``data`` would, and is none."""

DATABASE_URL, REDIS_URL = "DATABASE_URL", "REDIS_URL"

Override = tuple[SettingPath, Written]


def from_environment(
    environment: Mapping[str, str],
    services: Sequence[str],
    named: Sequence[SettingPath] = (),
    *,
    place: str = "",
    new_services: bool = False,
) -> Iterator[Override | Problem]:
    """What the variables override, the weaker first; a Problem for each that looks like a setting and is none.

    ``DATABASE_URL`` and ``REDIS_URL`` are what hosting platforms set; ``HOWDAH_DATABASE_URL`` and
    ``HOWDAH_TASKS_BROKER_URL`` are stronger.
    """
    known = {_variable(path): path for path in _paths(services, named)}
    if environment.get(DATABASE_URL):
        yield ("database", "url"), Written(environment[DATABASE_URL], place + DATABASE_URL, is_text=True)
    if environment.get(REDIS_URL):
        yield ("tasks", "broker_url"), Written(environment[REDIS_URL], place + REDIS_URL, is_text=True)
    for variable in sorted(environment):
        if variable in NOT_SETTINGS or not variable.startswith(_OURS):
            continue
        path = known.get(variable)
        if path is None and new_services:
            path = _new_service(variable)
        if path is None:
            yield _unknown(place + variable, variable, known)
        else:
            yield path, Written(environment[variable], place + variable, is_text=True)


def from_texts(
    texts: Sequence[str],
    services: Sequence[str],
    named: Sequence[SettingPath] = (),
    *,
    new_services: bool = False,
) -> Iterator[Override | Problem]:
    """What ``section.key=value`` texts override; a Problem for each that is not one."""
    known = {".".join(path): path for path in _paths(services, named)}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        place = f"--set {name}"
        path = known.get(name)
        parts = tuple(name.split("."))
        if path is None and new_services and parts[0] == "services" and parts[2:] in SERVICE_SETTINGS:
            path = parts if SERVICE_NAME.fullmatch(parts[1]) else None
        if not equals:
            yield Problem(place, "this is written as section.key=value.")
        elif path is None:
            yield _unknown(place, name, known)
        else:
            yield path, Written(value, place, is_text=True)


_OURS = tuple(f"{PREFIX}{section.upper()}_" for section in ("project", "services", *SECTIONS))


def _paths(services: Sequence[str], named: Sequence[SettingPath]) -> Iterator[SettingPath]:
    yield from SETTINGS
    for section in named:
        for key in settings_of(NAMED[section[:-1]]):
            yield (*section, key)
    for name in services:
        for path in SERVICE_SETTINGS:
            yield ("services", name, *path)


def _variable(path: SettingPath) -> str:
    """The variable that overrides a setting.

    >>> _variable(("services", "my-app", "ready", "timeout"))
    'HOWDAH_SERVICES_MY_APP_READY_TIMEOUT'
    """
    return PREFIX + "_".join(path).upper().replace("-", "_")


def _new_service(variable: str) -> SettingPath | None:
    """The setting of a service that only this variable speaks of."""
    prefix = f"{PREFIX}SERVICES_"
    if not variable.startswith(prefix):
        return None
    rest = variable.removeprefix(prefix).lower()
    for key in sorted(SERVICE_SETTINGS, key=lambda key: len("_".join(key)), reverse=True):
        ending = "_" + "_".join(key)
        name = rest.removesuffix(ending).replace("_", "-")
        if rest.endswith(ending) and SERVICE_NAME.fullmatch(name):
            return ("services", name, *key)
    return None


def _unknown(place: str, word: str, known: Mapping[str, SettingPath]) -> Problem:
    near = nearest(word, known)
    hint = f"Did you mean {near}?" if near else "docs/configuration.md lists every setting."
    return Problem(place, "unknown setting.", hint)
