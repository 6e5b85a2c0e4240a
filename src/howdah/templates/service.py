"""A service more in a project, or one less: what is to be written, as a value, and the writing of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from howdah.project.load import PROJECT_FILE
from howdah.project.parse import Sources, parse_project
from howdah.project.routes import RESERVED_NAMES
from howdah.project.schema import SERVICE_NAME
from howdah.project.sections import Project, Route, Secrets
from howdah.templates import settings_file
from howdah.templates.answers import FILE, Answers, write_answers
from howdah.templates.errors import InvalidServiceName, NoSuchService, NotWritable, ServiceExists
from howdah.templates.files import File
from howdah.templates.service_template import Rendered, render, template
from howdah.templates.write import check_empty, write

FOLDER = "services"


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be written so that the project has a service more; paths are from the project's folder."""

    names: tuple[str, ...]
    folder: Path
    files: tuple[File, ...]
    settings: str
    routes: tuple[Route, ...]


def check_name(name: str, project: Project) -> None:
    """Raises InvalidServiceName, ServiceExists."""
    if not SERVICE_NAME.fullmatch(name) or name in RESERVED_NAMES:
        reason = "is the platform's own name" if name in RESERVED_NAMES else "cannot be a service's name"
        raise InvalidServiceName(f'"{name}" {reason}.', hint="Use lower-case letters, digits and dashes.")
    if any(service.name == name for service in project.services):
        raise ServiceExists(f"There is a service {name} already.", hint="`howdah service list` shows what there is.")


def answers_of(name: str, route: str | None, now: datetime | None = None) -> Mapping[str, str]:
    """What a template asks, answered: the name as it is and as an identifier, its routes, and a migration's stamp."""
    return {
        "name": name,
        "identifier": name.replace("-", "_"),
        "routes": settings_file.routes_text(name, route),
        "stamp": "" if now is None else now.strftime("%Y%m%d%H%M%S"),
    }


def made_of(template_name: str, answers: Mapping[str, str]) -> Rendered:
    """What a template makes, with the file that remembers it. Raises UnknownTemplate."""
    one = template(template_name)
    rendered = render(one, answers)
    remembered = File(FILE, write_answers(Answers(one.name, one.version, answers)))
    return replace(rendered, files=(remembered, *rendered.files))


def plan_addition(
    project: Project, settings: str, name: str, template_name: str, *, route: str | None, now: datetime
) -> Addition:
    """A service of a template, beside those that the project and its howdah.toml have.

    Raises InvalidServiceName, ServiceExists, UnknownTemplate, RouteClash, InvalidSettings.
    """
    check_name(name, project)
    made = made_of(template_name, answers_of(name, route, now))
    folder = Path(FOLDER, name)
    files = tuple(replace(file, path=(folder / file.path).as_posix()) for file in made.files)
    return checked(project, settings, made.section, folder, (*files, *made.beside))


def checked(project: Project, settings: str, section: str, folder: Path, files: tuple[File, ...] = ()) -> Addition:
    """The addition of a section to howdah.toml, and of files. Raises ServiceExists, RouteClash, InvalidSettings."""
    names = tuple(settings_file.sections_of(section))
    for name in names:
        check_name(name, project)
    after = settings_file.add_section(settings, section)
    alone = parse_project(Sources(toml=section), root=project.root, secrets=Secrets())
    routes = tuple(route for service in alone.services for route in service.routes)
    for service in alone.services:
        settings_file.check_routes(project, service.name, service.routes)
    parse_project(Sources(toml=after), root=project.root, secrets=Secrets())
    return Addition(names, folder, files, after, routes)


def carry_out(root: Path, addition: Addition) -> None:
    """The files are there, and howdah.toml knows the service. Raises FolderNotEmpty, NotWritable."""
    check_empty(root / addition.folder)
    taken = [file.path for file in addition.files if os.path.lexists(root / file.path)]
    if taken:
        raise NotWritable(f"{taken[0]} is there already.", path=taken[0], hint="Choose another name.")
    write(addition.files, root, force=True)
    write_settings(root, addition.settings)


def write_settings(root: Path, text: str) -> None:
    """howdah.toml says this from now on; nobody ever reads half of it. Raises NotWritable."""
    file = root / PROJECT_FILE
    beside = file.with_name(f"{file.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        shutil.copymode(file, beside)
        beside.replace(file)
    except OSError as error:
        raise NotWritable(f"{file} cannot be written: {error.strerror}.", path=str(file)) from error


def read_settings(root: Path) -> str:
    """The text of howdah.toml."""
    return (root / PROJECT_FILE).read_text(encoding="utf-8-sig")


@dataclass(frozen=True, slots=True)
class Removal:
    """A service less. ``folder`` goes with it, where that was asked for."""

    settings: str
    folder: Path
    with_files: bool


def plan_removal(project: Project, settings: str, name: str, *, files: bool) -> Removal:
    """The service is in howdah.toml no more. Raises NoSuchService, NotWritable."""
    service = next((one for one in project.services if one.name == name), None)
    if service is None:
        raise NoSuchService(f'There is no service "{name}".', hint="`howdah service list` shows what there is.")
    assert project.root is not None
    root = project.root.resolve()
    inside = service.folder.resolve().is_relative_to(root) and service.folder.resolve() != root
    if files and not inside:
        raise NotWritable(
            f"{service.folder} is not below the project's folder.", hint="Without --files the folder stays."
        )
    if files and any(other.name != name and other.folder == service.folder for other in project.services):
        raise NotWritable(f"Another service is in {service.folder}, too.", hint="Without --files the folder stays.")
    return Removal(settings_file.remove_service(settings, name), service.folder, files)


def carry_out_removal(root: Path, removal: Removal) -> None:
    """The service is gone. Raises NotWritable."""
    write_settings(root, removal.settings)
    if removal.with_files and removal.folder.exists():
        try:
            shutil.rmtree(removal.folder)
        except OSError as error:
            raise NotWritable(f"{error.filename} cannot be removed: {error.strerror}.") from error
