"""A query string as a mapping: lists where lists are wanted, and nothing given twice elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from howdah.kit.problems import Problem, json_path


def gathered(
    pairs: Iterable[tuple[str, str]], lists: AbstractSet[str]
) -> tuple[dict[str, str | list[str]], tuple[Problem, ...]]:
    """The values by name, and what is wrong with them already.

    >>> gathered([("tag", "a"), ("tag", "b"), ("limit", "1")], {"tag"})
    ({'tag': ['a', 'b'], 'limit': '1'}, ())
    """
    values: dict[str, str | list[str]] = {}
    repeated: dict[str, None] = {}
    for name, value in pairs:
        before = values.get(name)
        if name in lists:
            values[name] = [*before, value] if isinstance(before, list) else [value]
        elif before is not None:
            repeated[name] = None
        else:
            values[name] = value
    return values, tuple(
        Problem("query", json_path([name]), "repeated", "It is given more than once.") for name in repeated
    )
