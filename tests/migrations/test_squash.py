"""Several migrations become one: the same database, and none that has the old ones applies anything again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.support import run

from howdah.migrations.apply import migrate, revert
from howdah.migrations.drift import compare
from howdah.migrations.errors import (
    InvalidMigrations,
    MigrationMissing,
    NothingToSquash,
    PartlyReplaced,
    UnknownMigration,
)
from howdah.migrations.load import CallsFile, load_migrations
from howdah.migrations.plan import standings
from howdah.migrations.run import OPTIONS, read_applied
from howdah.migrations.snapshot import take_snapshot
from howdah.migrations.squash import plan_squash, uncommitted, write_squash
from howdah.postgres.connect import connect

FILES = {
    "0001_author/up.sql": "create table author (id int primary key) -- no semicolon",
    "0001_author/down.sql": "drop table author",
    "0002_private/up.sql": "create schema private;\nset search_path = private;\ncreate table note (id int);",
    "0002_private/down.sql": "drop schema private cascade;",
    "0003_article/up.sql": "create table article (id int primary key, author_id int references author);",
    "0003_article/down.sql": "drop table article;",
    "0004_later/up.sql": "-- nothing yet\n",
    "0005_tag/up.sql": "create table tag (id int);",
    "0005_tag/down.sql": "drop table tag;",
}


def written(root: Path, files: dict[str, str]) -> Path:
    folder = root / "migrations"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path, FILES)


def squash(folder: Path, first: str, last: str | None = None, name: str | None = None) -> Path:
    return write_squash(folder, plan_squash(load_migrations(folder), first, last, name))


def test_one_folder_takes_the_place_of_several(folder: Path) -> None:
    """Up in order, down in reverse, each under its old name; the version is the last one's, and what follows stays."""
    made = squash(folder, "author", "article", "shop")
    assert made == folder / "0003_shop"
    assert sorted(path.name for path in folder.iterdir()) == ["0003_shop", "0004_later", "0005_tag"]
    assert (made / "up.sql").read_text() == (
        "-- migrations/0001_author/up.sql\n\n"
        "create table author (id int primary key) -- no semicolon\n;\n\n"
        "-- migrations/0002_private/up.sql\n\n"
        "create schema private;\nset search_path = private;\ncreate table note (id int);\n"
        "reset session authorization; reset role; reset all;\n\n"
        "-- migrations/0003_article/up.sql\n\n"
        "create table article (id int primary key, author_id int references author);\n"
    )
    assert [line for line in (made / "down.sql").read_text().splitlines() if line.startswith("drop")] == [
        "drop table article;",
        "drop schema private cascade;",
        "drop table author",
    ]
    (new, *_) = load_migrations(folder)
    assert [(one.version, one.name) for one in new.replaces] == [(1, "author"), (2, "private"), (3, "article")]


def test_a_database_that_has_them_applies_nothing_again(folder: Path, database: str) -> None:
    """It is recorded under the new name, takes what follows, and can be taken back whole."""

    async def scenario() -> None:
        async with await connect(database, OPTIONS) as connection:
            await migrate(connection, load_migrations(folder), to=3)
            before = await take_snapshot(connection)
            squash(folder, "1", "3", "shop")
            found = load_migrations(folder)
            known = standings(found, await read_applied(connection))
            assert [(one.version, one.state) for one in known] == [(3, "applied"), (4, "empty"), (5, "pending")]
            done = await migrate(connection, found, to=3)
            assert done.migrations == ()
            assert await take_snapshot(connection) == before
            assert [(one.version, one.name) for one in await read_applied(connection)] == [(3, "shop")]
            assert [step.place for step in (await migrate(connection, found)).migrations] == [
                "migrations/0005_tag/up.sql"
            ]
            await revert(connection, found, to=0)
            assert await read_applied(connection) == ()
            assert await connection.submit("select to_json(to_regclass('author'))") == b"null"

    run(scenario())


def test_a_new_database_is_the_same(folder: Path, cluster_pair: tuple[str, str]) -> None:
    """What the one migration makes is what the several made: nothing differs."""

    async def scenario() -> None:
        one, other = cluster_pair
        async with await connect(one, OPTIONS) as before, await connect(other, OPTIONS) as after:
            await migrate(before, load_migrations(folder))
            squash(folder, "author")
            await migrate(after, load_migrations(folder))
            assert compare(await take_snapshot(before), await take_snapshot(after)) == ()

    run(scenario())


def test_a_database_with_some_of_them_is_refused(folder: Path, database: str) -> None:
    """E213, up and down; nothing is run. With the old files it can be brought to either side."""
    old = load_migrations(folder)

    async def scenario() -> None:
        async with await connect(database, OPTIONS) as connection:
            await migrate(connection, old, to=2)
            squash(folder, "1", "3")
            found = load_migrations(folder)
            for attempt in (migrate, revert):
                with pytest.raises(PartlyReplaced) as caught:
                    await attempt(connection, found)
                assert "replaces 3 migrations" in caught.value.message
                assert "it has 1_author, 2_private." in caught.value.message
            await migrate(connection, old, to=3)
            assert len((await migrate(connection, found)).migrations) == 1

    run(scenario())


def test_one_that_was_applied_as_something_else_is_refused(folder: Path, database: str) -> None:
    """The checksum says that the database has another migration of that version."""

    async def scenario() -> None:
        async with await connect(database, OPTIONS) as connection:
            await migrate(connection, load_migrations(folder), to=3)
            (folder / "0002_private/up.sql").write_text("create schema private;")
            squash(folder, "1", "3")
            with pytest.raises(PartlyReplaced):
                await migrate(connection, load_migrations(folder))

    run(scenario())


