"""A small subset of SQL as data: only the nodes in use. Nothing in here can hold a value that was sent to us.

Words of SQL are ``Literal`` types, so a node cannot be given any other; names are plain strings, which rendering
quotes; values are parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from howdah.data.sql.statement import Value

BinaryOperator = Literal[
    "=",
    "<>",
    "<",
    ">",
    "<=",
    ">=",
    "IS DISTINCT FROM",
    "LIKE",
    "NOT LIKE",
    "ILIKE",
    "NOT ILIKE",
    "SIMILAR TO",
    "NOT SIMILAR TO",
    "~",
    "~*",
    "!~",
    "!~*",
    "@>",
    "<@",
    "?",
    "?|",
    "?&",
    "@",
    "@@",
    "||",
    "+",
    "*",
    "~~",
    "!~~",
    "~~*",
    "!~~*",
]
FunctionName = Literal[
    "avg",
    "bool_and",
    "coalesce",
    "convert_to",
    "count",
    "encode",
    "howdah.check_violation",
    "json_agg",
    "json_build_array",
    "max",
    "min",
    "row_to_json",
    "similar_to_escape",
    "sum",
    "to_json",
    "to_tsvector",
    "translate",
    "ts_rank",
    "websearch_to_tsquery",
]
Keyword = Literal[
    "''",
    "' '",
    "'-_'",
    "'UTF8'",
    "'[]'",
    "'base64'",
    "*",
    "0",
    "1",
    "DEFAULT",
    "E'+/=\\n'",
    "NULL",
    "false",
    "true",
]

# Expressions.


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """A column of the relation with this alias."""

    alias: str
    column: str


@dataclass(frozen=True, slots=True)
class RowOf:
    """The whole row of the relation with this alias."""

    alias: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value, cast to ``type``: a type name from the database's own catalog."""

    value: Value
    type: str


@dataclass(frozen=True, slots=True)
class Cast:
    """A value in another type: a type name from the database's own catalog."""

    operand: Expression
    type: str


@dataclass(frozen=True, slots=True)
class Word:
    """A constant or a keyword in the place of an expression."""

    word: Keyword


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right``; the operator is that of ``schema``, a quoted name of the database's own catalog."""

    left: Expression
    operator: BinaryOperator
    right: Expression
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class NullTest:
    """``operand IS [NOT] NULL``."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class AnyElement:
    """``operand = ANY (array)``, or ``<> ALL`` when negated; the operator is that of ``schema`` as in Binary."""

    operand: Expression
    negated: bool
    array: Expression
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class AnyOfList:
    """``operand [NOT] IN (...)``; there is at least one element."""

    operand: Expression
    negated: bool
    elements: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``NOT operand``."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Connected:
    """Operands joined by AND or OR; there are at least two."""

    word: Literal["AND", "OR"]
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of ours or of Postgres; an aggregate may leave rows out by ``only``."""

    function: FunctionName
    arguments: tuple[Expression, ...]
    only: Expression | None = None


@dataclass(frozen=True, slots=True)
class Invoke:
    """A function of the database's own catalog; arguments may have names."""

    schema: str
    function: str
    arguments: tuple[tuple[str | None, Expression], ...]


@dataclass(frozen=True, slots=True)
class CountDistinct:
    """``count(DISTINCT ROW(...))``: tuples in which something is NULL count, too."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """``CASE WHEN condition THEN result ELSE otherwise END``: NULL counts as not fulfilled."""

    condition: Expression
    result: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Exists:
    """``EXISTS (select)``."""

    select: Select


@dataclass(frozen=True, slots=True)
class RowValue:
    """``ROW(...)``, which compares with another one from left to right."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number that is no value of a request, such as a limit."""

    number: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """A text search configuration, by name; not a parameter, so that an index on an expression with it is found."""

    name: str


@dataclass(frozen=True, slots=True)
class RowNumber:
    """``row_number() OVER ()``: the place of the row among those of its source."""


@dataclass(frozen=True, slots=True)
class OrderedRows:
    """``json_agg`` of the operand by the order, of those rows for which ``only`` holds."""

    operand: Expression
    order: Order
    only: Expression | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A select in the place of a value."""

    select: Select


Expression: TypeAlias = (
    "ColumnOf | RowOf | Parameter | Cast | Word | Binary | NullTest | AnyElement | AnyOfList | Not | Connected | Call"
    " | Invoke | CountDistinct | RowValue | Number | Configuration | RowNumber | OrderedRows | Case | Exists | Scalar"
)

# Relations.


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table under an alias."""

    schema: str
    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class SelectSource:
    """A select under an alias."""

    select: Select
    alias: str


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """The rows a function returns under an alias."""

    function: Invoke
    alias: str


@dataclass(frozen=True, slots=True)
class WithSource:
    """What a WITH of the statement calls ``name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Unnested:
    """Arrays of one length as a relation: a column for each, and a last one for the place."""

    arrays: tuple[Expression, ...]
    columns: tuple[str, ...]
    alias: str


@dataclass(frozen=True, slots=True)
class KeyedSource:
    """A table and beside it keys of some of its rows."""

    table: TableSource
    keys: Unnested


Source: TypeAlias = "TableSource | SelectSource | FunctionSource | WithSource | KeyedSource"

# Statements.


@dataclass(frozen=True, slots=True)
class Output:
    """An expression in a select list or RETURNING, and the name it gets."""

    expression: Expression
    name: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """One item of ORDER BY."""

    expression: Expression
    descending: bool
    nulls_first: bool | None


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT. A limit is text, not a parameter, so that a generic plan knows it."""

    outputs: tuple[Output, ...]
    source: Source | None
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: Expression | None = None
    distinct: bool = False
    distinct_on: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """``column = expression``."""

    column: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class OnConflict:
    """ON CONFLICT on ``key`` (or any): DO NOTHING without assignments, else DO UPDATE."""

    key: tuple[str, ...] | None
    assignments: tuple[Assignment, ...]
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT of VALUES."""

    table: TableSource
    columns: tuple[str, ...]
    rows: tuple[tuple[Expression, ...], ...]
    on_conflict: OnConflict | None
    returning: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """UPDATE."""

    table: TableSource
    assignments: tuple[Assignment, ...]
    where: Expression | None
    returning: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE."""

    table: TableSource
    where: Expression | None
    returning: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Writing:
    """A select that reads what a change returns, by the name of ``name``."""

    name: str
    change: Insert | Update | Delete
    select: Select


@dataclass(frozen=True, slots=True)
class Effectful:
    """A select from a function that may change something."""

    select: Select


Tree: TypeAlias = "Select | Writing | Effectful"
