"""What is told of a statement: its text and parameters, how Postgres goes about it, and which permissions it obeys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from howdah.data.catalog.access import NO_PERMISSIONS
from howdah.data.catalog.model import Catalog
from howdah.data.errors import render_path
from howdah.data.examine.applied import Applied
from howdah.data.sql.statement import Statement
from howdah.data.written.document_parts import table_to_json
from howdah.data.written.metadata import Metadata
from howdah.session import ADMIN_ROLE


def explain_statement(statement: Statement, *, analyze: bool, json: bool) -> str:
    """The statement that asks Postgres for its plan; it takes the same parameters."""
    options = [*(["ANALYZE", "BUFFERS"] if analyze else []), f"FORMAT {'JSON' if json else 'TEXT'}"]
    return f"EXPLAIN ({', '.join(options)}) {statement.text}"


def explanation(
    statement: Statement,
    parameters: Sequence[bytes | None],
    plan_text: Sequence[str],
    plan: dict[str, Any],
    permissions: list[dict[str, Any]],
) -> dict[str, Any]:
    """One statement's explanation, as the wire shows it. Times are there when Postgres measured some."""
    times = {
        name: plan[key]
        for name, key in (("planning_ms", "Planning Time"), ("execution_ms", "Execution Time"))
        if key in plan
    }
    return {
        "sql": statement.text,
        "parameters": [None if one is None else one.decode() for one in parameters],
        "plan": list(plan_text),
        "plan_json": plan,
        **times,
        "permissions": permissions,
    }


def permissions_to_json(
    applied: Iterable[Applied], role: str, metadata: Metadata, catalog: Catalog
) -> list[dict[str, Any]]:
    """Each permission that applies, as it is written, with the columns it stands for; ``rule`` null is no limit."""
    return [
        {
            "path": render_path(one.path),
            "table": table_to_json(one.table),
            "role": role,
            "operation": one.operation,
            "rule": rule_of(one, role, metadata),
            "columns": columns_of(one, role, catalog),
        }
        for one in applied
    ]


def rule_of(one: Applied, role: str, metadata: Metadata) -> dict[str, Any] | None:
    """The permission as it is written; None for the administrator, whom none binds."""
    table = metadata.table(one.table)
    if role == ADMIN_ROLE or table is None:
        return None
    found = (dict(item.rule) for item in table.permissions if (item.role, item.operation) == (role, one.operation))
    return next(found, None)


def columns_of(one: Applied, role: str, catalog: Catalog) -> list[str] | None:
    """The columns that the permission is about; None for a delete, which has none."""
    permissions = catalog.tables[one.table].permissions.get(role, NO_PERMISSIONS)
    if one.operation == "delete":
        return None
    permission = getattr(permissions, one.operation)
    return [] if permission is None else list(permission.columns)
