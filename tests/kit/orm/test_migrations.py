"""Migrations of a service with Alembic: in its own folder, schema and table; many at once; as its command is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

MODELS = """
from typing import Any
from sqlalchemy.orm import Mapped, mapped_column
from howdah.kit.orm import Base, Entity

Base.metadata.schema = {schema!r}

class Invoice(Entity):
    number: Mapped[str] = mapped_column(unique=True)
    about: Mapped[dict[str, Any] | None]
"""
MORE = """
    paid: Mapped[bool] = mapped_column(server_default="false")
"""


class Service:
    """The folder of a service, and its command."""

    def __init__(self, folder: Path, dsn: str, schema: str | None = "billing") -> None:
        self.folder, self.dsn = folder, dsn
        self.models = folder / "src" / folder.name / "models.py"
        self.models.parent.mkdir(parents=True)
        (self.models.parent / "__init__.py").touch()
        self.models.write_text(MODELS.format(schema=schema))

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HOWDAH", "DATABASE"))}
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "howdah.kit.orm.migrate", *words],
            cwd=self.folder,
            env={**inherited, "DATABASE_URL": self.dsn, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def done(self, *words: str) -> Any:
        result = self.run("--json", *words)
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads(result.stdout)


def ask(dsn: str, text: str) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(text.encode())
        return found.fetchall() if found.description else []


def test_the_way_of_a_service(tmp_path: Path, database: str) -> None:
    """F12, L29: revision, upgrade, preview, current, history, downgrade; and again after a change of the models."""
    ask(database, "CREATE TABLE article (id int); CREATE SCHEMA howdah; CREATE TABLE howdah.metadata (id int)")
    billing = Service(tmp_path / "billing", database)
    assert billing.done("history") == {"revisions": []}
    first = billing.done("revision", "-m", "Add invoices")["file"]
    text = (billing.folder / first).read_text()
    assert "op.create_table('invoice'" in text and "schema='billing'" in text
    assert "drop_table('article'" not in text and "howdah" not in text
    assert database not in text
    sql = billing.run("sql", DATABASE_URL="")
    assert sql.returncode == 0, sql.stderr
    assert "CREATE SCHEMA IF NOT EXISTS billing" in sql.stdout and "CREATE TABLE billing.invoice" in sql.stdout
    assert ask(database, "SELECT 1 FROM pg_namespace WHERE nspname = 'billing'") == []
    assert [one["file"] for one in billing.done("upgrade")["applied"]] == [Path(first).name]
    assert billing.done("upgrade") == {"applied": [], "reverted": []}
    assert billing.done("revision", "-m", "nothing") == {"file": None}
    assert billing.run("current").stdout.endswith("applied  Add invoices\n")
    tables = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema = 'billing'"
    assert sorted(ask(database, tables)) == [("billing.alembic_version_billing",), ("billing.invoice",)]

    billing.models.write_text(billing.models.read_text() + MORE)
    second = billing.done("revision", "-m", "Pay invoices")["file"]
    assert "add_column('invoice'" in (billing.folder / second).read_text()
    not_yet = billing.run("revision", "-m", "too soon")
    assert (not_yet.returncode, "error[db-migration]" in not_yet.stderr) == (1, True)
    billing.done("upgrade")
    assert [one["applied"] for one in billing.done("history")["revisions"]] == [True, True]
    assert [one["message"] for one in billing.done("downgrade")["reverted"]] == ["Pay invoices"]
    assert [one["message"] for one in billing.done("downgrade", "base")["reverted"]] == ["Add invoices"]
    assert billing.run("current").stdout == "base\n"
    assert ask(database, "SELECT count(*) FROM article") == [(0,)]


def test_the_preview_is_what_an_upgrade_does(tmp_path: Path, database: str) -> None:
    """F12: its SQL, run by hand, leaves nothing for an upgrade to do."""
    billing = Service(tmp_path / "billing", database)
    billing.done("revision", "-m", "Add invoices")
    ask(database, billing.done("sql")["sql"])
    assert billing.done("upgrade")["applied"] == []
    assert billing.done("revision", "-m", "nothing") == {"file": None}


def test_many_upgrade_at_once(tmp_path: Path, database: str) -> None:
    """Six instances start together: one upgrades, five find it done."""
    billing = Service(tmp_path / "billing", database)
    billing.done("revision", "-m", "Add invoices")
    text = next((billing.folder / "migrations").glob("*.py"))
    text.write_text(
        text.read_text().replace(
            "def upgrade() -> None:", "def upgrade() -> None:\n    op.execute('SELECT pg_sleep(0.5)')"
        )
    )
    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(lambda _: billing.run("--json", "upgrade"), range(6)))
    assert [one.returncode for one in results] == [0] * 6, [one.stderr for one in results]
    assert ask(database, "SELECT count(*) FROM billing.alembic_version_billing") == [(1,)]


def test_a_step_that_fails_leaves_nothing(tmp_path: Path, database: str) -> None:
    """All of an upgrade is one transaction; the error is Postgres's, and has a code."""
    billing = Service(tmp_path / "billing", database)
    billing.done("revision", "-m", "Add invoices")
    text = next((billing.folder / "migrations").glob("*.py"))
    text.write_text(text.read_text().replace("def downgrade", "    op.execute('SELECT nothing')\n\n\ndef downgrade"))
    failed = billing.run("upgrade")
    assert failed.returncode == 1
    assert failed.stderr.startswith('error[db-mistake]: column "nothing" does not exist')
    assert ask(database, "SELECT 1 FROM pg_class WHERE relname IN ('invoice', 'alembic_version_billing')") == []


