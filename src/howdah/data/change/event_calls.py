"""The metadata calls about event triggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from howdah.data.change.arguments import Apply, read_fields, tracked_table
from howdah.data.change.settlement import Change
from howdah.data.errors import AlreadyExists, NotExists, Path
from howdah.data.query.reading import read_name, require
from howdah.data.written.document_parts import read_flag
from howdah.data.written.event_document import read_event_trigger
from howdah.data.written.metadata import Metadata, TableMetadata


def _create_event_trigger(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"table", "name", "task", "definition", "comment", "replace"}, path)
    table = tracked_table(fields, metadata, path)
    written = {key: value for key, value in fields.items() if key not in ("table", "replace")}
    trigger = read_event_trigger(written, path)
    others = tuple(one for one in table.event_triggers if one.name != trigger.name)
    if not read_flag(fields, "replace", path) or len(others) == len(table.event_triggers):
        for other in metadata.tables:
            if any(one.name == trigger.name for one in other.event_triggers):
                message = f'event trigger with name "{trigger.name}" already exists on table "{other.name}"'
                raise AlreadyExists(message, path=(path, "name"))
    changed = replace(table, event_triggers=(*others, trigger))
    return Change(metadata.with_table(changed), "event trigger", table.name, trigger.name)


def _delete_event_trigger(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"name"}, path)
    name = read_name(require(fields, "name", path), (path, "name"))
    table = _table_of(name, metadata)
    if table is None:
        raise NotExists(f'event trigger with name "{name}" does not exist', path=(path, "name"))
    rest = tuple(one for one in table.event_triggers if one.name != name)
    changed = metadata.with_table(replace(table, event_triggers=rest))
    return Change(changed, "event trigger", table.name, name)


def _table_of(name: str, metadata: Metadata) -> TableMetadata | None:
    return next((table for table in metadata.tables if any(one.name == name for one in table.event_triggers)), None)


EVENT_CALLS: Mapping[str, Apply] = {
    "create_event_trigger": _create_event_trigger,
    "delete_event_trigger": _delete_event_trigger,
}
"""By type, like ``calls.CALLS``, of which they are part."""
