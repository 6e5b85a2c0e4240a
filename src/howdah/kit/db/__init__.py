"""Databases for a service: ``db.select("article", {"author_id": 7})``, with threads or an event loop.

    from howdah.kit.db import database

    db = database()                      # DATABASE_URL
    with db.transaction():
        db.update("account", {"balance": 0}, {"id": 7})

Needs ``howdah[db]``. docs/database.md tells all of it.
"""

from psycopg.types.json import Json, Jsonb

from howdah.kit.db.aio import AsyncDatabase, AsyncQueries, AsyncTransaction
from howdah.kit.db.errors import DbError
from howdah.kit.db.inject import inject, provide, provide_async, transactional
from howdah.kit.db.registry import async_database, close_all, configure, database
from howdah.kit.db.settings import DatabaseSettings
from howdah.kit.db.statements import OUT, Out
from howdah.kit.db.sync import Database, Queries, Transaction

__all__ = [
    "OUT",
    "AsyncDatabase",
    "AsyncQueries",
    "AsyncTransaction",
    "Database",
    "DatabaseSettings",
    "DbError",
    "Json",
    "Jsonb",
    "Out",
    "Queries",
    "Transaction",
    "async_database",
    "close_all",
    "configure",
    "database",
    "inject",
    "provide",
    "provide_async",
    "transactional",
]
