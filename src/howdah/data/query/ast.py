"""The query language as values: what was asked, before anything is known about the database.

Every value that a later stage may have to refuse knows its ``path`` in the request. JSON values stay as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from howdah.data.errors import Path
from howdah.session import Session


class TableName(NamedTuple):
    """A table, view or other relation, by schema and name.

    A tuple, because it is the key of most that is known: with a thousand tables it is hashed ten thousand times a call.
    """

    schema: str
    name: str

    def __str__(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


# Boolean expressions: `where`, and the `filter` and `check` of permission rules.

EqualityOperator = Literal["eq", "ne", "gt", "lt", "gte", "lte"]
TextOperator = Literal[
    "like", "nlike", "ilike", "nilike", "similar", "nsimilar", "regex", "iregex", "nregex", "niregex"
]
JsonOperator = Literal["contains", "contained_in", "has_key", "has_keys_any", "has_keys_all"]
TreeMatchOperator = Literal["matches", "matches_any", "matches_fulltext"]
TreeOperator = Literal["ancestor", "ancestor_any", "descendant", "descendant_any", TreeMatchOperator]
SpatialOperator = Literal[
    "st_contains",
    "st_crosses",
    "st_equals",
    "st_intersects",
    "st_overlaps",
    "st_touches",
    "st_within",
    "st_3d_intersects",
    "st_d_within",
    "st_3d_d_within",
    "st_intersects_rast",
    "st_intersects_geom_nband",
    "st_intersects_nband_geom",
]
PATTERN_OPERATORS: frozenset[str] = frozenset(get_args(TextOperator) + get_args(TreeMatchOperator))
ListOperator = Literal["in", "nin"]
ColumnOperator = Literal["ceq", "cne", "cgt", "clt", "cgte", "clte"]
ValueOperator = Literal[EqualityOperator, TextOperator, JsonOperator, TreeOperator]
Operator = Literal[ValueOperator, SpatialOperator, ListOperator, ColumnOperator, "is_null", "search"]
TextSearchConfiguration = Literal[
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "simple",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
]
CONFIGURATIONS: dict[str, TextSearchConfiguration] = {name: name for name in get_args(TextSearchConfiguration)}


@dataclass(frozen=True, slots=True)
class And:
    """Every expression holds."""

    expressions: tuple[BooleanExpression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some expression holds."""

    expressions: tuple[BooleanExpression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The expression does not hold."""

    expression: BooleanExpression


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operator and what it is given."""

    operator: Operator
    operand: Any
    path: Path


@dataclass(frozen=True, slots=True)
class CastIs:
    """Every comparison holds for the value as it is in another type."""

    type: str
    comparisons: tuple[Comparison | CastIs, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class ColumnIs:
    """Every comparison holds for the column."""

    column: str
    comparisons: tuple[Comparison | CastIs, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Related:
    """Some row of the relationship fulfils the expression.

    An empty expression may also stand below a column, of which it then asks nothing: only the catalog can tell.
    """

    relationship: str
    expression: BooleanExpression
    path: Path


@dataclass(frozen=True, slots=True)
class Exists:
    """Some row of the table fulfils the expression."""

    table: TableName
    expression: BooleanExpression
    path: Path


BooleanExpression: TypeAlias = "And | Or | Not | ColumnIs | Related | Exists"

EVERYTHING = And(())


# What to read.


@dataclass(frozen=True, slots=True)
class ColumnName:
    """A column, by name."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Every readable column; with a ``depth`` above 1 also every readable relationship with its own wildcard."""

    depth: int
    path: Path


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a function is given: values by name, or in the order of its arguments."""

    values: Mapping[str, Any] | list[Any]
    path: Path


@dataclass(frozen=True, slots=True)
class ComputedName:
    """A computed field that is a value, and what its function is given."""

    name: str
    alias: str
    arguments: Arguments
    path: Path


@dataclass(frozen=True, slots=True)
class RelatedRows:
    """Rows of a relationship, or of a computed field that has rows, inside each row."""

    relationship: str
    alias: str
    rows: Rows
    path: Path
    arguments: Arguments | None = None


AggregateFunction = Literal["count", "sum", "avg", "min", "max"]


@dataclass(frozen=True, slots=True)
class AggregateOf:
    """One number or value made of many rows: of a column's values, of all rows, or of ``distinct`` tuples."""

    name: str
    function: AggregateFunction
    columns: tuple[ColumnName, ...]
    distinct: bool
    path: Path


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What is made of which rows: once, or (``group_by`` has columns) for each group of them."""

    aggregates: tuple[AggregateOf, ...]
    group_by: tuple[ColumnName, ...]
    where: BooleanExpression
    order_by: tuple[OrderBy, ...]
    limit: int | None
    offset: int | None
    path: Path


@dataclass(frozen=True, slots=True)
class RelatedAggregation:
    """What is made of the rows of a relationship, or of a computed field that has rows, inside each row."""

    relationship: str
    alias: str
    aggregation: Aggregation
    path: Path
    arguments: Arguments | None = None


@dataclass(frozen=True, slots=True)
class OrderBy:
    """A column, or a dotted path of object relationships that ends in a column; ``nulls_first`` None is the default."""

    column: str
    descending: bool
    nulls_first: bool | None
    path: Path


@dataclass(frozen=True, slots=True)
class Search:
    """Rows in whose columns, taken together, there is what the words ask for; ``rank`` names how well they fit."""

    query: str
    columns: tuple[ColumnName, ...]
    configuration: TextSearchConfiguration
    rank: str | None
    path: Path


Entry: TypeAlias = "ColumnName | ComputedName | Wildcard | RelatedRows | RelatedAggregation"


@dataclass(frozen=True, slots=True)
class Rows:
    """Which columns of which rows, in which order. ``restricted`` when anything but columns was asked for."""

    columns: tuple[Entry, ...]
    where: BooleanExpression
    order_by: tuple[OrderBy, ...]
    limit: int | None
    offset: int | None
    restricted: bool
    distinct_on: tuple[ColumnName, ...] = ()
    """Of rows that are equal in these, only the first."""
    search: Search | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The values of a row's order as text, and the mark of the order they are of."""

    mark: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """The rows after a place in their order, or ``backward`` those before it; with their ``total`` number.

    The place is a cursor, or the values of the order by name.
    """

    position: Cursor | Mapping[str, Any] | None
    backward: bool
    total: bool
    path: Path


# Requests.


@dataclass(frozen=True, slots=True)
class Select:
    """Rows of a table: all of them, or a page that tells where the next one begins.

    Where there are ``arguments``, ``table`` is the function that returns them.
    """

    table: TableName
    rows: Rows
    path: Path
    page: Page | None = None
    arguments: Arguments | None = None


@dataclass(frozen=True, slots=True)
class OnConflict:
    """What to do with a row that exists: nothing, or ``update`` it. The key is a constraint's name or columns."""

    update: bool
    constraint: str | None
    columns: tuple[ColumnName, ...] | None
    path: Path


Returning: TypeAlias = "tuple[ColumnName | Wildcard, ...] | None"


@dataclass(frozen=True, slots=True)
class Insert:
    """New rows, each a mapping of column to value, or of relationship to what is nested in it.

    ``places`` are those of the objects, where they are not in the list ``objects`` of the arguments.
    """

    table: TableName
    objects: tuple[Mapping[str, Any], ...]
    on_conflict: OnConflict | None
    returning: tuple[Entry, ...] | None
    path: Path
    places: tuple[Path, ...] = ()


AssignmentOperator = Literal["set", "inc", "mul", "default"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A column's new value: ``value`` itself, added, multiplied, or the column's default (which has no value)."""

    operator: AssignmentOperator
    column: str
    value: Any
    path: Path


@dataclass(frozen=True, slots=True)
class Update:
    """New values for rows that are there."""

    table: TableName
    where: BooleanExpression
    assignments: tuple[Assignment, ...]
    returning: Returning
    path: Path


@dataclass(frozen=True, slots=True)
class Delete:
    """Rows to be removed."""

    table: TableName
    where: BooleanExpression
    returning: Returning
    path: Path


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows, or how many distinct tuples of ``distinct``. ``arguments`` as for Select."""

    table: TableName
    distinct: tuple[ColumnName, ...]
    where: BooleanExpression
    path: Path
    arguments: Arguments | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is made of the rows of a table. ``arguments`` as for Select."""

    table: TableName
    aggregation: Aggregation
    path: Path
    arguments: Arguments | None = None


@dataclass(frozen=True, slots=True)
class Enqueue:
    """A task is sent, which a worker does once the request's transaction has committed; ``delay`` are seconds."""

    task: str
    arguments: tuple[tuple[str, Any], ...]
    delay: int | Decimal
    key: str | None
    idempotency_key: str | None
    path: Path

    @property
    def table(self) -> TableName:
        """Where it is written."""
        return TableName("howdah_tasks", "outbox")


@dataclass(frozen=True, slots=True)
class Bulk:
    """Requests to be answered one after the other in one transaction."""

    requests: tuple[Request, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Transaction:
    """Queries to be answered one after the other in one transaction; values may refer to answers before them."""

    queries: tuple[Query, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class MetadataCall:
    """A change of, or a question about, the metadata. Its arguments are read by whoever carries it out."""

    type: str
    args: Any
    path: Path


@dataclass(frozen=True, slots=True)
class Explain:
    """How a request is answered on behalf of ``session``; with ``analyze`` it is tried, and taken back."""

    request: Query | Bulk | Transaction
    session: Session
    analyze: bool
    path: Path


@dataclass(frozen=True, slots=True)
class PermissionTest:
    """Whether ``session`` may do what ``query`` asks for.

    ``rows`` says with the administrator's eyes which rows it is about; with None it is the query's own ``where``. An
    update without assignments asks which rows may be updated at all.
    """

    query: Query
    rows: BooleanExpression | None
    session: Session
    path: Path


Query: TypeAlias = "Select | Insert | Update | Delete | Count | Aggregate | Enqueue"


def reads_function(query: Query) -> bool:
    """Whether the query names a function where others name a table."""
    return isinstance(query, Select | Count | Aggregate) and query.arguments is not None


Examination: TypeAlias = "Explain | PermissionTest"
Request: TypeAlias = "Query | Bulk | Transaction | MetadataCall | Examination"
