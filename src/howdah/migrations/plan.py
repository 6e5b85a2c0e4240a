"""What is there and what has been applied → what is still to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from howdah.migrations.errors import EditedAfterApply, MigrationMissing
from howdah.migrations.load import Migration, Seed


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration as the database remembers it."""

    version: int
    name: str
    checksum: str


def pending_migrations(found: Sequence[Migration], applied: Iterable[Applied]) -> tuple[Migration, ...]:
    """The migrations still to be applied, by version.

    One that is older than the newest applied is pending like any other: it came with a merged branch. Raises
    EditedAfterApply (E202) and MigrationMissing (E205) for what was applied and is not there as it was.
    """
    by_version = {migration.version: migration for migration in found}
    done: set[int] = set()
    for one in applied:
        migration = by_version.get(one.version)
        if migration is None:
            raise MigrationMissing(
                f"The database has migration {one.version}_{one.name}, and the folder does not.",
                hint="Get the folder from version control, or from whoever applied it.",
            )
        if migration.up.checksum != one.checksum:
            raise EditedAfterApply(
                f"{migration.up.place} was edited after it had been applied to this database.",
                path=migration.up.place,
                hint="Take the edit back, and write what should change into a new migration.",
            )
        done.add(one.version)
    return tuple(migration for migration in found if migration.version not in done)


def pending_seeds(found: Sequence[Seed], applied: Iterable[str]) -> tuple[Seed, ...]:
    """The seeds still to be run, by name. One that was edited since is not run again: its rows are the user's now."""
    done = set(applied)
    return tuple(seed for seed in found if seed.name not in done)
