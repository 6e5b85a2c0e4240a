"""Databases with the fixture's tables, rows and metadata in them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
from tests.data.support import FIXTURE
from tests.support import Cluster, run

from howdah.data.written import store
from howdah.data.written.document import read_document
from howdah.postgres.connect import connect
from howdah.postgres.install import install


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a database with the fixture's tables, rows and metadata in it."""

    async def prepare(dsn: str) -> None:
        async with await connect(dsn) as connection:
            await install(connection)
            metadata = read_document(json.loads((FIXTURE / "metadata.json").read_text()))
            await store.write(connection, metadata, over=await store.read(connection))

    return cluster.template("cases", (FIXTURE / "database.sql").read_text(), lambda dsn: run(prepare(dsn)))


@pytest.fixture(scope="session")
def unchanged(cluster: Cluster, template: str) -> Iterator[str]:
    """A database for tests that change nothing, used by one after the other."""
    name = f"cases_{secrets.token_hex(6)}"
    yield cluster.create_database(name, template=template)
    cluster.drop_database(name)


@pytest.fixture
def changed(cluster: Cluster, template: str) -> Iterator[str]:
    """A database for one test that changes it."""
    name = f"cases_{secrets.token_hex(6)}"
    yield cluster.create_database(name, template=template)
    cluster.drop_database(name)
