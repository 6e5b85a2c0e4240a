"""The client of the Data API for coroutines, on any event loop."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from howdah.kit.data import queries
from howdah.kit.data.queries import Columns, Query, Row, Table
from howdah.kit.data.wire import Asking, request_of, result_of
from howdah.kit.outbound.conversation import converse
from howdah.kit.outbound.sending import AsyncSender

_SENDER: Final = AsyncSender()
"""The connections of all clients of this process."""


class AsyncData(Asking):
    """A client of the Data API. Every method raises what `query` does."""

    __slots__ = ()

    async def query(self, query: Mapping[str, Any]) -> Any:
        """The result of one query: a list of rows for a select, a dict for everything else.

        Raises NotConfigured, DataUnreachable, DataTimeout, DataRefused, BadAnswer, and on behalf of the caller
        OutsideRequest, CallerUnproven and CallerOver.
        """
        settings = self._settings
        call = request_of(settings, query)
        steps = converse(call, settings.bounds, clock=time.monotonic, jitter=random.random)
        return result_of(settings, await _SENDER.run(steps, settings.bounds))

    async def select(
        self, table: Table, columns: Columns = ("*",), *, where: Row | None = None, **more: Any
    ) -> list[dict[str, Any]]:
        """The rows that ``where`` fits; with ``page`` a dict that holds them."""
        rows: list[dict[str, Any]] = await self.query(queries.select(table, columns, where=where, **more))
        return rows

    async def count(self, table: Table, *, where: Row | None = None, **more: Any) -> int:
        """How many rows ``where`` fits."""
        number: int = (await self.query(queries.count(table, where=where, **more)))["count"]
        return number

    async def insert(
        self, table: Table, rows: Row | Iterable[Row], *, returning: Columns | None = None, **more: Any
    ) -> dict[str, Any]:
        """``affected_rows``, and with ``returning`` these columns of the new rows."""
        return await self._write(queries.insert(table, rows, returning=returning, **more))

    async def upsert(
        self,
        table: Table,
        rows: Row | Iterable[Row],
        *,
        key: Iterable[str] | str,
        returning: Columns | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """The same, where rows that are there under the same ``key`` get the new values."""
        columns = key if isinstance(key, str) else list(key)
        return await self._write(queries.upsert(table, rows, key=columns, returning=returning, **more))

    async def update(
        self,
        table: Table,
        values: Row | None = None,
        *,
        where: Row,
        returning: Columns | None = None,
        increase: Row | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """``affected_rows``, of those that ``where`` fits (``{}``: all of them)."""
        return await self._write(
            queries.update(table, values, where=where, returning=returning, increase=increase, **more)
        )

    async def delete(
        self, table: Table, *, where: Row, returning: Columns | None = None, **more: Any
    ) -> dict[str, Any]:
        """``affected_rows``, of those that ``where`` fits (``{}``: all of them)."""
        return await self._write(queries.delete(table, where=where, returning=returning, **more))

    async def transaction(self, *several: Query) -> list[Any]:
        """The result of each query; all of them happen or none does."""
        results: list[Any] = await self.query(queries.transaction(*several))
        return results

    async def _write(self, query: Query) -> dict[str, Any]:
        answer: dict[str, Any] = await self.query(query)
        return answer
