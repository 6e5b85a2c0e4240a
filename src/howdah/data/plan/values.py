"""The Plan: tables and columns that exist and may be used, conditions with every permission in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from howdah.data.catalog.condition import Condition, Invoked, Operand, Pair, Searched
from howdah.data.errors import Path
from howdah.data.found.database import ColumnType
from howdah.data.query.ast import AggregateFunction, AssignmentOperator, TableName
from howdah.data.sql.statement import Value, Written


@dataclass(frozen=True, slots=True)
class ColumnOutput:
    """A column under ``key``; cast, where its numbers leave as text or only another type leaves as JSON."""

    column: str
    key: str
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class ComputedOutput:
    """What a function makes of the row under ``key``; cast like a column."""

    invoked: Invoked
    key: str
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """Rows of ``table`` that a function returns; ``single`` is one, which is all NULL when there is none."""

    invoked: Invoked
    table: TableName
    single: bool


Relation: TypeAlias = TableName | Returned
"""Where rows are read from."""


@dataclass(frozen=True, slots=True)
class RelatedOutput:
    """Rows of another table under ``key``: one row or null when ``single``, else a list.

    ``mapping`` says which columns equal which of ours; ``unique`` says that there cannot be more than one row.
    """

    key: str
    mapping: tuple[Pair, ...]
    single: bool
    unique: bool
    rows: RowsPlan


@dataclass(frozen=True, slots=True)
class AggregateOutput:
    """An aggregate under ``key``: of all rows when there are no columns, of distinct tuples when ``distinct``."""

    key: str
    function: AggregateFunction
    columns: tuple[str, ...]
    distinct: bool
    cast: str | None


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """By a column that the groups are made by, or by what is made of them."""

    by: ColumnOutput | AggregateOutput
    descending: bool
    nulls_first: bool | None


@dataclass(frozen=True, slots=True)
class AggregationPlan:
    """One object of aggregates over all rows; with ``group_by`` a list of one for each group, with its columns."""

    table: Relation
    group_by: tuple[ColumnOutput, ...]
    aggregates: tuple[AggregateOutput, ...]
    condition: Condition
    order_by: tuple[GroupOrder, ...]
    limit: int | None
    offset: Value | None


@dataclass(frozen=True, slots=True)
class RelatedAggregateOutput:
    """What is made of the rows of another table under ``key``; ``mapping`` as above."""

    key: str
    mapping: tuple[Pair, ...]
    aggregation: AggregationPlan


@dataclass(frozen=True, slots=True)
class RankOutput:
    """How well the row fits what was searched for, under ``key``: a number that is only good for comparing."""

    key: str
    search: Searched


RowOutput: TypeAlias = "ColumnOutput | ComputedOutput | RelatedOutput | RelatedAggregateOutput | RankOutput"


@dataclass(frozen=True, slots=True)
class Hop:
    """From a row to the one row of another table, where the role may see it."""

    table: TableName
    mapping: tuple[Pair, ...]
    unique: bool
    condition: Condition


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """By a column of the row that the hops lead to; where they lead to none, by NULL. Or by a ``rank``."""

    hops: tuple[Hop, ...]
    column: Operand
    descending: bool
    nulls_first: bool | None
    rank: Searched | None = None


@dataclass(frozen=True, slots=True)
class RowsPlan:
    """Rows to read. The limit is the smaller one of the request's and the role's."""

    table: Relation
    outputs: tuple[RowOutput, ...]
    condition: Condition
    order_by: tuple[OrderTerm, ...]
    limit: int | None
    offset: Value | None
    distinct_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageTerm:
    """One term of a page's order, with what decides how two of its values compare."""

    order: OrderTerm
    type: ColumnType
    nullable: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class PagePlan:
    """Rows after ``position``, or ``backward`` those before it, in the order of ``terms``, which no two rows share.

    The position has a value for each term; None is NULL. ``mark`` stands in the cursors of the answer.
    """

    rows: RowsPlan
    terms: tuple[PageTerm, ...]
    mark: str
    position: tuple[Cell | None, ...] | None
    backward: bool
    total: bool


