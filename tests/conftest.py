"""Fixtures that every part's tests may use."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.support import Cluster, shared_cluster

# How long an example takes says more about the machine than about the code: pytest's durations tell what is slow.
settings.register_profile("howdah", deadline=None)
settings.load_profile("howdah")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-cases", action="store_true", help="rewrite what the cases expect from what is so now")


@pytest.fixture(scope="session")
def update_cases(request: pytest.FixtureRequest) -> bool:
    """Whether to rewrite the expectations of case folders."""
    return bool(request.config.getoption("--update-cases"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The running Postgres of this session."""
    base = tmp_path_factory.getbasetemp()
    folder: Path = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return shared_cluster(folder)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """The connection string of an empty database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    yield cluster.create_database(name)
    cluster.drop_database(name)
