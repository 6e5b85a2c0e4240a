"""The text of howdah.toml, the environment and ``--set`` → one Project, or every problem in them at once.

Nothing here touches the disk: ``load`` brings the texts in. What wins, from the weakest: the default, howdah.toml,
``.env``, the environment, ``--set``.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from howdah.project.errors import BrokenToml, InvalidSettings, Problem
from howdah.project.lines import Key, key_lines
from howdah.project.overrides import PREFIX, from_environment, from_texts
from howdah.project.routes import RESERVED_NAMES
from howdah.project.scalars import Unusable, Written
from howdah.project.schema import (
    CLIENTS,
    NAME,
    NAMED,
    SECTIONS,
    SERVICE_NAME,
    SERVICE_SETTINGS,
    SettingPath,
    nearest,
    settings_of,
)
from howdah.project.sections import Project, Ready, Route, Secrets, ServiceSection, Setting
from howdah.project.values import convert

Section = TypeVar("Section")

_DECODE_PLACE = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)
_WORKER = ("python", "-m", "howdah.kit.tasks.worker")
_WORKER_STOP_SECONDS = 30.0  # tasks may end that have begun
_GRPC = re.compile(r"grpcs?://[A-Za-z0-9._-]+:[0-9]{1,5}|unix:/[ -~]+")
_UPSTREAM = re.compile(r"http://[A-Za-z0-9._-]+(:[0-9]{1,5})?/?")


def _worker_command(given: Mapping[str, Any]) -> tuple[str, ...]:
    """What a worker is run by that says no command of its own."""
    concurrency, queues = given.get("concurrency", 2), given.get("queues", ("default",))
    return (*_WORKER, "--concurrency", str(concurrency), "--queues", ",".join(queues))


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything a project is read from, already as text."""

    toml: str = ""
    file: str = "howdah.toml"
    dotenv: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    """Texts of the form ``section.key=value``."""


def parse_project(sources: Sources, *, root: Path | None, secrets: Secrets) -> Project:
    """The Project that these sources describe.

    Without a ``root`` there is no howdah.toml that could name services, so overrides may name new ones.

    Raises BrokenToml, InvalidSettings (with every problem).
    """
    reader = _Reader(sources)
    written = reader.document()
    written.update(reader.overrides(new_services=root is None))
    values = {name: reader.section(section, (name,), written) for name, section in SECTIONS.items()}
    for (section_name, field_name), names in reader.named.items():
        kind = NAMED[section_name, field_name]
        several = tuple(reader.section(kind, (section_name, field_name, name), written, name=name) for name in names)
        values[section_name] = replace(values[section_name], **{field_name: several})
    name = reader.value(NAME, ("project", "name"), written)
    services = tuple(reader.service(service, written, root) for service in reader.services)
    reader.check_routes(services, written)
    clients = reader.clients(written)
    if reader.problems:
        raise InvalidSettings(reader.problems)
    return Project(
        root=root,
        name=name or (root.name if root is not None else "howdah"),
        services=services,
        clients=clients,
        secrets=secrets,
        environment={key: value for key, value in sources.dotenv.items() if not key.startswith(PREFIX)},
        **values,
    )


