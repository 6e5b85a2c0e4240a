"""Tracked functions and computed fields ↔ their JSON in the document, and in the calls that make them."""

from __future__ import annotations

from typing import Any

from howdah.data.errors import NotSupported, Path, Unreadable
from howdah.data.query.reading import read_name, read_object, read_table, refuse_other_keys, require
from howdah.data.written.document_parts import read_comment, read_each, table_to_json, with_comment
from howdah.data.written.metadata import ComputedFieldMetadata, Exposure, FunctionMetadata


def read_function(value: Any, path: Path) -> FunctionMetadata:
    """One of the document's ``functions``. Raises ParseFailed, UnexpectedPayload and NotSupported."""
    fields = read_object(value, path)
    refuse_other_keys(fields, frozenset({"function", "configuration", "permissions", "comment"}), path)
    name = read_table(require(fields, "function", path), (path, "function"))
    configuration = read_function_configuration(fields.get("configuration"), (path, "configuration"))
    roles = read_each(fields, "permissions", path, _read_permission)
    return FunctionMetadata(name, *configuration, roles, read_comment(fields.get("comment"), (path, "comment")))


def read_function_configuration(value: Any, path: Path) -> tuple[str | None, Exposure | None]:
    """A function's session argument and how it is exposed; both None without a configuration."""
    fields = read_object({} if value is None else value, path)
    known = frozenset({"session_argument", "exposed_as", "custom_name", "custom_root_fields"})
    refuse_other_keys(fields, known, path)
    for key in ("custom_name", "custom_root_fields"):
        if fields.get(key):
            raise NotSupported(f'"{key}" is not supported: it names a field of GraphQL', path=(path, key))
    session_argument, exposed_as = fields.get("session_argument"), fields.get("exposed_as")
    if exposed_as is not None and exposed_as not in ("query", "mutation"):
        raise Unreadable('expected "query" or "mutation"', path=(path, "exposed_as"))
    if session_argument is not None:
        session_argument = read_name(session_argument, (path, "session_argument"))
    return session_argument, exposed_as


def from_function(function: FunctionMetadata) -> dict[str, Any]:
    """One of the document's ``functions``; what it has not is left out."""
    body: dict[str, Any] = {"function": table_to_json(function.name)}
    configuration = _without_none(session_argument=function.session_argument, exposed_as=function.exposed_as)
    if configuration:
        body["configuration"] = configuration
    if function.roles:
        body["permissions"] = [{"role": role} for role in function.roles]
    return with_comment(body, function.comment)


def read_computed_field(value: Any, path: Path) -> ComputedFieldMetadata:
    """One of a table's ``computed_fields``. Raises ParseFailed and UnexpectedPayload."""
    fields = read_object(value, path)
    refuse_other_keys(fields, frozenset({"name", "definition", "comment"}), path)
    name = read_name(require(fields, "name", path), (path, "name"))
    place: Path = (path, "definition")
    definition = read_object(require(fields, "definition", path), place)
    refuse_other_keys(definition, frozenset({"function", "table_argument", "session_argument"}), place)
    table_argument, session_argument = (
        None if definition.get(key) is None else read_name(definition[key], (place, key))
        for key in ("table_argument", "session_argument")
    )
    return ComputedFieldMetadata(
        name,
        read_table(require(definition, "function", place), (place, "function")),
        table_argument,
        session_argument,
        read_comment(fields.get("comment"), (path, "comment")),
    )


def from_computed_field(field: ComputedFieldMetadata) -> dict[str, Any]:
    """One of a table's ``computed_fields``; what it has not is left out."""
    definition = {
        "function": table_to_json(field.function),
        **_without_none(table_argument=field.table_argument, session_argument=field.session_argument),
    }
    return with_comment({"name": field.name, "definition": definition}, field.comment)


def _read_permission(value: Any, path: Path) -> str:
    fields = read_object(value, path)
    # Hasura writes the definition of a function's permission as an empty object.
    refuse_other_keys(fields, frozenset({"role", "definition"}), path)
    return read_name(require(fields, "role", path), (path, "role"))


def _without_none(**fields: str | None) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
