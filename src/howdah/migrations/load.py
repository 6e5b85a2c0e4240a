"""The folders ``migrations`` and ``seeds`` → values, in the order they are to be applied."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from howdah.migrations import replaces
from howdah.migrations.errors import InvalidMigrations
from howdah.migrations.replaces import Replaced
from howdah.postgres.statements import statement_starts

_FOLDER_NAME = re.compile(r"([0-9]{1,18})_(\w[\w.-]*)")
_PART_NAME = re.compile(r"(up|down)(?:\.([0-9]{1,6}))?\.(sql|yaml)")
_NEARLY_A_PART = re.compile(r"(up|down)\b.*\.(sql|ya?ml|json)", re.IGNORECASE)
_FILE_NAME = re.compile(r"([0-9]{1,18})_(.*)\.(down|up)\.(sql|yaml)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file of SQL. ``place`` is its path as messages show it, ``checksum`` does not depend on how lines end."""

    place: str
    text: str
    checksum: str

    @property
    def has_statements(self) -> bool:
        """Whether there is more in it than comments."""
        return bool(statement_starts(self.text))


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the Data API in a file, and the line it begins in. What it means is for others to know."""

    line: int
    type: str
    args: Any


@dataclass(frozen=True, slots=True)
class CallsFile:
    """A file of calls, to be carried out in order."""

    place: str
    text: str
    checksum: str
    calls: tuple[Call, ...]

    @property
    def has_statements(self) -> bool:
        """Whether there is a call in it."""
        return bool(self.calls)


File = SqlFile | CallsFile


@dataclass(frozen=True, slots=True)
class Migration:
    """A folder ``<version>_<name>`` with an ``up.sql``, and perhaps a ``down.sql``; or files that begin like that.

    ``place`` is the path of the folder, or how the paths of the files begin. ``replaces`` are those it was made of.
    """

    version: int
    name: str
    place: str
    up: tuple[File, ...]
    down: tuple[File, ...] = ()
    replaces: tuple[Replaced, ...] = ()

    @property
    def checksum(self) -> str:
        """What tells whether it is what was applied: of its one file with statements, or of all of them in order."""
        files = [file for file in self.up if file.has_statements] or list(self.up)
        if len(files) == 1:
            return files[0].checksum
        return hashlib.sha256(" ".join(file.checksum for file in files).encode()).hexdigest()

    @property
    def down_place(self) -> str:
        """Where one would write how to take it back."""
        separator = "/" if self.up and self.up[0].place.startswith(f"{self.place}/") else "."
        return f"{self.place}{separator}down.sql"

    @property
    def is_written(self) -> bool:
        """Whether there is anything to apply; ``migration new`` makes one in which there is not, yet."""
        return any(file.has_statements for file in self.up)

    @property
    def is_revertible(self) -> bool:
        """Whether somebody wrote down how to take it back."""
        return any(file.has_statements for file in self.down)


@dataclass(frozen=True, slots=True)
class Seed:
    """A file ``seeds/<name>``, whose statements are run once."""

    name: str
    file: SqlFile


def load_migrations(folder: Path) -> tuple[Migration, ...]:
    """The migrations in the folder by ascending version, which is compared as a number; none when it does not exist.

    A migration is a folder, or files of one version and name: ``.up.sql``, ``.up.yaml``, ``.down.sql``, ``.down.yaml``,
    of which the SQL comes first. In a folder are ``up.sql`` and ``up.yaml``, of which the SQL comes first, and
    ``down.yaml`` and ``down.sql``, of which it comes last; or any number of ``up.1.sql``, ``up.2.yaml``, …, by number.
    Names that begin with a dot, and text for people (``README``, ``.md``, ``.txt``), are passed over. Raises
    InvalidMigrations with everything that is wrong.
    """
    problems: list[str] = []
    read = _read_folders(folder, problems) + _read_files(folder, problems)
    found: dict[int, Migration] = {}
    for migration in sorted(read, key=lambda migration: (migration.version, migration.place)):
        first = found.setdefault(migration.version, migration)
        if first is not migration:
            problems.append(f"{migration.place} has the version of {first.place}.")
    if problems:
        raise InvalidMigrations(sorted(problems))
    return tuple(found.values())


def _read_folders(folder: Path, problems: list[str]) -> list[Migration]:
    migrations: list[Migration] = []
    for path in _entries(folder):
        place = f"{folder.name}/{path.name}"
        matched = _FOLDER_NAME.fullmatch(path.name)
        if not path.is_dir():
            if _FILE_NAME.fullmatch(path.name) is None:
                problems.append(
                    f"{place} is a file, not a folder with an up.sql in it; or it would be named like 1_x.up.sql."
                )
        elif matched is None:
            problems.append(f"{place} is not named <version>_<name>, as 0001_create_author is.")
        else:
            migrations.append(_read_folder(path, int(matched[1]), matched[2], place, problems))
    return migrations


def _read_folder(path: Path, version: int, name: str, place: str, problems: list[str]) -> Migration:
    parts: dict[str, dict[tuple[int, str], Path]] = {"up": {}, "down": {}}
    for file in sorted(path.iterdir()):
        matched = _PART_NAME.fullmatch(file.name)
        if matched is not None and file.is_file():
            direction, number, _ = matched.groups()
            parts[direction][int(number or 0), file.name] = file
        elif _NEARLY_A_PART.fullmatch(file.name):
            problems.append(
                f"{place}/{file.name} would not be read: a part is called like up.sql, up.yaml or up.1.sql."
            )
    if not parts["up"]:
        problems.append(f"{place} has no up.sql.")
    for named in parts.values():
        numbers = [number for number, _ in named]
        if any(numbers) and (0 in numbers or len(set(numbers)) < len(numbers)):
            problems.append(f"{place} has parts whose order nobody knows: number all of them, each with its own.")
    # What calls say of tables is said when those are there: after they are made, before they are dropped.
    up = [files for _, files in sorted(parts["up"].items())]
    down = [files for _, files in sorted(parts["down"].items(), key=lambda one: (one[0][0], one[0][1] == "down.sql"))]
    read = [tuple(_read_either(file, f"{place}/{file.name}", problems) for file in files) for files in (up, down)]
    listed: tuple[Replaced, ...] = ()
    if (path / replaces.FILE).is_file():
        text = _read(path / replaces.FILE, f"{place}/{replaces.FILE}", problems).text
        listed = replaces.read_replaces(f"{place}/{replaces.FILE}", text, problems)
    return Migration(version, name, place, read[0], read[1], listed)


def _read_files(folder: Path, problems: list[str]) -> list[Migration]:
    """The migrations that are files beside each other, as the servers of this query language had them first."""
    files: dict[tuple[str, str], dict[str, list[File]]] = {}
    for path in _entries(folder):
        matched = _FILE_NAME.fullmatch(path.name)
        if matched is not None and path.is_file():
            version, name, direction, _ = matched.groups()
            both = files.setdefault((version, name), {"up": [], "down": []})
            both[direction].append(_read_either(path, f"{folder.name}/{path.name}", problems))
    migrations: list[Migration] = []
    for (version, name), both in files.items():
        place = f"{folder.name}/{version}_{name}"
        if not both["up"]:
            problems.append(f"{place}.down has no {place}.up.sql or {place}.up.yaml.")
        migrations.append(Migration(int(version), name, place, tuple(both["up"]), tuple(both["down"])))
    return migrations


def _entries(folder: Path) -> list[Path]:
    """What is in the folder, by name: so ``.sql`` comes before ``.yaml``."""
    return [path for path in sorted(folder.iterdir()) if not _is_for_people(path)] if folder.is_dir() else []


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


def _read_either(path: Path, place: str, problems: list[str]) -> File:
    file = _read(path, place, problems)
    if path.suffix == ".sql":
        return file
    from howdah.migrations.calls import parse_calls  # only for who has such files: it needs a parser of YAML

    return CallsFile(place, file.text, file.checksum, parse_calls(place, file.text, problems))


def _is_for_people(path: Path) -> bool:
    return path.name.startswith((".", "README")) or (path.is_file() and path.suffix in {".md", ".txt"})
