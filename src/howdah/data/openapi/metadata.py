"""The arguments of the metadata calls, and the document that is exported and replaced; for the administrator alone.

What is here is their form. Whether there is such a table, column or function is told by the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from howdah.data.openapi.schema import (
    ANY_OBJECT,
    NULL,
    Schema,
    any_of,
    closed,
    list_of,
    nullable,
    one_of_these,
    ref,
)
from howdah.data.openapi.tasks import TASK_NAME
from howdah.data.query.template import TEMPLATE_TYPES
from howdah.data.written.metadata import OPERATIONS

_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_FLAG: Final[Schema] = {"type": "boolean"}
_MAYBE: Final[Schema] = {"type": ["boolean", "null"]}
_COMMENT: Final[Schema] = {"type": ["string", "null"]}
_NOTHING: Final[Schema] = {"type": ["object", "null"], "maxProperties": 0, "additionalProperties": False}
_TABLE: Final = ref("metadata.table")
_CUSTOM_NAMES: Final = ref("metadata.custom_names")
_FUNCTION_CONFIGURATION: Final = ref("metadata.function_configuration")
_QUESTION: Final = closed({"reload_remote_schemas": {}, "reload_sources": {}})


def _names(value: Schema) -> Schema:
    return {"type": "object", "propertyNames": _NAME, "additionalProperties": value}


def _using(kind: str) -> Schema:
    """What a relationship goes through."""
    over_there = closed({"table": _TABLE, "column": _NAME}, ["table", "column"])
    key = "foreign_key_constraint_on"
    on = any_of([_NAME, over_there]) if kind == "object" else over_there
    manual = closed({"remote_table": _TABLE, "column_mapping": _names(_NAME)}, ["remote_table", "column_mapping"])
    return any_of([closed({key: on}, [key]), closed({"manual_configuration": manual}, ["manual_configuration"])])


_COLUMNS: Final = any_of([list_of(_NAME), one_of_these(["*"])])
_CONDITION: Final[Schema] = {
    **ANY_OBJECT,
    "description": "A condition, in the language of where. A string that begins with X-Hasura- is a session variable.",
}
_PRESETS: Final[Schema] = {**nullable(ANY_OBJECT), "description": "Columns and the values they are given in any case."}
_LIMIT: Final[Schema] = {"type": ["integer", "null"], "minimum": 0, "maximum": 2**63 - 1}
_RULES: Final[dict[str, Schema]] = {
    "insert": closed(
        {
            "columns": _COLUMNS,
            "check": _CONDITION,
            "set": _PRESETS,
            **dict.fromkeys(("allow_upsert", "allow_conflict_update", "backend_only"), _FLAG),
        },
        ["check"],
    ),
    "select": closed(
        {
            "columns": _COLUMNS,
            "filter": _CONDITION,
            "limit": _LIMIT,
            "allow_aggregations": _FLAG,
            "computed_fields": nullable(list_of(_NAME)),
        },
        ["columns", "filter"],
    ),
    "update": closed(
        {"columns": _COLUMNS, "filter": _CONDITION, "check": nullable(_CONDITION), "set": _PRESETS},
        ["columns", "filter"],
    ),
    "delete": closed({"filter": _CONDITION}, ["filter"]),
}
_KINDS: Final = ("object", "array")
_COMPUTED_FIELD: Final[dict[str, Schema]] = {
    "name": _NAME,
    "definition": closed(
        {"function": _TABLE, "table_argument": nullable(_NAME), "session_argument": nullable(_NAME)}, ["function"]
    ),
    "comment": _COMMENT,
}
_EVENT_NAME: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,39}$"}
_EVENT_COLUMNS: Final = any_of([{"const": "*"}, list_of(_NAME)])
_EVENT_TRIGGER: Final[dict[str, Schema]] = {
    "name": _EVENT_NAME,
    "task": TASK_NAME,
    "definition": closed(
        {
            "insert": nullable(closed({"columns": _EVENT_COLUMNS})),
            "update": nullable(closed({"columns": _EVENT_COLUMNS, "payload": _EVENT_COLUMNS})),
            "delete": nullable(closed({"columns": _EVENT_COLUMNS})),
        }
    ),
    "comment": _COMMENT,
}
_TASK_RULE: Final = closed({"arguments": _EVENT_COLUMNS, "set": nullable(ANY_OBJECT)})
_TEMPLATE: Final[dict[str, Schema]] = {
    "name": _NAME,
    "template": {
        "type": "object",
        "properties": {"type": one_of_these(sorted(TEMPLATE_TYPES)), "args": {"type": ["object", "array"]}},
        "required": ["type", "args"],
        "description": 'A request, in which {"param": name} stands for a value.',
    },
    "comment": _COMMENT,
}

SHARED: Final[dict[str, Schema]] = {
    "metadata.table": {
        **any_of([_NAME, closed({"schema": nullable(_NAME), "name": _NAME}, ["name"])]),
        "description": "The name of a table or function; without a schema it is in public.",
    },
    "metadata.custom_names": closed(
        {
            "custom_name": nullable(_NAME),
            "custom_column_names": nullable(_names(_NAME)),
            "column_config": nullable(_names(closed({"custom_name": nullable(_NAME)}))),
            "custom_root_fields": _NOTHING,
        }
    ),
    "metadata.function_configuration": closed(
        {
            "session_argument": nullable(_NAME),
            "exposed_as": nullable(one_of_these(["query", "mutation"])),
            "custom_root_fields": _NOTHING,
            "custom_name": NULL,
        }
    ),
    **{f"metadata.{operation}_permission": rule for operation, rule in _RULES.items()},
    **{f"metadata.{kind}_relationship_using": _using(kind) for kind in _KINDS},
    "metadata.template": closed(_TEMPLATE, ["name", "template"]),
    "metadata.tracked_table": closed(
        {
            "table": _TABLE,
            "is_enum": _FLAG,
            "configuration": nullable(_CUSTOM_NAMES),
            **{
                f"{kind}_relationships": list_of(
                    closed(
                        {"name": _NAME, "using": ref(f"metadata.{kind}_relationship_using"), "comment": _COMMENT},
                        ["name", "using"],
                    )
                )
                for kind in _KINDS
            },
            "computed_fields": list_of(closed(_COMPUTED_FIELD, ["name", "definition"])),
            "event_triggers": list_of(closed(_EVENT_TRIGGER, ["name", "task", "definition"])),
            **{
                f"{operation}_permissions": list_of(
                    closed(
                        {"role": _NAME, "permission": ref(f"metadata.{operation}_permission"), "comment": _COMMENT},
                        ["role", "permission"],
                    )
                )
                for operation in OPERATIONS
            },
        },
        ["table"],
    ),
    "metadata.tracked_function": closed(
        {
            "function": _TABLE,
            "configuration": nullable(_FUNCTION_CONFIGURATION),
            "permissions": list_of(closed({"role": _NAME, "definition": {}}, ["role"])),
            "comment": _COMMENT,
        },
        ["function"],
    ),
    "metadata.document": {
        "type": "object",
        "properties": {
            "version": {},
            "tables": list_of(ref("metadata.tracked_table")),
            "functions": list_of(ref("metadata.tracked_function")),
            "query_templates": list_of(ref("metadata.template")),
            "tasks": list_of(
                closed(
                    {
                        "name": TASK_NAME,
                        "permissions": list_of(
                            closed({"role": _NAME, "permission": _TASK_RULE}, ["role", "permission"])
                        ),
                        "comment": _COMMENT,
                    },
                    ["name"],
                )
            ),
        },
        "propertyNames": {"not": {"enum": ["metadata", "allow_inconsistent_metadata"]}},
        "additionalProperties": {"type": "array", "maxItems": 0},
        "description": "All metadata. Lists of what there is not here may be there when they are empty.",
    },
}
"""Components that are the same whatever is tracked."""


def _of_table(more: Mapping[str, Any], *required: str) -> Schema:
    return closed({"table": _TABLE, **more}, ["table", *required])


_TRACK_TABLE: Final = any_of([_TABLE, _of_table({"is_enum": _FLAG, "configuration": nullable(_CUSTOM_NAMES)})])
_FUNCTION: Final = {"function": _TABLE}
_OF_ROLE: Final = closed({**_FUNCTION, "role": _NAME}, ["function", "role"])

CALLS: Final[dict[str, Schema]] = {
    "track_table": _TRACK_TABLE,
    "add_existing_table_or_view": _TRACK_TABLE,
    "untrack_table": any_of([_TABLE, _of_table({"cascade": _FLAG})]),
    "set_table_is_enum": _of_table({"is_enum": _FLAG}, "is_enum"),
    "set_table_customization": _of_table({"configuration": _CUSTOM_NAMES}, "configuration"),
    "set_table_custom_fields": _of_table(
        {"custom_root_fields": _NOTHING, "custom_column_names": nullable(_names(_NAME))}
    ),
    "track_function": any_of(
        [
            _TABLE,
            closed(
                {**_FUNCTION, "configuration": nullable(_FUNCTION_CONFIGURATION), "comment": _COMMENT}, ["function"]
            ),
        ]
    ),
    "untrack_function": any_of([_TABLE, closed(_FUNCTION, ["function"])]),
    "set_function_customization": closed(
        {**_FUNCTION, "configuration": nullable(_FUNCTION_CONFIGURATION)}, ["function", "configuration"]
    ),
    "create_function_permission": _OF_ROLE,
    "drop_function_permission": _OF_ROLE,
    "add_computed_field": _of_table(_COMPUTED_FIELD, "name", "definition"),
    "create_event_trigger": _of_table({**_EVENT_TRIGGER, "replace": _FLAG}, "name", "task", "definition"),
    "delete_event_trigger": closed({"name": _NAME}, ["name"]),
    "create_task_permission": closed(
        {"task": TASK_NAME, "role": _NAME, "permission": _TASK_RULE}, ["task", "role", "permission"]
    ),
    "drop_task_permission": closed({"task": TASK_NAME, "role": _NAME}, ["task", "role"]),
    "drop_computed_field": _of_table({"name": _NAME, "cascade": _FLAG}, "name"),
    **{
        f"create_{kind}_relationship": _of_table(
            {"name": _NAME, "using": ref(f"metadata.{kind}_relationship_using"), "comment": _COMMENT}, "name", "using"
        )
        for kind in _KINDS
    },
    "drop_relationship": _of_table({"relationship": _NAME, "cascade": _FLAG}, "relationship"),
    "rename_relationship": _of_table({"name": _NAME, "new_name": _NAME}, "name", "new_name"),
    "set_relationship_comment": any_of(
        [_of_table({key: _NAME, "comment": _COMMENT}, key) for key in ("relationship", "name")]
    ),
    **{
        f"create_{operation}_permission": _of_table(
            {"role": _NAME, "permission": ref(f"metadata.{operation}_permission"), "comment": _COMMENT},
            "role",
            "permission",
        )
        for operation in OPERATIONS
    },
    **{f"drop_{operation}_permission": _of_table({"role": _NAME}, "role") for operation in OPERATIONS},
    "set_permission_comment": any_of(
        [
            _of_table({"role": _NAME, key: one_of_these(OPERATIONS), "comment": _COMMENT}, "role", key)
            for key in ("type", "permission")
        ]
    ),
    "create_query_template": ref("metadata.template"),
    "drop_query_template": closed({"name": _NAME}, ["name"]),
    "set_query_template_comment": closed({"name": _NAME, "comment": _COMMENT}, ["name"]),
    "replace_metadata": any_of(
        [
            ref("metadata.document"),
            closed(
                {"allow_inconsistent_metadata": _FLAG, "metadata": ref("metadata.document")},
                ["metadata"],
            ),
        ]
    ),
    "clear_metadata": closed({}),
    "drop_inconsistent_metadata": closed({}),
    **dict.fromkeys(
        ("export_metadata", "reload_metadata", "get_inconsistent_metadata", "dump_internal_state"), _QUESTION
    ),
    "run_sql": closed(
        {
            "sql": {"type": "string"},
            **dict.fromkeys(("cascade", "read_only", "check_metadata_consistency"), _MAYBE),
        },
        ["sql"],
    ),
}
"""The arguments of every metadata call by its type."""
