"""The metadata document in the database: read, and written with the next version and a NOTIFY."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from howdah.data.catalog.document import read_document, to_document
from howdah.data.catalog.metadata import Metadata
from howdah.data.errors import DataError
from howdah.data.query.json import decode
from howdah.data.query.limits import Limits
from howdah.data.sql.encode import to_json
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
    """What is stored. ``source`` is the hash of the files that were taken over last; calls leave it alone."""

    version: int
    metadata: Metadata
    source: str | None


async def read(connection: Submitter, *, lock: bool = False) -> StoredMetadata:
    """The metadata as stored; with ``lock`` nobody else may write it until the transaction ends."""
    found = decode(await connection.submit(_QUERIES["read_locked" if lock else "read"]), _LIMITS)
    return StoredMetadata(found["version"], read_document(found["document"]), found["source"])


async def read_version(connection: Submitter, *, lock: bool = False) -> int:
    """The version of what is stored, without reading it; with ``lock`` as in ``read``."""
    return int(await connection.submit(_QUERIES["read_version_locked" if lock else "read_version"]))


async def write(connection: Submitter, metadata: Metadata, *, over: int, source: str | None = None) -> StoredMetadata:
    """The metadata is stored as the version after ``over``; every process hears of it when the transaction commits.

    Raises MetadataChanged when ``over`` is no longer the version in the database.
    """
    document = to_json(to_document(metadata)).encode()
    parameters = [document, None if source is None else source.encode(), b"%d" % over]
    answer = await connection.submit(_QUERIES["write"], parameters)
    if answer == b"null":
        raise MetadataChanged
    return StoredMetadata(int(answer), metadata, source)
