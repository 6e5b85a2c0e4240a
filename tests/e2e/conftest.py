"""One sample project, made and started once for the tests that only look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.product import Dev, howdah


def quickstart(folder: Path, name: str = "hello") -> Path:
    """A fresh sample project."""
    made = howdah("quickstart", name, folder=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / name


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """A running sample project for the tests of one module."""
    with Dev(quickstart(tmp_path_factory.mktemp("first light"))) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A sample project that is not running."""
    return quickstart(tmp_path)