def test_two_services_in_one_schema_do_not_touch_each_other(tmp_path: Path, database: str) -> None:
    """Each has its own table of versions, and drops no table that it does not know."""
    ask(database, "CREATE TABLE article (id int)")
    one, other = (Service(tmp_path / name, database, schema=None) for name in ("shop", "ware-house"))
    other.models.write_text(other.models.read_text().replace("Invoice", "Parcel"))
    for service in (one, other):
        service.done("revision", "-m", "first")
        service.done("upgrade")
        assert service.done("revision", "-m", "nothing") == {"file": None}
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
    assert [row[0] for row in ask(database, tables)] == [
        "alembic_version_shop",
        "alembic_version_ware_house",
        "article",
        "invoice",
        "parcel",
    ]


def test_a_table_of_its_own_schema_goes_with_its_model(tmp_path: Path, database: str) -> None:
    """There, what no model has is the service's own, and old."""
    billing = Service(tmp_path / "billing", database)
    billing.models.write_text(billing.models.read_text() + "\nclass Old(Entity):\n    word: Mapped[str]\n")
    billing.done("revision", "-m", "first")
    billing.done("upgrade")
    billing.models.write_text(billing.models.read_text().partition("\nclass Old")[0])
    file = billing.done("revision", "-m", "second")["file"]
    assert "op.drop_table('old', schema='billing')" in (billing.folder / file).read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--models", "nothing", "history"], "db-no-models"),
        (["--models", "json", "history"], "db-no-models"),
        (["--database", "other", "history"], "db-unknown-database"),
        (["upgrade", "f00"], "db-migration"),
    ],
)
def test_what_cannot_be_done_has_a_code(tmp_path: Path, database: str, words: list[str], code: str) -> None:
    billing = Service(tmp_path / "billing", database)
    assert json.loads(billing.run("--json", *words).stdout)["error"]["code"] == code


def test_the_models_are_found_or_asked_for(tmp_path: Path, database: str) -> None:
    """By convention; several are a question."""
    billing = Service(tmp_path / "billing", database)
    more = billing.models.parents[1] / "more"
    more.mkdir()
    (more / "models.py").write_text("")
    asked = billing.run("history")
    assert "There are several: billing.models, more.models." in asked.stderr
    assert "HOWDAH_MODELS" in asked.stderr
    assert billing.run("history", HOWDAH_MODELS="billing.models:Base").returncode == 0
