"""What rows and groups share: how a column leaves, perhaps as text, digit for digit; and how many of them there are."""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

from howdah.data.catalog.model import Column
from howdah.data.errors import Path, UnexpectedPayload
from howdah.data.found.database import ColumnType
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import ColumnOutput

MOST_OUTPUTS: Final = 1600
"""Values in one row: Postgres has room for a few more, and a table has no more columns."""

_EXACT_ANYWHERE: Final = frozenset({"smallint", "integer"})
_ARRAYS: Final = frozenset({"bigint[]", "numeric[]", "real[]", "double precision[]"})


def column_output(column: Column, scope: Scope) -> ColumnOutput:
    """The column, as it leaves in this scope."""
    return ColumnOutput(column.name, column.exposed_name, cast_of(column.type, scope))


def cast_of(type_: ColumnType, scope: Scope) -> str | None:
    """What values of the type are cast to on their way out."""
    if type_.category == "geography":
        # Postgres knows the GeoJSON of a geometry, and of a geography only its bytes.
        return type_.geometry
    return text_cast(type_) if scope.stringify_numerics else None


def refuse_too_many(outputs: Sized, path: Path) -> None:
    """Raises UnexpectedPayload for more outputs than a row can have (R65)."""
    if len(outputs) > MOST_OUTPUTS:
        raise UnexpectedPayload(f"a row has at most {MOST_OUTPUTS} columns, relationships and aggregates", path=path)


def smaller(limit: int | None, allowed: int | None) -> int | None:
    """The smaller one of the request's limit and the role's; None is none."""
    if limit is None or allowed is None:
        return allowed if limit is None else limit
    return min(limit, allowed)


def text_cast(type_: ColumnType) -> str | None:
    """What a type is cast to where numbers leave as strings; None for what a float holds exactly, and for no numbers.

    A domain counts as a number that may be large, whatever it is made of.
    """
    if type_.category == "number":
        return None if type_.sql in _EXACT_ANYWHERE else "text"
    return "text[]" if type_.sql in _ARRAYS else None
