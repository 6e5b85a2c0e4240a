"""Rows that are over are removed, now and then, by one process of many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from howdah.auth.sessions import remove_expired_sessions
from howdah.auth.store import Store, ask
from howdah.auth.throttling import forget_old_counts
from howdah.observe import events
from howdah.postgres import queries
from howdah.postgres.errors import PostgresError

_QUERIES: Final = queries.load(Path(__file__).with_name("cleanup.sql"))

EVERY: Final = 600.0
"""Seconds from one time to the next."""

_ROWS: Final = ("codes", "challenges", "devices", "unconfirmed_factors")


@dataclass(frozen=True, slots=True)
class ExpiredRemoved:
    """Rows of accounts that were over are gone."""

    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CleanupFailed:
    """Rows that are over stay until the next time."""

    level: ClassVar[str] = "warning"
    reason: str


async def clean_up(store: Store, *, idle: float, unconfirmed: float | None = None) -> Mapping[str, int] | None:
    """How many rows of each kind were over and are gone; None while another process does it.

    With ``unconfirmed`` accounts go too that were made so many seconds ago, and never confirmed. Raises PostgresError.
    """
    async with store.transaction() as connection:
        if not await ask(connection, _QUERIES["try_lock"]):
            return None
        gone = {name: int(await ask(connection, _QUERIES[f"remove_{name}"])) for name in _ROWS}
        gone["sessions"] = await remove_expired_sessions(connection, idle=idle)
        if unconfirmed is not None:
            found = await ask(connection, _QUERIES["lock_unconfirmed"], unconfirmed)
            gone["users"] = int(await ask(connection, _QUERIES["remove_unconfirmed"], found))
        gone["counts"] = await forget_old_counts(connection)
        return gone


async def keep_clean(store: Store, *, idle: float, unconfirmed: float | None, every: float = EVERY) -> None:
    """Clean up again and again until cancelled."""
    while True:
        try:
            gone = await clean_up(store, idle=idle, unconfirmed=unconfirmed)
        except PostgresError as error:
            events.emit(CleanupFailed(error.message))
        else:
            if gone and any(gone.values()):
                events.emit(ExpiredRemoved(gone))
        await asyncio.sleep(every)
