"""What a FastAPI service's OpenAPI document says beyond what FastAPI itself knows. Pure.

Schemas that ``@validate`` checks by, and the one shape of every error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from howdah.kit.errors import DuplicateOperation

Document = dict[str, Any]

ERROR: Final[Mapping[str, Any]] = {
    "title": "Error",
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "path": {"type": "string"},
        "hint": {"type": "string"},
        "request_id": {"type": "string"},
        "problems": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
    },
}
PROBLEM: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "required": ["in", "path", "code", "message"],
    "properties": {name: {"type": "string"} for name in ("in", "path", "code", "message")},
}
_FASTAPIS: Final = ("HTTPValidationError", "ValidationError")


def check_unique(operations: Iterable[tuple[str, str]]) -> None:
    """Nothing, when no two operations have one id. Each is given with where it is. Raises DuplicateOperation."""
    places: dict[str, list[str]] = {}
    for name, place in operations:
        places.setdefault(name, []).append(place)
    twice = {name: where for name, where in places.items() if len(where) > 1}
    if twice:
        said = "; ".join(f"{name} is {' and '.join(where)}" for name, where in twice.items())
        raise DuplicateOperation(f"Operations share an id: {said}.", hint="Give one of the functions another name.")


def with_errors(document: Document) -> Document:
    """The document, whose invalid requests are answered with the kit's error and not with FastAPI's own."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPIS:
        schemas.pop(name, None)
    schemas["Error"], schemas["Problem"] = dict(ERROR), dict(PROBLEM)
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    _tell_apart(document)
    for operation in operations(document):
        responses = operation.setdefault("responses", {})
        if "422" in responses:
            responses["422"] = {"description": "The request is not valid.", **answer}
        responses.setdefault("default", {"description": "An error.", **answer})
    return document


def _tell_apart(document: Document) -> None:
    """One function that answers several methods is an operation for each: their ids have the method behind them."""
    for path in document.get("paths", {}).values():
        ids = [operation.get("operationId") for operation in operations({"paths": {"": path}})]
        for method, operation in path.items():
            if method in _METHODS and ids.count(operation.get("operationId")) > 1:
                operation["operationId"] += f"_{method}"


def add_body(document: Document, operation: Document, schema: Mapping[str, Any], resolve: Callable[[str], Any]) -> None:
    """The operation takes a body of this schema."""
    name = f"{operation['operationId']}_body"
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components[name] = embedded(schema, f"#/components/schemas/{name}", resolve)
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    operation["requestBody"] = {"required": True, "content": content}
    operation.setdefault("responses", {}).setdefault("422", {})


def add_query(operation: Document, schema: Mapping[str, Any], resolve: Callable[[str], Any]) -> None:
    """The operation takes the properties of this schema in its query string."""
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        operation.setdefault("parameters", []).append(
            {"name": name, "in": "query", "required": name in required, "schema": embedded(one, None, resolve)}
        )
    operation.setdefault("responses", {}).setdefault("422", {})


def embedded(schema: Any, place: str | None, resolve: Callable[[str], Any], seen: tuple[str, ...] = ()) -> Any:
    """A schema as a part of a document, at ``place``: references within it are written anew, other ones followed.

    >>> embedded({"$ref": "#/definitions/a", "$schema": "x"}, "#/components/schemas/b", dict)
    {'$ref': '#/components/schemas/b/definitions/a'}
    """
    match schema:
        case dict():
            reference = schema.get("$ref")
            if isinstance(reference, str):
                if reference.startswith("#") and place is not None:
                    return {"$ref": place + reference[1:].rstrip("/")}
                # What leads into a circle outside of the document could only be written without end.
                return {} if reference in seen else embedded(resolve(reference), None, resolve, (*seen, reference))
            return {
                key: embedded(value, place, resolve, seen)
                for key, value in schema.items()
                if key not in {"$schema", "$id"}
            }
        case list():
            return [embedded(value, place, resolve, seen) for value in schema]
    return schema


def pointed(schema: Any, reference: str) -> Any:
    """What a reference within a schema leads to; nothing is said there, where it leads nowhere.

    >>> pointed({"$defs": {"a": {"type": "integer"}}}, "#/$defs/a")
    {'type': 'integer'}
    """
    for part in reference.removeprefix("#").strip("/").split("/"):
        schema = schema.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(schema, dict) else {}
    return schema


def operations(document: Document) -> Iterable[Document]:
    """Every operation of a document."""
    for path in document.get("paths", {}).values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
