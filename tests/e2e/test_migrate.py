"""Migrations of a project with a Postgres of its own: while nothing runs, and while `howdah dev` does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.product import Dev, eventually, howdah

pytestmark = pytest.mark.e2e

QUERY = {"type": "select", "args": {"table": "tag", "columns": ["name"]}}


def test_up_and_down_whether_it_runs_or_not(project: Path) -> None:
    """Postgres is there for the time of a command; a running platform answers from the new table at once."""
    listed = howdah("migration", "list", "--json", folder=project)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert [one["state"] for one in json.loads(listed.stdout)["migrations"]] == ["applied"]
    assert howdah("status", folder=project).returncode == 4

    with Dev(project) as dev:
        up = project / dev.howdah("migration", "new", "tags").stdout.split()[0]
        up.write_text("create table tag (name text);\ninsert into tag values ('new');")
        up.with_name("down.sql").write_text("drop table tag;")
        (project / "metadata/tables/public.tag.toml").write_text(
            'table = "tag"\n\n[permissions.anonymous.select]\ncolumns = ["name"]\nfilter = {}\n'
        )
        for _ in range(2):
            done = dev.howdah("migration", "up", "--json")
            assert done.returncode == 0, done.stdout + done.stderr
            assert [step["file"] for step in json.loads(done.stdout)["applied"]] == [up.relative_to(project).as_posix()]
            eventually(lambda: dev.query(QUERY).body == b'[{"name":"new"}]', what="the new table")
            done = dev.howdah("migration", "down")  # the project's own database: nobody is asked
            assert done.returncode == 0, done.stdout + done.stderr
        assert dev.get("/").status == 200

        url = dev.howdah("db", "url").stdout.strip()
        assert url.startswith("postgresql://howdah:")
        told = dev.howdah("db", "shell", "--", "-X", "-At", "-c", "select count(*) > 100 from article")
        assert (told.stdout, told.stderr) == ("t\n", "")
        made = dev.howdah("db", "shell", "--", "-X", "-q", "-c", "create table scrap (id int)")
        assert (made.returncode, dev.howdah("migration", "check").stdout) == (
            0,
            "+ table public.scrap: only in the database\n",
        )
        assert dev.howdah("db", "dump", "before.dump").returncode == 0
        assert (project / "before.dump").read_bytes().startswith(b"PGDMP")


def test_what_runs_survives_another_database(project: Path) -> None:
    """Reset and restore while the platform answers: its connections are ended, and it goes on with the new database."""
    count = {"type": "count", "args": {"table": "article"}}
    with Dev(project) as dev:
        secrets = (project / ".howdah/secrets.toml").read_text()
        admin = {"X-Hasura-Admin-Secret": secrets.split('"')[1]}
        whole = dev.query(count, admin).json()["count"]
        assert dev.howdah("db", "dump", "before.dump").returncode == 0
        emptied = {"type": "run_sql", "args": {"sql": "delete from article; create table scrap (id int)"}}
        assert dev.query(emptied, admin).status == 200
        assert dev.query(count, admin).json() == {"count": 0}

        done = dev.howdah("db", "restore", "before.dump", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        eventually(lambda: dev.query(count, admin).body == b'{"count":%d}' % whole, what="the rows of the dump")

        assert dev.query(emptied, admin).status == 200
        done = dev.howdah("db", "reset", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        eventually(lambda: dev.query(count, admin).body == b'{"count":%d}' % whole, what="the rows of the seeds")
        assert dev.howdah("migration", "check").returncode == 0
        assert dev.get("/").status == 200
