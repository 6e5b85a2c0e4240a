"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import howdah

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(howdah.__path__, "howdah.")
    if ".quickstart." not in module.name and not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    """Every doctest of the module passes."""
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
