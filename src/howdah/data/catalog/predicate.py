"""A BooleanExpression, held against the Catalog → a Condition. For stored rules and for a request's ``where``.

A request's expression obeys the role: only readable columns, and at every occurrence of another table that table's
row filter is ANDed in (R60). A stored rule (role None) sees everything, and in it alone a string may name a session
variable (R63).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from howdah.data.catalog.access import (
    Tables,
    find_related,
    find_select_permission,
    find_table,
    unknown_column,
    unknown_relationship,
)
from howdah.data.catalog.comparison import compare, subject_of
from howdah.data.catalog.condition import TRUE, AllOf, AnyOf, Condition, Negation, RowExists, visible
from howdah.data.catalog.model import Column, Table
from howdah.data.errors import Path, UnexpectedPayload
from howdah.data.query.ast import EVERYTHING, And, BooleanExpression, ColumnIs, Exists, Not, Or, Related


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
    subject = subject_of(column, role)
    if len(comparisons) == 1:
        return compare(comparisons[0], subject, columns, role)
    return AllOf(tuple([compare(comparison, subject, columns, role) for comparison in comparisons]))


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
        return resolve_predicate(expression, target, target.comparable, tables, role)
    permission = find_select_permission(target, role, path)
    return visible(permission.filter, resolve_predicate(expression, target, permission.comparable, tables, role))


def _is_relationship(name: str, table: Table, tables: Tables, role: str | None) -> bool:
    return name in table.relationships if role is None else find_related(table, name, tables, role) is not None
