"""docs/services.md: what it shows can be loaded and run."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from howdah.development import services_variable
from howdah.kit.services import Client, Services
from howdah.kit.services.settings import KNOWN
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import Secrets

PAGE = (Path(__file__).parents[2] / "docs" / "services.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_its_settings_are_settings() -> None:
    """Every block of TOML is a project, and its foreign services can be used."""
    assert blocks("toml")
    for text in blocks("toml"):
        project = parse_project(Sources(toml=text), root=Path("/x"), secrets=Secrets())
        said = services_variable(project)
        environment = {"HOWDAH_SERVICES": said, "HOWDAH_GATEWAY_URL": "http://localhost:8080", "WEATHER_KEY": "k"}
        assert set(Services(Client, environment).names()) == set(project.clients) | {"app"} & set(
            json.loads(said)["own"]
        )


def test_its_file_is_a_file(tmp_path: Path) -> None:
    """The YAML loads."""
    (text,) = blocks("yaml")
    path = tmp_path / "services.yml"
    path.write_text(text)
    assert Services(Client, {}).load(path) == ("billing", "weather")


@pytest.mark.parametrize("text", blocks("python"))
def test_its_code_uses_what_there_is(text: str) -> None:
    """It compiles, and every name it imports of ours exists."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("howdah"):
            module = importlib.import_module(node.module or "")
            for name in node.names:
                assert hasattr(module, name.name), name.name


def test_its_table_has_every_option() -> None:
    """Neither more nor less than what may be said of a service."""
    table = PAGE.split("| option |", 1)[1]
    shown = [
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    assert sorted(shown) == sorted(KNOWN)
