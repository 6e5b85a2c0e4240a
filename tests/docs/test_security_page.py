"""docs/security.md and the tests name the same requirements."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"\bR([1-9]\d?)\b")


def named_in(folder: str) -> set[int]:
    return {
        int(number)
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
        for number in NUMBER.findall(path.read_text(encoding="utf-8"))
    }


def test_every_promise_has_a_test_and_every_test_its_promise() -> None:
    """Each number of the page is named by a test, and each number that tests or code name is on the page."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    promised = {int(number) for number in re.findall(r"^\| R(\d+) \|", page, re.MULTILINE)}
    assert promised
    assert promised - named_in("tests") == set()
    assert (named_in("tests") | named_in("src")) - promised == set()
