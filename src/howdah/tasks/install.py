"""The schema ``howdah_tasks``: the outbox, and the functions that are all that services and workers need of it."""

from __future__ import annotations

import json
from pathlib import Path

from howdah.postgres import queries
from howdah.postgres.connection import Connection

INSTALLED_VERSION = 4
"""What this howdah installs; ``install.sql`` writes the same number."""

_INSTALL = queries.load(Path(__file__).with_name("install.sql"))


async def install_tasks(connection: Connection) -> None:
    """The schema is there and of this version. Safe to call at any time by many.

    ``connection`` works as the user of the database URL. Raises DatabaseError and ConnectionLost as ever.
    """
    if await _installed_version(connection) < INSTALLED_VERSION:
        async with connection.transaction():
            await install_tasks_within(connection)


async def install_tasks_within(connection: Connection) -> None:
    """The same in the transaction that is open on ``connection``."""
    if await _installed_version(connection) < INSTALLED_VERSION:
        await connection.script(_INSTALL["lock"])
        if await _installed_version(connection) < INSTALLED_VERSION:
            await connection.script(_INSTALL["install"])


async def _installed_version(connection: Connection) -> int:
    if not json.loads(await connection.submit(_INSTALL["is_installed"])):
        return 0
    return int(await connection.submit(_INSTALL["installed_version"]))
