"""Fixtures of the tests of accounts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from tests.auth.support import Platform, platform_on
from tests.support import Cluster


@pytest.fixture(scope="module")
def platform(cluster: Cluster) -> Iterator[Platform]:
    """A platform with accounts, for the tests of one module: each makes users of its own."""
    name = f"accounts_{secrets.token_hex(4)}"
    dsn = cluster.create_database(name)
    with platform_on(dsn) as running:
        yield running
    cluster.drop_database(name)
