"""JSON → what an insert does with rows that exist, and what is nested in one of its objects."""

from __future__ import annotations

from typing import Any, Final

from howdah.data.errors import Path, UnexpectedPayload, Unreadable
from howdah.data.query.ast import OnConflict
from howdah.data.query.names import parse_column_names
from howdah.data.query.reading import Budget, read_list, read_name, read_object, refuse_other_keys, require

_CONFLICT_KEYS: Final = frozenset({"action", "constraint", "constraint_on"})
_NESTED_KEYS: Final = frozenset({"data", "on_conflict"})


def parse_on_conflict(value: Any, path: Path, budget: Budget) -> OnConflict:
    """What ``{"action", "constraint" or "constraint_on"}`` says. Raises Unreadable and UnexpectedPayload."""
    fields = read_object(value, path)
    refuse_other_keys(fields, _CONFLICT_KEYS, path)
    if "action" not in fields:
        raise Unreadable("the key 'action' was not present", path=path)
    action = fields["action"]
    if action not in ("update", "ignore"):
        raise Unreadable('expected "update" or "ignore"', path=(path, "action"))
    name, on = fields.get("constraint"), fields.get("constraint_on")
    if name is not None and on is not None:
        raise UnexpectedPayload('"constraint" and "constraint_on" cannot be given together', path=path)
    if action == "update" and name is None and on is None:
        raise UnexpectedPayload('"update" needs one of "constraint" and "constraint_on"', path=path)
    if name is not None:
        name = read_name(name, (path, "constraint"))
    columns = None
    if on is not None:
        place = (path, "constraint_on")
        columns = parse_column_names([on] if isinstance(on, str) else on, place, budget)
        if not columns:
            raise UnexpectedPayload("constraint_on cannot be an empty list", path=place)
    return OnConflict(action == "update", name, columns, path)


def parse_nested(
    value: Any, path: Path, budget: Budget, *, single: bool
) -> tuple[list[tuple[dict[str, Any], Path]], OnConflict | None]:
    """The objects of ``{"data": object or list, "on_conflict"}`` with their places; ``single`` ones have one.

    Raises Unreadable and UnexpectedPayload.
    """
    fields = read_object(value, path)
    refuse_other_keys(fields, _NESTED_KEYS, path)
    place: Path = (path, "data")
    data = require(fields, "data", path)
    if single:
        objects: list[tuple[dict[str, Any], Path]] = [(read_object(data, place), place)]
    else:
        items = read_list(data, place, budget)
        objects = [(read_object(item, (place, index)), (place, index)) for index, item in enumerate(items)]
    conflict = fields.get("on_conflict")
    return objects, None if conflict is None else parse_on_conflict(conflict, (path, "on_conflict"), budget)
