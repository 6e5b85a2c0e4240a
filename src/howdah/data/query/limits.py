"""How much one request may ask for (R65)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds on the form of a request; time is bounded by the database."""

    depth: int = 64
    """Levels of brackets in the JSON."""
    nodes: int = 2000
    """Columns, conditions, relationships and order items, wildcards counted by what they stand for."""
    list_length: int = 10_000
    """Elements in one list: rows to insert, values of ``$in``, requests of a bulk."""
    nesting: int = 12
    """Relationships inside relationships."""


DEFAULT_LIMITS = Limits()
