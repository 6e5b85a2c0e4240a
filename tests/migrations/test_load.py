"""Folders become migrations, or an error that names everything that is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from howdah.migrations.errors import EditedAfterApply, InvalidMigrations, MigrationMissing, NoDown, UnknownMigration
from howdah.migrations.load import Migration, Seed, load_migrations, load_seeds, sql_file
from howdah.migrations.plan import Applied, find, pending_migrations, pending_seeds, reverted_migrations, standings


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def migration(version: int, sql: str = "select 1") -> Migration:
    return Migration(version, "x", f"migrations/{version}_x", (sql_file(f"migrations/{version}_x/up.sql", sql),))


def test_versions_are_sorted_as_numbers(tmp_path: Path) -> None:
    """Seconds, milliseconds and small numbers sort by value, and names may have dashes and dots."""
    folder = write(
        tmp_path / "migrations",
        {
            "1500000000000_add-tags/up.sql": "select 3",
            "0002_create_author/up.sql": "select 1",
            "0002_create_author/down.sql": "select 0",
            "10_v1.5/up.sql": "select 2",
            "README.md": "about these",
            ".gitkeep": "",
        },
    )
    found = load_migrations(folder)
    assert [(one.version, one.name, one.up[0].text) for one in found] == [
        (2, "create_author", "select 1"),
        (10, "v1.5", "select 2"),
        (1500000000000, "add-tags", "select 3"),
    ]
    assert [file.place for file in (*found[0].up, *found[0].down)] == [
        "migrations/0002_create_author/up.sql",
        "migrations/0002_create_author/down.sql",
    ]
    assert found[0].is_revertible
    assert found[1].down == ()
    assert not found[1].is_revertible


def test_no_folder_is_no_migration(tmp_path: Path) -> None:
    """A project without migrations or seeds has none."""
    assert load_migrations(tmp_path / "migrations") == ()
    assert load_seeds(tmp_path / "seeds") == ()


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Malformed names, files among the folders, missing up.sql, equal versions: all in one error."""
    folder = write(
        tmp_path / "migrations",
        {
            "0001_fine/up.sql": "",
            "1_again/up.sql": "",
            "create_author/up.sql": "",
            "2_empty/down.sql": "",
            "3_file.sql": "",
        },
    )
    with pytest.raises(InvalidMigrations) as caught:
        load_migrations(folder)
    assert caught.value.problems == (
        "migrations/1_again has the version of migrations/0001_fine.",
        "migrations/2_empty has no up.sql.",
        "migrations/3_file.sql is a file, not a folder with an up.sql in it; or it would be named like 1_x.up.sql.",
        "migrations/create_author is not named <version>_<name>, as 0001_create_author is.",
    )
    assert caught.value.hint


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    """A file that is not UTF-8 is named."""
    folder = write(tmp_path / "seeds", {"good.sql": "select 1"})
    (folder / "bad.sql").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidMigrations, match=r"seeds/bad\.sql"):
        load_seeds(folder)


def test_the_checksum_does_not_depend_on_line_ends() -> None:
    """A checkout that turns line ends does not look like an edit, an edit does."""
    assert sql_file("a", "select 1;\r\nselect 2").checksum == sql_file("b", "select 1;\nselect 2").checksum
    assert sql_file("a", "select 1").checksum != sql_file("a", "select 2").checksum


def test_what_was_applied_is_not_pending() -> None:
    """Pending is what the database does not have, also when it is older than what it has."""
    found = [migration(1), migration(2), migration(3)]
    assert pending_migrations(found, []) == tuple(found)
    assert pending_migrations(found, [Applied(2, "x", found[1].checksum)]) == (found[0], found[2])


def test_an_edited_migration_is_refused() -> None:
    """E202: a migration that was applied must stay what it was."""
    with pytest.raises(EditedAfterApply) as caught:
        pending_migrations([migration(1, "select 2")], [Applied(1, "x", migration(1, "select 1").checksum)])
    assert caught.value.code == "E202"
    assert caught.value.path == "migrations/1_x/up.sql"


def test_a_missing_migration_is_refused() -> None:
    """A database that is ahead of the folder is not touched."""
    with pytest.raises(MigrationMissing, match="7_gone"):
        pending_migrations([migration(1)], [Applied(7, "gone", "")])


