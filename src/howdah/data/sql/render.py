"""A tree of SQL → a Statement, by three verbs: ``syntax`` writes a word of SQL, ``name`` quotes, ``param`` numbers.

Nothing else writes, so nothing that was sent to us can be read as SQL (R58). Plain integers (limits) are the one thing
besides; they are formatted from ``int``.
"""

from __future__ import annotations

from typing import assert_never

from howdah.data.sql.ast import (
    AnyElement,
    AnyOfList,
    Assignment,
    Binary,
    Call,
    Case,
    Cast,
    ColumnOf,
    Configuration,
    Connected,
    CountDistinct,
    Delete,
    Effectful,
    Exists,
    Expression,
    FunctionSource,
    Insert,
    Invoke,
    KeyedSource,
    Not,
    NullTest,
    Number,
    OnConflict,
    Order,
    OrderedRows,
    Output,
    Parameter,
    RowNumber,
    RowOf,
    RowValue,
    Scalar,
    Select,
    SelectSource,
    Source,
    TableSource,
    Tree,
    Update,
    WithSource,
    Word,
    Writing,
)
from howdah.data.sql.statement import Statement, Value


def render(tree: Tree) -> Statement:
    """The text of the tree, its values as ``$1`` to ``$n``."""
    writer = _Writer()
    match tree:
        case Select():
            _select(tree, writer)
        case Effectful(select):
            _select(select, writer)
        case Writing():
            _writing(tree, writer)
    return Statement("".join(writer.parts), tuple(writer.values), not isinstance(tree, Select))


class _Writer:
    __slots__ = ("parts", "syntax", "values")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[Value] = []
        self.syntax = self.parts.append
        """Write a word of SQL: one that stands in this file, in ``sql.ast``, or a type name from the database."""

    def name(self, name: str) -> None:
        """Write a name, quoted; a quote in it is doubled."""
        self.syntax('"' + name.replace('"', '""') + '"' if '"' in name else f'"{name}"')

    def configuration(self, name: str) -> None:
        """Write the name of a text search configuration: a name in a constant, with the quotes of both doubled."""
        quoted = name.replace('"', '""').replace("'", "''")
        self.syntax(f"'\"{quoted}\"'::regconfig")

    def param(self, value: Value) -> None:
        """Write the number of a new parameter."""
        self.values.append(value)
        self.syntax(f"${len(self.values)}")


def _writing(tree: Writing, writer: _Writer) -> None:
    writer.syntax("WITH ")
    writer.name(tree.name)
    writer.syntax(" AS (")
    match tree.change:
        case Insert():
            _insert(tree.change, writer)
        case Update():
            _update(tree.change, writer)
        case Delete():
            _delete(tree.change, writer)
    writer.syntax(") ")
    _select(tree.select, writer)


def _select(select: Select, writer: _Writer) -> None:
    writer.syntax("SELECT DISTINCT " if select.distinct else "SELECT ")
    if select.distinct_on:
        writer.syntax("DISTINCT ON (")
        _expressions(select.distinct_on, ", ", writer)
        writer.syntax(") ")
    _outputs(select.outputs, writer)
    if select.source is not None:
        writer.syntax(" FROM ")
        _source(select.source, writer)
    _where(select.where, writer)
    if select.group_by:
        writer.syntax(" GROUP BY ")
        _expressions(select.group_by, ", ", writer)
    for index, order in enumerate(select.order_by):
        writer.syntax(", " if index else " ORDER BY ")
        _order(order, writer)
    if select.limit is not None:
        writer.syntax(" LIMIT ")
        writer.syntax(str(int(select.limit)))
    if select.offset is not None:
        writer.syntax(" OFFSET ")
        _expression(select.offset, writer)


def _order(order: Order, writer: _Writer) -> None:
    _expression(order.expression, writer)
    if order.descending:
        writer.syntax(" DESC")
    if order.nulls_first is not None:
        writer.syntax(" NULLS FIRST" if order.nulls_first else " NULLS LAST")


