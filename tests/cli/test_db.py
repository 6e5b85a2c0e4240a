"""`howdah db` on a database that somebody else runs: what is told, what is written, and what is not."""

from __future__ import annotations

import stat
import subprocess

import pytest
from tests.cli.commands import CLEAN
from tests.cli.commands import howdah as howdah_process
from tests.cli.conftest import Here
from tests.support import WHEEL_PROGRAMS, programs

PATH = f"{programs()}:{CLEAN['PATH']}"


@pytest.fixture
def seeded(here: Here) -> Here:
    """Its tables, and seeds that were not run yet."""
    here.write("seeds/01_authors.sql", "insert into author values (1), (2)")
    here.write("seeds/02_articles.sql", "insert into article values (1)")
    assert here.howdah("migration", "up").code == 0
    here.monkeypatch.setenv("PATH", PATH)
    return here


def test_the_url_is_told_with_its_password(here: Here) -> None:
    """That is what it is for; the talk about it is not on the same stream."""
    here.dsn = "postgresql://me:hunter2@127.0.0.1:1/shop"
    assert here.howdah("db", "url").out == f"{here.dsn}\n"
    assert here.howdah("db", "url", "--json").json == {"url": here.dsn}


def test_seeds_are_run_once(seeded: Here) -> None:
    """Those that were not; a second time there is nothing to do, and a broken one takes all of them back."""
    seeded.write("seeds/03_broken.sql", "insert into nowhere values (1)")
    told = seeded.howdah("db", "seed")
    assert (told.code, "E206" in told.err) == (1, True)
    assert seeded.rows("author") == 0
    (seeded.root / "seeds/03_broken.sql").unlink()
    told = seeded.howdah("db", "seed", "--json")
    assert [step["file"] for step in told.json["seeded"]] == ["seeds/01_authors.sql", "seeds/02_articles.sql"]
    assert seeded.rows("author") == 2
    assert seeded.howdah("db", "seed").err == "Every seed has been run.\n"


def test_the_shell_is_psql_with_its_exit_code(seeded: Here) -> None:
    """What stands after -- is psql's; the password is not among its arguments."""
    environment = {"DATABASE_URL": seeded.dsn, "PATH": PATH}
    words = ("db", "shell", "--", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c")
    told = howdah_process(*words, "select count(*) from author", folder=seeded.root, environment=environment)
    assert (told.code, told.out) == (0, "0\n")
    assert howdah_process(*words, "select 1/0", folder=seeded.root, environment=environment).code == 1


def test_a_dump_can_be_read_back(seeded: Here) -> None:
    """It is whole, for its owner alone, and replaces nothing unless told to."""
    seeded.howdah("db", "seed")
    told = seeded.howdah("db", "dump", "before.dump", "--json")
    file = seeded.root / "before.dump"
    assert told.json == {"file": "before.dump", "bytes": file.stat().st_size}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    listed = subprocess.run([WHEEL_PROGRAMS / "pg_restore", "--list", file], capture_output=True, text=True, check=True)
    assert "TABLE DATA public author" in listed.stdout
    assert "TABLE DATA howdah migrations" in listed.stdout
    assert seeded.howdah("db", "dump", "before.dump").code == 2
    assert seeded.howdah("db", "dump", "before.dump", "--force").code == 0


def test_a_dump_that_fails_leaves_nothing(seeded: Here) -> None:
    """E212 with pg_dump's words, and neither the file nor a part of it; E211 without pg_dump."""
    before = sorted(seeded.root.iterdir())
    dsn, seeded.dsn = seeded.dsn, seeded.dsn.replace("dbname=", "dbname=no_")
    told = seeded.howdah("db", "dump", "before.dump")
    assert (told.code, "E212" in told.err, "does not exist" in told.err) == (1, True, True)
    seeded.dsn = dsn
    seeded.monkeypatch.setenv("PATH", "/nowhere")
    for words in (("dump", "before.dump"), ("shell",)):
        told = seeded.howdah("db", *words)
        assert (told.code, "E211" in told.err) == (1, True)
    assert sorted(seeded.root.iterdir()) == before
