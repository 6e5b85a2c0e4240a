"""What insert and update have in common: which columns a role may write."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Literal

from howdah.data.catalog.access import is_told_the_truth, unknown_column
from howdah.data.catalog.model import Column, Table
from howdah.data.errors import NotSupported, Path, UnexpectedPayload


def refuse_unwritable(table: Table, operation: Literal["insert", "update", "delete"], path: Path) -> None:
    """Raises NotSupported for a relation that Postgres cannot change."""
    if not table.can(operation):
        raise NotSupported(f'"{table.exposed_name}" is a {table.kind} that Postgres cannot {operation}', path=path)


def writable_column(
    table: Table,
    columns: Mapping[str, Column],
    presets: Container[str],
    name: str,
    operation: Literal["insert", "update"],
    role: str,
    path: Path,
) -> Column:
    """The column, which the role may give a value.

    Raises NotSupported for a preset or generated column, and the errors of any unknown column.
    """
    named = table.exposed_columns.get(name)
    if named is not None and named.name in presets:
        verb = "insertable" if operation == "insert" else "updatable"
        raise NotSupported(
            f'column "{name}" is not {verb} for role "{role}"; its value is predefined in permission', path=path
        )
    column = columns.get(name)
    if column is None:
        if is_told_the_truth(role):
            if named is not None:
                raise NotSupported(f'column "{name}" is generated and cannot be written', path=path)
            if name in table.relationships:
                raise UnexpectedPayload(f'"{name}" is a relationship: expected columns', path=path)
        raise unknown_column(name, role, operation, path)
    return column
