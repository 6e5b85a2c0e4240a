"""What a database is made of, as values: every object that migrations can make, in words that two databases can share.

No number of Postgres's is in it, no order and no setting of the session: equal databases are equal values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from howdah.postgres import queries
from howdah.postgres.connection import Connection

_QUERIES = queries.load(Path(__file__).with_name("snapshot.sql"))


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """A table, a column, a function…; ``facets`` is what there is to say of it, ``parent`` the relation it is of."""

    kind: str
    name: str
    parent: str | None
    facets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every object of a database by kind and name."""

    objects: Mapping[tuple[str, str], DatabaseObject]


async def take_snapshot(connection: Connection) -> Snapshot:
    """What the database is made of at one moment. Nothing is changed, and nobody waits for it."""
    async with connection.transaction():
        await connection.script(_QUERIES["prepare"])
        return read_snapshot(json.loads(await connection.submit(_QUERIES["snapshot"])))


def read_snapshot(rows: Iterable[tuple[str, str, str | None, Mapping[str, Any]]]) -> Snapshot:
    """The rows of the query as a value."""
    return of_objects(
        DatabaseObject(kind, name, parent, {key: _as_text(value) for key, value in sorted(facets.items())})
        for kind, name, parent, facets in rows
    )


def of_objects(objects: Iterable[DatabaseObject]) -> Snapshot:
    """A snapshot with these objects."""
    return Snapshot({(one.kind, one.name): one for one in objects})


def _as_text(value: Any) -> str:
    """A facet as people read it.

    >>> _as_text(True), _as_text(3), _as_text(" select 1; "), _as_text(["insert"])
    ('yes', '3', 'select 1;', '["insert"]')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strip() if isinstance(value, str) else json.dumps(value)
