"""Conditions → expressions, and what they are made of: columns, functions, rows that must exist."""

from __future__ import annotations

from typing import assert_never

from howdah.data.catalog.condition import (
    AllOf,
    Among,
    AmongArray,
    AnyOf,
    Behind,
    ColumnsCompared,
    Compared,
    Condition,
    Flagged,
    Invoked,
    IsNull,
    Negation,
    Operand,
    Pair,
    RowExists,
    Searched,
    Spatial,
)
from howdah.data.compile.aliases import Aliases
from howdah.data.query.ast import ColumnOperator, TableName, ValueOperator
from howdah.data.sql.ast import (
    AnyElement,
    AnyOfList,
    Binary,
    BinaryOperator,
    Call,
    Case,
    Cast,
    ColumnOf,
    Configuration,
    Connected,
    Exists,
    Expression,
    Invoke,
    Not,
    NullTest,
    Output,
    Parameter,
    RowOf,
    Select,
    TableSource,
    Word,
)

TRUE = Word("true")
ONE = Output(Word("1"), None)

_VALUE_OPERATORS: dict[ValueOperator, BinaryOperator] = {
    "eq": "=",
    "ne": "IS DISTINCT FROM",  # null-safe: a row without a value is not equal to any
    "gt": ">",
    "lt": "<",
    "gte": ">=",
    "lte": "<=",
    "like": "LIKE",
    "nlike": "NOT LIKE",
    "ilike": "ILIKE",
    "nilike": "NOT ILIKE",
    "similar": "SIMILAR TO",
    "nsimilar": "NOT SIMILAR TO",
    "regex": "~",
    "iregex": "~*",
    "nregex": "!~",
    "niregex": "!~*",
    "contains": "@>",
    "contained_in": "<@",
    "has_key": "?",
    "has_keys_any": "?|",
    "has_keys_all": "?&",
    "ancestor": "@>",
    "ancestor_any": "@>",
    "descendant": "<@",
    "descendant_any": "<@",
    "matches": "~",
    "matches_any": "?",
    "matches_fulltext": "@",
}
_SIGNS: dict[ValueOperator, BinaryOperator] = {
    "like": "~~",
    "nlike": "!~~",
    "ilike": "~~*",
    "nilike": "!~~*",
    "similar": "~",
    "nsimilar": "!~",
}
"""What stands behind operators that are words."""
_COLUMN_OPERATORS: dict[ColumnOperator, BinaryOperator] = {
    "ceq": "=",
    "cne": "<>",
    "cgt": ">",
    "clt": "<",
    "cgte": ">=",
    "clte": "<=",
}


def compile_condition(condition: Condition, alias: str) -> Expression:
    """The condition about the row of the relation with this alias; no alias inside it clashes with others than its own.

    For statements that are made elsewhere: call yours neither ``x1``, ``x2``… nor what they could be taken for.
    """
    return condition_of(condition, alias, Aliases("x"))


def where_of(
    condition: Condition, alias: str, aliases: Aliases, joins: tuple[Expression, ...] = ()
) -> Expression | None:
    """The condition and the joins as a WHERE; None when every row is wanted."""
    compiled = condition_of(condition, alias, aliases)
    if compiled == TRUE and not joins:
        return None
    return all_of([*joins, compiled])


def all_of(expressions: list[Expression]) -> Expression:
    """All of them, joined by AND as flat as can be."""
    operands: list[Expression] = []
    for expression in expressions:
        if isinstance(expression, Connected) and expression.word == "AND":
            operands.extend(expression.operands)
        elif expression != TRUE:
            operands.append(expression)
    if len(operands) > 1:
        return Connected("AND", tuple(operands))
    return operands[0] if operands else TRUE


