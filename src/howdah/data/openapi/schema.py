"""The few forms of JSON Schema (2020-12) that the document is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

NULL: Final[Schema] = {"type": "null"}
# Without additionalProperties some generators make it an object that can have no keys at all.
ANY_OBJECT: Final[Schema] = {"type": "object", "additionalProperties": True}


GIVEN: Final = "\0given"
"""Marks what stands for a value that a request gives. No name can be this, and no document has it."""


def given(schema: Schema) -> Schema:
    """The same, of a value that a request gives: inside a transaction it may be a reference."""
    return {**schema, GIVEN: True}


def ref(name: str) -> Schema:
    """The schema of that name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    """An object with these properties and no others."""
    schema: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return schema


def list_of(items: Schema, *, least: int = 0, most: int | None = None) -> Schema:
    """An array of at least and at most so many items."""
    schema: Schema = {"type": "array", "items": items}
    if least:
        schema["minItems"] = least
    if most is not None:
        schema["maxItems"] = most
    return schema


def const(text: str) -> Schema:
    """The string itself. Inside a choice some generators know an enum only: `one_of_these`."""
    return {"type": "string", "const": text}


def one_of_these(values: Iterable[str]) -> Schema:
    """A string, and one of these."""
    return {"type": "string", "enum": list(values)}


def any_of(schemas: Sequence[Schema]) -> Schema:
    """What one of the schemas admits; a schema alone is itself."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    kind = schema.get("type")
    if not schema or kind == "null" or (isinstance(kind, list) and "null" in kind):
        return schema
    if kind is None:
        alternatives = schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]
        return {"anyOf": [*alternatives, NULL]}
    more: Schema = {"type": [*(kind if isinstance(kind, list) else [kind]), "null"]}
    if "enum" in schema:
        more["enum"] = [*schema["enum"], None]
    return {**schema, **more}
