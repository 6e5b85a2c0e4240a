"""What is there and what has been applied → what is still to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from howdah.migrations.errors import EditedAfterApply, MigrationMissing, NoDown, PartlyReplaced, UnknownMigration
from howdah.migrations.load import Migration, Seed
from howdah.migrations.replaces import Replaced

State = Literal["applied", "pending", "empty", "edited", "missing"]
"""How the folder and the database agree on a migration. An empty one has no statement yet; it is not applied."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration as the database remembers it."""

    version: int
    name: str
    checksum: str
    applied_at: str | None = None
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A migration that the folder has, the database has, or both."""

    version: int
    name: str
    state: State
    migration: Migration | None
    applied: Applied | None


@dataclass(frozen=True, slots=True)
class Replacement:
    """A squashed migration that the database has in the form of those it replaces, which are ``versions``."""

    migration: Migration
    versions: tuple[int, ...]


def replacements(found: Sequence[Migration], applied: Iterable[Applied]) -> tuple[Replacement, ...]:
    """The migrations that are applied without anybody having run them: all they were made of was, as it was."""
    database = {one.version: one for one in applied}
    replaced: list[Replacement] = []
    for migration in found:
        own = database.get(migration.version)
        if migration.replaces and (own is None or own.checksum != migration.checksum):
            versions = _covered(migration.replaces, database)
            if versions is not None:
                replaced.append(Replacement(migration, versions))
    return tuple(replaced)


def _covered(replaced: Sequence[Replaced], database: Mapping[int, Applied]) -> tuple[int, ...] | None:
    """The versions in the database that are these migrations; None when it has not applied all of them as they were."""
    versions: list[int] = []
    for one in replaced:
        applied = database.get(one.version)
        if applied is not None and applied.checksum == one.checksum:
            versions.append(one.version)
        else:
            inner = _covered(one.replaces, database) if one.replaces else None
            if inner is None:
                return None
            versions += inner
    return tuple(versions)


def standings(found: Sequence[Migration], applied: Iterable[Applied]) -> tuple[Standing, ...]:
    """Every migration there is, by version."""
    folder = {migration.version: migration for migration in found}
    database = {one.version: one for one in applied}
    for replacement in replacements(found, tuple(database.values())):
        last = [database.pop(version) for version in replacement.versions][-1]
        migration = replacement.migration
        database[migration.version] = Applied(
            migration.version, migration.name, migration.checksum, last.applied_at, last.milliseconds
        )
    return tuple(_standing(version, folder, database) for version in sorted({*folder, *database}))


def _standing(version: int, folder: Mapping[int, Migration], database: Mapping[int, Applied]) -> Standing:
    migration, applied = folder.get(version), database.get(version)
    state: State
    if migration is None:
        state = "missing"
    elif applied is None:
        state = "pending" if migration.is_written else "empty"
    else:
        state = "applied" if applied.checksum == migration.checksum else "edited"
    known = migration or applied
    assert known is not None, "a version comes from the one or from the other"
    return Standing(version, known.name, state, migration, applied)


def find(standings: Sequence[Standing], word: str) -> Standing:
    """The migration that a version, a name or a folder's name means. Raises UnknownMigration."""
    meant = [one for one in standings if word in (str(one.version), one.name, f"{one.version}_{one.name}")]
    if not meant and word.partition("_")[0].isdecimal():
        version, _, name = word.partition("_")  # 0001 is 1
        meant = [one for one in standings if one.version == int(version) and name in ("", one.name)]
    if len(meant) == 1:
        return meant[0]
    raise UnknownMigration(
        f'There are {len(meant)} migrations called "{word}".' if meant else f'There is no migration "{word}".',
        hint="Say the version." if meant else "`howdah migration list` shows all of them.",
    )


