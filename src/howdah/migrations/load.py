"""The folders ``migrations`` and ``seeds`` → values, in the order they are to be applied."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from howdah.migrations.errors import InvalidMigrations
from howdah.postgres.statements import statement_starts

_FOLDER_NAME = re.compile(r"([0-9]{1,18})_(\w[\w.-]*)")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file of SQL. ``place`` is its path as messages show it, ``checksum`` does not depend on how lines end."""

    place: str
    sql: str
    checksum: str

    @property
    def has_statements(self) -> bool:
        """Whether there is more in it than comments."""
        return bool(statement_starts(self.sql))


@dataclass(frozen=True, slots=True)
class Migration:
    """A folder ``<version>_<name>`` with an ``up.sql``, and perhaps a ``down.sql``. ``place`` is the folder's path."""

    version: int
    name: str
    place: str
    up: tuple[SqlFile, ...]
    down: tuple[SqlFile, ...] = ()

    @property
    def checksum(self) -> str:
        """What tells whether it is what was applied: of its one file, or of all of them in order."""
        if len(self.up) == 1:
            return self.up[0].checksum
        return hashlib.sha256(" ".join(file.checksum for file in self.up).encode()).hexdigest()

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
            problems.append(f"{place} has the version of {other.place}.")
        else:
            up, down = (
                tuple(_read(path / name, f"{place}/{name}", problems) for name in names if (path / name).is_file())
                for names in (("up.sql",), ("down.sql",))
            )
            found[int(matched[1])] = Migration(int(matched[1]), matched[2], place, up, down)
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
