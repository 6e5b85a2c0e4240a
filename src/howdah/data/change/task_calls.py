"""The metadata calls about which tasks requests may send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from howdah.data.change.arguments import Apply, read_fields
from howdah.data.change.settlement import Change
from howdah.data.errors import AlreadyExists, NotExists, Path
from howdah.data.query.names import checked_task
from howdah.data.query.reading import read_name, require
from howdah.data.written.metadata import Metadata, TaskMetadata
from howdah.data.written.task_document import read_task_permission


def _create_task_permission(args: Any, metadata: Metadata, path: Path) -> Change:
    fields = read_fields(args, {"task", "role", "permission"}, path)
    task, role = _named(fields, metadata, path)
    if any(one.role == role for one in task.permissions):
        raise AlreadyExists(f'permission of role "{role}" for task "{task.name}" already exists', path=path)
    permission = read_task_permission(role, require(fields, "permission", path), (path, "permission"))
    return Change(metadata.with_task(replace(task, permissions=(*task.permissions, permission))))


def _drop_task_permission(args: Any, metadata: Metadata, path: Path) -> Change:
    task, role = _named(read_fields(args, {"task", "role"}, path), metadata, path)
    rest = tuple(one for one in task.permissions if one.role != role)
    if len(rest) == len(task.permissions):
        message = f'permission of role "{role}" for task "{task.name}" does not exist'
        raise NotExists(message, path=(path, "role"))
    return Change(metadata.with_task(replace(task, permissions=rest)))


TASK_CALLS: Mapping[str, Apply] = {
    "create_task_permission": _create_task_permission,
    "drop_task_permission": _drop_task_permission,
}
"""By type, like ``calls.CALLS``, of which they are part."""


def _named(fields: dict[str, Any], metadata: Metadata, path: Path) -> tuple[TaskMetadata, str]:
    name = checked_task(read_name(require(fields, "task", path), (path, "task")), (path, "task"))
    return metadata.task(name) or TaskMetadata(name), read_name(require(fields, "role", path), (path, "role"))
