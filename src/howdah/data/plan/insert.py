"""Planning an insert: which values may be given, what presets add, what to do with a row that is there already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.data.catalog.access import find_column
from howdah.data.catalog.condition import TRUE
from howdah.data.catalog.model import Column, InsertPermission, Permissions, Table
from howdah.data.catalog.values import value_of
from howdah.data.errors import NotSupported, Path, PermissionDenied, UnexpectedPayload
from howdah.data.plan.rows import plan_returning
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import Cell, ConflictPlan, ConflictUpdate, InsertPlan
from howdah.data.plan.writing import refuse_unwritable, writable_column
from howdah.data.query.ast import ColumnName, Entry, Insert, OnConflict, Returning
from howdah.data.query.selection import plain_column
from howdah.data.sql.statement import Literal, Written

MAX_PARAMETERS = 65_535
"""Postgres counts the parameters of one statement in 16 bits."""


def plan_insert(query: Insert, scope: Scope, kept: tuple[ColumnName, ...] = ()) -> InsertPlan:
    """The rows of an insert.

    Raises PermissionDenied, NotExists, NotSupported (a preset column is given, a relation cannot be inserted into, too
    many values) and UnexpectedPayload.
    """
    table, permissions = scope.table(query.table, "insert", query.path)
    permission = permissions.insert
    if permission is None or (permission.backend_only and not scope.backend):
        raise scope.not_allowed("insert", table, query.path)
    refuse_unwritable(table, "insert", query.path)
    place: Path = (query.path, "objects")
    given: dict[str, Column] = {}
    for index, row in enumerate(query.objects):
        for name in row:
            if name not in given:
                value, at = row[name], query.places[index] if query.places else (place, index)
                where = value.path if isinstance(value, Written) else (at, name)
                given[name] = writable_column(
                    table, permission.columns, permission.presets, name, "insert", scope.role, where
                )
    columns = (*[column.name for column in given.values()], *permission.presets)
    if len(columns) * len(query.objects) > MAX_PARAMETERS:
        raise NotSupported(f"one insert has at most {MAX_PARAMETERS} values", path=place)
    presets = [Cell(value, table.columns[name].type.sql) for name, value in permission.presets.items()]
    rows = []
    for index, row in enumerate(query.objects):
        at = query.places[index] if query.places else (place, index)
        cells: list[Cell | None] = [
            _cell(row[name], column, (at, name)) if name in row else None for name, column in given.items()
        ]
        rows.append((*cells, *presets))
    if not columns:
        # SQL has no VALUES without columns, but every column may be given its DEFAULT.
        columns = tuple(table.columns)[:1]
        rows = [(None,) for _ in rows]
    on_conflict = None
    if query.on_conflict is not None:
        on_conflict = _on_conflict(query.on_conflict, query, table, permissions, permission, scope)
    return InsertPlan(
        table.name,
        columns,
        tuple(rows),
        on_conflict,
        permission.check,
        plan_returning(_plain(query.returning), permissions.select, table, scope, query.path),
        plan_returning(kept or None, permissions.select, table, scope, kept[0].path if kept else None),
    )


def _plain(returning: tuple[Entry, ...] | None) -> Returning:
    """What is returned, which is columns. Raises UnexpectedPayload for relationships."""
    if returning is None:
        return None
    return tuple([plain_column(entry) for entry in returning])


def _cell(value: Any, column: Column, path: Path) -> Cell:
    if isinstance(value, Written):
        return Cell(Literal(value, "text", value.path), column.type.sql)
    return Cell(value_of(value, column.type, path, stored=False), column.type.sql)


def _on_conflict(
    conflict: OnConflict,
    query: Insert,
    table: Table,
    permissions: Permissions,
    permission: InsertPermission,
    scope: Scope,
) -> ConflictPlan:
    key = _key(conflict, table, permissions, permission, scope)
    if not conflict.update:
        return ConflictPlan(key, None)
    supplied = query.objects[0].keys()
    if any(row.keys() != supplied for row in query.objects):
        # A column that only some rows supply would overwrite the others' values with its default.
        raise NotSupported(
            "the objects of an insert that may update must all have the same keys", path=(query.path, "objects")
        )
    update = permissions.update
    tells_updated = table.kind == "table"
    if update is not None:
        updatable = [update.columns[name].name for name in supplied if name in update.columns]
        columns = tuple([name for name in updatable if name not in update.presets])
        presets = tuple([(name, Cell(value, table.columns[name].type.sql)) for name, value in update.presets.items()])
        changes = ConflictUpdate(columns, presets, update.filter, update.check, tells_updated)
    elif permission.allow_upsert:
        # The older rule knows no update filter. That a row must be the role's own after the update would let it take
        # over somebody else's, so it must be so before as well.
        columns = tuple([permission.columns[name].name for name in supplied])
        changes = ConflictUpdate(columns, (), permission.check, TRUE, tells_updated)
    else:
        raise PermissionDenied(
            f'upsert is not allowed for role "{scope.role}" since update permissions are not defined',
            path=conflict.path,
        )
    return ConflictPlan(key, changes if changes.columns or changes.presets else None)


def _key(
    conflict: OnConflict, table: Table, permissions: Permissions, permission: InsertPermission, scope: Scope
) -> tuple[str, ...] | None:
    known: Mapping[str, Column] = {
        **(permissions.select.columns if permissions.select is not None else {}),
        **permission.columns,
        **{table.columns[name].exposed_name: table.columns[name] for name in permission.presets},
    }
    if conflict.constraint is not None:
        columns = table.unique_constraints.get(conflict.constraint)
        if columns is None or not {column.name for column in known.values()} >= set(columns):
            raise UnexpectedPayload(
                f'constraint "{conflict.constraint}" for table "{table.exposed_name}" does not exist',
                path=(conflict.path, "constraint"),
            )
        return columns
    if conflict.columns is None:
        return None
    return tuple(
        find_column(known, item.name, role=scope.role, path=item.path, operation="insert").name
        for item in conflict.columns
    )
