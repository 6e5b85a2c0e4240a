"""A template's name and answers → the files of a new project, as values. Reads the package's own files, writes none."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from howdah.templates import service, settings_file
from howdah.templates.errors import InvalidName, UnknownTemplate
from howdah.templates.files import File

TEMPLATES = Path(__file__).parent / "quickstart"
FIRST_SERVICE = "app"
"""The service of a new project, which is made of the template `flask`."""

_PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}")
_LONGEST_NAME = 100
_DOT = "dot-"  # a leading dot would make tools take the template's own files for theirs


def names() -> tuple[str, ...]:
    """The templates there are."""
    return tuple(sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir()))


def plan(name: str, answers: Mapping[str, str]) -> tuple[File, ...]:
    """The files of a project made from the template ``name``, by path; ``answers["name"]`` is the project's name.

    Raises UnknownTemplate, InvalidName.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There is: {', '.join(names())}."
        raise UnknownTemplate(f'There is no template "{name}".', hint=hint)
    filled = {**answers, "name": check_name(answers["name"]), "identifier": _identifier(answers["name"])}
    folder = TEMPLATES / name
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    planned = {_target(path.relative_to(folder).as_posix()): _filled(path, filled) for path in files}
    first = service.made_of("flask", service.answers_of(FIRST_SERVICE, "/"))
    planned |= {f"services/{FIRST_SERVICE}/{file.path}": file.text for file in first.files}
    planned["howdah.toml"] = settings_file.add_section(planned["howdah.toml"], first.section)
    return tuple(File(path, text) for path, text in sorted(planned.items()))


def check_name(name: str) -> str:
    """The name, when a project can have it: any printable text that can stand in a file and in TOML.

    Raises InvalidName.
    """
    hint = "Use letters, digits, dashes and blanks."
    if not name.strip() or name in {".", ".."}:
        raise InvalidName(hint="Name the project's folder, as in `howdah quickstart hello`.")
    if not name.isprintable() or set(name) & set('"\\/`{}'):
        raise InvalidName(f"{name!a} has characters that a project's name cannot have.", hint=hint)
    if name.startswith("-") or name != name.strip():
        raise InvalidName(f'"{name}" begins or ends with what cannot begin or end a name.', hint=hint)
    if len(name) > _LONGEST_NAME:
        raise InvalidName(f"The name is longer than {_LONGEST_NAME} characters.", hint="Choose a shorter one.")
    return name


def _identifier(name: str) -> str:
    """The name as a database would be called: ASCII letters, digits and underscores.

    >>> _identifier("Café Züri 2")
    'cafe_zuri_2'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "howdah"


def _target(path: str) -> str:
    """Where a template's file goes.

    >>> _target("services/app/dot-gitignore")
    'services/app/.gitignore'
    """
    parts = (f".{part.removeprefix(_DOT)}" if part.startswith(_DOT) else part for part in PurePosixPath(path).parts)
    return "/".join(parts)


def _filled(path: Path, answers: Mapping[str, str]) -> str:
    """The template's text with ``{{name}}`` replaced; what is no answer of ours is somebody else's syntax."""
    text = path.read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda found: answers.get(found[1], found[0]), text)
