"""Migrations in the format of Hasura 0.15, files of SQL and of calls, apply as they are and mean what they meant."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.support import run

from howdah import provision
from howdah.data.execute import Engine
from howdah.data.written import store
from howdah.data.written.metadata import Metadata
from howdah.migrations.errors import InvalidMigrations, MigrationFailed, NoDown
from howdah.migrations.load import CallsFile, load_migrations
from howdah.migrations.plan import Standing
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ANONYMOUS, Session

HELLO_WORLD = Path(__file__).with_name("hello_world")
"""The shape of the sample project of those days: seven files of calls and one of rows, forwards only."""

ARTICLES = {
    "type": "select",
    "args": {
        "table": "article",
        "columns": ["title", {"name": "author", "columns": ["name"]}],
        "order_by": "title",
    },
}
AUTHORS = {"type": "select", "args": {"table": "author", "columns": ["name", {"name": "articles", "columns": ["id"]}]}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with those migrations, and nothing else."""
    shutil.copytree(HELLO_WORLD, tmp_path / "migrations")
    return tmp_path


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        version, direction, suffix = name.rsplit("_", 2)
        (root / "migrations" / f"9{version.lstrip('v')}_x.{direction}.{suffix}").write_text(text)


async def answer(dsn: str, session: Session, *queries: object) -> list[object]:
    engine = Engine(dsn, database=DatabaseSection(), data=DataSection())
    await engine.start()
    try:
        answers = [await engine.answer(json.dumps(query).encode(), session) for query in queries]
    finally:
        await engine.stop()
    assert all(one.status == 200 for one in answers), answers
    return [json.loads(one.body) for one in answers]


def test_the_eight_migrations_apply_in_order_and_answer_queries(root: Path, database: str) -> None:
    """By number, seconds before milliseconds; tables, relationships, columns, row filter and rows are there."""

    async def scenario() -> None:
        done = await provision.provision(provision.read_files(root), Secret(database))
        assert [step.place.partition("_")[2] for step in done.migrations] == [
            "create_author.up.yaml",
            "create_article.up.yaml",
            "article_author_fkey.up.yaml",
            "object_relationship.up.yaml",
            "array_relationship.up.yaml",
            "sample_rows.up.sql",
            "author_for_anonymous.up.yaml",
            "article_for_anonymous.up.yaml",
        ]
        articles, authors = await answer(database, ANONYMOUS, ARTICLES, AUTHORS)
        assert articles == [
            {"title": "a nibh", "author": {"name": "Amelia"}},
            {"title": "amet justo morbi", "author": {"name": "Chen"}},
        ]
        assert [len(author["articles"]) for author in authors] == [1, 0, 1]
        again = await provision.provision(provision.read_files(root), Secret(database))
        assert (again.migrations, again.already_applied) == ((), 8)
        assert await answer(database, ANONYMOUS, ARTICLES) == [articles]

    run(scenario())


