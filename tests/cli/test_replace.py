"""`howdah db reset` and `howdah db restore`: another database in the place of the one there is, or all is as it was."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.cli.commands import CLEAN
from tests.cli.conftest import Here
from tests.support import WHEEL_PROGRAMS, eventually, programs, run

from howdah.migrations.drift import compare
from howdah.migrations.snapshot import Snapshot, take_snapshot
from howdah.postgres.connect import connect
from howdah.postgres.install import role_of

TRACKED = 'table = "author"\n\n[permissions.anonymous.select]\ncolumns = ["id"]\nfilter = {}\n'
HOWDAH = """select json_build_array(
  (select json_agg(m order by version) from howdah.migrations m),
  (select json_agg(s order by name) from howdah.seeds s),
  (select json_build_array(version, document, source) from howdah.metadata))"""


@pytest.fixture
def shop(here: Here) -> Iterator[Here]:
    """Applied migrations, metadata, seeds, and a role with a grant."""
    here.monkeypatch.setenv("PATH", f"{programs()}:{CLEAN['PATH']}")
    here.write("seeds/01_authors.sql", "insert into author values (1), (2)")
    here.write("metadata/tables/public.author.toml", TRACKED)
    role = f"reader_{here.name}"
    here.cluster.execute(f"create role {role}")
    assert here.howdah("migration", "up").code == 0
    assert here.howdah("db", "seed").code == 0
    here.cluster.execute(f"grant select on author to {role}; alter table article owner to {role}", database=here.name)
    here.cluster.execute(f"alter database {here.name} set timezone = 'Asia/Kolkata'")
    here.cluster.execute(f"grant temporary on database {here.name} to {role}")
    here.cluster.execute(f"comment on database {here.name} is 'the shop'")
    yield here
    here.cluster.drop_database(here.name)
    here.cluster.execute(f"drop role if exists {role}")


def snapshot(here: Here) -> Snapshot:
    async def scenario() -> Snapshot:
        async with await connect(here.dsn) as connection:
            return await take_snapshot(connection)

    return run(scenario())


def facts(here: Here, name: str | None = None) -> Any:
    return here.cluster.execute(HOWDAH, database=name or here.name)


def properties(here: Here) -> Any:
    return here.cluster.execute(
        f"""select (select array_agg(a::text order by a::text) from unnest(datacl) as a), pg_get_userbyid(datdba),
        datcollate, shobj_description(oid, 'pg_database'),
        (select setconfig from pg_db_role_setting where setdatabase = d.oid) from pg_database d
        where datname = '{here.name}'"""
    )


def digest(here: Here) -> str:
    return hashlib.sha256(here.name.encode()).hexdigest()[:8]


def leftovers(here: Here) -> list[Any]:
    """What was made beside this database and is still there."""
    pattern = f"howdah\\_(new|old)\\_{digest(here)}%"
    return here.cluster.execute(f"select datname from pg_database where datname similar to '{pattern}'")


def may_read(here: Here, table: str) -> bool:
    ((allowed,),) = here.cluster.execute(
        f"select has_table_privilege('{role_of('api', here.name)}', '{table}', 'select')", database=here.name
    )
    return bool(allowed)


@pytest.mark.parametrize("form", ["custom", "plain", "tar", "directory"])
def test_a_dump_is_put_back_exactly(shop: Here, form: str) -> None:
    """Tables, rows, grants, owners, howdah's own records and metadata; whatever was changed since is gone."""
    file = shop.root / "before.dump"
    if form == "custom":
        assert shop.howdah("db", "dump", "before.dump").code == 0
    else:
        command = (WHEEL_PROGRAMS / "pg_dump", f"--format={form}", f"--file={file}", shop.dsn)
        subprocess.run(command, check=True)
    before, known, said = snapshot(shop), facts(shop), properties(shop)
    shop.cluster.execute(
        "drop table article; insert into author values (3); delete from howdah.migrations; create table new (id int)",
        database=shop.name,
    )
    told = shop.howdah("db", "restore", "before.dump", "--yes", "--json")
    assert told.code == 0, told
    assert told.json == {"file": "before.dump", "version": 18, "strangers": [], "pending": []}
    assert compare(before, snapshot(shop)) == ()
    assert (facts(shop), properties(shop)) == (known, said)
    assert shop.cluster.execute("select id from author order by id", database=shop.name) == [(1,), (2,)]
    assert may_read(shop, "author") and not may_read(shop, "article")
    assert leftovers(shop) == []


