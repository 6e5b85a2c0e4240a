"""What a role may send to workers: ``enqueue``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from howdah.data.catalog.model import Catalog
from howdah.data.openapi.schema import ANY_OBJECT, Schema, any_of, closed, const, nullable
from howdah.data.openapi.viewpoint import Viewpoint

_ANY: Final[Schema] = {}
_ARGUMENTS: Final[Schema] = {**ANY_OBJECT, "maxProperties": 40, "propertyNames": {"minLength": 1}}
TASK_NAME: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$"}
_KEY: Final = nullable({"type": "string", "minLength": 1, "maxLength": 200})
_OPTIONS: Final[dict[str, Schema]] = {
    "delay": {
        "type": "number",
        "minimum": 0,
        "maximum": 366 * 86400,
        "description": "Seconds, not before which it is done.",
    },
    "key": _KEY,
    "idempotency_key": _KEY,
}


def enqueue_arguments(catalog: Catalog, viewpoint: Viewpoint) -> Schema | None:
    """The arguments of ``enqueue``; None for a role that may send nothing."""
    if viewpoint.is_admin:
        return closed({"task": TASK_NAME, "arguments": nullable(_ARGUMENTS), **_OPTIONS}, ["task"])
    kinds = list(_permitted(catalog, viewpoint.standpoint.role))
    return any_of(kinds) if kinds else None


def _permitted(catalog: Catalog, role: str) -> Iterator[Schema]:
    for task in catalog.tasks.values():
        for permission in task.permissions:
            if permission.role == role:
                preset = dict(permission.presets)
                arguments = _ARGUMENTS
                if permission.arguments is not None:
                    arguments = closed({name: _ANY for name in permission.arguments if name not in preset})
                yield closed({"task": const(task.name), "arguments": nullable(arguments), **_OPTIONS}, ["task"])
