"""A database with the tables of the models, as the environment's default."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine
from tests.kit.orm.models import Base, BlogArticle, Tag, Writer
from tests.support import Cluster

from howdah.kit.orm import close_engines


def _create(dsn: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
    Base.metadata.create_all(engine, tables=[one.__table__ for one in (Writer, BlogArticle, Tag)])
    engine.dispose()


@pytest.fixture
def shop(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the database is."""
    template = cluster.template("kit_orm", "SELECT 1", _create)
    name = f"orm_{id(object()):x}"
    dsn = cluster.create_database(name, template=template)
    close_engines()
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("DATABASE_POOL_TIMEOUT", "2")
    yield dsn
    close_engines()
    cluster.drop_database(name)
