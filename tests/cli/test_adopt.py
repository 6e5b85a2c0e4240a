"""`howdah migration adopt`: a database that others made becomes files, and the files make the same database."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.commands import CLEAN
from tests.cli.conftest import FILES, Here
from tests.migrations.test_drift import BASE
from tests.support import programs, run

from howdah.migrations.drift import compare
from howdah.migrations.snapshot import Snapshot, take_snapshot
from howdah.postgres.connect import connect

MADE_BY_HAND = """
create table author (id serial primary key, name text not null, "Odd Name" int);
create table profile (author_id int primary key references author, text text);
create table article (id serial primary key, author_id int not null references author, editor_id int references author,
  previous int references article);
create table "order" (shop int, number int, primary key (shop, number));
create table line (id int primary key, shop int, number int, foreign key (shop, number) references "order");
create view titles as select id from article;
create function touch() returns trigger language plpgsql as $$
begin
  -- a comment; with a semicolon
  /*
\\restrict is no word of psql's here
  */
  return new;
end $$;
create trigger touched before update on article for each row execute function touch();
"""

HASURA = """
create schema hdb_catalog;
create table hdb_catalog.schema_migrations (version bigint primary key, dirty boolean not null);
create table hdb_catalog.hdb_table (table_schema text, table_name text, is_system_defined boolean default false);
create table hdb_catalog.hdb_relationship (table_schema text, table_name text, rel_name text, rel_type text,
  rel_def json, comment text, is_system_defined boolean default false);
create table hdb_catalog.hdb_permission (table_schema text, table_name text, role_name text, perm_type text,
  perm_def json, comment text, is_system_defined boolean default false);
create table author (id int primary key, name text);
create table article (id int primary key, author_id int references author);
create function hdb_catalog.notify() returns trigger language plpgsql as 'begin return new; end';
create trigger notify_hasura after insert on article for each row execute function hdb_catalog.notify();
insert into hdb_catalog.hdb_table values
  ('public', 'author', false), ('public', 'article', false), ('hdb_catalog', 'hdb_table', true);
insert into hdb_catalog.hdb_relationship values
  ('public', 'article', 'writer', 'object', '{"foreign_key_constraint_on": "author_id"}', 'who wrote it');
insert into hdb_catalog.hdb_permission values
  ('public', 'article', 'user', 'select', '{"columns": ["id"], "filter": {"author_id": "X-Hasura-User-Id"}}', null);
insert into hdb_catalog.schema_migrations values (1, false);
"""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that root's Postgres may enter as another account, whatever other sessions make of pytest's own."""
    with tempfile.TemporaryDirectory(prefix="howdah adopt ", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@pytest.fixture
def found(here: Here) -> Here:
    """A project without a file, and a database."""
    for name in FILES:
        (here.root / "migrations" / name).unlink()
        folder = (here.root / "migrations" / name).parent
        if not any(folder.iterdir()):
            folder.rmdir()
    here.monkeypatch.setenv("PATH", f"{programs()}:{CLEAN['PATH']}")
    return here


def snapshot(dsn: str) -> Snapshot:
    async def scenario() -> Snapshot:
        async with await connect(dsn) as connection:
            return await take_snapshot(connection)

    return run(scenario())


def fresh_equals(here: Here) -> bool:
    """Whether a database made from the files is this one."""
    adopted = snapshot(here.dsn)
    name = f"{here.name}_fresh"
    here.dsn, before = here.cluster.create_database(name), here.dsn
    try:
        told = here.howdah("migration", "up")
        assert told.code == 0, told
        return compare(adopted, snapshot(here.dsn)) == ()
    finally:
        here.cluster.drop_database(name)
        here.cluster.execute(f"drop role if exists howdah_api_{name}")
        here.dsn = before


def metadata(here: Here) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((here.root / "metadata/tables").iterdir())}


def test_a_database_made_by_hand_becomes_files(found: Here) -> None:
    """One migration that is applied already, one file for each table, no drift; and a new database is the same."""
    found.cluster.execute(MADE_BY_HAND, database=found.name)
    before = snapshot(found.dsn)
    told = found.howdah("migration", "adopt", "--name", "The shop")
    assert told.code == 0, told
    assert told.out.splitlines()[-1] == "The database is what the 1 applied migration makes."
    assert compare(before, snapshot(found.dsn)) == ()
    (one,) = found.howdah("migration", "list", "--json").json["migrations"]
    assert (one["name"], one["state"]) == ("the_shop", "applied")
    text = next((found.root / "migrations").glob("*/up.sql")).read_text()
    assert "\n\\restrict is no word" in text
    for noise in ("set_config", "OWNER TO", "howdah", "statement_timeout", "\n\\unrestrict"):
        assert noise not in text.replace("when howdah took it over", "")
    assert fresh_equals(found)
    assert found.howdah("migration", "up").err == "Nothing is pending.\n"


def test_foreign_keys_become_relationships(found: Here) -> None:
    """Both ways, one or many, by names that nothing else has."""
    found.cluster.execute(MADE_BY_HAND, database=found.name)
    assert found.howdah("migration", "adopt").code == 0
    relationships = {
        name.removeprefix("public.").removesuffix(".toml"): [
            line.partition(".")[2].strip("]") for line in text.splitlines() if line.startswith("[relationships.")
        ]
        for name, text in metadata(found).items()
    }
    assert relationships == {
        "article": ["article", "author", "editor", "articles"],
        "author": ["profile", "articles", "articles_by_editor_id"],
        "line": ["order"],
        "order": ["lines"],
        "profile": ["author"],
        "titles": [],
    }
    text = metadata(found)["public.line.toml"]
    assert 'columns = { shop = "shop", number = "number" }' in text


