"""Planning what is made of rows: count, sum, average, least and greatest, of all of them or for each group.

Aggregates tell of rows that are not shown one by one, so a role needs `allow_aggregations` beside its select permission
(R60). The permission's row limit caps the groups in an answer, not the rows they are made of.
"""

from __future__ import annotations

from typing import Final

from howdah.data.catalog.access import find_column
from howdah.data.catalog.comparison import refuse_incomparable
from howdah.data.catalog.condition import visible
from howdah.data.catalog.model import Column, SelectPermission, Table
from howdah.data.errors import Path, PermissionDenied, UnexpectedPayload
from howdah.data.plan.functions import plan_source
from howdah.data.plan.outputs import column_output, refuse_too_many, smaller, text_cast
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import AggregateOutput, AggregationPlan, ColumnOutput, GroupOrder, Relation
from howdah.data.query.ast import EVERYTHING, Aggregate, AggregateOf, Aggregation, ColumnName, OrderBy
from howdah.data.sql.statement import Literal

SORTED: Final = frozenset({"number", "text", "datetime"})
"""Categories of types whose values have a least and a greatest."""


def plan_aggregate(query: Aggregate, scope: Scope) -> AggregationPlan:
    """What an aggregate request asks for."""
    source, table, permission, _ = plan_source(query, scope)
    return plan_aggregation(query.aggregation, source, table, permission, scope, query.path)


def plan_aggregation(
    aggregation: Aggregation, source: Relation, table: Table, permission: SelectPermission, scope: Scope, path: Path
) -> AggregationPlan:
    """What is made of the rows of the table, from ``source``, that the role may read.

    Raises PermissionDenied (no aggregations, columns), NotExists and UnexpectedPayload (a function that the column's
    type does not have, a name twice, an order by what is not there).
    """
    if not permission.allow_aggregations:
        raise PermissionDenied(
            f'aggregate on "{table.exposed_name}" for role "{scope.role}" is not allowed. ', path=path
        )
    outputs: dict[str, ColumnOutput | AggregateOutput] = {}
    for item in aggregation.group_by:
        outputs[item.name] = column_output(_comparable(item, permission, scope), scope)
    for entry in aggregation.aggregates:
        if entry.name in outputs:
            raise UnexpectedPayload(f'"{entry.name}" is asked for twice', path=entry.path)
        outputs[entry.name] = _aggregate(entry, permission, scope)
    refuse_too_many(outputs, (path, "aggregates"))
    condition = permission.filter
    if aggregation.where is not EVERYTHING:
        condition = visible(condition, scope.condition(aggregation.where, table, permission.comparable))
    offset = aggregation.offset
    return AggregationPlan(
        source,
        tuple([output for output in outputs.values() if isinstance(output, ColumnOutput)]),
        tuple([output for output in outputs.values() if isinstance(output, AggregateOutput)]),
        condition,
        tuple([_order(item, outputs) for item in aggregation.order_by]),
        smaller(aggregation.limit, permission.limit) if aggregation.group_by else None,
        None if offset is None else Literal(offset, "number", (path, "offset")),
    )


def _aggregate(entry: AggregateOf, permission: SelectPermission, scope: Scope) -> AggregateOutput:
    function = entry.function
    if function == "count":
        if entry.distinct:
            columns = [_comparable(item, permission, scope) for item in entry.columns]
        else:
            columns = [_column(item, permission, scope) for item in entry.columns]
        names = tuple(dict.fromkeys([column.name for column in columns]))
        return AggregateOutput(entry.name, function, names, entry.distinct, None)
    (item,) = entry.columns
    column = _column(item, permission, scope)
    category = column.type.category
    if function in ("min", "max"):
        if category not in SORTED:
            raise _not_for(entry, column, "numbers, texts and times", item.path)
        cast = text_cast(column.type)
    else:
        if category != "number":
            raise _not_for(entry, column, "numbers", item.path)
        cast = "text"  # a sum of integers is a bigint, an average a numeric
    return AggregateOutput(entry.name, function, (column.name,), False, cast if scope.stringify_numerics else None)


def _column(item: ColumnName, permission: SelectPermission, scope: Scope) -> Column:
    return find_column(permission.columns, item.name, role=scope.role, path=item.path)


def _comparable(item: ColumnName, permission: SelectPermission, scope: Scope) -> Column:
    column = _column(item, permission, scope)
    refuse_incomparable(column, scope.role, item.path)
    return column


def _order(item: OrderBy, outputs: dict[str, ColumnOutput | AggregateOutput]) -> GroupOrder:
    output = outputs.get(item.column)
    if output is None:
        raise UnexpectedPayload(
            f'groups are ordered by their columns and aggregates; "{item.column}" is neither', path=item.path
        )
    return GroupOrder(output, item.descending, item.nulls_first)


def _not_for(entry: AggregateOf, column: Column, types: str, path: Path) -> UnexpectedPayload:
    return UnexpectedPayload(
        f'"{entry.function}" is for {types}; column "{column.exposed_name}" is {column.type.sql}', path=path
    )
