"""What can be written to a table: the columns a role may give, what to do about a row that is there, which rows."""

from __future__ import annotations

from typing import Final

from howdah.data.catalog.model import Column
from howdah.data.openapi.conditions import table_name
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import (
    ANY_OBJECT,
    NULL,
    Schema,
    any_of,
    closed,
    const,
    list_of,
    nullable,
    one_of_these,
    ref,
)
from howdah.data.openapi.values import FRACTION, made_of
from howdah.data.openapi.viewpoint import UsableTable

SHARED: Final[dict[str, Schema]] = {
    "written": closed({"affected_rows": {"type": "integer"}}, ["affected_rows"]),
    "some_columns": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "some_values": {**ANY_OBJECT, "minProperties": 1},
}
"""Components that are the same for every table."""

_SOMETHING: Final = {operator: ref("some_values") for operator in ("$set", "$inc", "$mul")} | {
    "$default": ref("some_columns")
}
_WHOLE_NUMBERS: Final = frozenset({"smallint", "integer", "bigint"})


def write_insert(usable: UsableTable, draft: Draft) -> None:
    """The components of new rows."""
    permission = usable.permissions.insert
    assert permission is not None, "the table is insertable"
    columns = {name: column for name, column in permission.columns.items() if column.name not in permission.presets}
    required = [name for name, column in columns.items() if not (column.nullable or column.has_default)]
    properties = {
        name: _given(column, draft.viewpoint.told(column.comment, usable), draft) for name, column in columns.items()
    }
    draft.components[f"{usable.key}.new"] = closed(properties, required)
    rows = list_of(ref(f"{usable.key}.new"), least=1, most=draft.longest_list)
    args = {"table": table_name(usable.name), "objects": rows, "on_conflict": _on_conflict(usable)}
    draft.components[f"{usable.key}.insert"] = closed({**args, **_returning(usable, draft)}, ["objects"])
    _write_written(usable, draft)


def write_update(usable: UsableTable, draft: Draft) -> None:
    """The components of changes. Without a preset at least one of them must be given."""
    permission = usable.permissions.update
    assert permission is not None, "the table is updatable"
    columns = {name: column for name, column in permission.columns.items() if column.name not in permission.presets}
    numbers = {name: column for name, column in columns.items() if column.type.category == "number"}
    changes: dict[str, Schema] = {}
    if columns:
        draft.components[f"{usable.key}.set"] = closed(
            {name: _given(column, None, draft) for name, column in columns.items()}
        )
        changes["$set"] = ref(f"{usable.key}.set")
        changes["$default"] = list_of(one_of_these(columns), most=draft.longest_list)
    if numbers:
        added = {name: draft.value(column.type) for name, column in numbers.items()}
        draft.components[f"{usable.key}.inc"] = closed(added)
        draft.components[f"{usable.key}.mul"] = closed(
            {name: _factor(column, draft) for name, column in numbers.items()}
        )
        changes |= {"$inc": ref(f"{usable.key}.inc"), "$mul": ref(f"{usable.key}.mul")}
    args = {"table": table_name(usable.name), "where": ref(f"{usable.key}.where")}
    args |= {operator: nullable(operand) for operator, operand in changes.items()}
    update = closed({**args, **_returning(usable, draft)}, ["where"])
    if not permission.presets:
        update["anyOf"] = [
            {"type": "object", "required": [operator], "properties": {operator: _SOMETHING[operator]}}
            for operator in changes
        ]
    draft.components[f"{usable.key}.update"] = update
    _write_written(usable, draft)


def write_delete(usable: UsableTable, draft: Draft) -> None:
    """The components of a delete."""
    args = {"table": table_name(usable.name), "where": ref(f"{usable.key}.where")}
    draft.components[f"{usable.key}.delete"] = closed({**args, **_returning(usable, draft)}, ["where"])
    _write_written(usable, draft)


def written(usable: UsableTable) -> Schema:
    """What a change answers."""
    return ref(f"{usable.key}.written" if "select" in usable.operations else "written")


def _write_written(usable: UsableTable, draft: Draft) -> None:
    if "select" in usable.operations:
        properties = {"affected_rows": {"type": "integer"}, "returning": list_of(ref(usable.key))}
        draft.components[f"{usable.key}.written"] = closed(properties, ["affected_rows"])


def _returning(usable: UsableTable, draft: Draft) -> dict[str, Schema]:
    if "select" not in usable.operations:
        return {}
    names = one_of_these([*[name for name in usable.columns if not name.startswith("*")], "*"])
    key = f"{usable.key}.returning"
    draft.components[key] = any_of([one_of_these(["*"]), list_of(names, most=draft.longest_list), NULL])
    return {"returning": ref(key)}


def _on_conflict(usable: UsableTable) -> Schema:
    """What to do about a row that is there: by a constraint's name or columns, which the role reads or writes."""
    insert = usable.permissions.insert
    assert insert is not None, "the table is insertable"
    presets = {usable.table.columns[name].exposed_name for name in insert.presets}
    known = usable.columns.keys() | insert.columns.keys() | presets
    keys = {}
    for name, columns in usable.table.unique_constraints.items():
        exposed = tuple([usable.table.columns[column].exposed_name for column in columns])
        if known >= set(exposed):
            keys[name] = exposed
    ignore = const("ignore")
    forms = [closed({"action": ignore, "constraint": NULL, "constraint_on": NULL}, ["action"])]
    if keys:
        may_update = usable.permissions.update is not None or insert.allow_upsert
        action = {"action": one_of_these(("ignore", "update")) if may_update else ignore}
        named = one_of_these(keys)
        on = [_columns_of(columns) for columns in dict.fromkeys(tuple(sorted(columns)) for columns in keys.values())]
        singles = list(dict.fromkeys(columns[0] for columns in keys.values() if len(columns) == 1))
        if singles:
            on.append(one_of_these(singles))
        forms.append(closed({**action, "constraint": named, "constraint_on": NULL}, ["action", "constraint"]))
        forms.append(closed({**action, "constraint_on": any_of(on), "constraint": NULL}, ["action", "constraint_on"]))
    return any_of([*forms, NULL])


def _columns_of(columns: tuple[str, ...]) -> Schema:
    """Exactly these columns, in any order."""
    return {**list_of(one_of_these(columns), least=len(columns), most=len(columns)), "uniqueItems": True}


def _given(column: Column, comment: str | None, draft: Draft) -> Schema:
    given = nullable(draft.value(column.type)) if column.nullable else draft.value(column.type)
    return given if comment is None else {**given, "description": comment}


def _factor(column: Column, draft: Draft) -> Schema:
    """A whole number may be multiplied by a fraction."""
    if made_of(column.type) not in _WHOLE_NUMBERS:
        return draft.value(column.type)
    return FRACTION
