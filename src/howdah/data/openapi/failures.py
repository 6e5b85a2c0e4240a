"""What is answered instead: the errors of the query language, and those of the gateway in front of it."""

from __future__ import annotations

from typing import Any, Final

from howdah.data.errors import DataError
from howdah.data.openapi.schema import ANY_OBJECT, Schema, any_of, ref

ERROR: Final = "error"
REFUSAL: Final = "refusal"


def codes() -> list[str]:
    """Every code that an error of the query language may have."""
    found: set[str] = set()
    kinds: list[type[DataError]] = [DataError]
    while kinds:
        kind = kinds.pop()
        found.add(kind.code)
        kinds.extend(kind.__subclasses__())
    return sorted(found)


def schemas(*, admin: bool) -> dict[str, Schema]:
    """The components of errors. What Postgres said is for the administrator only."""
    text: Schema = {"type": "string"}
    error: Schema = {
        "type": "object",
        "description": "What is wrong with the request, and where.",
        "properties": {
            "path": {**text, "description": "A JSONPath: the place in the request."},
            "error": text,
            "code": {**text, "enum": codes()},
            "hint": text,
        },
        "required": ["path", "error", "code"],
        "additionalProperties": False,
    }
    if admin:
        error["properties"]["internal"] = {**ANY_OBJECT, "description": "What Postgres said."}
    refusal: Schema = {
        "type": "object",
        "description": "The request did not get as far as the Data API.",
        "properties": {"code": text, "message": text, "path": text, "hint": text, "request_id": text},
        "required": ["message"],
    }
    return {ERROR: error, REFUSAL: refusal}


def responses() -> dict[str, Any]:
    """The responses of errors, by the names that `FAILED` has."""
    either = any_of([ref(ERROR), ref(REFUSAL)])
    return {
        "refused": _response("The request cannot be answered: it, or a value in it, is not as it should be.", either),
        "failed": _response("The request could not be answered, or was not let in.", either),
    }


FAILED: Final = {"400": "refused", "default": "failed"}
"""The component of each status that is an error's."""


def _response(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
