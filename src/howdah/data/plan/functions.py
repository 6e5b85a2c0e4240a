"""Planning what functions give: rows of a table, and the computed fields of rows.

Rows that a function returns obey the role's select permission for their table, like rows of the table itself (R60).
"""

from __future__ import annotations

from collections.abc import Mapping

from howdah.data.catalog.access import NO_PERMISSIONS, find_function, may_call, not_callable
from howdah.data.catalog.function import invoke
from howdah.data.catalog.model import ComputedField, Function, SelectPermission, Table
from howdah.data.errors import NotSupported, Path, UnexpectedPayload
from howdah.data.plan.outputs import cast_of
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import ComputedOutput, Relation, Returned
from howdah.data.query.ast import (
    Aggregate,
    Arguments,
    Bulk,
    Count,
    RelatedAggregation,
    RelatedRows,
    Request,
    Select,
    TableName,
    Transaction,
)


def plan_source(query: Select | Count | Aggregate, scope: Scope) -> tuple[Relation, Table, SelectPermission, bool]:
    """What the query reads rows from, their table, what the role may read of it, and whether reading changes something.

    Raises PermissionDenied, NotExists, UnexpectedPayload and ParseFailed (arguments), and NotSupported (the number of
    what a function returns that may change something: numbers are only ever read).
    """
    if query.arguments is None:
        table, permissions = scope.table(query.table, "select", query.path)
        return table.name, table, scope.readable(table, permissions, query.path), False
    path: Path = (query.path, "function")
    function = find_function(scope.functions, query.table, scope.role, path)
    table = scope.tables[function.target]
    permission = table.permissions.get(scope.role, NO_PERMISSIONS).select
    if permission is None or not may_call(function, scope.tables, scope.role):
        raise not_callable(query.table, scope.role, path)
    if function.routine.volatile and not isinstance(query, Select):
        raise NotSupported(f'function "{query.table}" changes something: it can only be selected from', path=path)
    invoked = invoke(function.routine, query.arguments.values, query.arguments.path)
    returned = Returned(invoked, table.name, function.single)
    return returned, table, permission, function.routine.volatile


def changes_something(request: Request, functions: Mapping[TableName, Function]) -> bool:
    """Whether any part of the request writes, or calls a function that may."""
    match request:
        case Bulk(requests=requests):
            return any(changes_something(one, functions) for one in requests)
        case Transaction(queries=queries):
            return any(changes_something(one, functions) for one in queries)
        case Select() | Count() | Aggregate():
            function = None if request.arguments is None else functions.get(request.table)
            return function is not None and function.routine.volatile
        case _:
            return True


def refuse_arguments(entry: RelatedRows | RelatedAggregation) -> None:
    """Raises UnexpectedPayload where a relationship is given arguments."""
    if entry.arguments is not None:
        raise UnexpectedPayload(
            f'"{entry.relationship}" is a relationship and takes no arguments', path=entry.arguments.path
        )


def rows_of(field: ComputedField, table: Table, arguments: Arguments | None, path: Path) -> Returned:
    """The rows of ``table`` that the computed field has for each row it belongs to."""
    values = {} if arguments is None else arguments.values
    return Returned(
        invoke(field.routine, values, path if arguments is None else arguments.path), table.name, field.single
    )


def computed_output(
    field: ComputedField, key: str, arguments: Arguments | None, scope: Scope, path: Path
) -> ComputedOutput:
    """The value of the computed field, as it leaves in this scope. Raises UnexpectedPayload where it is rows."""
    if field.target is not None:
        raise UnexpectedPayload(f'"{field.name}" has rows of a table: expected an object with its columns', path=path)
    values = {} if arguments is None else arguments.values
    invoked = invoke(field.routine, values, path if arguments is None else arguments.path)
    return ComputedOutput(invoked, key, cast_of(field.type, scope))
