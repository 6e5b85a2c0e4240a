"""Event triggers ↔ their JSON in the document, which is Hasura's with a task where that has a webhook."""

from __future__ import annotations

import re
from typing import Any

from howdah.data.errors import Path, UnexpectedPayload, Unreadable
from howdah.data.query.names import checked_task
from howdah.data.query.reading import expected, read_name, read_object, refuse_other_keys, require
from howdah.data.written.document_parts import read_comment, with_comment
from howdah.data.written.metadata import ROW_OPERATIONS, EventTriggerMetadata

EVERY = "*"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")


def read_event_trigger(value: Any, path: Path) -> EventTriggerMetadata:
    """One of a table's ``event_triggers``. Raises ParseFailed and UnexpectedPayload."""
    fields = read_object(value, path)
    refuse_other_keys(fields, frozenset({"name", "task", "definition", "comment"}), path)
    name = checked_name(read_name(require(fields, "name", path), (path, "name")), (path, "name"))
    task = checked_task(read_name(require(fields, "task", path), (path, "task")), (path, "task"))
    place: Path = (path, "definition")
    definition = read_object(require(fields, "definition", path), place)
    refuse_other_keys(definition, frozenset(ROW_OPERATIONS), place)
    operations = tuple(operation for operation in ROW_OPERATIONS if definition.get(operation) is not None)
    if not operations:
        raise Unreadable('expected at least one of "insert", "update" and "delete"', path=place)
    columns, payloads = None, []
    for operation in operations:
        one: Path = (place, operation)
        spec = read_object(definition[operation], one)
        refuse_other_keys(spec, frozenset({"columns", "payload"} if operation == "update" else {"columns"}), one)
        told = _columns(spec.get("columns", EVERY), (one, "columns"))
        if operation == "update":
            columns = told
            told = _columns(spec.get("payload", EVERY), (one, "payload"))
        payloads.append(told)
    if any(payload != payloads[0] for payload in payloads):
        raise UnexpectedPayload("all operations of an event trigger tell of the same columns", path=place)
    return EventTriggerMetadata(
        name, task, operations, columns, payloads[0], read_comment(fields.get("comment"), (path, "comment"))
    )


def from_event_trigger(trigger: EventTriggerMetadata) -> dict[str, Any]:
    """One of a table's ``event_triggers``."""
    payload = EVERY if trigger.payload is None else list(trigger.payload)
    definition: dict[str, Any] = {operation: {"columns": payload} for operation in trigger.operations}
    if "update" in definition:
        columns = EVERY if trigger.columns is None else list(trigger.columns)
        definition["update"] = {"columns": columns, "payload": payload}
    return with_comment({"name": trigger.name, "task": trigger.task, "definition": definition}, trigger.comment)


def checked_name(name: str, path: Path) -> str:
    """The name, which becomes part of a trigger's. Raises Unreadable."""
    if not _NAME.fullmatch(name):
        raise Unreadable("the name of an event trigger has 1 to 40 letters, digits, dashes and underscores", path=path)
    return name


def _columns(value: Any, path: Path) -> tuple[str, ...] | None:
    if value == EVERY:
        return None
    if not isinstance(value, list):
        raise expected("Array", value, path)
    return tuple(read_name(item, (path, index)) for index, item in enumerate(value))
