"""A task is asked for in any transaction of a service's: what `send` needs of it is there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from howdah.kit.db import AsyncDatabase, Database
from howdah.kit.db.settings import read_settings
from howdah.kit.orm import async_session, close_engines, session
from howdah.kit.tasks.errors import NotATransaction
from howdah.kit.tasks.transactions import Statement, cell

QUERY = Statement("SELECT CAST(:number AS int) + 1")


def test_a_task_can_be_sent_in_every_kind_of_transaction(shop: str) -> None:
    """`db` and sessions, sync and async; in the very transaction, and outside of one not at all."""
    settings = read_settings({"DATABASE_URL": shop})
    db = Database(settings)
    with db.transaction() as tx:
        assert cell(tx, QUERY, {"number": 1}) == 2
        tx.execute("SET LOCAL statement_timeout = 7000")
        assert cell(tx, Statement("SHOW statement_timeout"), {}) == "7s"
    with pytest.raises(NotATransaction):
        cell(db, QUERY, {"number": 1})
    db.close()
    with session() as one:
        assert cell(one, QUERY, {"number": 1}) == 2

    async def asynchronous() -> list[Any]:
        db = AsyncDatabase(settings)
        async with db.transaction() as tx:
            found = [await cell(tx, QUERY, {"number": 1})]
        db.close()
        async with async_session() as other:
            found.append(await cell(other, QUERY, {"number": 1}))
        close_engines()
        return found

    assert asyncio.run(asynchronous()) == [2, 2]
