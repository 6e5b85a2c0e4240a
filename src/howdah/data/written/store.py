"""The metadata in the database: read, and written with the next version and a NOTIFY.

It is kept table by table, each with the version it was last changed in: what is read and written is what changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from howdah.data.errors import DataError
from howdah.data.query.ast import TableName
from howdah.data.query.json import decode
from howdah.data.query.limits import Limits
from howdah.data.sql.encode import to_json
from howdah.data.written.document import from_table, read_document, to_document
from howdah.data.written.metadata import Metadata
from howdah.postgres import queries

CHANNEL = "howdah_metadata"
"""Where every new version is announced; the payload is its number."""

_QUERIES = queries.load(Path(__file__).with_name("store.sql"))

# Rules are a few levels below the document's root, and may themselves be as deep as a request.
_LIMITS = Limits(depth=128)


class Submitter(Protocol):
    """A connection or a transaction."""

    async def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> bytes:
        """The only cell of the statement."""


class MetadataChanged(DataError):
    """Somebody else changed the metadata at the same moment; look at what it is now and try again."""

    code = "conflict"
    status = 409


@dataclass(frozen=True, slots=True)
class StoredMetadata:
    """What is stored. ``source`` is the hash of the files that were taken over last; calls leave it alone.

    Versions of another ``history`` cannot be compared with these: the schema was made anew, from a dump perhaps.
    """

    version: int
    metadata: Metadata
    source: str | None
    history: int = 0


async def read(connection: Submitter) -> StoredMetadata:
    """The metadata as stored. Raises DataError when it is not a document of ours."""
    found = decode(await connection.submit(_QUERIES["read"]), _LIMITS)
    metadata = read_document({**found["document"], "tables": found["tables"]})
    return StoredMetadata(found["version"], metadata, found["source"], found["history"])


async def read_changes(connection: Submitter, known: StoredMetadata) -> StoredMetadata:
    """The metadata as stored, of which only what is newer than ``known`` is read; the rest are the same values."""
    found = decode(await connection.submit(_QUERIES["read_changes"], [b"%d" % known.version]), _LIMITS)
    if found["history"] != known.history or found["version"] < known.version:
        return await read(connection)
    if found["version"] == known.version:
        return known
    new = read_document({**found["document"], "tables": found["tables"]})
    untracked = {TableName(schema, name) for schema, name in found["untracked"]}
    metadata = replace(new, tables=known.metadata.with_tables(new.tables, without=untracked).tables)
    return StoredMetadata(found["version"], metadata, found["source"], found["history"])


async def is_as_taken(connection: Submitter, stored: StoredMetadata) -> bool | None:
    """Whether what is stored is still what the files said that were taken over last; None where nobody noted it."""
    taken = json.loads(await connection.submit(_QUERIES["read_taken"]))
    return None if taken is None else bool(taken == _digest(stored.metadata))


async def note_taken(connection: Submitter, metadata: Metadata) -> None:
    """Note that this is what the files said that were taken over last: what differs from it, calls have changed."""
    await connection.submit(_QUERIES["write_taken"], [_digest(metadata).encode()])


def _digest(metadata: Metadata) -> str:
    return hashlib.sha256(to_json(to_document(metadata)).encode()).hexdigest()


async def read_position(connection: Submitter) -> tuple[int, int]:
    """The history and version of what is stored, without reading it."""
    history, version = json.loads(await connection.submit(_QUERIES["read_position"]))
    return history, version


async def lock(connection: Submitter) -> None:
    """Nobody else may write the metadata until the transaction ends."""
    await connection.submit(_QUERIES["lock"])


async def write(
    connection: Submitter, metadata: Metadata, *, over: StoredMetadata, source: str | None = None
) -> StoredMetadata:
    """The metadata is stored as the version after ``over``; every process hears of it when the transaction commits.

    Raises MetadataChanged when ``over`` is no longer the version in the database.
    """
    document = to_document(replace(metadata, tables=()))
    del document["tables"]
    changes = to_json(_changes(over.metadata, metadata))
    parameters = [to_json(document), source, str(over.version), changes]
    answer = await connection.submit(
        _QUERIES["write"], [None if text is None else text.encode() for text in parameters]
    )
    if answer == b"null":
        raise MetadataChanged
    return StoredMetadata(int(answer), metadata, source, over.history)


def _changes(before: Metadata, after: Metadata) -> list[dict[str, Any]]:
    """The rows of the tables that differ: with their document, or without one."""
    known = {table.name: table for table in before.tables}
    changes: list[dict[str, Any]] = []
    for table in after.tables:
        old = known.pop(table.name, None)
        if old is not table and old != table:
            changes.append({"schema": table.name.schema, "name": table.name.name, "document": from_table(table)})
    changes += [{"schema": name.schema, "name": name.name, "document": None} for name in known]
    return changes
