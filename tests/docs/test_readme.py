"""What README.md and the pages beside it name is there: commands, options, make targets, files, links."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from howdah.cli.program import COMMANDS
from howdah.templates import scaffold

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "docs/accounts.md",
    "docs/configuration.md",
    "docs/decisions.md",
    "docs/errors.md",
    "docs/howdah-dev.md",
    "docs/mail.md",
    "docs/permissions.md",
    "docs/query-language.md",
    "docs/second-factors.md",
    "docs/templates.md",
)
CODE = re.compile(r"^```[^\n]*\n(.*?)^```$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[|(]\s*|&& |\bbin/)howdah((?: (?:-{0,2}[a-z][\w-]*|[A-Z]+))*)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def code_of(page: str) -> list[str]:
    """The text of every code block and code span."""
    return [block or span for block, span in CODE.findall((ROOT / page).read_text())]


@cache
def help_of(*words: str) -> str:
    told = subprocess.run(
        [sys.executable, "-m", "howdah", *words, "--help"], capture_output=True, text=True, check=True
    )
    return told.stdout


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_that_is_named_exists(page: str) -> None:
    """``howdah X --y`` in code is a command that ``howdah --help`` lists, with an option that its help lists."""
    for code in code_of(page):
        for words in (found.replace("--project hello", "--project").split() for found in COMMAND.findall(code)):
            options = [word for word in words if word.startswith("-")]
            command, verb = [*(word for word in words if not word.startswith("-")), None, None][:2]
            if command is not None:
                assert command in COMMANDS, code
                assert re.search(rf"^  {command} ", help_of(), re.MULTILINE), command
            for option in options:
                text = help_of() if command is None else help_of(command)
                if verb is not None and "COMMAND [ARGS]" in text:
                    text = help_of(command, verb)
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), f"{code}: {option}"


def test_the_readme_names_every_daily_command() -> None:
    """Who reads the README has met every command but those for shells and bug reports."""
    named = {word for code in code_of("README.md") for found in COMMAND.findall(code) for word in found.split()[:1]}
    assert set(COMMANDS) - {"completion", "version"} <= named


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_exists(page: str) -> None:
    """``make X`` in code is a target with a help text."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for code in code_of(page):
        assert set(re.findall(r"^make ([a-z-]+)", code, re.MULTILINE)) <= targets, code


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page: str) -> None:
    """Links between the pages, without following those to other sites."""
    for target in LINK.findall((ROOT / page).read_text()):
        if not target.startswith(("https://", "#")):
            assert ((ROOT / page).parent / target.partition("#")[0]).exists(), target


def test_the_files_of_a_project_are_where_the_readme_says() -> None:
    """Every path of the sample project that the README names is in the template, or made beside it."""
    made = {file.path for file in scaffold.plan("hello", {"name": "hello"})} | {".howdah/secrets.toml"}
    named = {
        word.removeprefix("hello/")
        for code in code_of("README.md")
        for word in re.findall(r"[\w.]+(?:/[\w.]+)*/?(?<![.,])", code)
        if word.startswith(("hello/", "howdah.toml", "migrations/", "metadata/", "seeds/", "services/"))
    }
    assert "howdah.toml" in named
    for path in named:
        assert path in made or any(file.startswith(path) for file in made if path.endswith("/")), path
