"""A RowsPlan → a tree of SQL, with all that is nested in it."""

from __future__ import annotations

from howdah.data.catalog.condition import Operand, Pair, Searched
from howdah.data.compile.aggregation import aggregation
from howdah.data.compile.aliases import Aliases
from howdah.data.compile.conditions import joins_of, operand_of, search_of, table_source, where_of
from howdah.data.compile.sources import column_output, is_present, list_of, relation_source
from howdah.data.plan.values import (
    ColumnOutput,
    ComputedOutput,
    Hop,
    OrderTerm,
    RankOutput,
    RelatedAggregateOutput,
    RelatedOutput,
    RowsPlan,
)
from howdah.data.sql.ast import (
    Call,
    ColumnOf,
    Expression,
    Order,
    Output,
    Parameter,
    RowOf,
    Scalar,
    Select,
    SelectSource,
)


def rows_of(
    rows: RowsPlan,
    mapping: tuple[Pair, ...],
    aliases: Aliases,
    *,
    outside: str = "",
    one: bool = False,
) -> Select:
    """The rows, of which some columns equal columns outside; only the first of them when it is known to be wanted."""
    alias = aliases.table()
    joins = joins_of(mapping, alias, outside)
    outputs = outputs_of(rows, alias, aliases)
    order_by = tuple([_order(term, alias, aliases) for term in rows.order_by])
    return Select(
        outputs,
        relation_source(rows.table, alias, outside),
        where_of(rows.condition, alias, aliases, (*joins, *is_present(rows.table, alias))),
        order_by=order_by,
        limit=1 if one and rows.limit is None else rows.limit,
        offset=None if rows.offset is None else Parameter(rows.offset, "bigint"),
        distinct_on=tuple([ColumnOf(alias, column) for column in rows.distinct_on]),
    )


def outputs_of(rows: RowsPlan, alias: str, aliases: Aliases) -> tuple[Output, ...]:
    """What is asked of each row: its values, what is related to it, and how well it fits a search."""
    outputs: list[Output] = []
    for output in rows.outputs:
        if isinstance(output, ColumnOutput | ComputedOutput):
            outputs.append(column_output(output, alias))
        elif isinstance(output, RankOutput):
            outputs.append(Output(rank(output.search, alias), output.key))
        else:
            outputs.append(Output(_related(output, alias, aliases), output.key))
    return tuple(outputs)


def _related(output: RelatedOutput | RelatedAggregateOutput, alias: str, aliases: Aliases) -> Scalar:
    if isinstance(output, RelatedAggregateOutput):
        return Scalar(aggregation(output.aggregation, output.mapping, aliases, outside=alias))
    if not output.single:
        return Scalar(list_of(rows_of(output.rows, output.mapping, aliases, outside=alias), aliases))
    row = aliases.row()
    select = rows_of(output.rows, output.mapping, aliases, outside=alias, one=not output.unique)
    return Scalar(Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(select, row)))


def rank(search: Searched, alias: str) -> Expression:
    """How well the row fits the search."""
    return Call("ts_rank", search_of(search, alias))


def _order(term: OrderTerm, alias: str, aliases: Aliases) -> Order:
    return Order(order_value(term, alias, aliases), term.descending, term.nulls_first)


def order_value(term: OrderTerm, alias: str, aliases: Aliases) -> Expression:
    """The value that a term of the order compares."""
    if term.rank is not None:
        return rank(term.rank, alias)
    return _value_at(term.hops, term.column, alias, aliases)


def _value_at(hops: tuple[Hop, ...], column: Operand, alias: str, aliases: Aliases) -> Expression:
    """The column of the row that the hops lead to from ``alias``."""
    if not hops:
        return operand_of(column, alias)
    hop, target = hops[0], aliases.table()
    joins = joins_of(hop.mapping, target, alias)
    return Scalar(
        Select(
            (Output(_value_at(hops[1:], column, target, aliases), None),),
            table_source(hop.table, target),
            where_of(hop.condition, target, aliases, joins),
            limit=None if hop.unique else 1,
        )
    )
