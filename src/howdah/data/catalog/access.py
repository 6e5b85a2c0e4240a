"""May this role name this? Every table, column and relationship a request or a rule names is looked up here (R59).

``role`` None stands for a stored rule, which sees everything and filters nothing. To any role but the administrator
what is forbidden and what does not exist look the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from howdah.data.catalog.condition import TRUE
from howdah.data.catalog.model import (
    Column,
    ComputedField,
    Function,
    Permissions,
    Relationship,
    SelectPermission,
    Table,
)
from howdah.data.errors import DataError, NotExists, Path, PermissionDenied
from howdah.data.query.ast import TableName
from howdah.data.written.metadata import Operation
from howdah.session import ADMIN_ROLE

Tables: TypeAlias = Mapping[TableName, Table]

NO_PERMISSIONS = Permissions()


def is_told_the_truth(role: str | None) -> bool:
    """Whether the difference between forbidden and missing may be shown: to the administrator and to rule authors."""
    return role is None or role == ADMIN_ROLE


def find_table(tables: Tables, name: TableName, operation: Operation, role: str | None, path: Path) -> Table:
    """The tracked table. Raises NotExists; PermissionDenied to those who may not know.

    A rule uses the database's name, a request the one that is exposed: no custom name is another table's name.
    """
    table = tables.get(name)
    if table is not None and name == (table.name if role is None else table.exposed_name):
        return table
    if is_told_the_truth(role):
        raise NotExists(f'table "{name}" does not exist', path=path)
    raise not_allowed(operation, name, role, path)


def find_function(functions: Mapping[TableName, Function], name: TableName, role: str, path: Path) -> Function:
    """The tracked function. Raises NotExists; PermissionDenied to those who may not know."""
    function = functions.get(name)
    if function is not None:
        return function
    if is_told_the_truth(role):
        raise NotExists(f'function "{name}" does not exist', path=path)
    raise not_callable(name, role, path)


def may_call(function: Function, tables: Tables, role: str) -> bool:
    """Whether the role may read what the function returns and, if it changes something, is among its roles."""
    readable = tables[function.target].permissions.get(role, NO_PERMISSIONS).select is not None
    return readable and (function.exposed_as == "query" or role in function.roles or is_told_the_truth(role))


def not_callable(function: TableName, role: str, path: Path) -> PermissionDenied:
    """The error of a role that may not call the function."""
    return PermissionDenied(f'function "{function}" for role "{role}" is not allowed. ', path=path)


def not_allowed(operation: Operation, table: TableName, role: str | None, path: Path) -> PermissionDenied:
    """The error of a role that has no permission for the operation on the table."""
    return PermissionDenied(f'{operation} on "{table}" for role "{role}" is not allowed. ', path=path)


def find_select_permission(table: Table, role: str, path: Path) -> SelectPermission:
    """What the role may read of the table. Raises PermissionDenied when that is nothing."""
    permission = table.permissions.get(role, NO_PERMISSIONS).select
    if permission is None:
        raise not_allowed("select", table.exposed_name, role, path)
    return permission


def labels_of(table: Table) -> tuple[str, ...]:
    """The values of an enum table, as the types of columns that refer to it have them."""
    return tuple([value.value for value in table.enum_values])


def may_read_values(table: Table, role: str) -> bool:
    """Whether the role may read every row of an enum table, and in it the value."""
    select = table.permissions.get(role, NO_PERMISSIONS).select
    if not table.enum_values or select is None or select.filter != TRUE:
        return False
    readable = {column.name for column in select.columns.values()}
    return any(readable.issuperset(key) for key in table.unique_constraints.values())


def find_column(
    columns: Mapping[str, Column], name: str, *, role: str | None, path: Path, operation: Operation = "select"
) -> Column:
    """The column of that name among those the role may use. Raises PermissionDenied, or NotExists."""
    column = columns.get(name)
    if column is None:
        raise unknown_column(name, role, operation, path)
    return column


def unknown_column(name: str, role: str | None, operation: Operation, path: Path) -> DataError:
    """The error of a column that does not exist, or that the role may not use."""
    if is_told_the_truth(role):
        return NotExists(f'column "{name}" does not exist', path=path)
    return PermissionDenied(f'role "{role}" does not have permission to {operation} column "{name}"', path=path)


def called(column: Column, role: str | None) -> str:
    """What whoever named the column calls it: a rule by the database's name, a request by the exposed one."""
    return column.name if role is None else column.exposed_name


def find_related(
    table: Table, name: str, tables: Tables, role: str
) -> tuple[Relationship, Table, SelectPermission] | None:
    """The relationship, its target and what the role may read there; None when there is none or it may not be read."""
    relationship = table.relationships.get(name)
    if relationship is None:
        return None
    target = tables[relationship.target]
    permission = target.permissions.get(role, NO_PERMISSIONS).select
    return None if permission is None else (relationship, target, permission)


def find_computed_rows(
    table: Table, name: str, tables: Tables, role: str
) -> tuple[ComputedField, Table, SelectPermission] | None:
    """The computed field that has rows, their table and what the role may read of it; None as in ``find_related``."""
    field = table.computed_fields.get(name)
    if field is None or field.target is None:
        return None
    target = tables[field.target]
    permission = target.permissions.get(role, NO_PERMISSIONS).select
    return None if permission is None else (field, target, permission)


def unknown_relationship(name: str, role: str | None, path: Path) -> DataError:
    """The error of a relationship that does not exist, or whose rows the role may not read."""
    if is_told_the_truth(role):
        return NotExists(f'relationship "{name}" does not exist', path=path)
    return PermissionDenied(f'role "{role}" does not have permission to select relationship "{name}"', path=path)
