"""What DDL did: the database before and after, compared by oid and attnum, and what it means for metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from howdah.data.catalog.condition import (
    AllOf,
    Among,
    AmongArray,
    AnyOf,
    Behind,
    Cast,
    ColumnsCompared,
    Compared,
    Condition,
    Flagged,
    IsNull,
    Negation,
    Operand,
    RowExists,
    Searched,
    Spatial,
)
from howdah.data.catalog.model import (
    Catalog,
    DeletePermission,
    InsertPermission,
    SelectPermission,
    Table,
    UpdatePermission,
)
from howdah.data.change.renaming import Named, Renames
from howdah.data.found.database import Database
from howdah.data.query.ast import TableName
from howdah.data.sql.statement import SessionVariable, Value
from howdah.data.written.metadata import OPERATIONS, Metadata, PermissionMetadata, TableMetadata


@dataclass(frozen=True, slots=True)
class Alteration:
    """Renames, and columns that have another type or are gone; all by the old names."""

    renames: Renames
    retyped: frozenset[Named]
    dropped: frozenset[Named]


def compare(before: Database, after: Database) -> Alteration:
    """What happened to the tables there were; what is new is nobody's business yet."""
    now = {table.oid: table for table in after.tables.values()}
    types = {type_.sql: after.types[oid].sql for oid, type_ in before.types.items() if oid in after.types}
    tables: dict[TableName, TableName] = {}
    columns: dict[Named, str] = {}
    retyped: set[Named] = set()
    dropped: set[Named] = set()
    for table in before.tables.values():
        other = now.get(table.oid)
        if other is None or other is table:
            continue
        if other.name != table.name:
            tables[table.name] = other.name
        by_number = {column.number: column for column in other.columns}
        for column in table.columns:
            found = by_number.get(column.number)
            if found is None:
                dropped.add((table.name, column.name))
                continue
            if found.name != column.name:
                columns[table.name, column.name] = found.name
            if found.type.sql != types.get(column.type.sql, column.type.sql):  # a type, too, may have a new name
                retyped.add((table.name, column.name))
    return Alteration(
        Renames(tables, columns, {}, _renamed_functions(before, after)), frozenset(retyped), frozenset(dropped)
    )


def _renamed_functions(before: Database, after: Database) -> dict[TableName, TableName]:
    """Functions that are called something else now; of several with one name nobody can say which is meant."""
    if before.functions is after.functions:
        return {}
    now = {one.oid: name for name, functions in after.functions.items() for one in functions}
    alone = {name: functions[0] for name, functions in before.functions.items() if len(functions) == 1}
    return {name: now[one.oid] for name, one in alone.items() if now.get(one.oid, name) != name}


def without_columns(metadata: Metadata, columns: frozenset[Named]) -> Metadata:
    """The metadata without these columns in lists of columns, presets and custom names; conditions keep them."""
    gone: dict[TableName, set[str]] = {}
    for table, column in columns:
        gone.setdefault(table, set()).add(column)
    changed = [_without(table, gone[table.name]) for table in metadata.tables if table.name in gone]
    return metadata.with_tables(changed)


def _without(table: TableMetadata, gone: set[str]) -> TableMetadata:
    names = tuple((column, name) for column, name in table.custom_names.columns if column not in gone)
    return replace(
        table,
        custom_names=replace(table.custom_names, columns=names),
        permissions=tuple(_permission_without(one, gone) for one in table.permissions),
    )


def _permission_without(permission: PermissionMetadata, gone: set[str]) -> PermissionMetadata:
    rule = dict(permission.rule)
    if isinstance(rule.get("columns"), list | tuple):
        rule["columns"] = [column for column in rule["columns"] if column not in gone]
    if isinstance(rule.get("set"), Mapping):
        rule["set"] = {column: value for column, value in rule["set"].items() if column not in gone}
    return replace(permission, rule=rule)


@dataclass(frozen=True, slots=True)
class Bound:
    """A permission with a value that was written for the type its column had: all by the old names."""

    column: Named
    table: TableName
    role: str
    operation: str


def bound_to_types(catalog: Catalog, columns: frozenset[Named]) -> tuple[Bound, ...]:
    """The permissions that compare one of the columns with a value, or preset it, other than from the session.

    A session's variable is read in whatever type the column has.
    """
    tables = {table for table, _ in columns}
    found: list[Bound] = []
    for name, one in catalog.resolved.items():
        if one.table is not None and (name in tables or not tables.isdisjoint(one.reached)):
            found += [bound for bound in _bound(one.table) if bound.column in columns]
    return tuple(dict.fromkeys(found))


def _bound(table: Table) -> Iterator[Bound]:
    for role, permissions in table.permissions.items():
        for operation in OPERATIONS:
            permission: SelectPermission | InsertPermission | UpdatePermission | DeletePermission | None
            permission = getattr(permissions, operation)
            if permission is None:
                continue
            conditions: list[Condition] = []
            if not isinstance(permission, InsertPermission):
                conditions.append(permission.filter)
            if isinstance(permission, InsertPermission | UpdatePermission):
                conditions.append(permission.check)
                for column, value in permission.presets.items():
                    if not isinstance(value, SessionVariable):
                        yield Bound((table.name, column), table.name, role, operation)
            for condition in conditions:
                for named in _with_values(condition, table.name):
                    yield Bound(named, table.name, role, operation)


def _with_values(condition: Condition, table: TableName) -> Iterator[Named]:
    """The columns that the condition compares with values of its own."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            for one in conditions:
                yield from _with_values(one, table)
        case Negation(inner):
            yield from _with_values(inner, table)
        case RowExists(other, _, inner):
            yield from _with_values(inner, other)
        case Behind(filter_, inner):
            yield from _with_values(filter_, table)
            yield from _with_values(inner, table)
        case Flagged(column, _):
            yield table, _name(column)
        case Compared(column, _, value, _, _) | AmongArray(column, _, value, _):
            if _is_written(value):
                yield table, _name(column)
        case Among(column, _, values, _):
            if any(map(_is_written, values)):
                yield table, _name(column)
        case Spatial(column, _, _, arguments):
            if any(_is_written(value) for value, _ in arguments):
                yield table, _name(column)
        case Searched(columns, _, _, words):
            if _is_written(words):
                for column in columns:
                    yield table, column
        case IsNull() | ColumnsCompared():
            pass
        case _:
            assert_never(condition)


def _is_written(value: Value) -> bool:
    return not isinstance(value, SessionVariable)


def _name(operand: Operand) -> str:
    while isinstance(operand, Cast):
        operand = operand.operand
    return operand if isinstance(operand, str) else ""  # a computed field is no column, and has its type from elsewhere