def condition_of(condition: Condition, alias: str, aliases: Aliases) -> Expression:
    """What the condition says of the row of the alias."""
    if isinstance(condition, Compared):
        return _compared(condition, alias)
    match condition:
        case Flagged(column, flag):
            return Binary(operand_of(column, alias), "=", Word("true" if flag else "false"))
        case AllOf(conditions):
            return all_of([condition_of(part, alias, aliases) for part in conditions])
        case AnyOf(conditions):
            operands = tuple([condition_of(part, alias, aliases) for part in conditions])
            if len(operands) > 1:
                return Connected("OR", operands)
            return operands[0] if operands else Word("false")
        case Behind(filter_, inner):
            # The one construct whose parts Postgres evaluates in the order they are written.
            guard = condition_of(filter_, alias, aliases)
            return Case(guard, condition_of(inner, alias, aliases), Word("false"))
        case Negation(inner):
            return Not(condition_of(inner, alias, aliases))
        case IsNull(column, negated):
            return NullTest(operand_of(column, alias), negated)
        case AmongArray(column, negated, value, type_, schema):
            return AnyElement(operand_of(column, alias), negated, Parameter(value, type_), schema)
        case Among(column, negated, values, type_, schema):
            if not values:
                return TRUE if negated else Word("false")
            if schema is not None:
                operand = operand_of(column, alias)
                equal = tuple([Binary(operand, "=", Parameter(value, type_), schema) for value in values])
                found = Connected("OR", equal) if len(equal) > 1 else equal[0]
                return Not(found) if negated else found
            return AnyOfList(operand_of(column, alias), negated, tuple([Parameter(value, type_) for value in values]))
        case ColumnsCompared(left, column_operator, right, schema):
            compared = _COLUMN_OPERATORS[column_operator]
            return Binary(operand_of(left, alias), compared, operand_of(right, alias), schema)
        case Spatial(column, function, schema, arguments):
            parameters = tuple([(None, Parameter(value, type_)) for value, type_ in arguments])
            return Invoke(schema, function, ((None, operand_of(column, alias)), *parameters))
        case Searched():
            vector, words = search_of(condition, alias)
            return Binary(vector, "@@", words)
        case RowExists(table, mapping, inner):
            target = aliases.table()
            joins = joins_of(mapping, target, alias)
            return Exists(Select((ONE,), table_source(table, target), where_of(inner, target, aliases, joins)))
    assert_never(condition)


def joins_of(mapping: tuple[Pair, ...], target: str, alias: str) -> tuple[Expression, ...]:
    """That a row of ``target`` belongs to the row of ``alias``."""
    return tuple(
        [Binary(ColumnOf(target, pair.theirs), "=", ColumnOf(alias, pair.ours), pair.schema) for pair in mapping]
    )


def _compared(condition: Compared, alias: str) -> Expression:
    """The column against the value; by the operator of a schema it is written with signs, which alone can have one."""
    left, schema = operand_of(condition.column, alias), condition.schema
    right: Expression = Parameter(condition.value, condition.type)
    if schema is None:
        return Binary(left, _VALUE_OPERATORS[condition.operator], right)
    if condition.operator == "ne":
        return Not(Call("coalesce", (Binary(left, "=", right, schema), Word("false"))))
    if condition.operator in ("similar", "nsimilar"):
        right = Call("similar_to_escape", (right,))
    operator = _SIGNS.get(condition.operator, _VALUE_OPERATORS[condition.operator])
    return Binary(left, operator, right, schema)


def search_of(condition: Searched, alias: str) -> tuple[Expression, Expression]:
    """The text to search, as a vector, and what to look for. Written as users write it in the index for it."""
    configuration = Configuration(condition.configuration)
    words = Call("websearch_to_tsquery", (configuration, Parameter(condition.words, "text")))
    columns = [ColumnOf(alias, column) for column in condition.columns]
    if condition.vector:
        return columns[0], words
    text: Expression = columns[0]
    if len(columns) > 1:
        parts = [Call("coalesce", (column, Word("''"))) for column in columns]
        text = parts[0]
        for part in parts[1:]:
            text = Binary(Binary(text, "||", Word("' '")), "||", part)
    return Call("to_tsvector", (configuration, text)), words


def operand_of(operand: Operand, alias: str) -> Expression:
    """A column, what a function makes of the row, or one of these in another type."""
    if isinstance(operand, str):
        return ColumnOf(alias, operand)
    if isinstance(operand, Invoked):
        return invoke(operand, alias)
    return Cast(operand_of(operand.operand, alias), operand.type)


def invoke(invoked: Invoked, alias: str) -> Invoke:
    """The function, given the row of ``alias`` where it is given one."""
    arguments = [
        (given.name, RowOf(alias) if given.value is None else Parameter(given.value, given.type))
        for given in invoked.arguments
    ]
    return Invoke(invoked.function.schema, invoked.function.name, tuple(arguments))


def table_source(table: TableName, alias: str) -> TableSource:
    """The table, under its alias."""
    return TableSource(table.schema, table.name, alias)
