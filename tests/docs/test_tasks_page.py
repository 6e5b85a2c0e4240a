"""docs/tasks.md: its settings are settings, its Python declares and sends, its defaults are the defaults."""

from __future__ import annotations

import inspect
import re
import sys
import types
from pathlib import Path

import psycopg
import pytest
from tests.support import run
from tests.tasks.rig import prepare, rows

from howdah.data.written.files import from_files
from howdah.kit.tasks import declare
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import Secrets
from howdah.tasks.schedules import check

TEXT = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_every_setting_of_the_page_is_taken(tmp_path: Path) -> None:
    project = parse_project(Sources("\n".join(blocks("toml"))), root=tmp_path, secrets=Secrets())
    worker = project.service("worker")
    assert worker is not None
    assert worker.command[:3] == ("python", "-m", "howdah.kit.tasks.worker")
    for schedule in project.tasks.schedules:
        check(schedule)
    assert len(project.tasks.schedules) == 2


def test_the_python_of_the_page_declares_and_sends(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declare, "_declared", {})
    monkeypatch.setenv("DATABASE_URL", database)
    run(prepare(database))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create table orders (id int)")
    declaring, sending, booking, changed = blocks("python")
    tasks = types.ModuleType("tasks")
    monkeypatch.setitem(sys.modules, "tasks", tasks)
    exec(declaring, vars(tasks))
    exec(sending, {})
    exec(f"import os, psycopg\nfrom howdah.kit.tasks import current, task\n{booking}\n{changed}", {"__name__": "tasks"})
    assert rows(database, "select name, args from howdah_tasks.outbox") == [("send_receipt", {"order_id": 7})]
    assert {one.name for one in declare.declared()} == {"send_receipt", "index_article", "book", "article_changed"}


def test_the_metadata_file_of_the_page_is_one() -> None:
    [written] = re.findall(r"^```\n# metadata/tables/.*?\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    metadata = from_files({"tables/public.article.toml": f'table = "article"\n{written}'})
    [event] = metadata.tables[0].event_triggers
    assert (event.task, event.columns, event.payload) == ("article_changed", ("title", "body"), ("id", "title"))


@pytest.mark.parametrize(
    ("option", "default"), re.findall(r"^\| `(\w+)`(?:, `\w+`)? \| ([\d.]+)(?: s.*?)? \|", TEXT, re.MULTILINE)
)
def test_the_defaults_of_the_page_are_the_defaults(option: str, default: str) -> None:
    assert inspect.signature(declare.Task).parameters[option].default == float(default)
