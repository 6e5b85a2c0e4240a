"""docs/orm.md: every block is run, in the reader's order; what a comment says comes out comes out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.pages import run_python

from howdah.kit.orm import Base, Repository, close_engines

PAGE = Path(__file__).parents[2] / "docs" / "orm.md"


@pytest.fixture
def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    close_engines()
    monkeypatch.setenv("DATABASE_URL", database)
    yield
    close_engines()
    Base.metadata.schema = None


def test_every_block_of_the_page_does_what_it_says(shop: None, capsys: pytest.CaptureFixture[str]) -> None:
    """In an empty database."""
    assert run_python(PAGE, capsys) >= 5


def test_every_word_of_a_repository_is_in_the_table() -> None:
    """And no other is."""
    table = PAGE.read_text().partition("## Repositories")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)\([^`]*\)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    words = {name for name, _ in inspect.getmembers(Repository, inspect.isfunction) if not name.startswith("_")}
    assert named == words - {"query"}