def pending_migrations(
    found: Sequence[Migration], applied: Iterable[Applied], *, to: int | None = None
) -> tuple[Migration, ...]:
    """The migrations still to be applied, by version; none newer than ``to``.

    One that is older than the newest applied is pending like any other: it came with a merged branch. One that has no
    statement yet is left alone until it has. Raises EditedAfterApply (E202), MigrationMissing (E205) and PartlyReplaced
    (E213) for what was applied and is not there as it was.
    """
    applied = tuple(applied)
    _refuse_partly_replaced(found, applied)
    pending: list[Migration] = []
    for one in standings(found, applied):
        if one.migration is None:
            raise _missing(one, found)
        if one.state == "edited":
            place = one.migration.up[0].place
            raise EditedAfterApply(
                f"{place} was edited after it had been applied to this database.",
                path=place,
                hint="Take the edit back, and write what should change into a new migration. Where nobody else has it"
                " and the rows may go: `howdah migration down`, then up.",
            )
        if one.state == "pending" and (to is None or one.version <= to):
            pending.append(one.migration)
    return tuple(pending)


def reverted_migrations(
    found: Sequence[Migration], applied: Iterable[Applied], *, count: int = 1, to: int | None = None
) -> tuple[Migration, ...]:
    """The applied migrations to take back, newest first: the last ``count``, or with ``to`` all that are newer.

    One that was edited may be taken back: that is how an edit gets in. Raises NoDown (E203) when one of them does not
    say how, MigrationMissing (E205) when it has no folder, PartlyReplaced (E213).
    """
    applied = tuple(applied)
    _refuse_partly_replaced(found, applied)
    done = [one for one in reversed(standings(found, applied)) if one.applied is not None]
    chosen = done[:count] if to is None else [one for one in done if one.version > to]
    migrations: list[Migration] = []
    for one in chosen:
        if one.migration is None:
            raise _missing(one, found)
        if not one.migration.is_revertible:
            place = one.migration.down_place
            raise NoDown(
                f"{one.migration.place} cannot be taken back: there is no {place} with a statement in it.",
                path=place,
                hint=f"Write {place}, or a new migration that undoes what this one did.",
            )
        migrations.append(one.migration)
    return tuple(migrations)


def _missing(one: Standing, found: Sequence[Migration]) -> MigrationMissing:
    name = f"{one.version}_{one.name}"
    if all(one.version > migration.version for migration in found):
        return MigrationMissing(
            f"The database is newer than these files: it has migration {name}.",
            hint="Get the newer files from version control; or take it back with them: `howdah migration down`.",
        )
    return MigrationMissing(
        f"The database has migration {name}, and the folder does not.",
        hint="Get the folder from version control, or from whoever applied it.",
    )


def _refuse_partly_replaced(found: Sequence[Migration], applied: Sequence[Applied]) -> None:
    """No squashed migration stands for some that the database has and some that it has not. Raises PartlyReplaced."""
    known = {one.version: one for one in standings(found, applied)}
    database = {one.version for one in applied}
    for migration in found:
        if migration.replaces and known[migration.version].state != "applied":
            parts = {one.version: one for one in _with_inner(migration.replaces)}
            names = [f"{version}_{one.name}" for version, one in sorted(parts.items()) if version in database]
            if names:
                raise PartlyReplaced(
                    f"{migration.place} replaces {len(migration.replaces)} migrations, which this database has not all"
                    f" applied as they were: it has {', '.join(names)}.",
                    path=migration.place,
                    hint="With the files from before the squash: `howdah migration up`, or `down`. Then with these.",
                )


def _with_inner(replaced: Iterable[Replaced]) -> Iterator[Replaced]:
    for one in replaced:
        yield one
        yield from _with_inner(one.replaces)


def pending_seeds(found: Sequence[Seed], applied: Iterable[str]) -> tuple[Seed, ...]:
    """The seeds still to be run, by name. One that was edited since is not run again: its rows are the user's now."""
    done = set(applied)
    return tuple(seed for seed in found if seed.name not in done)
