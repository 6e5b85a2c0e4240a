"""`howdah service db` on a database that somebody else runs; `tests/kit/orm/test_migrations.py` has what it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Here

MODELS = """
from sqlalchemy.orm import Mapped
from howdah.kit.orm import Base, Entity

Base.metadata.schema = "billing"

class Invoice(Entity):
    number: Mapped[str]
"""


@pytest.fixture
def billing(here: Here) -> Here:
    """A project with a service that has models."""
    toml = here.root / "howdah.toml"
    toml.write_text(toml.read_text() + '\n[services.billing]\ncommand = "true"\n')
    here.write("services/billing/src/billing/models.py", MODELS)
    here.write(
        "services/billing/src/billing/__init__.py",
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout, level='DEBUG')\nprint('imported')\n",
    )
    return here


def test_a_service_gets_its_tables_and_the_project_keeps_its_own(billing: Here) -> None:
    """Revision, preview, upgrade, history, downgrade; what the project's migrations made is not touched."""
    assert billing.howdah("migration", "up").code == 0
    made = billing.howdah("service", "db", "revision", "billing", "-m", "Add invoices", "--json")
    assert made.code == 0, made.err
    file = billing.root / "services/billing" / made.json["file"]
    assert "create_table('invoice'" in file.read_text()
    assert "author" not in file.read_text()
    assert "CREATE TABLE billing.invoice" in billing.howdah("service", "db", "sql", "billing").out
    assert billing.howdah("service", "db", "current", "billing").out == "base\n"
    assert billing.howdah("service", "db", "upgrade", "billing").out == f"applied   {file.name}\n"
    assert [
        one["applied"] for one in billing.howdah("service", "db", "history", "billing", "--json").json["revisions"]
    ] == [True]
    assert billing.tables() == ["article", "author"]
    checked = billing.howdah("migration", "check")  # what is the service's own is no drift
    assert checked.code == 0, checked.err
    billing.cluster.execute("create table billing_by_hand ()", database=billing.name)
    assert billing.howdah("migration", "check").code == 3
    refused = billing.howdah("service", "db", "downgrade", "billing")
    assert (refused.code, "E210" in refused.err) == (5, True)
    assert billing.howdah("service", "db", "downgrade", "billing", "base", "--yes").out == f"reverted  {file.name}\n"
    assert billing.howdah("migration", "up").code == 0


def test_what_cannot_be_done_is_said(billing: Here, tmp_path: Path) -> None:
    """A service that there is not; one without models; an error with --json."""
    unknown = billing.howdah("service", "db", "current", "nothing")
    assert (unknown.code, "There is: billing." in unknown.err) == (4, True)
    (billing.root / "services/billing/src/billing/models.py").unlink()
    none = billing.howdah("service", "db", "current", "billing")
    assert (none.code, "error[db-no-models]" in none.err) == (1, True)
    assert billing.howdah("service", "db", "current", "billing", "--json").json["error"]["code"] == "db-no-models"
