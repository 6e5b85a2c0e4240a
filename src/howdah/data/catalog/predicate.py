"""A BooleanExpression, held against the Catalog → a Condition. For stored rules and for a request's ``where``.

A request's expression obeys the role: only readable columns, and at every occurrence of another table that table's
row filter is ANDed in (R60). A stored rule (role None) sees everything, and in it alone a string may name a session
variable (R63).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from howdah.data.catalog.access import (
    Tables,
    called,
    find_column,
    find_related,
    find_select_permission,
    find_table,
    unknown_column,
    unknown_relationship,
)
from howdah.data.catalog.condition import (
    TRUE,
    AllOf,
    Among,
    AmongArray,
    AnyOf,
    ColumnsCompared,
    Compared,
    Condition,
    Flagged,
    IsNull,
    Negation,
    RowExists,
    visible,
)
from howdah.data.catalog.database import ColumnType
from howdah.data.catalog.model import Column, Table
from howdah.data.errors import ParseFailed, Path, UnexpectedPayload
from howdah.data.query.ast import (
    EVERYTHING,
    PATTERN_OPERATORS,
    And,
    BooleanExpression,
    ColumnIs,
    Comparison,
    Exists,
    JsonOperator,
    Not,
    Operator,
    Or,
    Related,
    TreeOperator,
)
from howdah.data.sql.encode import Encoding, encode, encode_list
from howdah.data.sql.statement import Literal, SessionVariable, Value
from howdah.session import IDENTITY_PREFIX, USER_ID_HEADER


def resolve_predicate(
    expression: BooleanExpression, table: Table, columns: Mapping[str, Column], tables: Tables, role: str | None
) -> Condition:
    """What the expression means for rows of ``table``, of which it may name ``columns``.

    Raises NotExists and PermissionDenied (names), UnexpectedPayload (operators that the type does not have) and, for a
    stored rule, ParseFailed (values that the type does not have; those of a request are looked at when it is bound).
    """
    if isinstance(expression, ColumnIs):
        return _column_is(expression, table, columns, tables, role)
    match expression:
        case And(expressions):
            if not expressions:
                return TRUE
            return AllOf(tuple([resolve_predicate(part, table, columns, tables, role) for part in expressions]))
        case Or(expressions):
            return AnyOf(tuple([resolve_predicate(part, table, columns, tables, role) for part in expressions]))
        case Not(inner):
            return Negation(resolve_predicate(inner, table, columns, tables, role))
        case Related():
            return _related(expression, table, columns, tables, role)
        case Exists():
            return _exists(expression, tables, role)
    assert_never(expression)


def value_of(value: Any, type_: ColumnType, path: Path, *, stored: bool) -> Value:
    """A JSON value for a column of this type; in a stored rule perhaps a session variable.

    Raises ParseFailed for a stored value that the type cannot be written with.
    """
    return _value(value, encoding_of(type_), path, stored=stored)


def encoding_of(type_: ColumnType) -> Encoding:
    """How JSON is written for the type."""
    if type_.category == "array" and type_.sql in {"json[]", "jsonb[]"}:
        return "json array"
    return type_.category


def session_variable(value: Any) -> SessionVariable | None:
    """The session variable that a string in a stored rule names: ``X-Hasura-…`` in any case, or ``REQ_USER_ID``."""
    if isinstance(value, str):
        name = value.lower()
        if name.startswith(IDENTITY_PREFIX):
            return SessionVariable(name)
        if name == "req_user_id":
            return SessionVariable(USER_ID_HEADER)
    return None


def refuse_incomparable(column: Column, role: str | None, path: Path) -> None:
    """Raises UnexpectedPayload for type json, whose values Postgres can neither compare nor sort."""
    if column.type.sql == "json":
        message = f'column "{called(column, role)}" is of type json, which cannot be compared'
        raise UnexpectedPayload(message, path=path)


def _value(value: Any, encoding: Encoding, path: Path, *, stored: bool) -> Value:
    if stored:
        variable = session_variable(value)
        if variable is not None:
            return variable
        encode(value, encoding, path)
    return Literal(value, encoding, path)


def _column_is(
    expression: ColumnIs, table: Table, columns: Mapping[str, Column], tables: Tables, role: str | None
) -> Condition:
    column = columns.get(expression.column)
    if column is None:
        if _is_relationship(expression.column, table, tables, role):
            raise UnexpectedPayload(
                f'"{expression.column}" is a relationship: expected an object of conditions', path=expression.path
            )
        raise unknown_column(expression.column, role, "select", expression.path)
    comparisons = expression.comparisons
    if len(comparisons) == 1:
        return _comparison(comparisons[0], column, columns, role)
    return AllOf(tuple([_comparison(comparison, column, columns, role) for comparison in comparisons]))


def _comparison(comparison: Comparison, column: Column, columns: Mapping[str, Column], role: str | None) -> Condition:
    operand, path = comparison.operand, comparison.path
    if comparison.operator == "is_null":
        return IsNull(column.name, negated=not operand)
    refuse_incomparable(column, role, path)
    match comparison.operator:
        case "eq" | "ne" | "gt" | "lt" | "gte" | "lte" as operator:
            if operand is None:
                return IsNull(column.name, negated=operator == "ne")
            if role is None and operator == "eq" and isinstance(operand, bool) and column.type.category == "boolean":
                return Flagged(column.name, operand)
            value = value_of(operand, column.type, path, stored=role is None)
            return Compared(column.name, operator, value, column.type.sql)
        case "in" | "nin" as operator:
            return _among(column, operand, path, negated=operator == "nin", stored=role is None)
        case "ceq" | "cne" | "cgt" | "clt" | "cgte" | "clte" as operator:
            other = find_column(columns, operand, role=role, path=path)
            if other.type.sql != column.type.sql:
                names = f'"{called(column, role)}" and "{operand}"'
                raise UnexpectedPayload(f"columns {names} are of different types", path=path)
            return ColumnsCompared(column.name, operator, other.name)
        case "contains" | "contained_in" | "has_key" | "has_keys_any" | "has_keys_all" as operator:
            return _about_json(column, operator, operand, path, role)
        case (
            "ancestor"
            | "ancestor_any"
            | "descendant"
            | "descendant_any"
            | "matches"
            | "matches_any"
            | "matches_fulltext"
        ) as operator:
            return _about_tree(column, operator, operand, path, role)
        case operator:
            if column.type.category != "text":
                raise _not_for(column, operator, "text", path, role)
            encoding: Encoding = "text" if operator in _LIKE else "pattern"
            # A pattern is text and not of the column's type: a domain's check need not hold for it.
            return Compared(column.name, operator, _value(operand, encoding, path, stored=role is None), "text")


_LIKE = frozenset({"like", "nlike", "ilike", "nilike"})


def _about_json(column: Column, operator: JsonOperator, operand: Any, path: Path, role: str | None) -> Condition:
    stored = role is None
    if column.type.sql != "jsonb":
        raise _not_for(column, operator, "jsonb", path, role)
    if operator == "contains" or operator == "contained_in":
        return Compared(column.name, operator, _value(operand, "json", path, stored=stored), "jsonb")
    if operator == "has_key":
        return Compared(column.name, operator, _value(operand, "text", path, stored=stored), "text")
    return Compared(column.name, operator, _values(operand, "text", path, stored=stored), "text[]")


def _about_tree(column: Column, operator: TreeOperator, operand: Any, path: Path, role: str | None) -> Condition:
    stored = role is None
    schema, _, type_ = column.type.sql.rpartition(".")
    if type_ != "ltree":
        raise _not_for(column, operator, "ltree", path, role)
    encoding: Encoding = "pattern" if operator in PATTERN_OPERATORS else "text"
    if operator.endswith("_any"):
        value = _values(operand, encoding, path, stored=stored)
    else:
        value = _value(operand, encoding, path, stored=stored)
    return Compared(column.name, operator, value, f"{schema}.{_TREE_OPERANDS[operator]}", schema)


_TREE_OPERANDS: dict[TreeOperator, str] = {
    "ancestor": "ltree",
    "ancestor_any": "ltree[]",
    "descendant": "ltree",
    "descendant_any": "ltree[]",
    "matches": "lquery",
    "matches_any": "lquery[]",
    "matches_fulltext": "ltxtquery",
}


def _values(operand: Any, encoding: Encoding, path: Path, *, stored: bool) -> Value:
    """A list as one array parameter; in a stored rule perhaps the one session variable that is an array."""
    if isinstance(operand, str):
        variable = session_variable(operand) if stored else None
        if variable is None:
            raise ParseFailed("expected Array, but encountered String", path=path)
        return variable
    if stored:
        for index, item in enumerate(operand):
            if session_variable(item) is not None:
                message = "a session variable stands for the whole list here: give it alone, its value like {a,b}"
                raise ParseFailed(message, path=(path, index))
        encode_list(operand, encoding, path)
    return Literal(operand, encoding, path, many=True)


def _not_for(column: Column, operator: Operator, types: str, path: Path, role: str | None) -> UnexpectedPayload:
    name = called(column, role)
    return UnexpectedPayload(f'operator "{operator}" is for {types}; column "{name}" is {column.type.sql}', path=path)


def _among(column: Column, operand: Any, path: Path, *, negated: bool, stored: bool) -> Condition:
    encoding, is_array = encoding_of(column.type), column.type.category == "array"
    if isinstance(operand, str):
        variable = session_variable(operand) if stored else None
        if variable is None or is_array:
            raise ParseFailed("expected Array, but encountered String", path=path)
        return AmongArray(column.name, negated, variable, column.type.sql + "[]")
    if is_array or (stored and any(session_variable(item) is not None for item in operand)):
        values = [_value(item, encoding, (path, index), stored=stored) for index, item in enumerate(operand)]
        return Among(column.name, negated, tuple(values), column.type.sql)
    if stored:
        encode_list(operand, encoding, path)
    literal = Literal(operand, encoding, path, many=True)
    return AmongArray(column.name, negated, literal, column.type.sql + "[]")


def _related(
    expression: Related, table: Table, columns: Mapping[str, Column], tables: Tables, role: str | None
) -> Condition:
    name = expression.relationship
    if not _is_relationship(name, table, tables, role):
        if name not in columns:
            raise unknown_relationship(name, role, expression.path)
        if expression.expression == EVERYTHING:
            return TRUE
        raise UnexpectedPayload(f'"{name}" is a column: expected a value or operators', path=expression.path)
    relationship = table.relationships[name]
    target = tables[relationship.target]
    condition = _in_other_table(expression.expression, target, tables, role, expression.path)
    return RowExists(target.name, relationship.mapping, condition)


def _exists(expression: Exists, tables: Tables, role: str | None) -> Condition:
    path = (expression.path, "_table")
    target = find_table(tables, expression.table, "select", role, path)
    return RowExists(target.name, (), _in_other_table(expression.expression, target, tables, role, path))


def _in_other_table(
    expression: BooleanExpression, target: Table, tables: Tables, role: str | None, path: Path
) -> Condition:
    """The expression about rows of ``target``, of which a role sees only those its filter lets through."""
    if role is None:
        return resolve_predicate(expression, target, target.columns, tables, role)
    permission = find_select_permission(target, role, path)
    return visible(permission.filter, resolve_predicate(expression, target, permission.columns, tables, role))


def _is_relationship(name: str, table: Table, tables: Tables, role: str | None) -> bool:
    return name in table.relationships if role is None else find_related(table, name, tables, role) is not None
