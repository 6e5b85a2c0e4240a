"""ARCHITECTURE.md and the source: what it names is there, and every module is in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "howdah"
PAGE = ROOT / "ARCHITECTURE.md"

FILE = re.compile(r"`([\w./-]*\w(?:\.(?:py|sql|html|md|toml)|/))`")
PART = re.compile(r"^### `([^`\n]+)/`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def parts() -> dict[Path, set[Path]]:
    """The folder of each part, and the files its paragraph names: beside that folder, or from the source's root."""
    found: dict[Path, set[Path]] = {}
    for name, text in PART.findall(PAGE.read_text()):
        folder = SOURCE if name == "src/howdah" else SOURCE / name
        found[folder] = {folder / file for file in FILE.findall(text) if (folder / file).exists()}
    return found


def test_every_file_that_is_named_exists() -> None:
    """In a part's paragraph beside it, elsewhere below the source or from the root of the repository."""
    text = PAGE.read_text()
    places = [SOURCE, ROOT]
    made_by_users = {"migrations/", "seeds/", "tests/permissions/", "howdah.toml", "secrets.toml"}
    for name, paragraph in PART.findall(text):
        folder = SOURCE if name == "src/howdah" else SOURCE / name
        for file in set(FILE.findall(paragraph)) - made_by_users - {".howdah/secrets.toml"}:
            assert any((place / file).exists() for place in (folder, *places)), f"{name}: {file}"
        text = text.replace(paragraph, "")
    for file in FILE.findall(text):
        assert any((place / file).exists() for place in places), file


def test_every_module_is_named_in_the_paragraph_of_its_folder() -> None:
    """A new file gets its place on the map with the commit that makes it."""
    named = {file for files in parts().values() for file in files}
    of_users = SOURCE / "templates" / "services"  # what becomes the users' own, and says itself what it is
    modules = {
        path for path in SOURCE.rglob("*.py") if path.name != "__init__.py" and not path.is_relative_to(of_users)
    }
    files = {path for suffix in ("*.sql", "*.html") for path in SOURCE.rglob(suffix) if "templates" not in path.parts}
    assert sorted(str(path.relative_to(SOURCE)) for path in (modules | files) - named) == []


def test_every_folder_has_a_paragraph_and_no_other() -> None:
    """The parts of the page are the packages of the source."""
    packages = {path.parent for path in SOURCE.rglob("__init__.py")}
    packages = {path for path in packages if not path.is_relative_to(SOURCE / "templates" / "services")}
    assert set(parts()) == packages


def test_the_drawing_is_the_contract() -> None:
    """The layers of the drawing are those that import-linter holds, in the same order."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    house, data = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    text = PAGE.read_text()
    drawing = re.search(r"^## The house.*?^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert drawing is not None
    drawn = [set(line.split("  ")[0].split(" · ")) for line in drawing[1].splitlines()]
    assert drawn == [set(layer.split(" | ")) for layer in house if layer != "__main__"]
    inside = re.search(r"^Inside data: (.*)\.$", text, re.MULTILINE)
    assert inside is not None
    assert [set(layer.split(", ")) for layer in inside[1].split(" · ")] == [set(layer.split(" | ")) for layer in data]


def test_the_words_are_nine() -> None:
    """No tenth without removing one."""
    table = PAGE.read_text().partition("## Nine words")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| [A-Z]\w+ \|", table, re.MULTILINE)) == 9