def test_a_squash_of_a_squash(folder: Path, cluster_pair: tuple[str, str]) -> None:
    """Databases that know the originals and databases that know the first squash both have it."""

    async def scenario() -> None:
        first, second = cluster_pair
        async with await connect(first, OPTIONS) as originals, await connect(second, OPTIONS) as squashed:
            await migrate(originals, load_migrations(folder))
            squash(folder, "1", "3", "shop")
            await migrate(squashed, load_migrations(folder))
            squash(folder, "shop", None, "all")
            found = load_migrations(folder)
            for connection in (originals, squashed):
                assert (await migrate(connection, found)).migrations == ()
                assert [(one.version, one.name) for one in await read_applied(connection)] == [(5, "all")]

    run(scenario())


def test_calls_keep_their_places(tmp_path: Path) -> None:
    """Between SQL they stay between it, in parts with numbers; files of 0.15 go into the folder."""
    folder = written(
        tmp_path,
        {
            "1_a.up.sql": "create table a (id int)",
            "1_a.up.yaml": "- {type: track_table, args: a}\n",
            "1_a.down.yaml": "- {type: untrack_table, args: a}\n",
            "2_b/up.sql": "alter table a add b int;",
            "2_b/down.sql": "alter table a drop b;",
            "3_c/up.yaml": "- {type: track_table, args: c}\n",
            "3_c/down.yaml": "- {type: untrack_table, args: c}\n",
        },
    )
    made = squash(folder, "1")
    assert [path.name for path in folder.iterdir()] == ["3_a_to_c"]
    (new,) = load_migrations(folder)
    assert [file.place.rpartition("/")[2] for file in new.up] == ["up.1.sql", "up.2.yaml", "up.3.sql", "up.4.yaml"]
    assert [file.place.rpartition("/")[2] for file in new.down] == ["down.1.yaml", "down.2.sql", "down.3.yaml"]
    assert isinstance(new.up[1], CallsFile) and new.up[1].calls[0].args == "a"
    assert (made / "up.3.sql").read_text() == "-- migrations/2_b/up.sql\n\nalter table a add b int;\n"


def test_without_one_way_back_there_is_none(folder: Path) -> None:
    """It says which one does not say how."""
    (folder / "0002_private/down.sql").unlink()
    planned = plan_squash(load_migrations(folder), "1", "3", None)
    assert planned.irreversible == ("migrations/0002_private",)
    assert "migrations/0002_private cannot be taken back" in planned.texts["down.sql"]
    write_squash(folder, planned)
    assert not load_migrations(folder)[0].is_revertible


def test_a_squash_that_cannot_be_written_changes_nothing(folder: Path) -> None:
    """The old ones are back where they were."""
    before = sorted(path.name for path in folder.iterdir())
    (folder / "0003_shop").mkdir()
    (folder / "0003_shop/README.md").write_text("in the way")
    planned = plan_squash(load_migrations(written(folder.parent / "other", FILES)), "1", "3", "shop")
    with pytest.raises(OSError, match="0003_shop"):
        write_squash(folder, planned)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, "0003_shop"])


def test_what_is_no_range_is_refused(folder: Path) -> None:
    """One alone, none, and names that no migration has."""
    found = load_migrations(folder)
    for first, last in (("5", None), ("1", "1"), ("3", "1"), ("4", "5")):
        with pytest.raises(NothingToSquash):
            plan_squash(found, first, last, None)
    with pytest.raises(UnknownMigration):
        plan_squash(found, "9", None, None)


def test_git_must_have_what_is_removed(folder: Path) -> None:
    """Without git, uncommitted or edited: then somebody has to say yes."""
    planned = plan_squash(load_migrations(folder), "1", "3", None)
    assert len(uncommitted(folder, planned)) == 3

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@x", *words], cwd=folder, check=True)

    git("init", "-q")
    assert uncommitted(folder, planned)
    git("add", ".")
    git("commit", "-qm", "all")
    assert uncommitted(folder, planned) == ()
    (folder / "0002_private/up.sql").write_text("select 1")
    assert uncommitted(folder, planned)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "replaces = 1",
        "replaces = []",
        "[[replaces]]\nversion = 1",
        "[[replaces]]\nversion = '1'\nname = 'a'\nchecksum = 'b'",
        "[[replaces]]\nversion = 1\nname = 'a'\nchecksum = 'b'\nmore = 1",
        "[[replaces",
    ],
)
def test_what_it_replaces_must_be_readable(folder: Path, text: str) -> None:
    """Anything else is E204 with the file's name, before anything is applied."""
    (folder / "0001_author/replaces.toml").write_text(text)
    with pytest.raises(InvalidMigrations, match=r"0001_author/replaces\.toml"):
        load_migrations(folder)


def test_a_database_that_is_newer_says_so(folder: Path, database: str) -> None:
    """E205 in words that tell which of the two is behind."""

    async def scenario() -> None:
        async with await connect(database, OPTIONS) as connection:
            found = load_migrations(folder)
            await migrate(connection, found)
            with pytest.raises(MigrationMissing, match="newer than these files: it has migration 5_tag"):
                await migrate(connection, found[:3])
            with pytest.raises(MigrationMissing, match="and the folder does not"):
                await migrate(connection, found[1:])
            assert json.loads(await connection.submit("select to_json(count(*)) from howdah.migrations")) == 4

    run(scenario())
