"""What pydantic, marshmallow and JSON Schema found, as our own problems. Pure; imports none of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from howdah.kit.errors import KitError, UnreadableBody
from howdah.kit.problems import InvalidRequest, Problem, json_path

_PLACES: Final = frozenset({"body", "query", "path", "header", "cookie"})
_NO_OBJECT: Final = frozenset({"model_type", "model_attributes_type", "dict_type", "dataclass_type"})


def of_pydantic(errors: Iterable[Mapping[str, Any]], *, place: str | None = None) -> KitError:
    """Pydantic's errors as ours; ``place`` says where it looked, FastAPI's errors say so themselves.

    >>> of_pydantic([{"type": "missing", "loc": ("body", "title"), "msg": "Field required"}]).to_json()["path"]
    '$.title'
    """
    found = []
    for error in errors:
        loc = tuple(error["loc"])
        where, parts = (place, loc) if place is not None else (str(loc[0]), loc[1:]) if loc else ("body", ())
        kind, message = str(error["type"]), str(error["msg"])
        if where == "body":
            if kind == "json_invalid":
                return no_json((error.get("ctx") or {}).get("error", message), parts[-1] if parts else 0)
            if not parts and kind == "missing":
                return missing_body()
            if not parts and kind in _NO_OBJECT:
                return no_object()
        if where not in _PLACES:  # a dependency of the service's own
            where, parts = "body", loc
        found.append(Problem(where, json_path(parts), kind, message))
    return InvalidRequest(found)


def no_json(what: str, position: object) -> UnreadableBody:
    """What is said of a body that a reader of JSON refuses."""
    return UnreadableBody(f"The body is no JSON: {what}, at character {position}.")


def missing_body() -> UnreadableBody:
    """What is said where a body is needed and there is none."""
    return UnreadableBody("The body is missing; it should be JSON.")


def no_object() -> UnreadableBody:
    """What is said where a JSON object is needed and something else is there."""
    return UnreadableBody("The body should be a JSON object.")
