"""docs/configuration.md and the settings say the same."""

from __future__ import annotations

import re
from pathlib import Path

from howdah.project.reference import markdown, references
from howdah.project.schema import NAMED, SERVICE_SETTINGS, SETTINGS, settings_of

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_what_the_settings_say() -> None:
    """The page in the repository is the page that the sections make now."""
    assert PAGE.read_text() == markdown()


def test_every_setting_is_on_the_page_and_back() -> None:
    """Each setting has its row, and no row is about anything else."""
    documented = set()
    for section in PAGE.read_text().split("\n## ")[1:]:
        found = re.match(r"`\[(.*)\]`", section)
        if found:
            documented |= {f"{found[1]}.{key}" for key in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)}
    known = {".".join(path) for path in SETTINGS} | {f"services.<name>.{'.'.join(key)}" for key in SERVICE_SETTINGS}
    known |= {f"{'.'.join(path)}.<name>.{key}" for path, section in NAMED.items() for key in settings_of(section)}
    assert documented == known == {reference.key for reference in references()}


def test_every_setting_says_what_it_is_for() -> None:
    """No row without a sentence."""
    assert all(reference.doc.rstrip().endswith(".") for reference in references())
