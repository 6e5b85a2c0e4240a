"""docs/asvs.md: every requirement of its chapters once, and whatever it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SECTIONS: Final = {
    "6": (3, 12, 8, 6, 8, 4, 2, 4),
    "7": (3, 4, 2, 5, 3, 2),
    "8": (4, 4, 3, 2),
    "9": (3, 4),
    "10": (2, 3, 5, 16, 5, 2, 3),
}
"""How many requirements the sections of the chapters have in version 5.0.0."""
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| (yes|partly|no|–) \| ([^|]+) \|$", re.MULTILINE)


def test_every_requirement_is_there_once() -> None:
    """In the order of the standard, none made up and none left out."""
    expected = [
        f"{chapter}.{section}.{number}"
        for chapter, counts in SECTIONS.items()
        for section, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]
    assert [row[0] for row in ROW.findall(PAGE)] == expected


def test_what_shows_it_exists() -> None:
    """Numbers are on the page of promises, and tests and pages are there."""
    promised = set(re.findall(r"^\| (R\d+) \|", SECURITY, re.MULTILINE))
    tests = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"\bR\d+\b", PAGE)) <= promised
    for name, function in re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", PAGE):
        assert name in tests, name
        assert f"def {function}" in tests[name], function
    for page in set(re.findall(r"\]\(([a-z-]+\.md)", PAGE)):
        assert (ROOT / "docs" / page).exists(), page
