"""`howdah migration` on a database that somebody else runs; on the project's own it is in the tests of the product."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time

import pytest
from tests.cli.commands import CLEAN
from tests.cli.conftest import Here


def test_up_and_down_and_where_one_stands(here: Here) -> None:
    """Each file is named with its time; the list says applied and pending, for people and for programs."""
    told = here.howdah("migration", "up", "--to", "1")
    assert told.code == 0, told.err
    assert told.out.split()[0] == "migrations/1_author/up.sql"
    assert told.out.split()[2] == "ms"
    lines = [line.split() for line in here.howdah("migration", "list").out.splitlines()]
    assert [line[:3] for line in lines] == [
        ["VERSION", "NAME", "STATE"],
        ["1", "author", "applied"],
        ["2", "article", "pending"],
    ]
    told = here.howdah("migration", "up", "--json")
    assert [step["file"] for step in told.json["applied"]] == ["migrations/2_article/up.sql"]
    assert here.tables() == ["article", "author"]
    assert here.howdah("migration", "up").err == "Nothing is pending.\n"
    told = here.howdah("migration", "down", "2", "--yes", "--json")
    assert [step["file"] for step in told.json["reverted"]] == [
        "migrations/2_article/down.sql",
        "migrations/1_author/down.sql",
    ]
    assert here.tables() == []
    states = here.howdah("migration", "list", "--json").json["migrations"]
    assert [(one["version"], one["state"], one["applied_at"]) for one in states] == [
        (1, "pending", None),
        (2, "pending", None),
    ]


def test_a_dry_run_changes_nothing(here: Here) -> None:
    """It names the files and leaves no trace, not even howdah's own schema; and it needs no yes."""
    told = here.howdah("migration", "up", "--dry-run")
    assert told.out.split() == ["migrations/1_author/up.sql", "migrations/2_article/up.sql"]
    assert here.tables() == []
    name = here.dsn.partition("dbname=")[2].split()[0]
    assert here.cluster.execute("select to_regnamespace('howdah')", database=name) == [(None,)]
    here.howdah("migration", "up")
    told = here.howdah("migration", "down", "--to", "0", "--dry-run", "--json")
    assert [step["file"] for step in told.json["reverted"]] == [
        "migrations/2_article/down.sql",
        "migrations/1_author/down.sql",
    ]
    assert told.json["dry_run"] is True
    assert here.tables() == ["article", "author"]


def test_what_destroys_data_elsewhere_needs_a_yes(here: Here) -> None:
    """E210 without a terminal, which exits with 5; the password of the URL is not shown."""
    here.howdah("migration", "up")
    here.dsn += " password=hunter2"
    for words in (("migration", "down"), ("migration", "down", "--json"), ("--no-input", "migration", "down")):
        told = here.howdah(*words)
        assert told.code == 5
        assert "E210" in told.out + told.err
        assert "hunter2" not in told.out + told.err
    assert here.tables() == ["article", "author"]