@dataclass(frozen=True, slots=True)
class SelectPlan:
    """Rows, as a JSON list. It ``writes`` when the rows are of a function that may change something."""

    rows: RowsPlan
    writes: bool = False


@dataclass(frozen=True, slots=True)
class CountPlan:
    """The number of rows, or of distinct tuples of columns."""

    table: Relation
    distinct: tuple[str, ...]
    condition: Condition


@dataclass(frozen=True, slots=True)
class ReturningPlan:
    """What to tell of the changed rows, and of which of them: the role may not be able to read every row it wrote.

    What a plan has as ``kept`` is for later queries of its transaction and stands before the answer, not in it.
    """

    columns: tuple[ColumnOutput | ComputedOutput, ...]
    visible: Condition


@dataclass(frozen=True, slots=True)
class Cell:
    """A value for a column, which is cast to ``type``."""

    value: Value
    type: str


@dataclass(frozen=True, slots=True)
class ConflictUpdate:
    """Give the row that is there the new row's value in ``columns`` and the presets, if it fulfils ``condition``.

    ``check`` holds for rows that were updated. Where ``tells_updated`` is false, Postgres cannot tell those from new
    ones, and all rows have to fulfil it.
    """

    columns: tuple[str, ...]
    presets: tuple[tuple[str, Cell], ...]
    condition: Condition
    check: Condition
    tells_updated: bool


@dataclass(frozen=True, slots=True)
class ConflictPlan:
    """What to do when a row with the same ``key`` is there (None: any key): nothing, or update it."""

    key: tuple[str, ...] | None
    update: ConflictUpdate | None


@dataclass(frozen=True, slots=True)
class InsertPlan:
    """New rows; a cell that is None takes the column's default. Every row must fulfil ``check`` once it is there."""

    table: TableName
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell | None, ...], ...]
    on_conflict: ConflictPlan | None
    check: Condition
    returning: ReturningPlan | None
    kept: ReturningPlan | None = None


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """The rows of a table that earlier statements wrote, by a key: its columns, their types and where values are."""

    table: TableName
    key: tuple[tuple[str, str, Written], ...]


@dataclass(frozen=True, slots=True)
class InsertStep:
    """One statement of a nested insert. What it keeps is the text of columns that later ones need."""

    plan: InsertPlan
    path: Path


@dataclass(frozen=True, slots=True)
class CheckStep:
    """Every one of the rows must fulfil ``check``, once all are there."""

    of: WrittenRows
    check: Condition
    path: Path


@dataclass(frozen=True, slots=True)
class ReadStep:
    """What is told of the rows, in the order they were given in."""

    rows: RowsPlan
    of: WrittenRows


@dataclass(frozen=True, slots=True)
class NestedInsertPlan:
    """Rows of several tables, each inserted once those are there that it refers to; then checks, then the answer."""

    inserts: tuple[InsertStep, ...]
    checks: tuple[CheckStep, ...]
    returning: ReadStep | None
    kept: ReadStep | None
    path: Path


@dataclass(frozen=True, slots=True)
class AssignmentPlan:
    """A column's new value; only ``default`` has no cell."""

    column: str
    operator: AssignmentOperator
    cell: Cell | None


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """New values for the rows that fulfil ``condition``; each must fulfil ``check`` afterwards."""

    table: TableName
    assignments: tuple[AssignmentPlan, ...]
    condition: Condition
    check: Condition
    returning: ReturningPlan | None
    kept: ReturningPlan | None = None


@dataclass(frozen=True, slots=True)
class DeletePlan:
    """The rows that fulfil ``condition``, to be removed."""

    table: TableName
    condition: Condition
    returning: ReturningPlan | None
    kept: ReturningPlan | None = None


StatementPlan: TypeAlias = SelectPlan | CountPlan | AggregationPlan | InsertPlan | UpdatePlan | DeletePlan
Plan: TypeAlias = StatementPlan | PagePlan
