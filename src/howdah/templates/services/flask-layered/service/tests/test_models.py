"""The tables are what the models say."""

from app.foss.models import Foss
from howdah.kit.orm import migrate, session


def test_a_row_is_kept_and_found_no_more_once_deleted(app):
    with session() as one:
        row = Foss(name="Flask", url="https://flask.palletsprojects.com")
        one.add(row)
        one.flush()
        assert row.created_at.tzinfo is not None
        one.delete(row)
        one.flush()
        assert one.get(Foss, row.id) is None


def test_no_migration_is_missing(app, capsys):
    assert migrate.main(["revision", "-m", "missing"]) == 0
    assert "nothing to do" in capsys.readouterr().out
