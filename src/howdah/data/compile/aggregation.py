"""An AggregationPlan or a CountPlan → a tree of SQL."""

from __future__ import annotations

from howdah.data.catalog.condition import Pair
from howdah.data.compile.aliases import Aliases
from howdah.data.compile.conditions import joins_of, where_of
from howdah.data.compile.sources import COUNT, column_output, is_present, list_of, relation_source
from howdah.data.plan.values import AggregateOutput, AggregationPlan, ColumnOutput, CountPlan
from howdah.data.sql.ast import (
    Call,
    Cast,
    ColumnOf,
    CountDistinct,
    Expression,
    Order,
    Output,
    Parameter,
    RowOf,
    Select,
    SelectSource,
    Word,
)


def aggregation(plan: AggregationPlan, mapping: tuple[Pair, ...], aliases: Aliases, *, outside: str = "") -> Select:
    """One object, or a list of one for each group."""
    alias = aliases.table()
    joins = joins_of(mapping, alias, outside)
    select = Select(
        tuple(
            [column_output(output, alias) for output in plan.group_by]
            + [Output(_aggregate(output, alias), output.key) for output in plan.aggregates]
        ),
        relation_source(plan.table, alias, outside),
        where_of(plan.condition, alias, aliases, (*joins, *is_present(plan.table, alias))),
        tuple([ColumnOf(alias, output.column) for output in plan.group_by]),
        tuple(
            [
                # By the value and not by its text, which sorts 10 before 9.
                Order(
                    ColumnOf(alias, term.by.column)
                    if isinstance(term.by, ColumnOutput)
                    else _aggregated(term.by, alias),
                    term.descending,
                    term.nulls_first,
                )
                for term in plan.order_by
            ]
        ),
        plan.limit,
        None if plan.offset is None else Parameter(plan.offset, "bigint"),
    )
    if plan.group_by:
        return list_of(select, aliases)
    row = aliases.row()
    return Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(select, row))


def _aggregate(output: AggregateOutput, alias: str) -> Expression:
    value = _aggregated(output, alias)
    return value if output.cast is None else Cast(value, output.cast)


def _aggregated(output: AggregateOutput, alias: str) -> Expression:
    columns = tuple([ColumnOf(alias, column) for column in output.columns])
    if output.distinct:
        return CountDistinct(columns)
    return Call(output.function, columns or (Word("*"),))


def count(plan: CountPlan, aliases: Aliases) -> Select:
    """``{"count"}`` of rows, or of distinct tuples."""
    alias, row = aliases.table(), aliases.row()
    source = relation_source(plan.table, alias)
    where = where_of(plan.condition, alias, aliases, is_present(plan.table, alias))
    if plan.distinct:
        tuples = aliases.row()
        columns = tuple([Output(ColumnOf(alias, column), None) for column in plan.distinct])
        counted = Select((Output(COUNT, "count"),), SelectSource(Select(columns, source, where, distinct=True), tuples))
    else:
        counted = Select((Output(COUNT, "count"),), source, where)
    return Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(counted, row))
