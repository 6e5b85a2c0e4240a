"""JSON → what to look for in texts: words as people type them into a search box."""

from __future__ import annotations

from typing import Any, Final

from howdah.data.errors import Path, UnexpectedPayload
from howdah.data.query.ast import CONFIGURATIONS, Search, TextSearchConfiguration
from howdah.data.query.names import check_alias, parse_column_names
from howdah.data.query.reading import Budget, expected, read_name, read_object, refuse_other_keys, require

DEFAULT_CONFIGURATION: Final[TextSearchConfiguration] = "english"

_KEYS: Final = frozenset({"query", "columns", "config", "rank"})
_WORDS_KEYS: Final = frozenset({"query", "config"})


def parse_search(value: Any, path: Path, budget: Budget) -> Search:
    """What ``{"query", "columns", "config", "rank"}`` asks for. Raises Unreadable and UnexpectedPayload."""
    fields = read_object(value, path)
    refuse_other_keys(fields, _KEYS, path)
    query = require(fields, "query", path)
    if not isinstance(query, str):
        raise expected("String", query, (path, "query"))
    columns, place = require(fields, "columns", path), (path, "columns")
    names = parse_column_names([columns] if isinstance(columns, str) else columns, place, budget)
    if not names:
        raise UnexpectedPayload("columns cannot be an empty list", path=place)
    for name in names:
        budget.spend(name.path)
    rank = fields.get("rank")
    if rank is not None:
        rank = check_alias(read_name(rank, (path, "rank")), (path, "rank"))
    return Search(query, names, configuration_of(fields, path), rank, path)


def read_words(value: Any, path: Path) -> tuple[Any, Path, TextSearchConfiguration]:
    """The operand of ``$search``: words, or ``{"query", "config"}``; with the place of the words.

    Raises Unreadable and UnexpectedPayload.
    """
    if not isinstance(value, dict):
        return value, path, DEFAULT_CONFIGURATION
    refuse_other_keys(value, _WORDS_KEYS, path)
    return require(value, "query", path), (path, "query"), configuration_of(value, path)


def configuration_of(fields: dict[str, Any], path: Path) -> TextSearchConfiguration:
    """The language that words are taken to be of. Raises UnexpectedPayload for one that Postgres does not come with."""
    name = fields.get("config")
    if name is None:
        return DEFAULT_CONFIGURATION
    found = CONFIGURATIONS.get(name) if isinstance(name, str) else None
    if found is None:
        raise UnexpectedPayload(
            'expected a text search configuration of Postgres\'s own, like "simple" or "english"', path=(path, "config")
        )
    return found
