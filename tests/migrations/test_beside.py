"""Metadata beside SQL in a migration's folder: together in force, together taken back; and who wins against files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import run

from howdah import provision
from howdah.data.written import store
from howdah.data.written.document import to_document
from howdah.migrations.errors import InvalidMigrations, MigrationFailed
from howdah.migrations.load import load_migrations
from howdah.observe import events
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.provision import CallsOverruled

TAG = {
    "1_tag/up.sql": "create table tag (id int primary key, name text);",
    "1_tag/up.yaml": """
- {type: track_table, args: tag}
- type: create_select_permission
  args: {table: tag, role: anonymous, permission: {columns: [id], filter: {}}}
""",
    "1_tag/down.yaml": "- {type: untrack_table, args: tag}\n",
    "1_tag/down.sql": "drop table tag;",
}
MORE = {
    "2_more/up.yaml": """
- {type: drop_select_permission, args: {table: tag, role: anonymous}}
- type: create_select_permission
  args: {table: tag, role: anonymous, permission: {columns: [id, name], filter: {}}}
""",
    "2_more/down.yaml": """
- {type: drop_select_permission, args: {table: tag, role: anonymous}}
- type: create_select_permission
  args: {table: tag, role: anonymous, permission: {columns: [id], filter: {}}}
""",
}


def write(root: Path, files: dict[str, str], folder: str = "migrations") -> None:
    for name, text in files.items():
        path = root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def file_of(*columns: str) -> dict[str, str]:
    rule = f"[permissions.anonymous.select]\ncolumns = {json.dumps(columns)}\nfilter = {{}}\n"
    return {"public.tag.toml": f'table = "tag"\n\n{rule}'}


async def columns(dsn: str) -> Any:
    """The columns that anonymous may see of each tracked table."""
    async with await connect(dsn) as connection:
        document = to_document((await store.read(connection)).metadata)
    return {
        table["table"]: [one["permission"]["columns"] for one in table.get("select_permissions", ())]
        for table in document["tables"]
    }


async def up(root: Path, dsn: str) -> list[str]:
    return [step.place for step in await provision.migrate_up(root, Secret(dsn))]


async def down(root: Path, dsn: str) -> list[str]:
    return [step.place for step in await provision.migrate_down(root, Secret(dsn))]


@pytest.fixture
def overruled() -> Iterator[list[str]]:
    """What is said of calls that had no effect."""
    said: list[str] = []
    remove = events.add_sink(lambda event: said.append(event.message) if isinstance(event, CallsOverruled) else None)
    yield said
    remove()


def test_table_and_metadata_come_and_go_together(tmp_path: Path, database: str) -> None:
    """SQL first on the way up, last on the way down; a folder may have calls alone."""
    write(tmp_path, TAG | MORE)

    async def scenario() -> None:
        assert await up(tmp_path, database) == [
            "migrations/1_tag/up.sql",
            "migrations/1_tag/up.yaml",
            "migrations/2_more/up.yaml",
        ]
        assert await columns(database) == {"tag": [["id", "name"]]}
        assert await down(tmp_path, database) == ["migrations/2_more/down.yaml"]
        assert await columns(database) == {"tag": [["id"]]}
        assert await down(tmp_path, database) == ["migrations/1_tag/down.yaml", "migrations/1_tag/down.sql"]
        assert await columns(database) == {}

    run(scenario())


def test_neither_is_there_without_the_other(tmp_path: Path, database: str) -> None:
    """A call that is refused takes the table with it, and SQL that is refused the calls, both ways."""
    write(tmp_path, TAG | {"1_tag/up.yaml": "- {type: track_table, args: tags}\n"})

    async def left() -> object:
        async with await connect(database) as connection:
            return json.loads(await connection.submit("select to_json(to_regclass('tag'))"))

    async def scenario() -> None:
        with pytest.raises(MigrationFailed, match=r"1_tag/up\.yaml:1: track_table"):
            await up(tmp_path, database)
        assert await left() is None
        write(tmp_path, TAG | {"1_tag/down.sql": "drop table tags;"})
        await up(tmp_path, database)
        with pytest.raises(MigrationFailed, match=r"1_tag/down\.sql:1"):
            await down(tmp_path, database)
        assert (await left(), await columns(database)) == ("tag", {"tag": [["id"]]})

    run(scenario())


def test_files_decide_and_say_what_they_overrule(tmp_path: Path, database: str, overruled: list[str]) -> None:
    """In an old database as in a new one: what is in force is what the files say, never what happened to run last."""
    write(tmp_path, TAG)
    write(tmp_path, file_of("id"), "metadata/tables")

    async def scenario() -> None:
        await up(tmp_path, database)
        write(tmp_path, MORE)
        await up(tmp_path, database)
        assert await columns(database) == {"tag": [["id"]]}
        assert overruled == ["the calls of a migration say otherwise of tag: files decide"]
        await down(tmp_path, database)
        assert await columns(database) == {"tag": [["id"]]}
        assert len(overruled) == 1  # what the calls took back is what the file says

    run(scenario())


def test_files_that_say_the_same_are_no_news(
    tmp_path: Path, cluster_pair: tuple[str, str], overruled: list[str]
) -> None:
    """Neither where both were written together, nor in a new database, where old calls run before newer files."""
    database, fresh = cluster_pair
    write(tmp_path, TAG)
    write(tmp_path, file_of("id"), "metadata/tables")

    async def scenario() -> None:
        await up(tmp_path, database)
        write(tmp_path, MORE)
        write(tmp_path, file_of("id", "name"), "metadata/tables")
        await up(tmp_path, database)
        write(tmp_path, file_of("name"), "metadata/tables")
        await up(tmp_path, database)
        await up(tmp_path, fresh)
        assert await columns(database) == await columns(fresh) == {"tag": [["name"]]}
        assert overruled == []

    run(scenario())


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"up.yml": ""}, "up.yml would not be read"),
        ({"up.sql": "", "up.json": "[]"}, "up.json would not be read"),
        ({"down.yaml": ""}, "has no up.sql"),
        ({"up.sql": "", "up.1.sql": ""}, "has parts whose order nobody knows"),
        ({"up.1.sql": "", "up.01.yaml": ""}, "has parts whose order nobody knows"),
        ({"up.yaml": "type: x"}, "up.yaml:1: this must be a list of calls."),
    ],
)
def test_parts_that_cannot_be_read_are_refused(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    """Nothing that somebody wrote as a part of a migration is passed over in silence."""
    write(tmp_path, {f"1_x/{name}": text for name, text in files.items()})
    with pytest.raises(InvalidMigrations) as caught:
        load_migrations(tmp_path / "migrations")
    assert any(problem in one for one in caught.value.problems), caught.value.problems


def test_parts_are_run_by_number(tmp_path: Path, database: str) -> None:
    """As numbers: 10 after 9. What lies beside them for people is left alone."""
    parts = {f"1_x/up.{n}.sql": f"create table t{n} (id int);" for n in (9, 10)}
    write(tmp_path, parts | {"1_x/up.11.yaml": "- {type: track_table, args: t10}\n", "1_x/notes.txt": "why"})
    assert run(up(tmp_path, database)) == [f"migrations/1_x/up.{part}" for part in ("9.sql", "10.sql", "11.yaml")]


def test_a_part_without_a_call_is_no_edit(tmp_path: Path, database: str) -> None:
    """`migration new --metadata` leaves one, and who needs none may remove it later."""
    write(tmp_path, {"1_x/up.sql": "select 1", "1_x/up.yaml": "# nothing\n"})

    async def scenario() -> None:
        await up(tmp_path, database)
        (tmp_path / "migrations/1_x/up.yaml").unlink()
        assert await up(tmp_path, database) == []

    run(scenario())
