"""The templates of services: which there are, and what copier makes of one and its answers.

A template is a folder of plain files below ``services/``:

    template.toml          its version, one line about it, and the modules a service made of it imports
    service.toml.jinja     what goes into howdah.toml
    service/               the files of the service's folder
    project/               files beside it, such as a migration; there need be none

Files that end in ``.jinja`` are rendered, all others are what they are. The versions that were released are kept in
``released/``, so that an update knows what a service once was made of.
"""

from __future__ import annotations

import difflib
import json
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from howdah.templates.errors import NotUpdatable, UnknownTemplate
from howdah.templates.files import File
from howdah.templates.repository import OTHER_REPOSITORY

SERVICES = Path(__file__).parent / "services"
RELEASED = Path(__file__).parent / "released"

_NO_TEMPLATE = ("*.py[co]", "__pycache__", ".DS_Store", ".pytest_cache")


@dataclass(frozen=True, slots=True)
class ServiceTemplate:
    """A template of services. ``needs`` are the modules it imports, ``extra`` is what of howdah brings them."""

    name: str
    version: int
    summary: str
    needs: tuple[str, ...]
    extra: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template makes: files of the service's folder, files beside it, and text for howdah.toml."""

    files: tuple[File, ...]
    beside: tuple[File, ...]
    section: str


@cache
def templates() -> tuple[ServiceTemplate, ...]:
    """The templates there are, by name."""
    return tuple(_read(folder) for folder in sorted(SERVICES.iterdir()) if (folder / "template.toml").is_file())


def template(name: str) -> ServiceTemplate:
    """The template of this name. Raises UnknownTemplate."""
    known = {one.name: one for one in templates()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There is: {', '.join(known)}."
        raise UnknownTemplate(f'There is no template "{name}" of a service.', hint=hint)
    return known[name]


def render(one: ServiceTemplate, answers: Mapping[str, str]) -> Rendered:
    """What the template makes of these answers."""
    return _render(SERVICES / one.name, answers)


def render_released(name: str, version: int, answers: Mapping[str, str]) -> Rendered:
    """What the released version of a template makes of these answers. Raises NotUpdatable where there is none."""
    file = RELEASED / f"{name}-{version}.json"
    try:
        texts = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotUpdatable(
            f"Version {version} of the template {name} is not known here.",
            hint="It is newer than this howdah, or its name is misspelt in .howdah-template.toml.",
        ) from None
    with tempfile.TemporaryDirectory(prefix="howdah-template-") as folder:
        for path, text in texts.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return _render(Path(folder), answers)


def archived(name: str) -> str:
    """The template's files as ``released/`` keeps them."""
    folder = SERVICES / name
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_left_out(path))
    texts = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return json.dumps(texts, indent=0, ensure_ascii=False) + "\n"


def _read(folder: Path) -> ServiceTemplate:
    told = tomllib.loads((folder / "template.toml").read_text(encoding="utf-8"))
    return ServiceTemplate(folder.name, told["version"], told["summary"], tuple(told["needs"]), told["extra"])


def _render(source: Path, answers: Mapping[str, str]) -> Rendered:
    import copier  # slow to import: only where something is rendered
    from plumbum import local  # what copier runs git with, to learn whether the template is a repository

    with tempfile.TemporaryDirectory(prefix="howdah-rendered-") as folder, local.env():
        for variable in OTHER_REPOSITORY:
            if variable in local.env:
                del local.env[variable]
        copier.run_copy(
            str(source), folder, data=dict(answers), exclude=_NO_TEMPLATE, defaults=True, overwrite=True, quiet=True
        )
        made = Path(folder)
        section = (made / "service.toml").read_text(encoding="utf-8")
        return Rendered(tuple(_files(made / "service")), tuple(_files(made / "project")), section)


def _files(folder: Path) -> Iterator[File]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = PurePosixPath(path.relative_to(folder)).as_posix()
            yield File(name, path.read_text(encoding="utf-8"))


def _is_left_out(path: Path) -> bool:
    return any(PurePosixPath(part).match(pattern) for part in path.parts for pattern in _NO_TEMPLATE)


def _write_released() -> None:
    """Keep the version that each template has now."""
    RELEASED.mkdir(exist_ok=True)
    for one in templates():
        (RELEASED / f"{one.name}-{one.version}.json").write_text(archived(one.name), encoding="utf-8")


if __name__ == "__main__":
    _write_released()
