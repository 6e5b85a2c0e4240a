"""Folders become migrations, or an error that names everything that is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from howdah.migrations.errors import EditedAfterApply, InvalidMigrations, MigrationMissing
from howdah.migrations.load import Migration, Seed, load_migrations, load_seeds, sql_file
from howdah.migrations.plan import Applied, pending_migrations, pending_seeds


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def migration(version: int, sql: str = "select 1") -> Migration:
    return Migration(version, "x", sql_file(f"migrations/{version}_x/up.sql", sql))


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
    assert [(one.version, one.name, one.up.sql) for one in found] == [
        (2, "create_author", "select 1"),
        (10, "v1.5", "select 2"),
        (1500000000000, "add-tags", "select 3"),
    ]
    assert found[0].down is not None
    assert found[0].up.place == "migrations/0002_create_author/up.sql"
    assert found[1].down is None


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
        "migrations/3_file.sql is a file, not a folder with an up.sql in it.",
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
    assert pending_migrations(found, [Applied(2, "x", found[1].up.checksum)]) == (found[0], found[2])


def test_an_edited_migration_is_refused() -> None:
    """E202: a migration that was applied must stay what it was."""
    with pytest.raises(EditedAfterApply) as caught:
        pending_migrations([migration(1, "select 2")], [Applied(1, "x", migration(1, "select 1").up.checksum)])
    assert caught.value.code == "E202"
    assert caught.value.path == "migrations/1_x/up.sql"


def test_a_missing_migration_is_refused() -> None:
    """A database that is ahead of the folder is not touched."""
    with pytest.raises(MigrationMissing, match="7_gone"):
        pending_migrations([migration(1)], [Applied(7, "gone", "")])


def test_an_edited_seed_is_not_run_again() -> None:
    """Seeds are known by name: their rows may have been changed since."""
    seeds = [Seed(name, sql_file(name, "select 1")) for name in ("a.sql", "b.sql")]
    assert pending_seeds(seeds, ["a.sql"]) == (seeds[1],)
