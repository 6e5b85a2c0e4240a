"""What can be asked of a tracked function: its rows, their number, what they amount to. All through ``/v1/query``."""

from __future__ import annotations

from howdah.data.openapi import reads
from howdah.data.openapi.arguments import write_arguments
from howdah.data.openapi.conditions import table_name
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import any_of, closed, list_of, ref
from howdah.data.openapi.viewpoint import UsableFunction


def write_function(usable: UsableFunction, draft: Draft) -> None:
    """The components of a function's arguments, of each operation on what it returns, and of the rows answered."""
    function, target = usable.function, usable.target
    required = write_arguments(usable.key, function.routine, draft)
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
