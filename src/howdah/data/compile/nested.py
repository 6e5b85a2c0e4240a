"""A NestedInsertPlan → its statements: inserts, checks of rows that are there by then, and what is told of them."""

from __future__ import annotations

from dataclasses import replace

from howdah.data.compile.aliases import Aliases
from howdah.data.compile.conditions import all_of, condition_of
from howdah.data.compile.reading import rows_of
from howdah.data.compile.sources import list_of
from howdah.data.compile.statements import compile_plan
from howdah.data.plan.values import CheckStep, InsertStep, ReadStep, WrittenRows
from howdah.data.sql.ast import (
    Binary,
    Call,
    Case,
    ColumnOf,
    Expression,
    KeyedSource,
    Order,
    Output,
    Parameter,
    Select,
    TableSource,
    Tree,
    Unnested,
    Word,
)
from howdah.data.sql.statement import Literal

TRUE = Word("true")
_KEYS = "keys"
_PLACE = "place"


def compile_insert(step: InsertStep) -> Tree:
    """The insert; its answer is ``[kept rows, {"affected_rows"}]``, or the latter alone where nothing is kept."""
    return compile_plan(step.plan)


def compile_check(step: CheckStep) -> Select:
    """True, or the end of the statement."""
    aliases = Aliases()
    alias = aliases.table()
    holds = Case(condition_of(step.check, alias, aliases), TRUE, Call("howdah.check_violation", ()))
    source, found = written_rows(step.of, alias)
    answer = Output(Call("to_json", (Call("bool_and", (holds,)),)), None)
    return Select((answer,), source, found)


def written_rows(of: WrittenRows, alias: str) -> tuple[KeyedSource, Expression]:
    """Where the rows are found again, and by which condition."""
    keys, joins = _keys(of, alias)
    return KeyedSource(TableSource(of.table.schema, of.table.name, alias), keys), all_of(joins)


def compile_read(step: ReadStep) -> Select:
    """The rows as a list, in the order of their keys."""
    aliases = Aliases()
    select = rows_of(step.rows, (), aliases)
    assert isinstance(select.source, TableSource), "rows are read from a table"
    keys, joins = _keys(step.of, select.source.alias)
    where = joins if select.where is None else [*joins, select.where]
    ordered = replace(
        select,
        source=KeyedSource(select.source, keys),
        where=all_of(where),
        order_by=(Order(ColumnOf(_KEYS, _PLACE), descending=False, nulls_first=None),),
    )
    return list_of(ordered, aliases)


def _keys(of: WrittenRows, alias: str) -> tuple[Unnested, list[Expression]]:
    """The keys as a relation, and the comparison with them."""
    arrays = tuple(
        [Parameter(Literal(written, "text", written.path, many=True), f"{type_}[]") for _, type_, written in of.key]
    )
    names = tuple([f"k{number}" for number in range(1, len(arrays) + 1)])
    joins: list[Expression] = [
        Binary(ColumnOf(alias, column), "=", ColumnOf(_KEYS, name))
        for (column, _, _), name in zip(of.key, names, strict=True)
    ]
    return Unnested(arrays, (*names, _PLACE), _KEYS), joins
