"""The Data API for a service: a query in, its rows out, or an error that says what went wrong.

    from howdah.kit.data import data

    rows = data.select("article", ["id", "title"], where={"rating": {"$gte": 4}}, limit=10)
    mine = data.as_caller().select("invoice")          # on behalf of whoever calls this service
    data.as_service().insert("visit", {"path": "/"})   # as the service itself

`data` is for plain functions, `async_data` for coroutines; they differ in ``await`` alone. docs/services.md says more.
"""

from __future__ import annotations

from howdah.kit.data import queries as queries
from howdah.kit.data.asynchronous import AsyncData
from howdah.kit.data.synchronous import Data

__all__ = ["AsyncData", "Data", "async_data", "data", "queries"]

data = Data()
"""The Data API that the environment names, asked as an anonymous caller unless told otherwise."""

async_data = AsyncData()
"""The same for coroutines."""
