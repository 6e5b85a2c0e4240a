"""Where rows come from, and what a row or a list of rows is as JSON."""

from __future__ import annotations

from howdah.data.compile.aliases import Aliases
from howdah.data.compile.conditions import invoke, table_source
from howdah.data.plan.values import ColumnOutput, ComputedOutput, Relation, Returned
from howdah.data.query.ast import TableName
from howdah.data.sql.ast import (
    Call,
    Cast,
    ColumnOf,
    Expression,
    FunctionSource,
    Not,
    NullTest,
    Output,
    RowOf,
    Select,
    SelectSource,
    TableSource,
    Word,
)

EMPTY_LIST = Word("'[]'")
COUNT = Call("count", (Word("*"),))


def relation_source(relation: Relation, alias: str, outside: str = "") -> TableSource | FunctionSource:
    """Where the rows come from; a function may be given the row of ``outside``."""
    if isinstance(relation, TableName):
        return table_source(relation, alias)
    return FunctionSource(invoke(relation.invoked, outside), alias)


def is_present(relation: Relation, alias: str) -> tuple[Expression, ...]:
    """A function that returns one row returns a row of NULLs for none."""
    if isinstance(relation, Returned) and relation.single:
        return (Not(NullTest(RowOf(alias), negated=False)),)
    return ()


def column_output(output: ColumnOutput | ComputedOutput, alias: str) -> Output:
    """A value of a row, as it leaves."""
    if isinstance(output, ComputedOutput):
        value = invoke(output.invoked, alias)
        return Output(value if output.cast is None else Cast(value, output.cast), output.key)
    column = ColumnOf(alias, output.column)
    if output.cast is None:
        return Output(column, None if output.key == output.column else output.key)
    return Output(Cast(column, output.cast), output.key)


def list_of(select: Select, aliases: Aliases) -> Select:
    """The rows as one JSON list."""
    row = aliases.row()
    rows = Call("coalesce", (Call("json_agg", (RowOf(row),)), EMPTY_LIST))
    return Select((Output(rows, None),), SelectSource(select, row))