def _outputs(outputs: tuple[Output, ...], writer: _Writer) -> None:
    for index, output in enumerate(outputs):
        if index:
            writer.syntax(", ")
        _expression(output.expression, writer)
        if output.name is not None:
            writer.syntax(" AS ")
            writer.name(output.name)


def _source(source: Source, writer: _Writer) -> None:
    match source:
        case TableSource():
            _table(source, writer)
        case SelectSource(select, alias):
            writer.syntax("(")
            _select(select, writer)
            writer.syntax(") AS ")
            writer.name(alias)
        case FunctionSource(function, alias):
            _invoke(function, writer)
            writer.syntax(" AS ")
            writer.name(alias)
        case WithSource(name):
            writer.name(name)
        case KeyedSource(table, keys):
            _table(table, writer)
            writer.syntax(", unnest(")
            _expressions(keys.arrays, ", ", writer)
            writer.syntax(") WITH ORDINALITY AS ")
            writer.name(keys.alias)
            writer.syntax(" (")
            _names(keys.columns, writer)
            writer.syntax(")")
        case _:
            assert_never(source)


def _table(table: TableSource, writer: _Writer) -> None:
    writer.name(table.schema)
    writer.syntax(".")
    writer.name(table.name)
    writer.syntax(" AS ")
    writer.name(table.alias)


def _insert(insert: Insert, writer: _Writer) -> None:
    writer.syntax("INSERT INTO ")
    _table(insert.table, writer)
    writer.syntax(" (")
    _names(insert.columns, writer)
    writer.syntax(") VALUES ")
    for index, row in enumerate(insert.rows):
        writer.syntax(", (" if index else "(")
        _expressions(row, ", ", writer)
        writer.syntax(")")
    if insert.on_conflict is not None:
        _on_conflict(insert.on_conflict, writer)
    writer.syntax(" RETURNING ")
    _outputs(insert.returning, writer)


def _on_conflict(conflict: OnConflict, writer: _Writer) -> None:
    writer.syntax(" ON CONFLICT")
    if conflict.key is not None:
        writer.syntax(" (")
        _names(conflict.key, writer)
        writer.syntax(")")
    if not conflict.assignments:
        writer.syntax(" DO NOTHING")
        return
    writer.syntax(" DO UPDATE SET ")
    _assignments(conflict.assignments, writer)
    _where(conflict.where, writer)


def _update(update: Update, writer: _Writer) -> None:
    writer.syntax("UPDATE ")
    _table(update.table, writer)
    writer.syntax(" SET ")
    _assignments(update.assignments, writer)
    _where(update.where, writer)
    writer.syntax(" RETURNING ")
    _outputs(update.returning, writer)


def _delete(delete: Delete, writer: _Writer) -> None:
    writer.syntax("DELETE FROM ")
    _table(delete.table, writer)
    _where(delete.where, writer)
    writer.syntax(" RETURNING ")
    _outputs(delete.returning, writer)


def _where(where: Expression | None, writer: _Writer) -> None:
    if where is not None:
        writer.syntax(" WHERE ")
        _expression(where, writer)


def _assignments(assignments: tuple[Assignment, ...], writer: _Writer) -> None:
    for index, assignment in enumerate(assignments):
        if index:
            writer.syntax(", ")
        writer.name(assignment.column)
        writer.syntax(" = ")
        _expression(assignment.expression, writer)


def _names(names: tuple[str, ...], writer: _Writer) -> None:
    for index, name in enumerate(names):
        if index:
            writer.syntax(", ")
        writer.name(name)


def _only(only: Expression | None, writer: _Writer) -> None:
    if only is not None:
        writer.syntax(" FILTER (WHERE ")
        _expression(only, writer)
        writer.syntax(")")


def _invoke(call: Invoke, writer: _Writer) -> None:
    writer.name(call.schema)
    writer.syntax(".")
    writer.name(call.function)
    writer.syntax("(")
    for index, (name, argument) in enumerate(call.arguments):
        if index:
            writer.syntax(", ")
        if name is not None:
            writer.name(name)
            writer.syntax(" => ")
        _expression(argument, writer)
    writer.syntax(")")


