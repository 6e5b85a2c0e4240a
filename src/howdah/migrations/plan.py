"""What is there and what has been applied → what is still to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from howdah.migrations.errors import EditedAfterApply, MigrationMissing, NoDown, UnknownMigration
from howdah.migrations.load import Migration, Seed

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


def standings(found: Sequence[Migration], applied: Iterable[Applied]) -> tuple[Standing, ...]:
    """Every migration there is, by version."""
    folder = {migration.version: migration for migration in found}
    database = {one.version: one for one in applied}
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
    statement yet is left alone until it has. Raises EditedAfterApply (E202) and MigrationMissing (E205) for what was
    applied and is not there as it was.
    """
    pending: list[Migration] = []
    for one in standings(found, applied):
        if one.migration is None:
            raise _missing(one)
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
    say how, MigrationMissing (E205) when it has no folder.
    """
    done = [one for one in reversed(standings(found, applied)) if one.applied is not None]
    chosen = done[:count] if to is None else [one for one in done if one.version > to]
    migrations: list[Migration] = []
    for one in chosen:
        if one.migration is None:
            raise _missing(one)
        if not one.migration.is_revertible:
            place = one.migration.down_place
            raise NoDown(
                f"{one.migration.place} cannot be taken back: there is no {place} with a statement in it.",
                path=place,
                hint=f"Write {place}, or a new migration that undoes what this one did.",
            )
        migrations.append(one.migration)
    return tuple(migrations)


def _missing(one: Standing) -> MigrationMissing:
    return MigrationMissing(
        f"The database has migration {one.version}_{one.name}, and the folder does not.",
        hint="Get the folder from version control, or from whoever applied it.",
    )


def pending_seeds(found: Sequence[Seed], applied: Iterable[str]) -> tuple[Seed, ...]:
    """The seeds still to be run, by name. One that was edited since is not run again: its rows are the user's now."""
    done = set(applied)
    return tuple(seed for seed in found if seed.name not in done)
