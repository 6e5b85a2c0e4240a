"""What a process made of metadata and database, to be looked at by a person: ``dump_internal_state``."""

from __future__ import annotations

from typing import Any

from howdah.data.catalog.model import Catalog, Routine, Table
from howdah.data.change.inconsistency import inconsistent_objects
from howdah.data.written.document import from_table
from howdah.data.written.document_parts import table_to_json
from howdah.data.written.metadata import Metadata
from howdah.session import ADMIN_ROLE


def internal_state(metadata: Metadata, catalog: Catalog) -> dict[str, Any]:
    """Every table that can be used, with its columns, where its relationships lead, and what is allowed to whom."""
    written = {table.name: from_table(table) for table in metadata.tables}
    return {
        "version": catalog.version,
        "tables": [_table(table, written[table.name]) for table in catalog.tables.values()],
        "functions": [
            {
                "function": table_to_json(name),
                "table": table_to_json(function.target),
                "exposed_as": function.exposed_as,
                "roles": sorted(function.roles),
                **_arguments(function.routine),
            }
            for name, function in catalog.functions.items()
        ],
        "inconsistent_objs": inconsistent_objects(metadata, catalog.problems),
    }


def _table(table: Table, written: dict[str, Any]) -> dict[str, Any]:
    return {
        "table": table_to_json(table.name),
        "exposed_as": table_to_json(table.exposed_name),
        "kind": table.kind,
        "insertable": table.insertable,
        "updatable": table.updatable,
        "columns": [
            {
                "name": column.name,
                "exposed_as": column.exposed_name,
                "type": column.type.name,
                "nullable": column.nullable,
                "has_default": column.has_default,
                "writable": column.writable,
            }
            for column in table.columns.values()
        ],
        "unique_constraints": {name: list(columns) for name, columns in table.unique_constraints.items()},
        "relationships": [
            {
                "name": one.name,
                "type": one.kind,
                "remote_table": table_to_json(one.target),
                "column_mapping": {pair.ours: pair.theirs for pair in one.mapping},
                "at_most_one": one.unique,
            }
            for one in table.relationships.values()
        ],
        "computed_fields": [
            {
                "name": one.name,
                "function": table_to_json(one.routine.name),
                "type": one.type.name,
                **_arguments(one.routine),
            }
            for one in table.computed_fields.values()
        ],
        "permissions": [
            {"role": role, "operation": operation, "permission": _rule(written, role, operation)}
            for role, permissions in table.permissions.items()
            if role != ADMIN_ROLE
            for operation in ("insert", "select", "update", "delete")
            if getattr(permissions, operation) is not None
        ],
    }


def _arguments(routine: Routine) -> dict[str, Any]:
    return {
        "volatile": routine.volatile,
        "arguments": [
            {"name": one.key, "type": one.type.name, "has_default": one.has_default, "given_by": one.given_by}
            for one in routine.arguments
        ],
    }


def _rule(written: dict[str, Any], role: str, operation: str) -> Any:
    return next(one["permission"] for one in written[f"{operation}_permissions"] if one["role"] == role)