class _Reader:
    """One reading: the problems and services found so far, and the lines to name in them."""

    __slots__ = ("lines", "named", "problems", "services", "sources")

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.problems: list[Problem] = []
        self.services: dict[str, str] = {}  # its name → where it was written
        self.named: dict[SettingPath, list[str]] = {path: [] for path in NAMED}
        self.lines: Mapping[Key, int] = {}

    def document(self) -> dict[SettingPath, Written]:
        """What howdah.toml says about known settings; whatever else it says becomes a problem."""
        document = self._toml()
        written: dict[SettingPath, Written] = {}
        for name, table in document.items():
            if name not in {"project", "services", "clients", *SECTIONS}:
                self._unknown("section", (name,), ["project", "services", "clients", *SECTIONS])
            elif not isinstance(table, dict):
                self._problem((name,), f"{name} is a section: write [{name}] and its keys below it")
            elif name == "services":
                written.update(self._services(table))
            elif name == "clients":
                written[name,] = self._written((name,), table)
            else:
                known = settings_of(SECTIONS[name]) if name in SECTIONS else {"name": NAME}
                several = {path[1]: path for path in NAMED if path[0] == name}
                for key, path in several.items():
                    written.update(self._several(path, table.get(key, {})))
                rest = {key: value for key, value in table.items() if key not in several}
                written.update(self._known((name,), rest, known, also=tuple(several)))
        return written

    def _toml(self) -> Mapping[str, Any]:
        text, file = self.sources.toml, self.sources.file
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = _DECODE_PLACE.fullmatch(str(error))
            line = int(found["line"]) if found and found["line"] else len(text.splitlines()) or 1
            column = f":{found['column']}" if found and found["column"] else ""
            what = found["what"] if found else str(error)
            raise BrokenToml(
                f"{file}:{line}{column}: {what}.",
                path=f"{file}:{line}",
                hint="The line shown is where reading stopped; the mistake may be just before it.",
            ) from error
        except RecursionError as error:
            raise BrokenToml(f"{file}: it is nested too deeply.", path=file) from error
        self.lines = key_lines(text)
        return document

    def _services(self, services: Mapping[str, Any]) -> dict[SettingPath, Written]:
        written: dict[SettingPath, Written] = {}
        for name, table in services.items():
            path = ("services", name)
            if not isinstance(table, dict):
                self._problem(path, f"a service is a section: write [services.{name}] and its keys below it")
                continue
            if not SERVICE_NAME.fullmatch(name) or name in RESERVED_NAMES:
                reason = "is the platform's own name" if name in RESERVED_NAMES else "cannot be a service's name"
                self._problem(path, f'"{name}" {reason}', "Use lower-case letters, digits and dashes.")
                continue
            self.services[name] = self._place(path)
            ready = table.get("ready", {})
            if isinstance(ready, dict):
                known = {key[1]: value for key, value in SERVICE_SETTINGS.items() if key[0] == "ready"}
                written.update(self._known((*path, "ready"), ready, known))
            else:
                self._problem((*path, "ready"), 'ready is a table, as { path = "/-/health" }')
            rest = {key: value for key, value in table.items() if key != "ready"}
            written.update(self._known(path, rest, settings_of(ServiceSection), also=("ready",)))
        return written

    def _several(self, path: SettingPath, tables: object) -> dict[SettingPath, Written]:
        """What is written in sections that have names of their own."""
        written: dict[SettingPath, Written] = {}
        shown = ".".join(path)
        if not isinstance(tables, dict):
            self._problem(path, f"{shown} has sections: write [{shown}.<name>] and the keys below it")
            return written
        for name, table in tables.items():
            if not isinstance(table, dict):
                self._problem((*path, name), f"this is a section: write [{shown}.{name}] and its keys below it")
            elif not SERVICE_NAME.fullmatch(name):
                self._problem((*path, name), f'"{name}" cannot be a name', "Use lower-case letters, digits and dashes.")
            else:
                self.named[path].append(name)
                written.update(self._known((*path, name), table, settings_of(NAMED[path])))
        return written

    def _known(
        self, path: SettingPath, table: Mapping[str, Any], known: Mapping[str, Setting], *, also: Sequence[str] = ()
    ) -> dict[SettingPath, Written]:
        written: dict[SettingPath, Written] = {}
        for key, value in table.items():
            if key in known:
                written[*path, key] = self._written((*path, key), value)
            else:
                self._unknown("setting", (*path, key), [*known, *also])
        return written

    def overrides(self, *, new_services: bool) -> dict[SettingPath, Written]:
        """What ``.env``, the environment and ``--set`` say, the stronger last."""
        written: dict[SettingPath, Written] = {}
        services = tuple(self.services)
        named = [(*path, name) for path, names in self.named.items() for name in names]
        for override in itertools.chain(
            from_environment(self.sources.dotenv, services, named, place=".env: ", new_services=new_services),
            from_environment(self.sources.environment, services, named, new_services=new_services),
            from_texts(self.sources.overrides, services, named, new_services=new_services),
        ):
            if isinstance(override, Problem):
                self.problems.append(override)
            else:
                path, value = override
                written[path] = value
                if path[0] == "services":
                    self.services.setdefault(path[1], value.place)
        return written

    def section(
        self, section: type[Section], path: SettingPath, written: Mapping[SettingPath, Written], **given: Any
    ) -> Section:
        """The section below ``path``; a value that cannot be used becomes a problem and the default stays."""
        for key, setting in settings_of(section).items():
            value = self.value(setting, (*path, key), written)
            if value is not None:
                given[key] = value
        return section(**given)

    def value(self, setting: Setting, path: SettingPath, written: Mapping[SettingPath, Written]) -> Any:
        """The value written for ``path``, or None when nothing usable is."""
        if path not in written:
            return None
        try:
            return convert(setting, written[path])
        except Unusable as error:
            place = written[path].place
            if error.below and not written[path].is_text:
                place = self._place((*path, *error.below))
            below = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.below)
            self.problems.append(Problem(place, f"{'.'.join(path)}{below}: {error}"))
            return None

    def service(self, name: str, written: Mapping[SettingPath, Written], root: Path | None) -> ServiceSection:
        """The service of this name, complete with the defaults that depend on its name."""
        path = ("services", name)
        given = {
            key: self.value(setting, (*path, key), written) for key, setting in settings_of(ServiceSection).items()
        }
        given = {key: value for key, value in given.items() if value is not None}
        folder = Path(given.get("folder", f"services/{name}"))
        given["folder"] = root / folder if root is not None else folder
        is_worker = given.get("kind") == "worker"
        is_grpc = given.get("kind") == "grpc"
        given.setdefault("routes", () if is_worker or is_grpc else (Route(name, "/"),))
        given["ready"] = self._ready((*path, "ready"), written)
        if is_worker:
            given.setdefault("command", _worker_command(given))
            given.setdefault("stop_timeout", _WORKER_STOP_SECONDS)
            if not {(*path, "ready", "path"), (*path, "ready", "command")} & written.keys():
                given["ready"] = replace(given["ready"], kind="http", path="/-/health")
            if "url" in given or given["routes"]:
                self.problems.append(Problem(self.services[name], f"services.{name}: a worker gets no requests"))
        if is_grpc and given["routes"]:
            self.problems.append(
                Problem(self.services[name], f"services.{name}: the gateway speaks no gRPC: no routes")
            )
        service = ServiceSection(name, **given)
        if not is_worker and (*path, "command") not in written and (*path, "url") not in written:
            self.problems.append(
                Problem(self.services[name], f"services.{name} has neither a command to run nor the url where it runs")
            )
        if service.url is not None and not (_GRPC if is_grpc else _UPSTREAM).fullmatch(service.url):
            place, form = written[*path, "url"].place, "grpcs" if is_grpc else "http"
            self.problems.append(
                Problem(place, f"services.{name}.url: this must be {form}://host:port, without a path")
            )
        return service

    def _ready(self, path: SettingPath, written: Mapping[SettingPath, Written]) -> Ready:
        ready = self.section(Ready, path, written)
        if ready.path and ready.command:
            place = written[*path, "command"].place
            self.problems.append(Problem(place, f"{'.'.join(path)}: this has either a path or a command, not both"))
        if ready.path and not ready.path.startswith("/"):
            self.problems.append(Problem(written[*path, "path"].place, f'{".".join(path)}.path: this begins with "/"'))
        kind: Literal["http", "tcp", "exec"] = "exec" if ready.command else "http" if ready.path else "tcp"
        return Ready(kind, ready.path, ready.command, ready.timeout)

    def clients(self, written: Mapping[SettingPath, Written]) -> Mapping[str, Mapping[str, Any]]:
        """The foreign services, none of which has the name of one of the project's."""
        clients: Mapping[str, Mapping[str, Any]] = self.value(CLIENTS, ("clients",), written) or {}
        for name in clients:
            if name in self.services:
                place = self._place(("clients", name))
                self.problems.append(Problem(place, f"clients.{name}: a service of the project has this name"))
        return clients

    def check_routes(self, services: Sequence[ServiceSection], written: Mapping[SettingPath, Written]) -> None:
        """Every route leads to one service only; a second claim becomes a problem."""
        owners: dict[tuple[str | None, str | None, str], str] = {}
        for service in services:
            path = ("services", service.name, "routes")
            place = written[path].place if path in written else self.services[service.name]
            for route in service.routes:
                key = (route.host, route.subdomain, route.path.rstrip("/"))
                owner = owners.setdefault(key, service.name)
                if owner != service.name:
                    where = route.host or (f"{route.subdomain}.*" if route.subdomain else "")
                    shown = where + route.path
                    self.problems.append(Problem(place, f"{'.'.join(path)}: {shown} already leads to {owner}"))

    def _written(self, path: SettingPath, value: object) -> Written:
        return Written(value, self._place(path))

    def _place(self, path: Key) -> str:
        """File and line of a path, or of the nearest thing around it."""
        key = path
        while key and key not in self.lines:
            key = key[:-1]
        return f"{self.sources.file}:{self.lines[key]}" if key else self.sources.file

    def _problem(self, path: SettingPath, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(self._place(path), message, hint))

    def _unknown(self, what: str, path: SettingPath, known: Sequence[str]) -> None:
        near = nearest(path[-1], known)
        hint = f"Did you mean {near}?" if near else f"Known here: {', '.join(known)}."
        shown = f"[{path[-1]}]" if what == "section" else ".".join(path)
        self._problem(path, f"unknown {what} {shown}.", hint)
