"""``.howdah-template.toml`` in a service's folder: which template it was made of, which version, with which answers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from howdah.templates.errors import NotUpdatable

FILE = ".howdah-template.toml"

_COMMENT = "What this service was made of. `howdah update` brings in what has changed in the template since."


@dataclass(frozen=True, slots=True)
class Answers:
    """A template, its version, and what was answered."""

    template: str
    version: int
    answers: Mapping[str, str]


def write_answers(answers: Answers) -> str:
    """The text of the file."""
    document = tomlkit.document()
    document.add(tomlkit.comment(_COMMENT))
    document["template"] = answers.template
    document["version"] = answers.version
    document["answers"] = dict(answers.answers)
    return tomlkit.dumps(document)


def read_answers(folder: Path) -> Answers | None:
    """What the service in ``folder`` was made of; None where no template is known. Raises NotUpdatable."""
    file = folder / FILE
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        template, version, answers = told["template"], told["version"], told.get("answers", {})
        return Answers(str(template), int(version), {str(name): str(value) for name, value in answers.items()})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotUpdatable(
            f"{file} cannot be read: it has a template, a version and answers.",
            path=str(file),
            hint="git has it as it was.",
        ) from error
