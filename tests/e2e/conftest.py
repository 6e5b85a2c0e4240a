"""One sample project, made and started once for the tests that only look."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.product import Dev, howdah


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that root's Postgres may enter as another account, unlike pytest's own, so that nothing stays behind."""
    with tempfile.TemporaryDirectory(prefix="howdah e2e ", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


def quickstart(folder: Path, name: str = "hello") -> Path:
    """A fresh sample project."""
    made = howdah("quickstart", name, folder=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / name


@pytest.fixture(scope="module")
def dev() -> Iterator[Dev]:
    """A running sample project for the tests of one module."""
    with open_folder() as folder, Dev(quickstart(folder)) as running:
        yield running


@pytest.fixture
def project() -> Iterator[Path]:
    """A sample project that is not running."""
    with open_folder() as folder:
        yield quickstart(folder)