def reversible(version: int, down: str = "select 1") -> Migration:
    place = f"migrations/{version}_x"
    return Migration(
        version, "x", place, (sql_file(f"{place}/up.sql", "select 1"),), (sql_file(f"{place}/down.sql", down),)
    )


def record(migration: Migration) -> Applied:
    return Applied(migration.version, migration.name, migration.checksum)


def test_nothing_newer_than_asked_for_is_pending() -> None:
    """Up to a version, that version included."""
    found = [migration(1), migration(2), migration(3)]
    assert pending_migrations(found, [], to=2) == tuple(found[:2])


def test_a_migration_without_a_statement_is_left_alone() -> None:
    """What `migration new` made is not applied before somebody has written it, or the edit would be refused."""
    found = [migration(1, "-- soon\n"), migration(2)]
    assert pending_migrations(found, []) == (found[1],)
    assert [one.state for one in standings(found, [])] == ["empty", "pending"]


def test_where_each_migration_stands() -> None:
    """Applied, edited since, gone from the folder, pending: by version, whichever side knows it."""
    found = [migration(1), migration(2), migration(4)]
    database = [record(found[0]), Applied(2, "x", "other"), Applied(3, "gone", "")]
    told = [(one.version, one.name, one.state) for one in standings(found, database)]
    assert told == [(1, "x", "applied"), (2, "x", "edited"), (3, "gone", "missing"), (4, "x", "pending")]


def test_the_newest_are_reverted_first() -> None:
    """The last ones, in reverse; or all that are newer than a version."""
    found = [reversible(1), reversible(2), reversible(3), reversible(4)]
    database = [record(one) for one in found[:3]]
    assert [one.version for one in reverted_migrations(found, database)] == [3]
    assert [one.version for one in reverted_migrations(found, database, count=9)] == [3, 2, 1]
    assert [one.version for one in reverted_migrations(found, database, to=1)] == [3, 2]
    assert [one.version for one in reverted_migrations(found, database, to=0)] == [3, 2, 1]
    assert reverted_migrations(found, []) == ()


def test_an_edited_migration_can_be_reverted() -> None:
    """So does the edit get in: down, then up."""
    assert reverted_migrations([reversible(1)], [Applied(1, "x", "other")]) == (reversible(1),)


@pytest.mark.parametrize("down", [None, "", "-- nothing yet"])
def test_what_cannot_be_reverted_is_refused(down: str | None) -> None:
    """E203 for a migration that has no down.sql, or nothing in it; none of the others is reverted then."""
    found = [migration(1) if down is None else reversible(1, down), reversible(2)]
    with pytest.raises(NoDown) as caught:
        reverted_migrations(found, [record(one) for one in found], count=2)
    assert (caught.value.code, caught.value.path) == ("E203", "migrations/1_x/down.sql")


def test_reverting_what_is_missing_is_refused() -> None:
    """Without its folder nobody knows how."""
    with pytest.raises(MigrationMissing):
        reverted_migrations([], [Applied(1, "x", "")])


@pytest.mark.parametrize("word", ["7", "0007", "0007_add_tags", "7_add_tags", "add_tags"])
def test_a_migration_is_found_by_what_it_is_called(word: str) -> None:
    """Version, name or folder."""
    found = standings([Migration(7, "add_tags", "migrations/0007_add_tags", ())], [])
    assert find(found, word) is found[0]


@pytest.mark.parametrize("word", ["8", "x", "7_other", "", "²"])
def test_what_no_migration_is_called_is_refused(word: str) -> None:
    """E208, which exits with 4; and so does a name that two have."""
    names = [Migration(7, "a", "migrations/7_a", ()), Migration(9, "x", "", ()), Migration(10, "x", "", ())]
    with pytest.raises(UnknownMigration) as caught:
        find(standings(names, []), word)
    assert caught.value.exit_code == 4


def test_an_edited_seed_is_not_run_again() -> None:
    """Seeds are known by name: their rows may have been changed since."""
    seeds = [Seed(name, sql_file(name, "select 1")) for name in ("a.sql", "b.sql")]
    assert pending_seeds(seeds, ["a.sql"]) == (seeds[1],)
