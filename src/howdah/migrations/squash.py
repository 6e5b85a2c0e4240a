"""Several migrations → one that does the same, and that a database which has them has, too."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from howdah.migrations import replaces
from howdah.migrations.errors import NothingToSquash
from howdah.migrations.load import CallsFile, File, Migration
from howdah.migrations.plan import find, standings
from howdah.migrations.replaces import Replaced
from howdah.postgres.statements import statement_starts

# What one file set for its session did not reach the next, and shall not now that both are one.
_RESET = "reset session authorization; reset role; reset all;"
_NO_DOWN = "-- {place} cannot be taken back, so this cannot be either.\n"


@dataclass(frozen=True, slots=True)
class Squash:
    """A migration to write, as the folder's name and the texts of its files, and those it replaces."""

    folder: str
    texts: Mapping[str, str]
    replaced: tuple[Migration, ...]
    irreversible: tuple[str, ...]
    """Those of the replaced that do not say how to take them back: the new one does not either."""


def plan_squash(found: Sequence[Migration], first: str, last: str | None, slug: str | None) -> Squash:
    """What to write for the migrations from ``first`` to ``last``, which is the newest when it is None. Pure.

    The new one has the version of the last, so that it stands where they stood. One that has no statement yet is left
    as it is. Raises UnknownMigration, NothingToSquash.
    """
    known = standings(found, ())
    begin = find(known, first).version
    end = max(one.version for one in known) if last is None else find(known, last).version
    chosen = tuple(one for one in found if begin <= one.version <= end and one.is_written)
    if len(chosen) < 2:
        raise NothingToSquash(f"From {begin} to {end} there are not two migrations to make one of.")
    irreversible = tuple(one.place for one in chosen if not one.is_revertible)
    down = [] if irreversible else [file for one in reversed(chosen) for file in one.down]
    texts = {
        **_named("up", _merged(file for one in chosen for file in one.up)),
        **_named("down", _merged(down)),
        replaces.FILE: replaces.write_replaces([_as_replaced(one) for one in chosen]),
    }
    if irreversible:
        texts["down.sql"] = "".join(_NO_DOWN.format(place=place) for place in irreversible)
    name = slug or f"{chosen[0].name}_to_{chosen[-1].name}"
    return Squash(f"{_version_text(chosen[-1])}_{name}", texts, chosen, irreversible)


def _version_text(migration: Migration) -> str:
    """The version as its folder writes it, with the zeros before it."""
    return Path(migration.place).name.partition("_")[0]


def _as_replaced(migration: Migration) -> Replaced:
    return Replaced(migration.version, migration.name, migration.checksum, migration.replaces)


_Kind = Literal["sql", "yaml"]


def _merged(files: Iterable[File]) -> list[tuple[_Kind, str]]:
    """The files in order, SQL beside SQL as one text. Calls stay apart: what they mean depends on what was before."""
    parts: list[tuple[_Kind, str]] = []
    for file in files:
        if not file.has_statements:
            continue
        headed = f"-- {file.place}\n\n" if not isinstance(file, CallsFile) else f"# {file.place}\n\n"
        text = headed + file.text.strip("\n") + "\n"
        if isinstance(file, CallsFile):
            parts.append(("yaml", text))
        elif parts and parts[-1][0] == "sql":
            parts[-1] = ("sql", f"{_ended(parts[-1][1])}\n{text}")
        else:
            parts.append(("sql", text))
    return parts


def _ended(sql: str) -> str:
    """The text so that another statement can follow it, with the settings it made taken back."""
    text = sql if sql.rstrip().endswith(";") else f"{sql};\n"  # on a line of its own: a comment may end the text
    sets = "set_config" in sql.lower() or any(one.words[:1] == ("set",) for one in statement_starts(sql))
    return f"{text}{_RESET}\n" if sets else text


def _named(direction: str, parts: Sequence[tuple[_Kind, str]]) -> dict[str, str]:
    """The parts by the names of their files: numbered where there are more than the usual two in the usual order."""
    kinds = tuple(kind for kind, _ in parts)
    usual = ("sql", "yaml") if direction == "up" else ("yaml", "sql")
    numbered = len(kinds) > 1 and kinds != usual
    return {
        f"{direction}.{number}.{kind}" if numbered else f"{direction}.{kind}": text
        for number, (kind, text) in enumerate(parts, 1)
    }


def uncommitted(folder: Path, squash: Squash) -> tuple[Path, ...]:
    """The files of the replaced migrations that git could not give back: all of them where there is no git."""
    paths = _paths(folder, squash.replaced)
    command = ("git", "-C", str(folder), "status", "--porcelain", "--ignored", "-z", "--", *map(str, paths))
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return paths
    return paths if done.returncode != 0 or done.stdout else ()


def write_squash(folder: Path, squash: Squash) -> Path:
    """The migration is in the folder, and those it replaces are not any more; its folder.

    They go only when it is complete, and come back when it cannot take their place. Raises OSError.
    """
    building = folder / f".squash-{secrets.token_hex(4)}"
    away = building / "replaced"
    away.mkdir(parents=True)
    moved: list[tuple[Path, Path]] = []
    made = folder / squash.folder
    new = building / "new"
    try:
        new.mkdir()
        for name, text in squash.texts.items():
            with (new / name).open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for path in _paths(folder, squash.replaced):
            path.rename(away / path.name)
            moved.append((path, away / path.name))
        new.rename(made)
    except BaseException:
        for path, kept in moved:
            with contextlib.suppress(OSError):
                kept.rename(path)
        if all(path.exists() for path, _ in moved):
            shutil.rmtree(building, ignore_errors=True)
        raise
    shutil.rmtree(building, ignore_errors=True)
    return made


def _paths(folder: Path, migrations: Sequence[Migration]) -> tuple[Path, ...]:
    """The folders of the migrations; of those that are files beside each other, the files."""
    paths: list[Path] = []
    for migration in migrations:
        path = folder / Path(migration.place).name
        paths += [path] if path.is_dir() else sorted(folder.glob(f"{glob.escape(path.name)}.*"))
    return tuple(paths)