def test_a_refused_call_takes_everything_back(root: Path, database: str) -> None:
    """The error has file, line, call and Postgres's words; neither tables nor metadata nor records are left."""
    write(root, v0_up_yaml="- {type: track_table, args: {name: nowhere}}\n")
    write(root, v1_up_yaml="\n- type: run_sql\n  args:\n    sql: selct 1\n")

    async def scenario() -> None:
        with pytest.raises(MigrationFailed) as caught:
            await provision.migrate_up(root, Secret(database))
        assert caught.value.path == "migrations/90_x.up.yaml:1"
        assert "track_table" in caught.value.message
        (root / "migrations/90_x.up.yaml").unlink()
        with pytest.raises(MigrationFailed) as caught:
            await provision.migrate_up(root, Secret(database), to="91")
        assert caught.value.path == "migrations/91_x.up.yaml:2"
        assert 'syntax error at or near "selct"' in caught.value.message
        async with await connect(database) as connection:
            left = "select json_build_array(to_regclass('author'), (select count(*) from howdah.migrations))"
            assert json.loads(await connection.submit(left)) == [None, 0]
            assert (await store.read(connection)).metadata == Metadata()

    run(scenario())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("{type: insert, args: {table: author, objects: []}}", "objects cannot be an empty list"),
        ("{type: delete, args: {table: author, where: {}}}", "rows are for its SQL"),
        ("{type: run_sql, args: {sql: commit}}", "run_sql is one transaction already"),
        ("{type: create_everything, args: {}}", "create_everything"),
        ("{type: track_table, args: .nan}", "NaN"),
    ],
)
def test_what_no_migration_may_call_is_refused(call: str, words: str, tmp_path: Path, database: str) -> None:
    """Rows, the end of the transaction, calls there are not, and values that are no JSON."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/1_x.up.yaml").write_text(f"- {call}\n")
    with pytest.raises(MigrationFailed) as caught:
        run(provision.migrate_up(tmp_path, Secret(database)))
    assert words in caught.value.message
    assert caught.value.path == "migrations/1_x.up.yaml:1"


def test_down_undoes_tables_and_metadata(root: Path, database: str) -> None:
    """SQL before calls in both directions; what has no down is refused, and says where it would be written."""
    write(root, v0_up_sql="create table tag (id int);", v0_up_yaml="- {type: track_table, args: tag}")
    write(root, v0_down_yaml="- {type: run_sql, args: {sql: drop table tag, cascade: true}}")

    async def standings() -> tuple[Standing, ...]:
        return await provision.read_standings(root, Secret(database))

    async def scenario() -> None:
        steps = await provision.migrate_up(root, Secret(database), to="90")
        assert [step.place for step in steps] == ["migrations/90_x.up.sql", "migrations/90_x.up.yaml"]
        assert (await standings())[0].state == "applied"
        assert len(await provision.migrate_down(root, Secret(database))) == 1
        assert (await standings())[0].state == "pending"
        async with await connect(database) as connection:
            assert (await store.read(connection)).metadata == Metadata()
        await provision.migrate_up(root, Secret(database))
        with pytest.raises(NoDown) as caught:
            await provision.migrate_down(root, Secret(database))
        assert caught.value.path == "migrations/1502360260000_article_for_anonymous.down.sql"

    run(scenario())


def test_metadata_files_decide_once_there_are_any(root: Path, database: str) -> None:
    """What calls made is kept until the project says it in files."""

    async def scenario() -> list[str]:
        await provision.migrate_up(root, Secret(database))
        (root / "metadata/tables").mkdir(parents=True)
        (root / "metadata/tables/public.author.toml").write_text('table = "author"\n')
        await provision.migrate_up(root, Secret(database))
        async with await connect(database) as connection:
            return [table.name.name for table in (await store.read(connection)).metadata.tables]

    assert run(scenario()) == ["author"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("type: run_sql", "1: this must be a list of calls."),
        ("\n- run_sql", "2: a call is a type and its args, and nothing else."),
        ("- {type: x, args: 1, more: 2}", "1: a call is a type and its args, and nothing else."),
        ("- {type: x}\n- {type: 1, args: 1}", "2: a call is a type and its args, and nothing else."),
        ("- {type: x, args: {a: 1, a: 2}}", '1: this is not YAML: the key "a" stands twice.'),
        ("- {type: x, args: {1: 1}}", "1: this is not YAML: the key 1 is no text."),
        ("- type: x\n  args: [", "2: this is not YAML"),
        ("- !!python/object:os.system {}", "1: this is not YAML: could not determine a constructor"),
        ("- {type: x, args: \x01}", "this is not YAML"),
    ],
)
def test_files_that_are_no_calls_are_refused(text: str, problem: str, tmp_path: Path) -> None:
    """With the line, before anything is applied; a tag never makes an object."""
    (tmp_path / "1_x.up.yaml").write_text(text)
    with pytest.raises(InvalidMigrations) as caught:
        load_migrations(tmp_path)
    assert any(problem in one for one in caught.value.problems), caught.value.problems


def test_files_and_folders_stand_beside_each_other(tmp_path: Path) -> None:
    """A project goes on in folders where it left off in files; dates stay text, an empty file is no call."""
    (tmp_path / "20261121101500_tags").mkdir()
    (tmp_path / "20261121101500_tags" / "up.sql").write_text("select 1")
    (tmp_path / "1502359990_old.name.up.yaml").write_text("- {type: x, args: {day: 2017-08-10}}")
    (tmp_path / "1502359991_empty.up.yaml").write_text("# nothing\n")
    old, empty, new = load_migrations(tmp_path)
    assert isinstance(old.up[0], CallsFile)
    assert old.up[0].calls[0].args == {"day": "2017-08-10"}
    assert (old.name, empty.is_written, new.name) == ("old.name", False, "tags")


def test_everything_wrong_with_files_is_said(tmp_path: Path) -> None:
    """A way back without a way there, two of one version, other endings."""
    for name in ("1_a.up.sql", "1_b.up.sql", "2_c.down.sql", "3_d.up.json"):
        (tmp_path / name).write_text("select 1")
    with pytest.raises(InvalidMigrations) as caught:
        load_migrations(tmp_path)
    folder = tmp_path.name
    assert [one.removeprefix(folder) for one in caught.value.problems] == [
        "/1_b has the version of " + folder + "/1_a.",
        f"/2_c.down has no {folder}/2_c.up.sql or {folder}/2_c.up.yaml.",
        "/3_d.up.json is a file, not a folder with an up.sql in it; or it would be named like 1_x.up.sql.",
    ]
