"""What a squashed migration stands for: the file ``replaces.toml`` beside it ↔ values."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FILE = "replaces.toml"

_HEAD = (
    "# The migrations this one replaces. A database that has applied all of them as they were has applied this one.\n"
    "# Written by `howdah migration squash`; an edit would make databases apply again what they have.\n"
)
_KEYS = {"version": int, "name": str, "checksum": str}


@dataclass(frozen=True, slots=True)
class Replaced:
    """A migration that is in no folder any more, and what it had replaced itself."""

    version: int
    name: str
    checksum: str
    replaces: tuple[Replaced, ...] = ()


def read_replaces(place: str, text: str, problems: list[str]) -> tuple[Replaced, ...]:
    """The migrations that the file lists; what is wrong goes to ``problems``."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{place} is not TOML: {error}.")
        return ()
    read = _read(found) if found.keys() == {"replaces"} else None
    if not read:
        problems.append(f"{place} must be a list of [[replaces]] with version, name and checksum.")
    return read or ()


def _read(found: Mapping[str, Any]) -> tuple[Replaced, ...] | None:
    """None for what is no such list."""
    listed = found.get("replaces", [])
    if not isinstance(listed, list):
        return None
    replaced: list[Replaced] = []
    for one in listed:
        nested = _read(one) if isinstance(one, dict) else None
        if nested is None or one.keys() - {"replaces"} != _KEYS.keys():
            return None
        if any(type(one[key]) is not kind for key, kind in _KEYS.items()):
            return None
        replaced.append(Replaced(one["version"], one["name"], one["checksum"], nested))
    return tuple(replaced)


def write_replaces(replaced: Sequence[Replaced]) -> str:
    """The text of the file."""
    return _HEAD + "".join(_blocks(replaced, "replaces"))


def _blocks(replaced: Sequence[Replaced], key: str) -> Iterator[str]:
    for one in replaced:
        # A JSON string of these is one of TOML's, too.
        name, checksum = (json.dumps(text, ensure_ascii=False) for text in (one.name, one.checksum))
        yield f"\n[[{key}]]\nversion = {one.version}\nname = {name}\nchecksum = {checksum}\n"
        yield from _blocks(one.replaces, f"{key}.replaces")
