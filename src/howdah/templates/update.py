"""`howdah update`: what has changed in a service's template since it was made of it, brought into what it has become.

The template's files are rendered twice with the answers of then: as the released version was, and as it is now. Each
file is merged with the one in the folder, as git merges; what both have changed is marked in the file. A project's
files beside a service, such as migrations, are only ever added.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from howdah.project.sections import Project, ServiceSection
from howdah.templates import repository, settings_file
from howdah.templates.answers import FILE, read_answers, write_answers
from howdah.templates.errors import NotUpdatable, NotWritable
from howdah.templates.files import File
from howdah.templates.merge import Merged, merge_files, merge_keys
from howdah.templates.service import read_settings, write_settings
from howdah.templates.service_template import Rendered, render, render_released, template
from howdah.templates.write import write


@dataclass(frozen=True, slots=True)
class Update:
    """What an update of one service does: its files, the keys of its section in howdah.toml, and what it leaves."""

    service: str
    template: str
    before: int
    after: int
    folder: Path
    files: tuple[Merged, ...]
    keys: Mapping[str, Mapping[str, Any]]
    left: tuple[str, ...]
    remembered: str

    @property
    def conflicts(self) -> int:
        """In how many files are conflict markers."""
        return sum(file.outcome == "conflict" for file in self.files)


def check_clean(root: Path) -> None:
    """Raises NotUpdatable where git could not tell an update from what was changed before, and take it back."""
    try:
        done = subprocess.run(
            ["git", "status", "--porcelain", "--", "."],
            cwd=root,
            env=repository.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise NotUpdatable(
            "git is not installed.", hint="Install git: an update is looked at and undone with it."
        ) from None
    if done.returncode != 0:
        raise NotUpdatable(
            "The project is no git repository, so nothing could take an update back.",
            hint="git init && git add --all && git commit -m before, then again.",
        )
    if done.stdout.strip():
        lines = done.stdout.rstrip().splitlines()
        more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
        raise NotUpdatable(
            f"There are changes that are not committed: {lines[0][3:]}{more}.",
            hint="Commit them first, so that git tells them from the update. --dry-run only looks.",
        )


def plan_update(project: Project, settings: str, service: ServiceSection) -> Update | None:
    """What has changed in the template of a service; None where nothing has, or no template is known.

    Raises NotUpdatable, UnknownTemplate.
    """
    made_of = read_answers(service.folder)
    if made_of is None:
        return None
    now = template(made_of.template)
    if now.version == made_of.version:
        return None
    old = render_released(made_of.template, made_of.version, made_of.answers)
    new = render(now, made_of.answers)
    assert project.root is not None
    labels = ("here", f"{now.name} {now.version}")
    base, after = _texts(old, service.folder, project.root), _texts(new, service.folder, project.root)
    live = {path: _read(project.root / path) for path in {*base, *after}}
    files = tuple(
        one
        for one in merge_files(base, after, live, labels=labels)
        if one.outcome == "added" or not _is_beside(one.path, service.folder, project.root)
    )
    keys, left = _merged_sections(old, new, settings)
    remembered = write_answers(replace(made_of, version=now.version))
    return Update(service.name, now.name, made_of.version, now.version, service.folder, files, keys, left, remembered)


def carry_out(root: Path, update: Update) -> None:
    """The files and howdah.toml are as planned, and the service is of the new version. Raises NotWritable."""
    for file in update.files:
        target = root / file.path
        try:
            if file.outcome == "removed":
                target.unlink()
            elif file.text is not None:
                write([File(file.path, file.text)], root, force=True)
        except OSError as error:
            raise NotWritable(f"{target} cannot be written: {error.strerror}.", path=str(target)) from error
    for name, changes in update.keys.items():
        write_settings(root, settings_file.set_keys(read_settings(root), name, changes))
    write([File(FILE, update.remembered)], update.folder, force=True)


def _texts(rendered: Rendered, folder: Path, root: Path) -> Mapping[str, str]:
    """The files by their path from the project's folder."""
    within = folder.relative_to(root) if folder.is_relative_to(root) else folder
    files = {(within / file.path).as_posix(): file.text for file in rendered.files}
    return files | {file.path: file.text for file in rendered.beside}


def _is_beside(path: str, folder: Path, root: Path) -> bool:
    return not (root / path).is_relative_to(folder)


def _read(file: Path) -> str | None:
    try:
        return file.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        raise NotUpdatable(f"{file} is not UTF-8 text, and has changed in the template.", path=str(file)) from None


def _merged_sections(
    old: Rendered, new: Rendered, settings: str
) -> tuple[Mapping[str, Mapping[str, Any]], tuple[str, ...]]:
    base, after = settings_file.sections_of(old.section), settings_file.sections_of(new.section)
    live = tomllib.loads(settings).get("services", {})
    keys: dict[str, Mapping[str, Any]] = {}
    left: list[str] = []
    for name in base.keys() & after.keys() & live.keys():
        keys[name], untouched = merge_keys(base[name], after[name], live[name])
        left += [f"services.{name}.{key}" for key in untouched]
    left += [f"services.{name}" for name in sorted(after.keys() - base.keys() - live.keys())]
    return {name: changes for name, changes in keys.items() if changes}, tuple(left)
