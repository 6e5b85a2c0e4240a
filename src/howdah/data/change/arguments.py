"""What metadata calls have in common: what they come to, and arguments that most of them have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from howdah.data.change.settlement import Change
from howdah.data.errors import NotExists, Path
from howdah.data.query.reading import read_object, read_table, refuse_other_keys, require
from howdah.data.written.metadata import Metadata, TableMetadata

Apply: TypeAlias = Callable[[Any, Metadata, Path], Change]
"""What a call's arguments make of the metadata. Raises DataError."""


def read_fields(args: Any, known: set[str], path: Path) -> dict[str, Any]:
    """The arguments, which are an object with no other keys."""
    fields = read_object(args, path)
    refuse_other_keys(fields, frozenset(known), path)
    return fields


def tracked_table(fields: dict[str, Any], metadata: Metadata, path: Path) -> TableMetadata:
    """The tracked table that the arguments name. Raises NotExists."""
    place = (path, "table")
    name = read_table(require(fields, "table", path), place)
    table = metadata.table(name)
    if table is None:
        raise NotExists(f'table "{name}" does not exist or is not tracked', path=place)
    return table
