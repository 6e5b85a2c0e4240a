"""``[clients.<name>]``: foreign services that those of the project call, as they are written.

What each option means is known to who calls: `howdah.kit.services.settings`. Here is only checked what a file can have
wrong without that, and that the tables can be handed on as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from howdah.project.scalars import Unusable, kind_of

_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


def client_tables(value: object) -> Mapping[str, Mapping[str, Any]]:
    """The tables by name. Raises Unusable."""
    if not isinstance(value, Mapping):
        raise Unusable(f"this must be tables, one for each foreign service, not {kind_of(value)}")
    for name, table in value.items():
        if not _NAME.fullmatch(name):
            raise Unusable("this cannot be a name: use lower-case letters, digits and dashes", (name,))
        if not isinstance(table, Mapping):
            raise Unusable(f"this must be a table with a base_url, not {kind_of(table)}", (name,))
        if not isinstance(table.get("base_url"), str):
            raise Unusable('this needs a base_url, as "https://api.example.com"', (name,))
        for key, given in table.items():
            _check_json(given, (name, key))
    return {name: dict(table) for name, table in value.items()}


def _check_json(value: object, below: tuple[str, ...]) -> None:
    match value:
        case None | bool() | int() | float() | str():
            return
        case list():
            for each in value:
                _check_json(each, below)
        case Mapping():
            for each in value.values():
                _check_json(each, below)
        case _:
            raise Unusable("this must be text, a number, a boolean, a list or a table", below)
