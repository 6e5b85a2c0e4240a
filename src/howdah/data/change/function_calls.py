"""The metadata calls about functions and computed fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from howdah.data.change.arguments import Apply, read_fields, tracked_table
from howdah.data.change.settlement import Change
from howdah.data.errors import AlreadyExists, AlreadyTracked, NotExists, Path
from howdah.data.query.reading import read_name, read_table, require
from howdah.data.written.document_parts import read_comment, read_flag
from howdah.data.written.function_document import read_computed_field, read_function_configuration
from howdah.data.written.metadata import FunctionMetadata, Metadata


def _track_function(args: Any, metadata: Metadata, path: Path) -> Change:
    """``"name"``, ``{"schema", "name"}``, or either as ``function`` beside a ``configuration``."""
    place, reference, fields = path, args, {}
    if isinstance(args, dict) and "function" in args:
        fields = read_fields(args, {"function", "configuration", "comment"}, path)
        place, reference = (path, "function"), args["function"]
    name = read_table(reference, place)
    if metadata.function(name) is not None:
        raise AlreadyTracked(f'function already tracked : "{name}"', path=path)
    configuration = read_function_configuration(fields.get("configuration"), (path, "configuration"))
    comment = read_comment(fields.get("comment"), (path, "comment"))
    return _changed(metadata, FunctionMetadata(name, *configuration, comment=comment))


def _untrack_function(args: Any, metadata: Metadata, path: Path) -> Change:
    wrapped = isinstance(args, dict) and "function" in args
    fields = read_fields(args, {"function"}, path) if wrapped else {"function": args}
    function = _tracked(fields, metadata, path, (path, "function") if wrapped else path)
    return Change(metadata.without_function(function.name), "function", function.name, str(function.name))


def _set_function_customization(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"function", "configuration"}, path)
    function = _tracked(fields, metadata, path)
    place = (path, "configuration")
    session_argument, exposed_as = read_function_configuration(require(fields, "configuration", path), place)
    return _changed(metadata, replace(function, session_argument=session_argument, exposed_as=exposed_as))


def _create_function_permission(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"function", "role"}, path)
    function = _tracked(fields, metadata, path)
    role = read_name(require(fields, "role", path), (path, "role"))
    if role in function.roles:
        message = f'permission of role "{role}" for function "{function.name}" already exists'
        raise AlreadyExists(message, path=path)
    return _changed(metadata, replace(function, roles=(*function.roles, role)))


def _drop_function_permission(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"function", "role"}, path)
    function = _tracked(fields, metadata, path)
    role = read_name(require(fields, "role", path), (path, "role"))
    if role not in function.roles:
        message = f'permission of role "{role}" for function "{function.name}" does not exist'
        raise NotExists(message, path=(path, "role"))
    return _changed(metadata, replace(function, roles=tuple(one for one in function.roles if one != role)))


def _add_computed_field(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "name", "definition", "comment"}, path)
    table = tracked_table(fields, metadata, path)
    field = read_computed_field({key: value for key, value in fields.items() if key != "table"}, path)
    if any(one.name == field.name for one in table.computed_fields):
        message = f'computed field with name "{field.name}" already exists in table "{table.name}"'
        raise AlreadyExists(message, path=(path, "name"))
    changed = replace(table, computed_fields=(*table.computed_fields, field))
    return Change(metadata.with_table(changed), "computed field", table.name, field.name)


def _drop_computed_field(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "name", "cascade"}, path)
    table = tracked_table(fields, metadata, path)
    name = read_name(require(fields, "name", path), (path, "name"))
    rest = tuple(one for one in table.computed_fields if one.name != name)
    if len(rest) == len(table.computed_fields):
        raise NotExists(f'computed field "{name}" does not exist in table "{table.name}"', path=(path, "name"))
    changed = metadata.with_table(replace(table, computed_fields=rest))
    return Change(changed, "computed field", table.name, name, cascade=read_flag(fields, "cascade", path))


FUNCTION_CALLS: Mapping[str, Apply] = {
    "track_function": _track_function,
    "untrack_function": _untrack_function,
    "set_function_customization": _set_function_customization,
    "create_function_permission": _create_function_permission,
    "drop_function_permission": _drop_function_permission,
    "add_computed_field": _add_computed_field,
    "drop_computed_field": _drop_computed_field,
}
"""By type, like ``calls.CALLS``, of which they are part."""


def _tracked(fields: dict[str, Any], metadata: Metadata, path: Path, place: Path = None) -> FunctionMetadata:
    place = place or (path, "function")
    name = read_table(require(fields, "function", path), place)
    function = metadata.function(name)
    if function is None:
        raise NotExists(f'function "{name}" does not exist or is not tracked', path=place)
    return function


def _changed(metadata: Metadata, function: FunctionMetadata) -> Change:
    return Change(metadata.with_function(function), "function", function.name, str(function.name))
