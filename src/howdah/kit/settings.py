"""Typed settings of a service, from its environment and from files for each environment.

    @dataclass(frozen=True, slots=True)
    class Settings:
        bearer: Secret
        page_size: Annotated[int, "rows on a page"] = 20

    settings = load(Settings, folder=Path(__file__).parent)

``python -m howdah.kit.settings app.settings:Settings --write .env.example`` writes a template of it, and ``--check``
says whether that still is what the class says. The class may be a dataclass or a model of pydantic.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from howdah.kit.errors import WrongSettings
from howdah.kit.settings_fields import Field, build, described, fields_of, is_settings, value_of, written
from howdah.observe.secret import Secret as Secret
from howdah.project.dotenv import parse_dotenv
from howdah.project.errors import InvalidSettings

Settings = TypeVar("Settings")

ENVIRONMENT_VARIABLES: Final = ("HOWDAH_ENVIRONMENT", "ENVIRONMENT")
DEFAULT_ENVIRONMENT: Final = "development"
TEMPLATE: Final = ".env.example"


def load(
    settings: type[Settings],
    *,
    folder: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The settings, out of the environment, and of files in ``folder`` for what the environment does not say.

    Of the files the later win: ``.env``, ``.env.<environment>``, ``env/<environment>/.env``; which environment it is
    says ``HOWDAH_ENVIRONMENT`` (or ``ENVIRONMENT``), else it is ``development``. A ``prefix: ClassVar[str]`` of the
    class stands before every name. Raises WrongSettings, with everything that is wrong.
    """
    outside = os.environ if environment is None else environment
    fields = tuple(fields_of(settings, prefix_of(settings)))
    problems: list[str] = []
    given = dict(_from_files(folder, environment_name(outside), fields, problems))
    given |= {field.name: outside[field.name] for field in fields if field.name in outside}
    if prefix := prefix_of(settings):
        problems += _unknown({name: "the environment" for name in outside if name.startswith(prefix)}, fields)
    values: dict[tuple[str, ...], Any] = {}
    for field in fields:
        text = given.get(field.name)
        if not text and field.required:
            problems.append(_missing(field, {*outside, *given}))
        elif text is not None and (text or field.takes_empty):
            try:
                values[field.path] = value_of(text, field)
            except ValueError as error:
                problems.append(f"{field.name} should be {error}")
    if problems:
        raise WrongSettings(problems)
    return _built(settings, values)


def environment_name(environment: Mapping[str, str]) -> str:
    """Which environment it is: ``development``, ``production``, whatever somebody called it."""
    return next((environment[name] for name in ENVIRONMENT_VARIABLES if environment.get(name)), DEFAULT_ENVIRONMENT)


def prefix_of(settings: type) -> str:
    """What stands before the name of every setting outside."""
    return str(getattr(settings, "prefix", ""))


def template(settings: type) -> str:
    """The text of ``.env.example``: every setting with what it takes; those without a default are to be filled in."""
    lines = [f"# Settings of {settings.__module__}.{settings.__qualname__}, written by howdah.kit.settings."]
    for field in fields_of(settings, prefix_of(settings)):
        said = f"{field.help} ({described(field.annotation)})" if field.help else described(field.annotation)
        lines += ["", f"# {said}{', required' if field.required else ''}"]
        lines.append(f"{field.name}=" if field.required else f"# {field.name}={written(field.default)}")
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """0, when the template is written or is what it should be; 3, when it is not."""
    parser = argparse.ArgumentParser(
        prog="python -m howdah.kit.settings", description="The template of a service's settings."
    )
    parser.add_argument("settings", help="where the class is: app.settings:Settings")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", metavar="FILE", type=Path, help="write the template")
    what.add_argument("--check", metavar="FILE", type=Path, help="is the file what the class says?")
    chosen = parser.parse_args(words)
    text = template(_class(chosen.settings))
    if chosen.write is not None:
        chosen.write.write_text(text, encoding="utf-8")
    elif chosen.check is not None:
        return _compare(chosen.check, text, chosen.settings)
    else:
        sys.stdout.write(text)
    return 0


def _compare(file: Path, text: str, named: str) -> int:
    there = file.read_text(encoding="utf-8") if file.exists() else ""
    if there == text:
        return 0
    difference = difflib.unified_diff(there.splitlines(keepends=True), text.splitlines(keepends=True), str(file), named)
    sys.stderr.writelines(difference)
    sys.stderr.write(f"hint: python -m howdah.kit.settings {named} --write {file}\n")
    return 3


def _class(named: str) -> type:
    module, _, name = named.partition(":")
    found = getattr(importlib.import_module(module), name or "Settings", None)
    if not is_settings(found):
        raise SystemExit(f"{named} is no class of settings: app.settings:Settings would name one")
    assert isinstance(found, type)
    return found


def _from_files(
    folder: Path | str | None, environment: str, fields: Sequence[Field], problems: list[str]
) -> dict[str, str]:
    """What the files say; of names that nobody knows it is a problem."""
    found: dict[str, str] = {}
    if folder is None:
        return found
    for place in (Path(".env"), Path(f".env.{environment}"), Path("env", environment, ".env")):
        file = Path(folder) / place
        if not file.is_file():
            continue
        try:
            values = parse_dotenv(file.read_text(encoding="utf-8"), place=str(file))
        except (InvalidSettings, UnicodeDecodeError) as error:
            problems.append(f"{file} cannot be read: {error}")
            continue
        problems += _unknown(dict.fromkeys(values, str(file)), fields)
        found |= values
    return found


def _unknown(names: Mapping[str, str], fields: Sequence[Field]) -> list[str]:
    known = [field.name for field in fields]
    said = []
    for name, place in names.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            said.append(f"{name} in {place} is no setting" + (f"; is {close[0]} meant?" if close else ""))
    return said


def _missing(field: Field, given: set[str]) -> str:
    said = f"{field.name} is not set ({field.help or described(field.annotation)})"
    close = difflib.get_close_matches(field.name, sorted(given - {field.name}), 1, 0.8)
    return said + (f"; {close[0]} is: is it meant?" if close else "")


def _built(settings: type[Settings], values: Mapping[tuple[str, ...], Any]) -> Settings:
    try:
        found: Settings = build(settings, values)
    except ValueError as error:  # of the class's own checks, or of pydantic's
        errors = getattr(error, "errors", None)
        said = (
            [f"{'_'.join(str(part) for part in one['loc']).upper()}: {one['msg']}" for one in errors()]
            if callable(errors)
            else [str(error)]
        )
        raise WrongSettings(said) from None
    return found


if __name__ == "__main__":
    raise SystemExit(main())
