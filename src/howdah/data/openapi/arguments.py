"""What a function is given by a request: by name, or in order."""

from __future__ import annotations

from howdah.data.catalog.model import Routine
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import NULL, any_of, closed, given, list_of, nullable
from howdah.data.openapi.values import value


def write_arguments(key: str, routine: Routine, draft: Draft) -> bool:
    """The component ``<key>.arguments``: by name, or as a list in their order. Whether there have to be any."""
    asked = [argument for argument in routine.arguments if argument.given_by == "request"]
    required = [argument.key for argument in asked if not argument.has_default]
    # Not by the names of their types: one may be a row of a table that the role does not know.
    values = {argument.key: given(nullable(value(argument.type))) for argument in asked}
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
    draft.components[f"{key}.arguments"] = any_of(forms if required else [*forms, NULL])
    return bool(required)