@pytest.mark.parametrize(("answer", "left"), [("y", ["author"]), ("n", ["article", "author"])])
def test_on_a_terminal_it_asks(here: Here, answer: str, left: list[str]) -> None:
    """Yes does it, no does not."""
    here.howdah("migration", "up")
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "howdah", "migration", "down"],
        cwd=here.root,
        env={**CLEAN, "DATABASE_URL": here.dsn, "TERM": "dumb"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    said, deadline = b"", time.monotonic() + 30
    while b"?" not in said and time.monotonic() < deadline:
        said += os.read(control, 1024)
    os.write(control, answer.encode() + b"\n")
    code = process.wait(30)
    os.close(control)
    assert code == (0 if answer == "y" else 130)
    assert here.tables() == left


def test_one_migration_is_shown_with_its_files(here: Here) -> None:
    """By version or name; what is none is E208 and exits with 4."""
    told = here.howdah("migration", "show", "author")
    assert "-- migrations/1_author/up.sql\ncreate table author" in told.out
    told = here.howdah("migration", "show", "1", "--json")
    assert told.json["state"] == "pending"
    assert told.json["down"] == [{"file": "migrations/1_author/down.sql", "text": "drop table author;"}]
    for words in (("show", "9"), ("up", "--to", "9"), ("down", "--yes", "--to", "nine")):
        told = here.howdah("migration", *words)
        assert (told.code, "E208" in told.err) == (4, True)


def test_a_new_one_is_written_then_applied(here: Here) -> None:
    """Its two files are named; until there is a statement it is empty, and nothing stumbles over it."""
    told = here.howdah("migration", "new", "Add tags")
    up, down = told.out.split()
    assert up.startswith("migrations/2") and up.endswith("_add_tags/up.sql")
    assert (here.root / down).exists()
    here.howdah("migration", "up")
    assert here.howdah("migration", "list", "--json").json["migrations"][2]["state"] == "empty"
    here.write(up, "create table tag (id int);")
    assert here.howdah("migration", "up").out.split()[0] == up
    told = here.howdah("migration", "down", "--yes")
    assert (told.code, "E203" in told.err) == (1, True)
    assert here.tables() == ["article", "author", "tag"]


def test_metadata_comes_with_the_tables(here: Here) -> None:
    """What a metadata file says of them is applied in the same go; what does not fit is said."""
    here.write("metadata/tables/public.author.toml", 'table = "author"\n')
    here.write("metadata/tables/public.article.toml", 'table = "article"\n')
    told = here.howdah("migration", "up", "--to", "1")
    assert "warning: metadata/tables/public.article.toml" in told.err
    told = here.howdah("migration", "up")
    assert told.err == ""


def test_words_that_make_no_sense_are_refused(here: Here) -> None:
    """No such verb, no name, both a number and a version, a number that is none."""
    for words in (("sideways",), ("new",), ("new", "!"), ("down", "2", "--to", "1"), ("down", "0"), ("down", "x")):
        assert here.howdah("migration", *words).code == 2


def test_an_edit_after_apply_says_how_to_get_it_in(here: Here) -> None:
    """E202; and down, then up, does it."""
    here.howdah("migration", "up")
    here.write("migrations/2_article/up.sql", "create table article (id int primary key, title text);")
    told = here.howdah("migration", "up")
    assert (told.code, "E202" in told.err, "migration down" in told.err) == (1, True, True)
    assert here.howdah("migration", "list", "--json").json["migrations"][1]["state"] == "edited"
    assert here.howdah("migration", "down", "--yes").code == 0
    assert here.howdah("migration", "up").code == 0


def test_ten_processes_at_once_apply_each_once(here: Here) -> None:
    """Instances that are rolled out together: one applies, the others wait for it, and all of them are content."""
    here.write(
        "migrations/3_slow/up.sql", "select pg_sleep(1); create table slow (id int); insert into slow values (1);"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "howdah", "migration", "up", "--json"],
            cwd=here.root,
            env={**CLEAN, "DATABASE_URL": here.dsn},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(10)
    ]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 10, said
    assert sorted(len(json.loads(out)["applied"]) for out, _ in said) == [0] * 9 + [3]
    assert here.rows("slow") == 1


def test_a_migration_with_metadata_is_made_and_applied(here: Here) -> None:
    """All four files are named; as they are made, nothing stumbles over them."""
    told = here.howdah("migration", "new", "tags", "--metadata", "--json")
    names = [os.path.basename(file) for file in told.json["files"]]  # noqa: PTH119 - text of the JSON
    assert names == ["up.sql", "down.sql", "up.yaml", "down.yaml"]
    assert here.howdah("migration", "up").code == 0
    assert here.howdah("migration", "list", "--json").json["migrations"][2]["state"] == "empty"


def folders(here: Here) -> list[str]:
    return sorted(path.name for path in (here.root / "migrations").iterdir())


def test_several_are_made_one(here: Here) -> None:
    """First only said, then not without a yes where git could not give them back; then nothing is drift or pending."""
    here.howdah("migration", "up")
    words = ("migration", "squash", "--from", "author", "--name", "The shop")
    planned = here.howdah(*words, "--dry-run")
    assert planned.out.splitlines() == [
        "+ migrations/2_the_shop/up.sql",
        "+ migrations/2_the_shop/down.sql",
        "+ migrations/2_the_shop/replaces.toml",
        "- migrations/1_author",
        "- migrations/2_article",
    ]
    told = here.howdah(*words)
    assert (told.code, "E210" in told.err) == (5, True)
    assert folders(here) == ["1_author", "2_article"]
    assert here.howdah(*words, "--yes").out == planned.out
    assert folders(here) == ["2_the_shop"]
    assert here.howdah("migration", "list", "--json").json["migrations"][0]["state"] == "applied"
    assert here.howdah("migration", "up").err == "Nothing is pending.\n"
    assert here.howdah("migration", "check").code == 0
    for wrong in (("squash",), ("squash", "--from", "2"), ("squash", "--from", "2", "--name", "!")):
        assert here.howdah("migration", *wrong).code == 2
    assert here.howdah("migration", "squash", "--from", "9").code == 4
