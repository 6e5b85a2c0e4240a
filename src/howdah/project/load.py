"""A folder and an environment → the Project. The only module of this part that reads the disk for settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from howdah.project.dotenv import parse_dotenv
from howdah.project.errors import InvalidSettings, Problem, ProjectNotFound, UnreadableFile
from howdah.project.parse import Sources, parse_project
from howdah.project.secret_file import read_secret_variables, read_secrets
from howdah.project.sections import Project

PROJECT_FILE = "howdah.toml"
DOTENV_FILE = ".env"


def find_project(start: Path) -> Path:
    """The folder with howdah.toml that ``start`` is, or is in.

    Raises ProjectNotFound.
    """
    start = Path(os.path.abspath(start))  # noqa: PTH100 - resolve() would leave the path the user knows
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise ProjectNotFound(path=str(start))


def load_project(folder: Path, environment: Mapping[str, str], *, overrides: Sequence[str] = ()) -> Project:
    """The project in ``folder`` as its howdah.toml, its ``.env``, ``environment`` and ``overrides`` describe it.

    Raises ProjectNotFound, BrokenToml, InvalidSettings (every problem at once), UnreadableFile, ExposedSecrets,
    UnusableSecret.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - as above
    toml = _read(root / PROJECT_FILE)
    if toml is None:
        raise ProjectNotFound(f"There is no howdah.toml in {root}.", path=str(root))
    dotenv = {
        **parse_dotenv(_read(root / DOTENV_FILE) or "", place=DOTENV_FILE),
        **read_secret_variables(root),
    }
    sources = Sources(toml, PROJECT_FILE, dotenv, environment, overrides)
    project = parse_project(sources, root=root, secrets=read_secrets(root, {**dotenv, **environment}))
    _check_folders(project)
    return project


def default_project(environment: Mapping[str, str], *, overrides: Sequence[str] = ()) -> Project:
    """The project that there is without a folder: the defaults, ``environment`` and ``overrides``.

    Raises InvalidSettings, UnusableSecret.
    """
    sources = Sources(environment=environment, overrides=overrides)
    return parse_project(sources, root=None, secrets=read_secrets(None, environment))


def _read(file: Path) -> str | None:
    """The text of a file, or None when there is no such file."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{file} is not UTF-8 text.", path=str(file)) from error
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror}.", path=str(file)) from error


def _check_folders(project: Project) -> None:
    """Every service that is run here has its folder; raises InvalidSettings otherwise."""
    missing = [service for service in project.services if service.command and not service.folder.is_dir()]
    if missing:
        raise InvalidSettings(
            [
                Problem(
                    f"services.{service.name}.folder",
                    f"there is no folder {service.folder}",
                    "Make it, or name the right one with `folder = …`.",
                )
                for service in missing
            ]
        )
