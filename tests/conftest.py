"""Fixtures that every part's tests may use."""

from __future__ import annotations

import os
import secrets
import tempfile
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


@pytest.fixture(scope="session", autouse=True)
def _passable(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Root's Postgres runs as another account: it may pass through pytest's folders, or data would be put elsewhere."""
    if os.geteuid() == 0:
        base = tmp_path_factory.getbasetemp()
        for folder in (base, *base.parents[: len(base.relative_to(tempfile.gettempdir()).parts) - 1]):
            folder.chmod(0o711)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Pytest's folder for one test, passable as above."""
    if os.geteuid() == 0:
        tmp_path.chmod(0o711)
    return tmp_path


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
