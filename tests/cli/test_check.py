"""`howdah migration check`: what the database has and no file says, and the other way round."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.commands import CLEAN, Outcome
from tests.cli.conftest import Here
from tests.support import Cluster, eventually, run


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that root's Postgres may enter as another account, whatever other sessions make of pytest's own."""
    with tempfile.TemporaryDirectory(prefix="howdah check ", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


TRACKED = 'table = "author"\n\n[permissions.anonymous.select]\ncolumns = ["id"]\nfilter = {}\n'


@pytest.fixture
def migrated(here: Here) -> Here:
    """Two migrations applied, one table tracked."""
    here.write("metadata/tables/public.author.toml", TRACKED)
    assert here.howdah("migration", "up").code == 0
    return here


def scratches(cluster: Cluster) -> list[str]:
    return [name for (name,) in cluster.execute("select datname from pg_database where datname like 'howdah\\_scr%'")]


def check(here: Here) -> Outcome:
    return here.howdah("migration", "check", "--json")


def names(told: Outcome) -> list[tuple[str, str, str]]:
    assert "differences" in told.json["error"], told
    return [(one["side"], one["kind"], one["name"]) for one in told.json["error"]["differences"]]


def test_what_the_files_made_is_no_drift(migrated: Here) -> None:
    """Exit 0 and one line; no database and no role is left behind, and the project's own is as it was."""
    roles = migrated.cluster.execute("select count(*) from pg_roles where rolname like 'howdah_api_howdah%'")
    told = migrated.howdah("migration", "check")
    assert (told.code, told.out, told.err) == (0, "The database is what the 2 applied migrations make.\n", "")
    assert check(migrated).json == {"differences": [], "pending": [], "replayed": 2}
    assert migrated.cluster.execute("select count(*) from pg_roles where rolname like 'howdah_api_howdah%'") == roles


def test_drift_is_shown_from_both_sides(migrated: Here) -> None:
    """E201 and exit code 3, for people a diff and for programs a list."""
    migrated.cluster.execute(
        "create table tag (id int); drop table article; alter table author add name text", database=migrated.name
    )
    told = migrated.howdah("migration", "check")
    assert told.code == 3
    assert told.out.splitlines() == [
        "- table public.article: only in the files",
        "+ table public.tag: only in the database",
        "+ column public.author.name: only in the database",
    ]
    assert "error[E201]: 3 differences between the database and what the files make." in told.err
    told = check(migrated)
    assert (told.code, told.json["error"]["code"]) == (3, "E201")
    assert names(told) == [
        ("files only", "table", "public.article"),
        ("database only", "table", "public.tag"),
        ("database only", "column", "public.author.name"),
    ]


def test_metadata_that_no_file_says_is_drift(migrated: Here) -> None:
    """What a call changed since the files were taken over; files that were only saved since are pending."""
    migrated.cluster.execute(
        """
        insert into howdah.metadata_tables
        select 'public', name, 1, json_build_object('table', name) from unnest(array['author', 'article']) as name
        on conflict (schema, name) do update set document = excluded.document
        """,
        database=migrated.name,
    )
    assert names(check(migrated)) == [
        ("database only", "metadata", "tables/public.article.toml"),
        ("different", "metadata", "tables/public.author.toml"),
    ]
    migrated.write("metadata/tables/public.author.toml", TRACKED + "\n")
    assert check(migrated).json["pending"] == ["metadata"]


def test_what_is_pending_is_not_drift(migrated: Here) -> None:
    """The database cannot have it yet; it is named, and the rest is compared."""
    migrated.write("migrations/3_tag/up.sql", "create table tag (id int);")
    told = migrated.howdah("migration", "check")
    assert (told.code, told.err) == (0, "3_tag is pending: not compared.\n")
    migrated.cluster.execute("create table tag (id int)", database=migrated.name)
    assert names(check(migrated)) == [("database only", "table", "public.tag")]


def test_edited_and_missing_migrations_are_found(migrated: Here) -> None:
    """With what they make different: an edit of a comment is one as well."""
    migrated.write("migrations/1_author/up.sql", "create table author (id int primary key); -- new\n")
    (migrated.root / "migrations/2_article/up.sql").unlink()
    (migrated.root / "migrations/2_article/down.sql").unlink()
    (migrated.root / "migrations/2_article").rmdir()
    told = check(migrated)
    assert told.code == 3
    assert (told.json["error"]["edited"], told.json["error"]["missing"]) == (["1_author"], ["2_article"])
    assert names(told) == [("database only", "table", "public.article")]


def test_a_database_without_migrations_is_all_drift(here: Here) -> None:
    """Nothing is installed by looking; the hint says how to take it over."""
    here.cluster.execute("create table tag (id int)", database=here.name)
    told = check(here)
    assert names(told) == [("database only", "table", "public.tag")]
    assert "adopt" in told.json["error"]["hint"]
    assert here.cluster.execute("select to_regnamespace('howdah')", database=here.name) == [(None,)]


@pytest.fixture
def powerless(migrated: Here) -> Iterator[Here]:
    """The project's database, and a user of it who may not make another."""
    user = f"user_{migrated.name}"
    migrated.cluster.execute(f"create role {user} login")
    migrated.cluster.execute(
        f"grant select on all tables in schema howdah to {user}; grant usage on schema howdah to {user}",
        database=migrated.name,
    )
    migrated.dsn = migrated.cluster.dsn(migrated.name, user=user)
    yield migrated
    migrated.cluster.execute(f"drop owned by {user}", database=migrated.name)
    migrated.cluster.execute(f"drop role {user}")


def test_who_may_make_no_database_gets_a_postgres_for_it(powerless: Here) -> None:
    """The files are replayed on one of our own, and nothing of it stays; a difference is found there, too."""
    told = check(powerless)
    assert told.json.get("replayed") == 2, told
    left = [path.name for path in (powerless.root / ".howdah").iterdir()]
    assert left == ["run"]
    powerless.cluster.execute("alter table author add name text default 'x'", database=powerless.name)
    assert names(check(powerless)) == [("database only", "column", "public.author.name")]


@pytest.mark.parametrize("part", ["up.sql", "up.yaml"])
def test_a_role_that_a_migration_makes_is_no_obstacle(here: Here, part: str) -> None:
    """The server has it already, because the migration was applied there: the replay goes elsewhere."""
    role = f"editor_{here.name}"
    text = f"create role {role}; grant select on author to {role};"
    calls = json.dumps([{"type": "run_sql", "args": {"sql": text}}])
    here.write(f"migrations/3_editor/{part}", text if part == "up.sql" else calls)
    try:
        assert here.howdah("migration", "up").code == 0
        assert check(here).json == {"differences": [], "pending": [], "replayed": 3}
        here.cluster.execute(f"revoke select on author from {role}", database=here.name)
        assert names(check(here)) == [("different", "table", "public.author")]
    finally:
        here.cluster.execute(f"drop owned by {role}; drop role {role}", database=here.name)


def test_a_killed_check_leaves_nothing_for_long(migrated: Here) -> None:
    """Its database stays behind, and the next check drops it; one that is in use is left alone."""
    migrated.write("migrations/3_slow/up.sql", "select 1")
    assert migrated.howdah("migration", "up").code == 0
    slow = "do $$ begin if current_database() like 'howdah_scratch%' then perform pg_sleep(60); end if; end $$"
    migrated.write("migrations/3_slow/up.sql", slow)
    before = scratches(migrated.cluster)
    process = subprocess.Popen(
        [sys.executable, "-m", "howdah", "migration", "check"],
        cwd=migrated.root,
        env={**CLEAN, "DATABASE_URL": migrated.dsn},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:

        async def made() -> list[str]:
            return await eventually(
                lambda: [name for name in scratches(migrated.cluster) if name not in before], seconds=30
            )

        (left,) = run(made())
        migrated.write("migrations/3_slow/up.sql", "select 1")
        assert check(migrated).code == 0
        assert left in scratches(migrated.cluster)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        migrated.cluster.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{left}'")
        assert check(migrated).code == 0
        assert left not in scratches(migrated.cluster)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
