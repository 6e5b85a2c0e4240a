"""Boolean expressions resolved against the Catalog: columns exist, relationships have targets, values have types.

The resolved twin of ``query.ast``'s expressions. Permission rules are kept in this form, a request's ``where`` becomes
this form, and compiling one cannot fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, assert_never

from howdah.data.query.ast import PATTERN_OPERATORS, ColumnOperator, TableName, TextSearchConfiguration, ValueOperator
from howdah.data.sql.statement import Value


@dataclass(frozen=True, slots=True)
class Cast:
    """What the operand is in another type, by its full name."""

    operand: Operand
    type: str


@dataclass(frozen=True, slots=True)
class Given:
    """What a function is given for one argument: a value and its type, or (None) the row.

    It has the argument's name where one before it is left out, and its place does not tell any more.
    """

    name: str | None
    value: Value | None
    type: str


@dataclass(frozen=True, slots=True)
class Invoked:
    """What a function of the database makes of what it is given."""

    function: TableName
    arguments: tuple[Given, ...]


Operand: TypeAlias = "str | Cast | Invoked"
"""A column, by name, or what is made of one."""


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
    """The column against a value, which is cast to ``type``.

    The operators of an extension are in its ``schema``, quoted; it need not be one that Postgres searches.
    """

    column: Operand
    operator: ValueOperator
    value: Value
    type: str
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Flagged:
    """The boolean column has this value, which a stored rule knows: as text in SQL it serves partial indexes."""

    column: Operand
    value: bool


@dataclass(frozen=True, slots=True)
class Among:
    """The column is one of the values (or none of them), which all are cast to ``type``."""

    column: Operand
    negated: bool
    values: tuple[Value, ...]
    type: str
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class AmongArray:
    """The column is an element (or none) of one array parameter of ``type``."""

    column: Operand
    negated: bool
    value: Value
    type: str
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class IsNull:
    """The column is (or is not) NULL."""

    column: Operand
    negated: bool


@dataclass(frozen=True, slots=True)
class ColumnsCompared:
    """Two columns of the same row against each other."""

    left: Operand
    operator: ColumnOperator
    right: Operand
    schema: str | None = None


SpatialFunction = Literal[
    "st_3ddwithin",
    "st_3dintersects",
    "st_contains",
    "st_crosses",
    "st_dwithin",
    "st_equals",
    "st_intersects",
    "st_overlaps",
    "st_touches",
    "st_within",
]


@dataclass(frozen=True, slots=True)
class Spatial:
    """A function of PostGIS in ``schema`` holds for the column and the arguments: values and their types."""

    column: Operand
    function: SpatialFunction
    schema: str
    arguments: tuple[tuple[Value, str], ...]


@dataclass(frozen=True, slots=True)
class Searched:
    """In the columns, taken together, there is what the words ask for. A ``vector`` is one column that is prepared."""

    columns: tuple[str, ...]
    vector: bool
    configuration: TextSearchConfiguration
    words: Value


class Pair(NamedTuple):
    """A column of ours and one of theirs that are equal; by the operator of ``schema``, where only that one fits."""

    ours: str
    theirs: str
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class RowExists:
    """Some row of ``table`` fulfils the condition, and equals ours in the columns of ``mapping``."""

    table: TableName
    mapping: tuple[Pair, ...]
    condition: Condition


@dataclass(frozen=True, slots=True)
class Behind:
    """The condition holds; it is not even looked at for rows that do not fulfil the ``filter``."""

    filter: Condition
    condition: Condition


Condition: TypeAlias = (
    "AllOf | AnyOf | Negation | Compared | Flagged | Among | AmongArray | IsNull | ColumnsCompared | Spatial"
    " | Searched | RowExists | Behind"
)

TRUE = AllOf(())


def both(first: Condition, second: Condition) -> Condition:
    """Both conditions, without a wrapper where one of them is always true."""
    if first == TRUE:
        return second
    if second == TRUE:
        return first
    return AllOf((first, second))


def visible(filter_: Condition, where: Condition) -> Condition:
    """Of the rows that the filter lets through, those that fulfil a request's ``where``.

    Postgres evaluates conditions in the order of their costs, and a pattern, a cast or a function can fail or take
    long, which would tell of a row that the filter hides. So these are only tried on rows the filter has let through.

    A search fails for no words, only for a text of a megabyte; and Postgres takes it for expensive. So behind a filter
    of plain comparisons, which are tried first, it needs no such guard, and an index can serve it.
    """
    searches = not _is_plain(filter_)
    if filter_ == TRUE or not _tells(where, searches=searches):
        return both(filter_, where)
    parts = _conjuncts(where)
    harmless = [part for part in parts if not _tells(part, searches=searches)]
    telling = [part for part in parts if _tells(part, searches=searches)]
    return AllOf((filter_, *harmless, Behind(filter_, telling[0] if len(telling) == 1 else AllOf(tuple(telling)))))


def _conjuncts(condition: Condition) -> list[Condition]:
    if isinstance(condition, AllOf):
        return [part for inner in condition.conditions for part in _conjuncts(inner)]
    return [condition]


def _tells(condition: Condition, *, searches: bool) -> bool:
    """Whether to evaluate the condition for a row may itself tell something of the row; of ``searches`` by the way."""
    match condition:
        case Compared(operand, operator, _, _):
            return operator in PATTERN_OPERATORS or not isinstance(operand, str)
        case Flagged(operand) | Among(operand) | AmongArray(operand) | IsNull(operand):
            return not isinstance(operand, str)
        case ColumnsCompared(left, _, right):
            return not (isinstance(left, str) and isinstance(right, str))
        case AllOf(conditions) | AnyOf(conditions):
            return any(_tells(part, searches=searches) for part in conditions)
        case Negation(inner) | RowExists(_, _, inner):
            return _tells(inner, searches=searches)
        case Searched(vector=vector):
            return searches and not vector
        case Behind() | Spatial():
            return True
    assert_never(condition)


_MOST_COMPARISONS = 20
"""So many cost Postgres less than one search does, by its own reckoning."""


def _is_plain(filter_: Condition) -> bool:
    """Whether the filter is a few comparisons of the row's own columns."""
    parts = [filter_]
    for part in parts:  # grows as it is walked
        match part:
            case AllOf(conditions) | AnyOf(conditions):
                parts.extend(conditions)
            case Negation(inner):
                parts.append(inner)
            case Flagged() | Among() | AmongArray() | IsNull() | ColumnsCompared() | Compared():
                if _tells(part, searches=True):
                    return False
            case _:
                return False
    return len(parts) <= _MOST_COMPARISONS
