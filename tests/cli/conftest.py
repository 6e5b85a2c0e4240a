"""A project on a database that somebody else runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.cli.commands import Outcome, project
from tests.support import Cluster

from howdah.cli import program

FILES = {
    "1_author/up.sql": "create table author (id int primary key);",
    "1_author/down.sql": "drop table author;",
    "2_article/up.sql": "create table article (id int primary key);",
    "2_article/down.sql": "drop table article;",
}


class Here:
    """A project with two migrations, and its database. Commands run in this process: it is most of their time."""

    def __init__(
        self,
        folder: Path,
        dsn: str,
        cluster: Cluster,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.root = project(folder)
        self.dsn, self.cluster, self.monkeypatch, self.capsys = dsn, cluster, monkeypatch, capsys
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # the command sets its own
        for name, text in FILES.items():
            self.write(f"migrations/{name}", text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def howdah(self, *words: str) -> Outcome:
        self.monkeypatch.setenv("DATABASE_URL", self.dsn)
        self.capsys.readouterr()
        code = program.run(words)
        said = self.capsys.readouterr()
        return Outcome(code, said.out, said.err)

    @property
    def name(self) -> str:
        return self.dsn.partition("dbname=")[2].split()[0]

    def tables(self) -> list[str]:
        found = self.cluster.execute("select tablename from pg_tables where schemaname = 'public'", database=self.name)
        return sorted(table for (table,) in found)

    def rows(self, table: str) -> int:
        ((count,),) = self.cluster.execute(f"select count(*) from {table}", database=self.name)
        return int(count)


@pytest.fixture
def here(
    tmp_path: Path,
    database: str,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Here:
    return Here(tmp_path / "shop", database, cluster, monkeypatch, capsys)
