"""Metadata ↔ the JSON document that is exported, replaced and kept in the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from howdah.data.errors import NotSupported, ParseFailed, Path, UnexpectedPayload
from howdah.data.query.reading import read_name, read_object, read_table, refuse_other_keys, require
from howdah.data.written.document_parts import read_comment, read_each, read_flag, table_to_json, with_comment
from howdah.data.written.event_document import from_event_trigger, read_event_trigger
from howdah.data.written.function_document import from_computed_field, from_function, read_computed_field, read_function
from howdah.data.written.metadata import (
    OPERATIONS,
    CustomNames,
    ForeignKeyOn,
    ManualMapping,
    Metadata,
    Operation,
    PermissionMetadata,
    QueryTemplate,
    RelationshipKind,
    RelationshipMetadata,
    TableMetadata,
    arranged,
)
from howdah.data.written.task_document import from_task, read_task


def to_document(metadata: Metadata) -> dict[str, Any]:
    """The metadata as JSON: ``{"tables": [{"table", "object_relationships", …, "delete_permissions"}]}``.

    What there seldom is (a table's ``is_enum``, ``configuration``, ``computed_fields`` and ``event_triggers``;
    ``functions``, ``query_templates``, ``tasks``) is there only where it is.
    """
    document: dict[str, Any] = {"tables": [from_table(table) for table in metadata.tables]}
    if metadata.functions:
        document["functions"] = [from_function(function) for function in metadata.functions]
    if metadata.tasks:
        document["tasks"] = [from_task(task) for task in metadata.tasks]
    if metadata.query_templates:
        document["query_templates"] = [_from_template(template) for template in metadata.query_templates]
    return document


def read_document(value: Any, path: Path = None) -> Metadata:
    """The metadata that a document describes; rules stay as they are.

    Raises ParseFailed and UnexpectedPayload with the place. Lists of things this version does not have
    (``remote_schemas``, ``cron_triggers``…) are accepted when they are empty.
    """
    document = read_object(value, path)
    for key, more in document.items():
        if key not in {"version", "tables", "functions", "query_templates", "tasks"} and more != []:
            raise UnexpectedPayload(f'unexpected key "{key}"', path=(path, key))
    return arranged(
        Metadata(
            read_each(document, "tables", path, _read_table),
            read_each(document, "query_templates", path, read_query_template),
            read_each(document, "functions", path, read_function),
            read_each(document, "tasks", path, read_task),
        )
    )


def read_query_template(value: Any, path: Path) -> QueryTemplate:
    """A query template: its name, and what it stores as written."""
    fields = read_object(value, path)
    refuse_other_keys(fields, frozenset({"name", "template", "comment"}), path)
    return QueryTemplate(
        read_name(require(fields, "name", path), (path, "name")),
        read_object(require(fields, "template", path), (path, "template")),
        read_comment(fields.get("comment"), (path, "comment")),
    )


def read_using(value: Any, kind: RelationshipKind, path: Path) -> ForeignKeyOn | ManualMapping:
    """What a relationship goes through: exactly one of a foreign key and a manual mapping."""
    using = read_object(value, path)
    refuse_other_keys(using, frozenset({"foreign_key_constraint_on", "manual_configuration"}), path)
    if len(using) != 1:
        raise ParseFailed('expected one of "foreign_key_constraint_on" and "manual_configuration"', path=path)
    if "manual_configuration" in using:
        return _read_manual(using["manual_configuration"], (path, "manual_configuration"))
    place = (path, "foreign_key_constraint_on")
    if kind == "object" and isinstance(using["foreign_key_constraint_on"], str):
        return ForeignKeyOn(read_name(using["foreign_key_constraint_on"], place))
    on = read_object(using["foreign_key_constraint_on"], place)
    refuse_other_keys(on, frozenset({"table", "column"}), place)
    table = read_table(require(on, "table", place), (place, "table"))
    return ForeignKeyOn(read_name(require(on, "column", place), (place, "column")), table)


def read_custom_names(value: Any, path: Path) -> CustomNames:
    """A table's ``configuration``: the names that requests use.

    Where newer exports have them, too, in ``column_config``, both must say the same. Raises NotSupported for root
    fields of GraphQL, UnexpectedPayload and ParseFailed.
    """
    fields = read_object(value, path)
    refuse_other_keys(fields, _CONFIGURATION_KEYS, path)
    refuse_root_fields(fields, path)
    table = fields.get("custom_name")
    columns = read_custom_column_names(fields.get("custom_column_names"), (path, "custom_column_names"))
    place: Path = (path, "column_config")
    for column, more in read_object(fields.get("column_config") or {}, place).items():
        settings = read_object(more, (place, column))
        refuse_other_keys(settings, frozenset({"custom_name"}), (place, column))
        name = settings.get("custom_name")
        if name is not None and columns.setdefault(column, name) != name:
            message = f'column "{column}" has another name in custom_column_names'
            raise UnexpectedPayload(message, path=((place, column), "custom_name"))
    names = tuple((column, read_name(name, (place, column))) for column, name in columns.items())
    return CustomNames(None if table is None else read_name(table, (path, "custom_name")), names)


def read_custom_column_names(value: Any, path: Path) -> dict[str, str]:
    """Columns and the names that requests use for them; none for null."""
    names = read_object({} if value is None else value, path)
    return {read_name(column, path): read_name(name, (path, column)) for column, name in names.items()}


def refuse_root_fields(fields: dict[str, Any], path: Path) -> None:
    """Raises NotSupported where names for the root fields of GraphQL are given: there is no GraphQL."""
    if fields.get("custom_root_fields"):
        raise NotSupported('"custom_root_fields" is not supported', path=(path, "custom_root_fields"))


_CONFIGURATION_KEYS = frozenset({"custom_name", "custom_column_names", "custom_root_fields", "column_config"})


def _read_manual(value: Any, path: Path) -> ManualMapping:
    manual = read_object(value, path)
    refuse_other_keys(manual, frozenset({"remote_table", "column_mapping"}), path)
    remote_table = read_table(require(manual, "remote_table", path), (path, "remote_table"))
    place = (path, "column_mapping")
    mapping = read_object(require(manual, "column_mapping", path), place)
    return ManualMapping(
        remote_table,
        tuple((read_name(ours, place), read_name(theirs, (place, ours))) for ours, theirs in mapping.items()),
    )


_TABLE_KEYS = frozenset(
    {
        "table",
        "is_enum",
        "configuration",
        "object_relationships",
        "array_relationships",
        "computed_fields",
        "event_triggers",
        *(f"{operation}_permissions" for operation in OPERATIONS),
    }
)


def _read_table(value: Any, path: Path) -> TableMetadata:
    fields = read_object(value, path)
    refuse_other_keys(fields, _TABLE_KEYS, path)
    relationships = (
        *read_each(fields, "object_relationships", path, lambda item, place: _read_relationship(item, "object", place)),
        *read_each(fields, "array_relationships", path, lambda item, place: _read_relationship(item, "array", place)),
    )
    permissions = [
        permission
        for operation in OPERATIONS
        for permission in read_each(fields, f"{operation}_permissions", path, _permission_reader(operation))
    ]
    name = read_table(require(fields, "table", path), (path, "table"))
    configuration = fields.get("configuration")
    names = CustomNames() if configuration is None else read_custom_names(configuration, (path, "configuration"))
    computed_fields = read_each(fields, "computed_fields", path, read_computed_field)
    is_enum = read_flag(fields, "is_enum", path)
    event_triggers = read_each(fields, "event_triggers", path, read_event_trigger)
    return TableMetadata(name, relationships, tuple(permissions), names, is_enum, computed_fields, event_triggers)


def _read_relationship(value: Any, kind: RelationshipKind, path: Path) -> RelationshipMetadata:
    fields = read_object(value, path)
    refuse_other_keys(fields, frozenset({"name", "using", "comment"}), path)
    return RelationshipMetadata(
        read_name(require(fields, "name", path), (path, "name")),
        kind,
        read_using(require(fields, "using", path), kind, (path, "using")),
        read_comment(fields.get("comment"), (path, "comment")),
    )


def _permission_reader(operation: Operation) -> Callable[[Any, Path], PermissionMetadata]:
    def read(value: Any, path: Path) -> PermissionMetadata:
        fields = read_object(value, path)
        refuse_other_keys(fields, frozenset({"role", "permission", "comment"}), path)
        return PermissionMetadata(
            read_name(require(fields, "role", path), (path, "role")),
            operation,
            read_object(require(fields, "permission", path), (path, "permission")),
            read_comment(fields.get("comment"), (path, "comment")),
        )

    return read


def from_table(table: TableMetadata) -> dict[str, Any]:
    """One table of the document."""
    return {
        "table": table_to_json(table.name),
        **({"is_enum": True} if table.is_enum else {}),
        **_from_custom_names(table.custom_names),
        **{
            f"{kind}_relationships": [_from_relationship(one) for one in table.relationships if one.kind == kind]
            for kind in ("object", "array")
        },
        **(
            {"computed_fields": [from_computed_field(field) for field in table.computed_fields]}
            if table.computed_fields
            else {}
        ),
        **{
            f"{operation}_permissions": [
                with_comment({"role": one.role, "permission": dict(one.rule)}, one.comment)
                for one in table.permissions
                if one.operation == operation
            ]
            for operation in OPERATIONS
        },
        **(
            {"event_triggers": [from_event_trigger(trigger) for trigger in table.event_triggers]}
            if table.event_triggers
            else {}
        ),
    }


def _from_template(template: QueryTemplate) -> dict[str, Any]:
    return with_comment({"name": template.name, "template": dict(template.query)}, template.comment)


def _from_custom_names(names: CustomNames) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    if names.table is not None:
        configuration["custom_name"] = names.table
    if names.columns:
        configuration["custom_column_names"] = dict(names.columns)
    return {"configuration": configuration} if configuration else {}


def _from_relationship(relationship: RelationshipMetadata) -> dict[str, Any]:
    using: dict[str, Any]
    match relationship.using:
        case ForeignKeyOn(column, table):
            on = column if table is None else {"table": table_to_json(table), "column": column}
            using = {"foreign_key_constraint_on": on}
        case ManualMapping(remote_table, column_mapping):
            using = {
                "manual_configuration": {
                    "remote_table": table_to_json(remote_table),
                    "column_mapping": dict(column_mapping),
                }
            }
    return with_comment({"name": relationship.name, "using": using}, relationship.comment)
