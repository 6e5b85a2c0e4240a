"""A new migration has a folder, two files and a version of its own, whoever else makes one at the same moment."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.migrations.errors import InvalidMigrationName
from howdah.migrations.load import load_migrations
from howdah.migrations.write import new_migration, slug_of

NOW = dt.datetime(2026, 11, 21, 10, 15, 59, tzinfo=dt.UTC)


def test_it_is_named_for_the_moment_and_what_it_does(tmp_path: Path) -> None:
    """The folder is made with its parents; what is in it loads, and is not applied before it is written."""
    made = new_migration(tmp_path / "migrations", "Add tags", NOW)
    assert made.name == "20261121101559_add_tags"
    (loaded,) = load_migrations(tmp_path / "migrations")
    assert (loaded.version, loaded.name) == (20261121101559, "add_tags")
    assert not loaded.is_written
    assert not loaded.is_revertible


def test_no_two_have_one_version(tmp_path: Path) -> None:
    """Eight at the same moment, and a folder of other files: seconds are counted on, as a clock does."""
    folder = tmp_path / "migrations"
    (folder / "0001_first").mkdir(parents=True)
    (folder / "README.md").touch()
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: new_migration(folder, f"number {number}", NOW), range(8)))
    versions = sorted(path.name.partition("_")[0] for path in made)
    assert versions == ["20261121101559", *(f"2026112110160{second}" for second in range(7))]


def test_it_is_the_last_of_all(tmp_path: Path) -> None:
    """Also when a migration's version is later than this machine's clock; numbers that are no moments do not count."""
    for name in ("20261231235959_later", "1500000000000_of_milliseconds", "99999999999999_of_nothing"):
        (tmp_path / name).mkdir()
    assert new_migration(tmp_path, "x", NOW).name == "20270101000000_x"


@pytest.mark.parametrize("name", ["", "  ", "../..", "!"])
def test_a_name_without_a_letter_is_refused(name: str, tmp_path: Path) -> None:
    """E209, and nothing is made."""
    with pytest.raises(InvalidMigrationName):
        new_migration(tmp_path / "migrations", name, NOW)
    assert list(tmp_path.iterdir()) == []


@given(st.text())
def test_any_name_is_a_folder_name_or_nothing(name: str) -> None:
    """Whatever is typed, it stays within its folder and a file system's limits."""
    slug = slug_of(name)
    assert all(sign.isascii() and (sign.isalnum() or sign == "_") for sign in slug)
    assert len(slug) <= 100
    assert slug == slug_of(slug)
