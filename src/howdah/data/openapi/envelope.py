"""``/v1/query``: every type of request in its envelope, told apart by ``type``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from howdah.data.openapi import metadata
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.references import with_references
from howdah.data.openapi.schema import ANY_OBJECT, Schema, any_of, closed, const, list_of, one_of_these, ref
from howdah.data.query.address import OPERATIONS, PAGE

_VERSION: Final[Schema] = {"type": "integer", "enum": [1, 2]}
_FLAG: Final[Schema] = {"type": ["boolean", "null"]}
_REFERENCES: Final = 'Queries as outside, in which a value may also be {"$ref": "0.id"}: what an earlier one answered.'
_SESSION: Final[Schema] = {
    "type": ["object", "null"],
    "propertyNames": {"pattern": "^[Xx]-[Hh][Aa][Ss][Uu][Rr][Aa]-."},
    "additionalProperties": {"type": "string"},
    "description": "On whose behalf: X-Hasura-Role and the variables of a session.",
}


def write_envelopes(draft: Draft, templates: Sequence[str], enqueue: Schema | None = None) -> None:
    """The component ``query``, any request, and ``answer``, what any of them is answered with."""
    kinds: dict[str, Schema] = {}
    for operation in OPERATIONS:
        arguments = [
            {"allOf": [ref(f"{usable.key}.{operation}"), {"required": ["table"]}]}
            for usable in draft.viewpoint.tables.values()
            if operation in usable.operations
        ]
        if operation == "select":
            arguments += [
                {"allOf": [ref(f"{usable.key}.page"), {"required": ["table", "page"]}]}
                for usable in draft.viewpoint.tables.values()
                if PAGE in usable.operations
            ]
        arguments += [
            ref(f"{usable.key}.{operation}")
            for usable in draft.viewpoint.functions.values()
            if operation in usable.operations
        ]
        if arguments:
            kinds[operation] = any_of(arguments)
    if enqueue is not None:
        kinds["enqueue"] = enqueue
    if templates:
        kinds["execute_query_template"] = closed({"name": one_of_these(templates), "args": ANY_OBJECT}, ["name"])
    queries = [f"query.{kind}" for kind in kinds]
    kinds["bulk"] = list_of(ref("query"), most=draft.longest_list)
    if queries:
        members = list_of(ref("transaction.query"), most=draft.longest_list)
        kinds["transaction"] = {**members, "description": _REFERENCES}
    if draft.viewpoint.is_admin:
        kinds |= metadata.CALLS
        draft.components |= metadata.SHARED
        draft.components["explain"] = closed({"query": ref("query"), "user": _SESSION, "analyze": _FLAG}, ["query"])
        kinds |= {"explain": ref("explain"), "test_permission": ANY_OBJECT}
    for kind, args in kinds.items():
        properties = {"type": const(kind), "args": args, "version": _VERSION}
        draft.components[f"query.{kind}"] = closed(properties, ["type", "args"])
    draft.components["query"] = _one_of({kind: f"query.{kind}" for kind in kinds})
    if queries:
        within = with_references(queries, draft.components)
        draft.components["transaction.query"] = _one_of({name.partition(".")[2]: within[name] for name in queries})
    draft.components["answer"] = {
        "type": ["array", "object"],
        "items": {},
        "additionalProperties": True,
        "description": "What the address of the operation answers; of a bulk, a list of the answers.",
    }


def _one_of(kinds: Mapping[str, str]) -> Schema:
    """One of these components, told apart by ``type``."""
    mapping = {kind: ref(name)["$ref"] for kind, name in kinds.items()}
    return {
        "oneOf": [ref(name) for name in kinds.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