def test_everything_there_is_survives(found: Here) -> None:
    """Every kind of object that the check knows: adopted without drift, and made anew from the file."""
    found.cluster.execute(BASE, database=found.name)
    found.cluster.execute(
        # A wrapper without a handler is not for tables: Postgres itself cannot say whether they may be written.
        "drop foreign data wrapper elsewhere cascade; alter table app.author owner to drift_editor",
        database=found.name,
    )
    told = found.howdah("migration", "adopt")
    assert told.code == 0, told.out
    assert fresh_equals(found)


def test_what_hasura_knew_is_known(found: Here) -> None:
    """Tables, relationships and permissions of its catalogue; nothing of its own is taken over."""
    found.cluster.execute(HASURA, database=found.name)
    told = found.howdah("migration", "adopt")
    assert told.code == 0, told
    assert "hdb_catalog" not in next((found.root / "migrations").glob("*/up.sql")).read_text()
    files = metadata(found)
    assert sorted(files) == ["public.article.toml", "public.author.toml"]
    assert "[relationships.writer]" in files["public.article.toml"]
    assert 'filter.author_id = "X-Hasura-User-Id"' in files["public.article.toml"]
    assert fresh_equals(found)


def test_metadata_of_a_later_hasura_is_read(found: Here) -> None:
    """As one document, by source; what has no place here is left out."""
    table = {
        "table": {"schema": "public", "name": "author"},
        "select_permissions": [{"role": "user", "permission": {"columns": ["id"], "filter": {}}}],
        "event_triggers": [{"name": "x"}],
    }
    document = json.dumps({"version": 3, "sources": [{"name": "default", "tables": [table]}], "actions": []})
    found.cluster.execute(
        "create table author (id int primary key); create schema hdb_catalog;"
        " create table hdb_catalog.hdb_metadata (id int, metadata json);"
        f" insert into hdb_catalog.hdb_metadata values (1, '{document}')",
        database=found.name,
    )
    assert found.howdah("migration", "adopt").code == 0
    assert "[permissions.user.select]" in metadata(found)["public.author.toml"]


def test_migrations_that_hasura_applied_are_applied(found: Here) -> None:
    """The folder has them: they are recorded and not run, and those it had not applied stay pending."""
    found.cluster.execute(HASURA, database=found.name)
    found.write("migrations/1_first.up.sql", "create table author (id int primary key, name text);")
    article = "create table article (id int primary key, author_id int references author);"
    found.write("migrations/1_first.up.yaml", json.dumps([{"type": "run_sql", "args": {"sql": article}}]))
    found.write("migrations/2_second.up.sql", "create table tag (id int);")
    told = found.howdah("migration", "adopt", "--json")
    assert told.code == 0, told
    assert told.json["applied"] == ["migrations/1_first"]
    states = [one["state"] for one in found.howdah("migration", "list", "--json").json["migrations"]]
    assert states == ["applied", "pending"]


def test_what_alembic_says_is_kept(found: Here) -> None:
    """A database made from the files is at the same revision; its table is not tracked."""
    found.cluster.execute(
        "create table alembic_version (version_num varchar(32) primary key);"
        " insert into alembic_version values ('1a2b'); create table author (id int primary key)",
        database=found.name,
    )
    assert found.howdah("migration", "adopt").code == 0
    assert list(metadata(found)) == ["public.author.toml"]
    text = next((found.root / "migrations").glob("*/up.sql")).read_text()
    assert text.endswith("INSERT INTO public.alembic_version (version_num) VALUES ('1a2b');\n")
    assert fresh_equals(found)


def test_a_dry_run_shows_and_writes_nothing(found: Here) -> None:
    """Neither files nor records, not even howdah's schema."""
    found.cluster.execute(MADE_BY_HAND, database=found.name)
    told = found.howdah("migration", "adopt", "--dry-run", "--json")
    assert "CREATE TABLE public.author" in told.json["files"]["up.sql"]
    assert "tables/public.author.toml" in told.json["files"]
    assert found.howdah("migration", "adopt", "--dry-run").out.startswith("-- up.sql\n")
    assert not any((found.root / "migrations").iterdir())
    assert not (found.root / "metadata").exists()
    assert found.cluster.execute("select to_regnamespace('howdah')", database=found.name) == [(None,)]


def test_what_is_taken_over_already_is_refused(found: Here) -> None:
    """E218 for a database with migrations of ours, and for a folder with migrations that it does not have."""
    found.cluster.execute(MADE_BY_HAND, database=found.name)
    found.write("migrations/1_x/up.sql", "select 1")
    told = found.howdah("migration", "adopt")
    assert (told.code, "E218" in told.err) == (1, True)
    (found.root / "migrations/1_x/up.sql").unlink()
    (found.root / "migrations/1_x").rmdir()
    assert found.howdah("migration", "adopt").code == 0
    told = found.howdah("migration", "adopt")
    assert (told.code, "E218" in told.err, "migration check" in told.err) == (1, True, True)
    assert found.howdah("migration", "adopt", "--name", "!").code == 2
