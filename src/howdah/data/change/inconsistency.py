"""What in the metadata does not hold, as Hasura lists it: each object once, as it was written, with the reason."""

from __future__ import annotations

from typing import Any

from howdah.data.catalog.model import Catalog
from howdah.data.written.document import from_table
from howdah.data.written.document_parts import table_to_json
from howdah.data.written.function_document import from_function
from howdah.data.written.metadata import Metadata, TableMetadata
from howdah.data.written.problem import Problem


def consistency(metadata: Metadata, catalog: Catalog) -> dict[str, Any]:
    """``{"is_consistent", "inconsistent_objects": [{"definition", "reason", "type"}]}``."""
    return {
        "is_consistent": not catalog.problems,
        "inconsistent_objects": inconsistent_objects(metadata, catalog.problems),
    }


def inconsistent_objects(metadata: Metadata, problems: tuple[Problem, ...]) -> list[dict[str, Any]]:
    """The objects with these problems; what is wrong in several ways is one object with all the reasons."""
    tables = {table.name: table for table in metadata.tables}
    found: dict[tuple[object, ...], list[Problem]] = {}
    for problem in problems:
        found.setdefault((problem.kind, problem.table, problem.name), []).append(problem)
    objects = []
    for same in found.values():
        if same[0].kind == "function":
            function = metadata.function(same[0].table)
            type_, definition = (
                "function",
                table_to_json(same[0].table) if function is None else from_function(function),
            )
        else:
            type_, definition = _definition(same[0], tables.get(same[0].table))
        reason = "; ".join(dict.fromkeys(problem.message for problem in same))
        objects.append({"definition": definition, "reason": reason, "type": type_})
    return objects


def _definition(problem: Problem, table: TableMetadata | None) -> tuple[str, Any]:
    """The type of the object, and the object as it was written, with the table it belongs to."""
    name = table_to_json(problem.table)
    if table is None or problem.kind == "table":
        return "table", name
    written = from_table(table)
    if problem.kind == "relationship":
        for kind in ("object", "array"):
            for one in written[f"{kind}_relationships"]:
                if one["name"] == problem.name:
                    return f"{kind}_relation", {"table": name, "comment": None, **one}
    if problem.kind == "permission":
        role, operation = problem.name.rsplit(" ", 1)
        for one in written[f"{operation}_permissions"]:
            if one["role"] == role:
                return f"{operation}_permission", {"table": name, "comment": None, **one}
    if problem.kind == "computed field":
        for one in written["computed_fields"]:
            if one["name"] == problem.name:
                return "computed_field", {"table": name, **one}
    if problem.kind == "event trigger":
        for one in written["event_triggers"]:
            if one["name"] == problem.name:
                return "event_trigger", {"table": name, **one}
    if problem.kind == "enum":
        return "enum", {"table": name, "is_enum": True}
    return "custom_name", {"table": name, "configuration": written.get("configuration")}
