"""Planning an update or a delete. Both read columns in ``where``, so both need a select permission as well."""

from __future__ import annotations

from howdah.data.catalog.access import find_column
from howdah.data.catalog.condition import Condition, both, visible
from howdah.data.catalog.model import Column, SelectPermission, Table, UpdatePermission
from howdah.data.catalog.values import value_of
from howdah.data.errors import ParseFailed, UnexpectedPayload
from howdah.data.plan.rows import plan_returning
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import AssignmentPlan, Cell, DeletePlan, UpdatePlan
from howdah.data.plan.writing import refuse_unwritable, writable_column
from howdah.data.query.ast import Assignment, BooleanExpression, ColumnName, Delete, Update

_WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint"})


def plan_update(query: Update, scope: Scope, kept: tuple[ColumnName, ...] = ()) -> UpdatePlan:
    """The new values of an update, and of which rows.

    Raises PermissionDenied, NotExists, NotSupported (a preset column, a relation that cannot be updated),
    UnexpectedPayload (nothing to do, a column twice, arithmetic on what is no number) and ParseFailed.
    """
    table, permissions = scope.table(query.table, "update", query.path)
    permission = permissions.update
    if permission is None:
        raise scope.not_allowed("update", table, query.path)
    readable = scope.readable(table, permissions, query.path)
    refuse_unwritable(table, "update", query.path)
    assignments: dict[str, AssignmentPlan] = {}
    for assignment in query.assignments:
        planned = _assignment(assignment, table, permission, readable, scope)
        if planned.column in assignments:
            raise UnexpectedPayload(f'column "{assignment.column}" is assigned twice', path=assignment.path)
        assignments[planned.column] = planned
    for name, value in permission.presets.items():
        assignments[name] = AssignmentPlan(name, "set", Cell(value, table.columns[name].type.sql))
    if not assignments:
        raise UnexpectedPayload("at least one of $set, $inc, $mul and $default has to be present", path=query.path)
    return UpdatePlan(
        table.name,
        tuple(assignments.values()),
        _condition(permission.filter, query.where, table, readable, scope),
        permission.check,
        plan_returning(query.returning, readable, table, scope, query.path),
        plan_returning(kept or None, readable, table, scope, query.path),
    )


def plan_delete(query: Delete, scope: Scope, kept: tuple[ColumnName, ...] = ()) -> DeletePlan:
    """The rows of a delete. Raises PermissionDenied, NotExists, NotSupported and UnexpectedPayload."""
    table, permissions = scope.table(query.table, "delete", query.path)
    if permissions.delete is None:
        raise scope.not_allowed("delete", table, query.path)
    readable = scope.readable(table, permissions, query.path)
    refuse_unwritable(table, "delete", query.path)
    return DeletePlan(
        table.name,
        _condition(permissions.delete.filter, query.where, table, readable, scope),
        plan_returning(query.returning, readable, table, scope, query.path),
        plan_returning(kept or None, readable, table, scope, query.path),
    )


def _condition(
    filter_: Condition, where: BooleanExpression, table: Table, readable: SelectPermission, scope: Scope
) -> Condition:
    """Rows the operation's filter allows, that the role can read (else ``where`` would tell of unreadable rows)."""
    return visible(both(filter_, readable.filter), scope.condition(where, table, readable.comparable))


def _assignment(
    assignment: Assignment, table: Table, permission: UpdatePermission, readable: SelectPermission, scope: Scope
) -> AssignmentPlan:
    name, path = assignment.column, assignment.path
    column = writable_column(table, permission.columns, permission.presets, name, "update", scope.role, path)
    if assignment.operator == "default":
        return AssignmentPlan(column.name, "default", None)
    if assignment.operator != "set":
        _refuse_unless_number(column, assignment)
        # It reads what is there, and whether a sum is out of range would tell it: Postgres wants SELECT for it, too.
        find_column(readable.columns, name, role=scope.role, path=path)
    # A whole number may be multiplied by a fraction; Postgres rounds the product when it is stored.
    fraction = assignment.operator == "mul" and column.type.sql in _WHOLE_NUMBERS
    value = value_of(assignment.value, column.type, path, stored=False)
    return AssignmentPlan(column.name, assignment.operator, Cell(value, "numeric" if fraction else column.type.sql))


def _refuse_unless_number(column: Column, assignment: Assignment) -> None:
    if column.type.category != "number":
        raise UnexpectedPayload(
            f'${assignment.operator} is for numbers; column "{column.exposed_name}" is {column.type.sql}',
            path=assignment.path,
        )
    if assignment.value is None:
        raise ParseFailed("expected Number, but encountered Null", path=assignment.path)
