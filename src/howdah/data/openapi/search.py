"""Words to look for: in one column by ``$search``, in several by a select's ``search``."""

from __future__ import annotations

from typing import Final

from howdah.data.found.database import ColumnType
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import Schema, any_of, closed, list_of, nullable, one_of_these, ref
from howdah.data.openapi.viewpoint import UsableTable
from howdah.data.query.ast import CONFIGURATIONS
from howdah.data.query.names import MAX_ALIAS_BYTES
from howdah.data.sql.encode import MAX_PATTERN

_QUERY: Final[Schema] = {"type": "string", "maxLength": MAX_PATTERN}
_CONFIG: Final = ref("search_configuration")

SHARED: Final[dict[str, Schema]] = {
    "words": {
        **any_of([_QUERY, closed({"query": _QUERY, "config": _CONFIG}, ["query"])]),
        "description": "Words as people type them into a search box.",
    },
    "search_configuration": {
        **nullable(one_of_these(CONFIGURATIONS)),
        "description": "The language that the words are taken to be of; English without one.",
    },
}
"""Components that are the same for every table."""


def has_words(type_: ColumnType) -> bool:
    """Whether words can be looked for in columns of the type."""
    return _is_text(type_) or _is_vector(type_)


def write_search(usable: UsableTable, draft: Draft) -> Schema | None:
    """The component ``<table>.search``; None where there is nothing to look into."""
    texts = [name for name, column in usable.columns.items() if _is_text(column.type)]
    vectors = [name for name, column in usable.columns.items() if _is_vector(column.type)]
    if not texts and not vectors:
        return None
    columns = [one_of_these([*texts, *vectors])]
    if texts:
        columns.append(list_of(one_of_these(texts), least=1, most=draft.longest_list))
    if vectors:
        columns.append(list_of(one_of_these(vectors), least=1, most=1))
    rank = {
        **nullable({"type": "string", "minLength": 1, "maxLength": MAX_ALIAS_BYTES}),
        "description": "What the rank is called in the answer, and in order_by. No column's name.",
    }
    search = {"query": _QUERY, "columns": any_of(columns), "config": _CONFIG, "rank": rank}
    draft.components[f"{usable.key}.search"] = {
        **closed(search, ["query", "columns"]),
        "description": "Words as people type them into a search box. What fits best comes first.",
    }
    return nullable(ref(f"{usable.key}.search"))


def _is_text(type_: ColumnType) -> bool:
    return type_.category == "text" and not type_.of_enum_table


def _is_vector(type_: ColumnType) -> bool:
    return type_.sql == "tsvector"
