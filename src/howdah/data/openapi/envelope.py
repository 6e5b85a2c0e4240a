"""``/v1/query``: every type of request in its envelope, told apart by ``type``."""

from __future__ import annotations

from typing import Final

from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import Schema, any_of, closed, const, list_of, ref
from howdah.data.query.address import OPERATIONS
from howdah.data.query.parse import METADATA_CALLS

_VERSION: Final[Schema] = {"type": "integer", "enum": [1, 2]}
_FLAG: Final[Schema] = {"type": ["boolean", "null"]}
_RUN_SQL: Final = closed(
    {"sql": {"type": "string"}, "cascade": _FLAG, "read_only": _FLAG, "check_metadata_consistency": _FLAG}, ["sql"]
)
_METADATA: Final[Schema] = {
    "type": ["object", "string"],
    "description": "The arguments are described in the page of the query language.",
}


def write_envelopes(draft: Draft) -> None:
    """The component ``query``, any request, and ``answer``, what any of them is answered with."""
    kinds: dict[str, Schema] = {}
    for operation in OPERATIONS:
        arguments = [
            {"allOf": [ref(f"{usable.key}.{operation}"), {"type": "object", "required": ["table"]}]}
            for usable in draft.viewpoint.tables.values()
            if operation in usable.operations
        ]
        if arguments:
            kinds[operation] = any_of(arguments)
    kinds["bulk"] = list_of(ref("query"), most=draft.longest_list)
    if draft.viewpoint.is_admin:
        kinds |= dict.fromkeys(sorted(METADATA_CALLS), _METADATA) | {"run_sql": _RUN_SQL}
    for kind, args in kinds.items():
        properties = {"type": const(kind), "args": args, "version": _VERSION}
        draft.components[f"query.{kind}"] = closed(properties, ["type", "args"])
    draft.components["query"] = {
        "oneOf": [ref(f"query.{kind}") for kind in kinds],
        "discriminator": {
            "propertyName": "type",
            "mapping": {kind: f"#/components/schemas/query.{kind}" for kind in kinds},
        },
    }
    draft.components["answer"] = {
        "type": ["array", "object"],
        "description": "What the address of the operation answers; of a bulk, a list of the answers.",
    }
