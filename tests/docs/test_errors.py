"""docs/errors.md and the errors of the source: neither has a code that the other lacks."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import howdah
from howdah.errors import HowdahError

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
WITHOUT_CLASS = {"E001"}
"""A bug has no class, because nothing raises it on purpose."""

HEADING = re.compile(r"^### (\S+)\n\n(.+?)(?=\n#|\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r'^\| <a id="([^"]+)"></a>`([^`]+)` \| ([\d, ]+) \|', re.MULTILINE)


@cache
def classes() -> tuple[type[HowdahError], ...]:
    """Every error class of the package."""
    for module in pkgutil.walk_packages(howdah.__path__, "howdah."):
        if not module.name.endswith("__main__"):  # it would run the command
            importlib.import_module(module.name)

    def below(one: type[HowdahError]) -> Iterator[type[HowdahError]]:
        yield one
        for child in one.__subclasses__():
            yield from below(child)

    return tuple(one for one in below(HowdahError) if one.__module__.startswith("howdah."))


def headings() -> dict[str, str]:
    return dict(HEADING.findall(PAGE.read_text()))


def rows() -> dict[str, set[int]]:
    return {
        code: {int(status) for status in statuses.split(",")} for _, code, statuses in ROW.findall(PAGE.read_text())
    }


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    """The page and the classes have the same codes, each once."""
    documented = [code for code, _ in HEADING.findall(PAGE.read_text())]
    documented += [code for _, code, _ in ROW.findall(PAGE.read_text())]
    assert len(documented) == len(set(documented))
    assert set(documented) == {one.code for one in classes()} | WITHOUT_CLASS


def test_the_link_an_error_prints_leads_to_its_code() -> None:
    """``help: docs/errors.md#e110``: the anchor is the code in lower case, whether heading or row."""
    for anchor, code, _ in ROW.findall(PAGE.read_text()):
        assert anchor == code.lower()
    for code in headings():
        assert re.fullmatch(r"[A-Za-z0-9-]+", code), "GitHub would make another anchor of this heading"


def test_classes_and_exit_codes_are_the_right_ones() -> None:
    """Under a heading stand all classes of the code and how the command line exits."""
    for code, text in headings().items():
        named, _, said = text.partition(", exit code ")
        ours = [one for one in classes() if one.code == code]
        if code in WITHOUT_CLASS:
            assert not ours
            continue
        assert set(named.split(" and ")) == {one.__name__ for one in ours}, code
        assert {int(said.split(".")[0])} == {one.exit_code for one in ours}, code


def test_statuses_are_the_right_ones() -> None:
    """A row of a table lists exactly the statuses that errors of the code have."""
    for code, statuses in rows().items():
        assert statuses == {one.status for one in classes() if one.code == code}, code


def test_a_code_means_one_thing() -> None:
    """Classes that share a code are related, or are the same refusal said by two parts."""
    said_by_two_parts = {
        "E121",
        "access-denied",
        "accounts-unavailable",
        "bad-request",
        "internal",
        "method-not-allowed",
        "not-supported",
        "unknown-path",
        "unsupported-media-type",
    }
    for one in classes():
        for other in classes():
            if one.code == other.code and not issubclass(one, other) and not issubclass(other, one):
                siblings = one.__bases__ == other.__bases__ and one.__module__ == other.__module__
                assert siblings or one.code in said_by_two_parts, (one, other)