def test_a_dump_of_another_database_is_taken(shop: Here) -> None:
    """Roles that are not here own and may nothing, the role of its API may nothing, and what is pending is told."""
    assert shop.howdah("db", "dump", "before.dump").code == 0
    elsewhere = shop.cluster.create_database(other := f"{shop.name}_other")
    script = subprocess.run(
        (WHEEL_PROGRAMS / "pg_restore", "--file=-", shop.root / "before.dump"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (shop.root / "other.sql").write_text(script.replace(f"reader_{shop.name}", f"stranger_{shop.name}"))
    shop.write("migrations/3_tag/up.sql", "create table tag (id int);")
    here, shop.dsn = shop.dsn, elsewhere
    try:
        told = shop.howdah("db", "restore", "other.sql", "--yes")
        assert told.code == 0, told
        assert f"Not on this server: stranger_{here.partition('dbname=')[2].split()[0]}." in told.err
        assert "Pending: 3_tag." in told.err
        assert shop.tables() == ["article", "author"]
        assert may_read(shop, "author")
        foreign = role_of("api", here.partition("dbname=")[2].split()[0])
        asked = f"select has_table_privilege('{foreign}', 'author', 'select')"
        assert shop.cluster.execute(asked, database=other) == [(False,)]
        assert shop.cluster.execute(f"select from pg_roles where rolname like 'stranger_{other[:-6]}'") == []
    finally:
        shop.cluster.drop_database(other)
        shop.cluster.execute(f"drop role if exists {role_of('api', other)}")
        shop.dsn = here


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("create table a (id int);\nselct 1;\n", "E212", "syntax error"),
        ("-- Dumped from database version 99.1\nselect 1;\n", "E215", "is a dump of Postgres 99"),
        ("create table a (id int);\n\\connect postgres\n", "E215", "line 2 makes or enters another database"),
        ("CREATE DATABASE shop;\n", "E215", "line 1 makes or enters another database"),
        ("\x1f\x8b\x08 not really", "E215", "compressed"),
        ("a\0b", "E215", "no dump"),
        ("", "E215", "no dump"),
        ("PGDMP\1\x63\0 and then nothing", "E215", "newer pg_dump"),
    ],
)
def test_a_file_that_cannot_be_put_back_changes_nothing(shop: Here, text: str, code: str, words: str) -> None:
    """Neither the database nor anything beside it; the message says what is wrong with the file."""
    (shop.root / "bad.dump").write_bytes(text.encode("latin-1"))
    before = snapshot(shop)
    told = shop.howdah("db", "restore", "bad.dump", "--yes")
    assert (told.code, code in told.err, words in told.err) == (1, True, True), told
    assert compare(before, snapshot(shop)) == ()
    assert shop.rows("author") == 2
    assert leftovers(shop) == []


