"""Permissions, looked at and copied: a matrix of roles and tables, rules as they are written, files to be changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from howdah.data.catalog.condition import TRUE
from howdah.data.catalog.model import (
    DeletePermission,
    InsertPermission,
    Permissions,
    SelectPermission,
    Table,
    UpdatePermission,
)
from howdah.data.execute.known import Known
from howdah.data.query.ast import TableName
from howdah.data.written import files
from howdah.data.written.edit_files import edited_files
from howdah.data.written.metadata import OPERATIONS, Metadata, PermissionMetadata, TableMetadata
from howdah.data.written.write_files import to_text
from howdah.maintenance.asking import table_name
from howdah.maintenance.errors import PermissionExists, UnknownRole, UnknownTable
from howdah.provision import METADATA
from howdah.session import ADMIN_ROLE

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Line:
    """What one role may do with one table, in a few words for each operation."""

    table: TableName
    role: str
    cells: Mapping[str, str]


def matrix(known: Known, *, only: TableName | None = None, role: str | None = None) -> tuple[Line, ...]:
    """A line for each table and role that has a permission there; the administrator has none to show."""
    lines: list[Line] = []
    for name, table in sorted(known.catalog.tables.items()):
        if only in (None, name):
            for one, permissions in sorted(table.permissions.items()):
                if one != ADMIN_ROLE and role in (None, one):
                    lines.append(Line(name, one, _cells(permissions, table)))
    return tuple(lines)


def line_to_json(known: Known, line: Line) -> dict[str, Any]:
    """The line with the rules themselves, as they are written."""
    return {
        "table": {"schema": line.table.schema, "name": line.table.name},
        "role": line.role,
        "permissions": rules_of(known, line.table, line.role),
    }


def _cells(permissions: Permissions, table: Table) -> dict[str, str]:
    return {operation: _cell(getattr(permissions, operation), table) for operation in ("select", *_WRITES)}


_WRITES = ("insert", "update", "delete")


def _cell(permission: Any, table: Table) -> str:
    match permission:
        case SelectPermission(columns, filter_, limit):
            more = "" if limit is None else f", at most {limit}"
            return f"{_columns(columns, table)}, {_rows(filter_)}{more}"
        case InsertPermission(columns, check):
            return f"{_columns(columns, table)}{_checked(check)}"
        case UpdatePermission(columns, filter_, check):
            return f"{_columns(columns, table)}, {_rows(filter_)}{_checked(check)}"
        case DeletePermission(filter_):
            return _rows(filter_)
    return NOTHING


def _columns(columns: Mapping[str, Any], table: Table) -> str:
    return "all columns" if len(columns) == len(table.columns) else f"{len(columns)} of {len(table.columns)} columns"


def _rows(filter_: Any) -> str:
    return "all rows" if filter_ == TRUE else "some rows"


def _checked(check: Any) -> str:
    return "" if check == TRUE else ", checked"


# -- as they are written -----------------------------------------------------------------------------------------------


def rules_of(known: Known, name: TableName, role: str) -> dict[str, Any]:
    """The rules of a role on a table by operation. Raises UnknownTable and UnknownRole."""
    return {one.operation: dict(one.rule) for one in _written(known.metadata, name, role)}


def rules_text(known: Known, name: TableName, role: str) -> str:
    """The same as a file of the project has it."""
    return to_text(TableMetadata(name, (), _written(known.metadata, name, role))).partition("\n\n")[2].rstrip()


def _written(metadata: Metadata, name: TableName, role: str) -> tuple[PermissionMetadata, ...]:
    table = _tracked(metadata, name)
    found = tuple(one for one in table.permissions if one.role == role)
    if not found:
        roles = sorted({one.role for one in table.permissions})
        raise UnknownRole(
            f'The role "{role}" may do nothing with "{name}".',
            hint=f"Roles that may: {', '.join(roles)}." if roles else "No role may; only admin does.",
        )
    return found


def _tracked(metadata: Metadata, name: TableName) -> TableMetadata:
    table = metadata.table(name)
    if table is None:
        raise UnknownTable(f'"{name}" is not tracked.', hint=f"`howdah table track {name}` tracks it.")
    return table


# -- copying -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Copy:
    """What is copied, in words, and the files that say so: new texts by name, None for one that goes."""

    copied: tuple[str, ...]
    changes: Mapping[str, str | None]


def plan_copy(
    root: Path,
    from_role: str,
    to_role: str,
    *,
    tables: Sequence[str],
    to_table: str | None,
    operations: Iterable[str],
    force: bool,
) -> Copy:
    """The files with the permissions of ``from_role`` also for ``to_role``, on the same tables or on ``to_table``.

    Raises UnknownTable, UnknownRole, PermissionExists (unless ``force`` replaces what is there), InvalidMetadataFiles.
    """
    texts = files.read_folder(root / METADATA)
    metadata = files.from_files(texts, folder=METADATA)
    named = [_tracked(metadata, table_name(one)) for one in tables]
    sources = [
        table for table in named or metadata.tables if any(one.role == from_role for one in table.permissions) or named
    ]
    if not sources:
        raise UnknownRole(f'No file has a permission of the role "{from_role}".')
    copied: list[str] = []
    for source in sources:
        target = source if to_table is None else _tracked(metadata, table_name(to_table))
        for permission in _written(metadata, source.name, from_role):
            if permission.operation in operations:
                target = _with(target, replace(permission, role=to_role), force=force)
                copied.append(f"{permission.operation} on {target.name} for {to_role}")
        metadata = metadata.with_table(target)
    return Copy(tuple(copied), edited_files(texts, metadata))


def _with(table: TableMetadata, permission: PermissionMetadata, *, force: bool) -> TableMetadata:
    others = tuple(
        one for one in table.permissions if (one.role, one.operation) != (permission.role, permission.operation)
    )
    if len(others) != len(table.permissions) and not force:
        raise PermissionExists(
            f'There is a permission to {permission.operation} "{table.name}" for the role "{permission.role}" already.',
            hint="Say --force to replace it.",
        )
    ordered = sorted((*others, permission), key=lambda one: (OPERATIONS.index(one.operation), one.role))
    return replace(table, permissions=tuple(ordered))
