"""What does not hold in metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from howdah.data.query.ast import TableName

ProblemKind = Literal[
    "table", "custom name", "enum", "relationship", "computed field", "permission", "function", "event trigger"
]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the metadata that does not hold, and was left out.

    ``table`` is the function where it is about one. ``path`` says where in all metadata, ``inner`` where in the object
    itself (``.filter.owner_id``; empty when it is the object as such). The ``name`` of a custom name's problem is the
    column's, empty where it is the table's. ``code`` is the code of the error that a call creating it is refused with.
    """

    kind: ProblemKind
    table: TableName
    name: str
    path: str
    inner: str
    code: str
    message: str
