"""The folders ``migrations`` and ``seeds`` → values, in the order they are to be applied."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from howdah.migrations.errors import InvalidMigrations

_FOLDER_NAME = re.compile(r"([0-9]{1,18})_(\w[\w.-]*)")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file of SQL. ``place`` is its path as messages show it, ``checksum`` does not depend on how lines end."""

    place: str
    sql: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Migration:
    """A folder ``<version>_<name>`` with an ``up.sql``, and perhaps a ``down.sql``."""

    version: int
    name: str
    up: SqlFile
    down: SqlFile | None = None


@dataclass(frozen=True, slots=True)
class Seed:
    """A file ``seeds/<name>``, whose statements are run once."""

    name: str
    file: SqlFile


def load_migrations(folder: Path) -> tuple[Migration, ...]:
    """The migrations in the folder by ascending version, which is compared as a number; none when it does not exist.

    Files whose names begin with a dot, and text for people (``README``, ``.md``, ``.txt``), are passed over. Raises
    InvalidMigrations with everything that is wrong.
    """
    problems: list[str] = []
    found: dict[int, Migration] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        place = f"{folder.name}/{path.name}"
        matched = _FOLDER_NAME.fullmatch(path.name)
        if _is_for_people(path):
            continue
        if not path.is_dir():
            problems.append(f"{place} is a file, not a folder with an up.sql in it.")
        elif matched is None:
            problems.append(f"{place} is not named <version>_<name>, as 0001_create_author is.")
        elif not (path / "up.sql").is_file():
            problems.append(f"{place} has no up.sql.")
        elif int(matched[1]) in found:
            other = found[int(matched[1])]
            problems.append(f"{place} has the version of {Path(other.up.place).parent}.")
        else:
            up = _read(path / "up.sql", f"{place}/up.sql", problems)
            down = _read(path / "down.sql", f"{place}/down.sql", problems) if (path / "down.sql").is_file() else None
            found[int(matched[1])] = Migration(int(matched[1]), matched[2], up, down)
    if problems:
        raise InvalidMigrations(problems)
    return tuple(found[version] for version in sorted(found))


def load_seeds(folder: Path) -> tuple[Seed, ...]:
    """The ``.sql`` files in the folder by name; none when it does not exist. Raises InvalidMigrations."""
    problems: list[str] = []
    paths = sorted(folder.glob("*.sql")) if folder.is_dir() else []
    seeds = tuple(Seed(path.name, _read(path, f"{folder.name}/{path.name}", problems)) for path in paths)
    if problems:
        raise InvalidMigrations(problems)
    return seeds


def sql_file(place: str, text: str) -> SqlFile:
    """A file of SQL out of its text."""
    normal = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return SqlFile(place, normal, hashlib.sha256(normal.encode()).hexdigest())


def _read(path: Path, place: str, problems: list[str]) -> SqlFile:
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{place} cannot be read: {error}.")
        text = ""
    if "\0" in text:
        problems.append(f"{place} has a NUL character in it.")
    return sql_file(place, text)


def _is_for_people(path: Path) -> bool:
    return path.name.startswith((".", "README")) or (path.is_file() and path.suffix in {".md", ".txt"})
