"""What can be written to a table: the columns a role may give, what to do about a row that is there, which rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from howdah.data.catalog.model import Column, Relationship
from howdah.data.openapi.conditions import table_name
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.reads import row
from howdah.data.openapi.schema import (
    ANY_OBJECT,
    NULL,
    Schema,
    any_of,
    closed,
    const,
    given,
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

_SOMETHING: Final = {operator: ref("some_values") for operator in ("$set", "values", "$inc", "$mul")} | {
    "$default": ref("some_columns")
}
_WHOLE_NUMBERS: Final = frozenset({"smallint", "integer", "bigint"})


def write_insert(usable: UsableTable, draft: Draft) -> None:
    """The components of new rows."""
    draft.components[f"{usable.key}.new"] = _new_row(usable, draft, frozenset())
    draft.components[f"{usable.key}.on_conflict"] = _on_conflict(usable)
    rows = list_of(ref(f"{usable.key}.new"), least=1, most=draft.longest_list)
    args = {"table": table_name(usable.name), "objects": rows, "on_conflict": ref(f"{usable.key}.on_conflict")}
    returned = ref(usable.key)
    if "select" in usable.operations:
        if any(True for _ in draft.viewpoint.related(usable)):
            args["returning"] = any_of([ref(f"{usable.key}.columns"), NULL])
            returned = row(usable, draft)
        else:
            args |= _returning(usable, draft)
        properties = {"affected_rows": {"type": "integer"}, "returning": list_of(returned)}
        draft.components[f"{usable.key}.inserted"] = closed(properties, ["affected_rows"])
    draft.components[f"{usable.key}.insert"] = closed(args, ["objects"])


def _new_row(usable: UsableTable, draft: Draft, handed_on: frozenset[str]) -> Schema:
    """A row to insert, with rows of other tables nested in it; without the columns that a relationship gives."""
    columns = {name: column for name, column in _insertable(usable).items() if name not in handed_on}
    required = [name for name, column in columns.items() if not (column.nullable or column.has_default)]
    properties = {
        name: _given(column, draft.viewpoint.told(column.comment, usable), draft) for name, column in columns.items()
    }
    choices = []
    for relationship, target in _nestable(usable, draft):
        ours, theirs = _exposed(relationship, usable, target)
        if ours & handed_on:
            continue
        one = ref(_write_nested(f"{target.key}.new", target, draft, frozenset() if relationship.refers else theirs))
        data = one if relationship.kind == "object" else list_of(one, most=draft.longest_list)
        nested = closed({"data": data, "on_conflict": ref(f"{target.key}.on_conflict")}, ["data"])
        properties[relationship.name] = nullable(nested)
        needed = [name for name in required if relationship.refers and name in ours]
        if needed:
            # The columns, or the row that they refer to.
            required = [name for name in required if name not in needed]
            choices.append({"anyOf": [{"required": needed}, {"required": [relationship.name]}]})
    return {**closed(properties, required), **({"allOf": choices} if choices else {})}


def _write_nested(key: str, target: UsableTable, draft: Draft, handed_on: frozenset[str]) -> str:
    """The component of rows of the target, without the columns that a relationship gives."""
    key = ".without-".join([key, *sorted(draft.name_key(name) for name in handed_on)])
    if key not in draft.components:
        draft.components[key] = {}  # a place: tables refer to each other in circles
        draft.components[key] = _new_row(target, draft, handed_on)
    return key


def _insertable(usable: UsableTable) -> dict[str, Column]:
    """The columns of new rows that the role may give."""
    permission = usable.permissions.insert
    assert permission is not None, "the table is insertable"
    return {name: column for name, column in permission.columns.items() if column.name not in permission.presets}


def _nestable(usable: UsableTable, draft: Draft) -> Iterator[tuple[Relationship, UsableTable]]:
    """The relationships through which the role may insert, because it may give the columns that they set."""
    for relationship in usable.table.relationships.values():
        target = draft.viewpoint.tables.get(relationship.target)
        if target is not None and "insert" in target.operations and (relationship.unique or not relationship.refers):
            ours, theirs = _exposed(relationship, usable, target)
            giving, names = (usable, ours) if relationship.refers else (target, theirs)
            if names <= _insertable(giving).keys():
                yield relationship, target


def _exposed(
    relationship: Relationship, usable: UsableTable, target: UsableTable
) -> tuple[frozenset[str], frozenset[str]]:
    """Our columns and theirs, by the names that requests use."""
    ours = frozenset(usable.table.columns[pair.ours].exposed_name for pair in relationship.mapping)
    return ours, frozenset(target.table.columns[pair.theirs].exposed_name for pair in relationship.mapping)


def write_update(usable: UsableTable, draft: Draft) -> None:
    """The components of changes. Without a preset at least one of them must be given."""
    permission = usable.permissions.update
    assert permission is not None, "the table is updatable"
    columns = {name: column for name, column in permission.columns.items() if column.name not in permission.presets}
    numbers = {
        name: column for name, column in columns.items() if column.type.category == "number" and name in usable.columns
    }
    changes: dict[str, Schema] = {}
    if columns:
        draft.components[f"{usable.key}.set"] = closed(
            {name: _given(column, None, draft) for name, column in columns.items()}
        )
        changes["$set"] = changes["values"] = ref(f"{usable.key}.set")
        changes["$default"] = list_of(one_of_these(columns), most=draft.longest_list)
    if numbers:
        added = {name: given(draft.value(column.type)) for name, column in numbers.items()}
        draft.components[f"{usable.key}.inc"] = closed(added)
        draft.components[f"{usable.key}.mul"] = closed(
            {name: given(_factor(column, draft)) for name, column in numbers.items()}
        )
        changes |= {"$inc": ref(f"{usable.key}.inc"), "$mul": ref(f"{usable.key}.mul")}
    args = {"table": table_name(usable.name), "where": ref(f"{usable.key}.where")}
    args |= {operator: nullable(operand) for operator, operand in changes.items()}
    update = closed({**args, **_returning(usable, draft)}, ["where"])
    if columns:
        update["not"] = {"required": ["$set", "values"]}  # they mean the same
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


def written(usable: UsableTable, operation: str) -> Schema:
    """What a change answers."""
    if operation == "insert" and "select" in usable.operations:
        return ref(f"{usable.key}.inserted")
    return ref(f"{usable.key}.written" if "select" in usable.operations else "written")


def _write_written(usable: UsableTable, draft: Draft) -> None:
    if "select" in usable.operations:
        properties = {"affected_rows": {"type": "integer"}, "returning": list_of(ref(usable.key))}
        draft.components[f"{usable.key}.written"] = closed(properties, ["affected_rows"])


def _returning(usable: UsableTable, draft: Draft) -> dict[str, Schema]:
    if "select" not in usable.operations:
        return {}
    names = one_of_these([*[name for name in usable.named if not name.startswith("*")], "*"])
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
    value = nullable(draft.value(column.type)) if column.nullable else draft.value(column.type)
    return given(value if comment is None else {**value, "description": comment})


def _factor(column: Column, draft: Draft) -> Schema:
    """A whole number may be multiplied by a fraction."""
    if made_of(column.type) not in _WHOLE_NUMBERS:
        return draft.value(column.type)
    return FRACTION
