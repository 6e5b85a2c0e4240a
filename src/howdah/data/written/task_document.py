"""Which tasks requests may send ↔ their JSON in the document, and in the calls that permit them."""

from __future__ import annotations

from typing import Any

from howdah.data.errors import Path
from howdah.data.query.names import checked_task
from howdah.data.query.reading import expected, read_name, read_object, refuse_other_keys, require
from howdah.data.written.document_parts import read_comment, read_each, with_comment
from howdah.data.written.event_document import EVERY
from howdah.data.written.metadata import TaskMetadata, TaskPermission


def read_task(value: Any, path: Path) -> TaskMetadata:
    """One of the document's ``tasks``. Raises ParseFailed and UnexpectedPayload."""
    fields = read_object(value, path)
    refuse_other_keys(fields, frozenset({"name", "permissions", "comment"}), path)
    name = checked_task(read_name(require(fields, "name", path), (path, "name")), (path, "name"))
    permissions = read_each(fields, "permissions", path, _read_permission)
    return TaskMetadata(name, permissions, read_comment(fields.get("comment"), (path, "comment")))


def read_task_permission(role: str, value: Any, path: Path) -> TaskPermission:
    """What ``role`` may give the task, and what it is given anyway. Raises ParseFailed and UnexpectedPayload."""
    rule = read_object(value, path)
    refuse_other_keys(rule, frozenset({"arguments", "set"}), path)
    arguments, place = rule.get("arguments", []), (path, "arguments")
    names: tuple[str, ...] | None = None
    if arguments != EVERY:
        if not isinstance(arguments, list):
            raise expected("Array", arguments, place)
        names = tuple(read_name(item, (place, index)) for index, item in enumerate(arguments))
    presets = read_object(rule.get("set") or {}, (path, "set"))
    return TaskPermission(role, names, tuple(presets.items()))


def from_task(task: TaskMetadata) -> dict[str, Any]:
    """One of the document's ``tasks``."""
    permissions = [{"role": one.role, "permission": task_rule(one)} for one in task.permissions]
    return with_comment({"name": task.name, "permissions": permissions}, task.comment)


def task_rule(permission: TaskPermission) -> dict[str, Any]:
    """A permission as it is written."""
    rule: dict[str, Any] = {"arguments": EVERY if permission.arguments is None else list(permission.arguments)}
    if permission.presets:
        rule["set"] = dict(permission.presets)
    return rule


def _read_permission(value: Any, path: Path) -> TaskPermission:
    fields = read_object(value, path)
    refuse_other_keys(fields, frozenset({"role", "permission"}), path)
    role = read_name(require(fields, "role", path), (path, "role"))
    return read_task_permission(role, require(fields, "permission", path), (path, "permission"))
