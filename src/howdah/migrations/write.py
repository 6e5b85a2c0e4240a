"""A new migration's folder, with a version that no other has."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from howdah.migrations.errors import InvalidMigrationName

_LONGEST = 100  # bytes of a file's name are 255, and a version goes before it
_VERSION = re.compile(r"([0-9]{14})_")
_FORMAT = "%Y%m%d%H%M%S"
_SQL = {
    "up.sql": "-- What this migration changes. It is applied whole or not at all.\n",
    "down.sql": "-- How to take it back. As long as there is no statement here, it cannot be.\n",
}
_CALLS = {
    "up.yaml": """# What changes in the metadata, as calls, after up.sql and in the same transaction. For example:
#
# - type: track_table
#   args: tag
# - type: create_select_permission
#   args: {table: tag, role: anonymous, permission: {columns: [id, name], filter: {}}}
#
# In a project with files in metadata/ those decide: write it there as well.
""",
    "down.yaml": """# How to take it back, before down.sql. For example:
#
# - type: untrack_table
#   args: tag
""",
}


def new_migration(folder: Path, name: str, now: dt.datetime, *, calls: bool = False) -> Path:
    """The made folder ``<YYYYMMDDHHMMSS>_<name>`` with an ``up.sql`` and a ``down.sql``, both without a statement yet.

    With ``calls`` there are an ``up.yaml`` and a ``down.yaml`` as well, for what changes in the metadata. Its version
    is ``now`` (UTC), or a second after the newest there if that is later: it shall be the last of all.
    Raises InvalidMigrationName, and OSError where the folder cannot be made.
    """
    slug = checked_slug(name)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        newest = max(filter(None, map(_moment, folder.iterdir())), default=None)
        moment = now if newest is None else max(now, newest + dt.timedelta(seconds=1))
        made = folder / f"{moment:{_FORMAT}}_{slug}"
        made.mkdir()
        for file, text in {**_SQL, **(_CALLS if calls else {})}.items():
            (made / file).write_text(text, encoding="utf-8")
    return made


def checked_slug(name: str) -> str:
    """A name as part of a folder's. Raises InvalidMigrationName when nothing is left of it."""
    slug = slug_of(name)
    if not slug:
        raise InvalidMigrationName(f'"{name}" cannot be the name of a migration.', hint="Say what it does: add_tags.")
    return slug


def slug_of(name: str) -> str:
    """A name as part of a folder's: words of lower case with underscores between them.

    >>> slug_of("Add tags to Article!"), slug_of("añade café"), slug_of("../..")
    ('add_tags_to_article', 'anade_cafe', '')
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return "_".join(re.findall(r"[a-z0-9]+", plain.lower()))[:_LONGEST].rstrip("_")


def _moment(path: Path) -> dt.datetime | None:
    """The moment that a migration's version is; None for versions of another kind, which are all smaller."""
    found = _VERSION.match(path.name)
    try:
        return None if found is None else dt.datetime.strptime(found[1], _FORMAT).replace(tzinfo=dt.UTC)
    except ValueError:
        return None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Nobody else makes a migration in the folder: two with one version would both be refused later."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
