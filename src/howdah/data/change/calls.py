"""Metadata calls, pure: what the metadata is after ``track_table``, ``create_select_permission`` and their like.

A call is judged by its effect: the new metadata is resolved, and when that has a problem which was not there before,
the call is refused with it. So a call can do exactly what a metadata file can, with the same rules and messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from howdah.data.catalog.model import Catalog
from howdah.data.change.arguments import Apply, read_fields, tracked_table
from howdah.data.change.event_calls import EVENT_CALLS
from howdah.data.change.function_calls import FUNCTION_CALLS
from howdah.data.change.renaming import Renames, carry
from howdah.data.change.settlement import Change, settled
from howdah.data.change.task_calls import TASK_CALLS
from howdah.data.errors import AlreadyExists, AlreadyTracked, DataError, NotExists, Path
from howdah.data.found.database import Database
from howdah.data.query.ast import MetadataCall, TableName
from howdah.data.query.parse import check_template
from howdah.data.query.reading import expected, read_name, read_object, read_table, refuse_other_keys, require
from howdah.data.written.document import (
    read_custom_column_names,
    read_custom_names,
    read_document,
    read_query_template,
    read_using,
    refuse_root_fields,
)
from howdah.data.written.document_parts import read_comment, read_flag
from howdah.data.written.metadata import (
    OPERATIONS,
    CustomNames,
    Metadata,
    Operation,
    PermissionMetadata,
    QueryTemplate,
    RelationshipKind,
    RelationshipMetadata,
    TableMetadata,
)
from howdah.data.written.naming import CUSTOM_SCHEMA


class AlreadyUntracked(DataError):
    """The table is not tracked."""

    code = "already-untracked"


def proposed(call: MetadataCall, metadata: Metadata) -> Metadata:
    """The metadata that the call asks for, not yet held against the database. Raises as `apply_call`."""
    return CALLS[call.type](call.args, metadata, call.path).metadata


def renames_of(call: MetadataCall, metadata: Metadata) -> Renames:
    """What the call gives another name. Raises as `apply_call`."""
    return CALLS[call.type](call.args, metadata, call.path).renames or Renames({}, {}, {})


def apply_call(call: MetadataCall, metadata: Metadata, database: Database, catalog: Catalog) -> Metadata:
    """The metadata after the call; ``catalog`` is what ``metadata`` resolves to now.

    Questions (``export_metadata``, ``reload_metadata``) change nothing. Raises DataError of the kind that fits:
    AlreadyTracked, NotExists, AlreadyExists, ConstraintError, InvalidConfiguration, DependencyError…
    """
    change = CALLS[call.type](call.args, metadata, call.path)
    if change.renames is not None:
        change = replace(change, metadata=carry(change.metadata, change.renames, catalog))
    if change.tolerant or (change.metadata == metadata and not change.mending):
        return change.metadata
    return settled(change, database, catalog, call.path)


# -- tables ------------------------------------------------------------------------------------------------------------


def _track_table(args: Any, metadata: Metadata, path: Path) -> Change:
    place, reference, names, is_enum = path, args, CustomNames(), False
    if isinstance(args, dict) and "table" in args:
        refuse_other_keys(args, frozenset({"table", "is_enum", "configuration"}), path)
        place, reference = (path, "table"), args["table"]
        is_enum = read_flag(args, "is_enum", path)
        if args.get("configuration") is not None:
            names = read_custom_names(args["configuration"], (path, "configuration"))
    name = read_table(reference, place)
    if metadata.table(name) is not None:
        raise AlreadyTracked(f'view/table already tracked : "{name}"', path=path)
    for other in metadata.tables:
        if other.custom_names.table is not None and name == TableName(CUSTOM_SCHEMA, other.custom_names.table):
            raise AlreadyExists(f'"{name}" is the custom name of table "{other.name}"', path=place)
    table = TableMetadata(name, custom_names=names, is_enum=is_enum)
    return Change(metadata.with_table(table), "table", name, str(name))


def _untrack_table(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = {"table": args} if isinstance(args, str) or (isinstance(args, dict) and "name" in args) else args
    found = read_fields(fields, {"table", "cascade"}, path)
    name = read_table(require(found, "table", path), (path, "table"))
    if metadata.table(name) is None:
        raise AlreadyUntracked(f'view/table already untracked : "{name}"', path=path)
    return Change(metadata.without_table(name), "table", name, str(name), cascade=read_flag(found, "cascade", path))


def _set_table_is_enum(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "is_enum"}, path)
    table = tracked_table(fields, metadata, path)
    require(fields, "is_enum", path)
    changed = replace(table, is_enum=read_flag(fields, "is_enum", path))
    return Change(metadata.with_table(changed), "enum", table.name, str(table.name))


def _set_table_customization(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "configuration"}, path)
    table = tracked_table(fields, metadata, path)
    names = read_custom_names(require(fields, "configuration", path), (path, "configuration"))
    return _renamed(table, names, metadata, "configuration")


def _set_table_custom_fields(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "custom_root_fields", "custom_column_names"}, path)
    table = tracked_table(fields, metadata, path)
    refuse_root_fields(fields, path)
    columns = read_custom_column_names(fields.get("custom_column_names"), (path, "custom_column_names"))
    return _renamed(table, replace(table.custom_names, columns=tuple(columns.items())), metadata, None)


def _renamed(table: TableMetadata, names: CustomNames, metadata: Metadata, key: str | None) -> Change:
    return Change(metadata.with_table(replace(table, custom_names=names)), "custom name", table.name, key=key)


# -- relationships -----------------------------------------------------------------------------------------------------


def _create_relationship(kind: RelationshipKind) -> Apply:
    def apply(args: Any, metadata: Metadata, path: Path) -> Change:
        fields = read_fields(args, {"table", "name", "using", "comment"}, path)
        table = tracked_table(fields, metadata, path)
        name = read_name(require(fields, "name", path), (path, "name"))
        using = read_using(require(fields, "using", path), kind, (path, "using"))
        if any(one.name == name for one in table.relationships):
            message = f'relationship with name "{name}" already exists in table "{table.name}"'
            raise AlreadyExists(message, path=(path, "name"))
        relationship = RelationshipMetadata(name, kind, using, read_comment(fields.get("comment"), (path, "comment")))
        changed = replace(table, relationships=(*table.relationships, relationship))
        return Change(metadata.with_table(changed), "relationship", table.name, name)

    return apply


def _drop_relationship(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "relationship", "cascade"}, path)
    table = tracked_table(fields, metadata, path)
    dropped = _relationship(table, fields, "relationship", path)
    rest = tuple(one for one in table.relationships if one is not dropped)
    changed = metadata.with_table(replace(table, relationships=rest))
    return Change(changed, "relationship", table.name, dropped.name, cascade=read_flag(fields, "cascade", path))


def _rename_relationship(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "name", "new_name"}, path)
    table = tracked_table(fields, metadata, path)
    renamed = _relationship(table, fields, "name", path)
    new_name = read_name(require(fields, "new_name", path), (path, "new_name"))
    if new_name != renamed.name and any(one.name == new_name for one in table.relationships):
        message = f'relationship with name "{new_name}" already exists in table "{table.name}"'
        raise AlreadyExists(message, path=(path, "new_name"))
    renames = Renames({}, {}, {(table.name, renamed.name): new_name})
    return Change(metadata, "relationship", table.name, new_name, renames=renames)


def _set_relationship_comment(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "relationship", "name", "comment"}, path)
    table = tracked_table(fields, metadata, path)
    found = _relationship(table, fields, "relationship" if "relationship" in fields else "name", path)
    comment = read_comment(fields.get("comment"), (path, "comment"))
    return Change(_with_relationship(metadata, table, found, replace(found, comment=comment)))


def _relationship(table: TableMetadata, fields: Mapping[str, Any], key: str, path: Path) -> RelationshipMetadata:
    name = read_name(require(dict(fields), key, path), (path, key))
    for relationship in table.relationships:
        if relationship.name == name:
            return relationship
    raise NotExists(f'relationship "{name}" does not exist in table "{table.name}"', path=(path, key))


def _with_relationship(
    metadata: Metadata, table: TableMetadata, old: RelationshipMetadata, new: RelationshipMetadata
) -> Metadata:
    relationships = tuple(new if one is old else one for one in table.relationships)
    return metadata.with_table(replace(table, relationships=relationships))


# -- permissions -------------------------------------------------------------------------------------------------------


def _create_permission(operation: Operation) -> Apply:
    def apply(args: Any, metadata: Metadata, path: Path) -> Change:
        fields = read_fields(args, {"table", "role", "permission", "comment"}, path)
        table = tracked_table(fields, metadata, path)
        role = read_name(require(fields, "role", path), (path, "role"))
        rule = read_object(require(fields, "permission", path), (path, "permission"))
        if any((one.role, one.operation) == (role, operation) for one in table.permissions):
            message = f'{operation} permission already defined on table "{table.name}" with role "{role}"'
            raise AlreadyExists(message, path=path)
        permission = PermissionMetadata(role, operation, rule, read_comment(fields.get("comment"), (path, "comment")))
        changed = replace(table, permissions=(*table.permissions, permission))
        return Change(metadata.with_table(changed), "permission", table.name, f"{role} {operation}", key="permission")

    return apply


def _drop_permission(operation: Operation) -> Apply:
    def apply(args: Any, metadata: Metadata, path: Path) -> Change:
        fields = read_fields(args, {"table", "role"}, path)
        table = tracked_table(fields, metadata, path)
        dropped = _permission(table, fields, operation, path)
        rest = tuple(one for one in table.permissions if one is not dropped)
        changed = metadata.with_table(replace(table, permissions=rest))
        return Change(changed, "permission", table.name, f"{dropped.role} {operation}")

    return apply


def _set_permission_comment(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "role", "type", "permission", "comment"}, path)
    table = tracked_table(fields, metadata, path)
    key = "type" if "type" in fields else "permission"
    operation = require(fields, key, path)
    if operation not in OPERATIONS:
        raise expected("one of insert, select, update, delete", operation, (path, key))
    found = _permission(table, fields, operation, path)
    commented = replace(found, comment=read_comment(fields.get("comment"), (path, "comment")))
    permissions = tuple(commented if one is found else one for one in table.permissions)
    return Change(metadata.with_table(replace(table, permissions=permissions)))


def _permission(
    table: TableMetadata, fields: Mapping[str, Any], operation: Operation, path: Path
) -> PermissionMetadata:
    role = read_name(require(dict(fields), "role", path), (path, "role"))
    for permission in table.permissions:
        if (permission.role, permission.operation) == (role, operation):
            return permission
    message = f'{operation} permission on table "{table.name}" for role "{role}" does not exist'
    raise NotExists(message, path=(path, "role"))


# -- query templates ---------------------------------------------------------------------------------------------------


def _create_query_template(args: Any, metadata: Metadata, path: Path) -> Change:
    template = read_query_template(args, path)
    if metadata.query_template(template.name) is not None:
        raise AlreadyExists(f'query template "{template.name}" already exists', path=(path, "name"))
    check_template(template.query, (path, "template"))
    return Change(metadata.with_query_template(template))


def _drop_query_template(args: Any, metadata: Metadata, path: Path) -> Change:
    template = _query_template(read_fields(args, {"name"}, path), metadata, path)
    return Change(metadata.without_query_template(template.name))


def _set_query_template_comment(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"name", "comment"}, path)
    template = _query_template(fields, metadata, path)
    comment = read_comment(fields.get("comment"), (path, "comment"))
    return Change(metadata.with_query_template(replace(template, comment=comment)))


def _query_template(fields: dict[str, Any], metadata: Metadata, path: Path) -> QueryTemplate:
    name = read_name(require(fields, "name", path), (path, "name"))
    template = metadata.query_template(name)
    if template is None:
        raise NotExists(f'query template "{name}" does not exist', path=(path, "name"))
    return template


# -- all of it ---------------------------------------------------------------------------------------------------------


def _replace_metadata(args: Any, _: Metadata, path: Path) -> Change:
    """The older form of the arguments is the document itself."""
    tolerant, document = False, args
    if may_tolerate(args):
        refuse_other_keys(args, frozenset({"allow_inconsistent_metadata", "metadata"}), path)
        tolerant = read_flag(args, "allow_inconsistent_metadata", path)
        document, path = require(args, "metadata", path), (path, "metadata")
    metadata = read_document(document, path)
    for index, template in enumerate(document.get("query_templates", ())):
        check_template(template["template"], (((path, "query_templates"), index), "template"))
    return Change(metadata, tolerant=tolerant)


def may_tolerate(args: Any) -> bool:
    """Whether the arguments of ``replace_metadata`` have the newer form, whose answer is what is inconsistent."""
    return isinstance(args, dict) and ("metadata" in args or "allow_inconsistent_metadata" in args)


def _drop_inconsistent_metadata(args: Any, metadata: Metadata, path: Path) -> Change:
    read_fields(args, set(), path)
    return Change(metadata, cascade=True, mending=True)


def _clear_metadata(args: Any, _: Metadata, path: Path) -> Change:
    read_fields(args, set(), path)
    return Change(Metadata())


def _question(args: Any, metadata: Metadata, path: Path) -> Change:
    read_fields(args, {"reload_remote_schemas", "reload_sources"}, path)
    return Change(metadata)


CALLS: Mapping[str, Apply] = {
    "track_table": _track_table,
    "add_existing_table_or_view": _track_table,
    "untrack_table": _untrack_table,
    "set_table_is_enum": _set_table_is_enum,
    "set_table_customization": _set_table_customization,
    "set_table_custom_fields": _set_table_custom_fields,
    "create_object_relationship": _create_relationship("object"),
    "create_array_relationship": _create_relationship("array"),
    "drop_relationship": _drop_relationship,
    "rename_relationship": _rename_relationship,
    "set_relationship_comment": _set_relationship_comment,
    **{f"create_{operation}_permission": _create_permission(operation) for operation in OPERATIONS},
    **{f"drop_{operation}_permission": _drop_permission(operation) for operation in OPERATIONS},
    "set_permission_comment": _set_permission_comment,
    "create_query_template": _create_query_template,
    "drop_query_template": _drop_query_template,
    "set_query_template_comment": _set_query_template_comment,
    "replace_metadata": _replace_metadata,
    "clear_metadata": _clear_metadata,
    "drop_inconsistent_metadata": _drop_inconsistent_metadata,
    "get_inconsistent_metadata": _question,
    "dump_internal_state": _question,
    "export_metadata": _question,
    "reload_metadata": _question,
    **FUNCTION_CALLS,
    **EVENT_CALLS,
    **TASK_CALLS,
}
"""Every metadata call by its type."""
