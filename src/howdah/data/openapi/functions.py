"""What can be asked of a tracked function: its rows, their number, what they amount to. All through ``/v1/query``."""

from __future__ import annotations

from howdah.data.catalog.model import Routine
from howdah.data.openapi import reads
from howdah.data.openapi.conditions import table_name
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import NULL, Schema, any_of, closed, list_of, nullable, ref
from howdah.data.openapi.values import value
from howdah.data.openapi.viewpoint import UsableFunction


def write_function(usable: UsableFunction, draft: Draft) -> None:
    """The components of a function's arguments, of each operation on what it returns, and of the rows answered."""
    function, target = usable.function, usable.target
    draft.components[f"{usable.key}.arguments"], required = _arguments(function.routine, draft)
    named = {"function": table_name(function.routine.name), "arguments": ref(f"{usable.key}.arguments")}
    needed = ["function", "arguments"] if required else ["function"]
    draft.components[f"{usable.key}.rows"] = list_of(reads.row(target, draft))
    said = [f"What is answered is {usable.key}.rows."]
    comment = draft.viewpoint.told(function.comment, target)
    draft.components[f"{usable.key}.select"] = {
        **closed({**named, **reads.slices(target, draft)}, [*needed, "columns"]),
        "description": " ".join([comment, *said] if comment else said),
    }
    if "count" in usable.operations:
        draft.components[f"{usable.key}.count"] = closed({**named, **reads.counted(target, draft)}, needed)
    if "aggregate" in usable.operations:
        key = f"{usable.key}.aggregate"
        draft.components[key] = any_of(reads.write_aggregations(key, target, draft, named, required=tuple(needed)))


def _arguments(routine: Routine, draft: Draft) -> tuple[Schema, bool]:
    """By name, or as a list in their order; and whether there have to be any."""
    asked = [argument for argument in routine.arguments if argument.given_by == "request"]
    required = [argument.key for argument in asked if not argument.has_default]
    # Not by the names of their types: one may be a row of a table that the role does not know.
    values = {argument.key: nullable(value(argument.type)) for argument in asked}
    by_name = closed(values, required)
    before: list[str] = []
    needs: dict[str, list[str]] = {}
    for argument in asked:
        if before and not argument.name:
            needs[argument.key] = list(before)
        if argument.has_default:
            before.append(argument.key)
    if needs:
        by_name["dependentRequired"] = needs
    in_order = list_of({}, least=len(required), most=min(len(asked), draft.longest_list))
    if values:
        in_order["prefixItems"] = list(values.values())
    forms = [by_name, in_order]
    return any_of(forms if required else [*forms, NULL]), bool(required)