def _expressions(expressions: tuple[Expression, ...], separator: str, writer: _Writer) -> None:
    for index, expression in enumerate(expressions):
        if index:
            writer.syntax(separator)
        _expression(expression, writer)


def _expression(expression: Expression, writer: _Writer) -> None:
    """Write an expression. Whatever is made of parts is put in parentheses, so precedence never matters."""
    # Most of what there is to write are these two, and patterns cost more than isinstance does.
    if isinstance(expression, ColumnOf):
        writer.name(expression.alias)
        writer.syntax(".")
        writer.name(expression.column)
        return
    if isinstance(expression, Parameter):
        writer.param(expression.value)
        writer.syntax("::")
        writer.syntax(expression.type)
        return
    match expression:
        case RowOf(alias):
            # With the star it cannot be taken for a column of that name.
            writer.name(alias)
            writer.syntax(".*")
        case Cast(operand, type_):
            _expression(operand, writer)
            writer.syntax("::")
            writer.syntax(type_)
        case Word(word):
            writer.syntax(word)
        case Binary(left, operator, right, schema):
            writer.syntax("(")
            _expression(left, writer)
            writer.syntax(f" {operator} " if schema is None else f" OPERATOR({schema}.{operator}) ")
            _expression(right, writer)
            writer.syntax(")")
        case Connected(word, operands):
            writer.syntax("(")
            _expressions(operands, f" {word} ", writer)
            writer.syntax(")")
        case Scalar(select):
            writer.syntax("(")
            _select(select, writer)
            writer.syntax(")")
        case Call(function, arguments, only):
            writer.syntax(function)
            writer.syntax("(")
            _expressions(arguments, ", ", writer)
            writer.syntax(")")
            _only(only, writer)
        case Invoke():
            _invoke(expression, writer)
        case CountDistinct(operands):
            writer.syntax("count(DISTINCT ROW(")
            _expressions(operands, ", ", writer)
            writer.syntax("))")
        case RowValue(operands):
            writer.syntax("ROW(")
            _expressions(operands, ", ", writer)
            writer.syntax(")")
        case Number(number):
            writer.syntax(str(int(number)))
        case Configuration(name):
            writer.configuration(name)
        case RowNumber():
            writer.syntax("row_number() OVER ()")
        case OrderedRows(operand, order, only):
            writer.syntax("json_agg(")
            _expression(operand, writer)
            writer.syntax(" ORDER BY ")
            _order(order, writer)
            writer.syntax(")")
            _only(only, writer)
        case Exists(select):
            writer.syntax("EXISTS (")
            _select(select, writer)
            writer.syntax(")")
        case NullTest(operand, negated):
            writer.syntax("(")
            _expression(operand, writer)
            writer.syntax(" IS NOT NULL)" if negated else " IS NULL)")
        case AnyElement(operand, negated, array, schema):
            writer.syntax("(")
            _expression(operand, writer)
            sign, which = ("<>", "ALL") if negated else ("=", "ANY")
            writer.syntax(f" {sign if schema is None else f'OPERATOR({schema}.{sign})'} {which} (")
            _expression(array, writer)
            writer.syntax("))")
        case AnyOfList(operand, negated, elements):
            writer.syntax("(")
            _expression(operand, writer)
            writer.syntax(" NOT IN (" if negated else " IN (")
            _expressions(elements, ", ", writer)
            writer.syntax("))")
        case Not(operand):
            writer.syntax("(NOT ")
            _expression(operand, writer)
            writer.syntax(")")
        case Case(condition, result, otherwise):
            writer.syntax("CASE WHEN ")
            _expression(condition, writer)
            writer.syntax(" THEN ")
            _expression(result, writer)
            writer.syntax(" ELSE ")
            _expression(otherwise, writer)
            writer.syntax(" END")
        case _:
            assert_never(expression)
