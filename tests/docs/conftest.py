"""One running sample project for the pages whose examples are tried."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from tests.e2e.product import Dev, howdah


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """The sample project as `howdah quickstart` makes it, running."""
    folder = tmp_path_factory.mktemp("docs")
    made = howdah("quickstart", "hello", folder=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    with Dev(folder / "hello") as running:
        yield running
    elsewhere = folder / "hello" / ".howdah" / "postgres.location"
    if elsewhere.exists():  # as root, where Postgres's account may not enter pytest's folders
        shutil.rmtree(elsewhere.read_text().strip())