def test_half_a_dump_changes_nothing(shop: Here) -> None:
    """What pg_restore says is told, and the database is the old one."""
    shop.howdah("db", "dump", "before.dump")
    whole = (shop.root / "before.dump").read_bytes()
    (shop.root / "half.dump").write_bytes(whole[: len(whole) // 3])
    told = shop.howdah("db", "restore", "half.dump", "--yes")
    assert (told.code, "E212" in told.err) == (1, True), told
    assert shop.rows("author") == 2
    assert leftovers(shop) == []


def test_a_dump_is_looked_at(shop: Here) -> None:
    """Without changing anything, and without asking; a file that is not there is no file."""
    shop.howdah("db", "dump", "before.dump")
    told = shop.howdah("db", "restore", "before.dump", "--dry-run")
    assert told.out == "before.dump is a dump of Postgres 18.\n"
    assert shop.howdah("db", "restore", "nothing.dump", "--yes").code == 2


def test_a_reset_is_a_new_beginning(shop: Here) -> None:
    """Tables by hand and rows are gone, seeds are there once, and it is what the files say; those connected are not."""
    shop.cluster.execute("create table scrap (id int); insert into author values (3)", database=shop.name)
    said = properties(shop)
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute("select 1")
        told = shop.howdah("db", "reset", "--yes")
        assert told.code == 0, told
        assert [line.split()[0] for line in told.out.splitlines()] == [
            "migrations/1_author/up.sql",
            "migrations/2_article/up.sql",
            "seeds/01_authors.sql",
        ]
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert shop.tables() == ["article", "author"]
    assert shop.rows("author") == 2
    assert properties(shop) == said
    assert may_read(shop, "author")
    assert shop.howdah("migration", "check").code == 0
    assert leftovers(shop) == []


def test_a_reset_that_fails_changes_nothing(shop: Here) -> None:
    """A broken migration, or a broken seed: the old database is there, with the rows it had."""
    shop.cluster.execute("insert into author values (3)", database=shop.name)
    shop.write("seeds/02_broken.sql", "insert into author values (1)")
    before = facts(shop)
    told = shop.howdah("db", "reset", "--yes")
    assert (told.code, "seeds/02_broken.sql:1" in told.err) == (1, True)
    assert (shop.rows("author"), facts(shop)) == (3, before)
    assert leftovers(shop) == []


def test_nobody_is_asked_twice_and_nothing_is_done_unasked(shop: Here) -> None:
    """E210 without a terminal; a dry run names the files and needs no yes."""
    shop.howdah("db", "dump", "before.dump")
    for words in (("reset",), ("restore", "before.dump")):
        told = shop.howdah("db", *words)
        assert (told.code, "E210" in told.err) == (5, True)
    told = shop.howdah("db", "reset", "--dry-run", "--json")
    assert told.json == {
        "run": ["migrations/1_author/up.sql", "migrations/2_article/up.sql", "seeds/01_authors.sql"],
        "dry_run": True,
    }
    assert shop.rows("author") == 2


def test_who_may_not_is_told_what_is_needed(shop: Here) -> None:
    """E214 with the statements a superuser would have to give; afterwards it is possible."""
    user = f"user_{shop.name}"
    shop.cluster.execute(f"create role {user} login createrole")
    superuser, shop.dsn = shop.dsn, shop.cluster.dsn(shop.name, user=user)
    try:
        told = shop.howdah("db", "reset", "--yes")
        assert (told.code, "E214" in told.err) == (1, True)
        assert f'ALTER ROLE "{user}" CREATEDB; ALTER DATABASE "{shop.name}" OWNER TO "{user}"' in told.err
        shop.cluster.execute(f'ALTER ROLE "{user}" CREATEDB; ALTER DATABASE "{shop.name}" OWNER TO "{user}"')
        shop.cluster.execute(f"alter database {shop.name} reset all; grant {role_of('api', shop.name)} to {user}")
        told = shop.howdah("db", "reset", "--yes")
        assert told.code == 0, told
        assert shop.rows("author") == 2
    finally:
        shop.dsn = superuser
        shop.cluster.drop_database(shop.name)
        shop.cluster.execute(f"drop owned by {user}; drop role {user}")


def test_what_a_killed_reset_left_goes_with_the_next(shop: Here) -> None:
    """A database half filled, or one that had been replaced: nobody needs it."""
    for word in ("new", "old"):
        shop.cluster.create_database(f"howdah_{word}_{digest(shop)}_dead")
    assert len(leftovers(shop)) == 2
    assert shop.howdah("db", "reset", "--yes").code == 0
    assert leftovers(shop) == []


def test_a_killed_reset_has_changed_nothing(shop: Here) -> None:
    """While the new database is being filled, the old one is whole and in use; afterwards it still is."""
    shop.write("migrations/3_slow/up.sql", "select pg_sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "howdah", "db", "reset", "--yes"],
        cwd=shop.root,
        env={**CLEAN, "DATABASE_URL": shop.dsn},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    async def made() -> None:
        await eventually(lambda: leftovers(shop), seconds=60)

    try:
        run(made(), seconds=90)
        assert shop.rows("author") == 2
    finally:
        process.kill()
        process.wait(10)
    (shop.root / "migrations/3_slow/up.sql").write_text("select 1")
    assert shop.rows("author") == 2
    assert shop.howdah("db", "reset", "--yes").code == 0
    assert leftovers(shop) == []
