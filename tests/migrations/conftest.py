"""Databases for tests that compare two."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from tests.support import Cluster


@pytest.fixture
def cluster_pair(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """The connection strings of two empty databases."""
    names = [f"test_{secrets.token_hex(6)}" for _ in range(2)]
    yield cluster.create_database(names[0]), cluster.create_database(names[1])
    for name in names:
        cluster.drop_database(name)
