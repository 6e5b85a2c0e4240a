"""Fixtures of the tests of accounts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from tests.auth.support import PATIENT, Platform, platform_on
from tests.support import Cluster

from howdah.project.sections import AuthSection


@pytest.fixture(scope="module")
def platform(cluster: Cluster) -> Iterator[Platform]:
    """A platform with accounts, for the tests of one module: each makes users of its own."""
    name = f"accounts_{secrets.token_hex(4)}"
    dsn = cluster.create_database(name)
    with platform_on(dsn) as running:
        yield running
    cluster.drop_database(name)


@pytest.fixture(scope="module")
def platform_with_codes(cluster: Cluster) -> Iterator[Platform]:
    """One on which people may sign in by codes that are mailed to them."""
    name = f"codes_{secrets.token_hex(4)}"
    with platform_on(
        cluster.create_database(name), auth=AuthSection(**PATIENT, providers=("email", "email-code"))
    ) as running:
        yield running
    cluster.drop_database(name)
