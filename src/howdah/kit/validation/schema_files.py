"""Files of JSON Schema, found beside the code that uses them and never from the working directory."""

from __future__ import annotations

import importlib.resources
import json
import sys
from collections.abc import Callable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from howdah.kit.errors import WrongSchema

FOLDER: Final = "schemas"
"""The folder beside a module in which its schemas may be."""


def find(name: str, function: Callable[..., Any]) -> tuple[Traversable, Traversable]:
    """The folder and the file of this name: beside the module of the function, or in the folder ``schemas`` there.

    Raises WrongSchema: there is none.
    """
    folder = _beside(function.__module__)
    parts = _parts(name)
    for place in (folder, folder / FOLDER):
        if parts and (found := place.joinpath(*parts)).is_file():
            return place, found
    raise WrongSchema(f'There is no file "{name}".', hint=f"It was looked for in {folder} and in {FOLDER}/ there.")


def sibling(file: Traversable, folder: Traversable, name: str) -> Any:
    """The JSON of another file of the same folder, to which a ``$ref`` leads. Raises WrongSchema."""
    parts = _parts(name)
    found = folder.joinpath(*parts) if parts else None
    if found is None or not found.is_file():
        raise WrongSchema(f'"{name}" is no file beside it.', path=str(file))
    return read(found)


def read(file: Traversable) -> Any:
    """The JSON in a file. Raises WrongSchema: it holds none."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise WrongSchema(f"This is no JSON: {error}.", path=str(file)) from error


def _parts(name: str) -> tuple[str, ...]:
    """The steps from a folder down to a file; none, if they would lead out of it."""
    parts = tuple(name.split("/"))
    return () if "\\" in name or ":" in name or any(part in {"", ".", ".."} for part in parts) else parts


def _beside(name: str) -> Traversable:
    """The folder that holds a module; of a package, its own."""
    module = sys.modules.get(name)
    if module is not None and module.__package__:  # which may be in an archive
        return importlib.resources.files(module.__package__)
    file = getattr(module, "__file__", None)
    if file is None:
        raise WrongSchema(f"Nobody knows where the module {name} is, so no file is beside it.")
    return Path(file).resolve().parent
