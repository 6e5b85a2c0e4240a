"""Boolean expressions resolved against the Catalog: columns exist, relationships have targets, values have types.

The resolved twin of ``query.ast``'s expressions. Permission rules are kept in this form, a request's ``where`` becomes
this form, and compiling one cannot fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from howdah.data.query.ast import ColumnOperator, TableName, ValueOperator
from howdah.data.sql.statement import Value


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every condition holds; no condition at all is true."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some condition holds; no condition at all is false."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The condition does not hold."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Compared:
    """The column against a value, which is cast to ``type``."""

    column: str
    operator: ValueOperator
    value: Value
    type: str


@dataclass(frozen=True, slots=True)
class Flagged:
    """The boolean column has this value, which a stored rule knows: as text in SQL it serves partial indexes."""

    column: str
    value: bool


@dataclass(frozen=True, slots=True)
class Among:
    """The column is one of the values (or none of them), which all are cast to ``type``."""

    column: str
    negated: bool
    values: tuple[Value, ...]
    type: str


@dataclass(frozen=True, slots=True)
class AmongArray:
    """The column is an element (or none) of one array parameter of ``type``."""

    column: str
    negated: bool
    value: Value
    type: str


@dataclass(frozen=True, slots=True)
class IsNull:
    """The column is (or is not) NULL."""

    column: str
    negated: bool


@dataclass(frozen=True, slots=True)
class ColumnsCompared:
    """Two columns of the same row against each other."""

    left: str
    operator: ColumnOperator
    right: str


@dataclass(frozen=True, slots=True)
class RowExists:
    """Some row of ``table`` fulfils the condition, and equals ours in the columns of ``mapping`` (ours, theirs)."""

    table: TableName
    mapping: tuple[tuple[str, str], ...]
    condition: Condition


Condition: TypeAlias = (
    "AllOf | AnyOf | Negation | Compared | Flagged | Among | AmongArray | IsNull | ColumnsCompared | RowExists"
)

TRUE = AllOf(())


def both(first: Condition, second: Condition) -> Condition:
    """Both conditions, without a wrapper where one of them is always true."""
    if first == TRUE:
        return second
    if second == TRUE:
        return first
    return AllOf((first, second))
