"""The connections of one process to one database, for code that waits in an event loop; `pool` says how they live.

Each event loop has its own, as each test or thread may run one.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from howdah.kit.db import connecting
from howdah.kit.db.connecting import Lent
from howdah.kit.db.settings import DatabaseSettings

AsyncConnection = psycopg.AsyncConnection[Any]


async def connect(settings: DatabaseSettings, patience: float, *, autocommit: bool = True) -> AsyncConnection:
    """A new connection, tried as often as it takes within ``patience`` seconds.

    Raises DatabaseAway: time is up; CannotConnect: trying again would not help.
    """
    waits = connecting.delays(time.monotonic() + patience)
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                connecting.parameters(settings),
                autocommit=autocommit,
                connect_timeout=connecting.attempt(settings),
            )
        except (psycopg.Error, OSError) as error:
            explained = connecting.explain(error, settings)
        else:
            connecting.prepare(connection, settings)
            return connection
        if not connecting.may_pass(explained):
            raise explained
        wait = next(waits, None)
        if wait is None:
            raise connecting.waited(explained, patience)
        await asyncio.sleep(wait)


class _Loop:
    """What belongs to one event loop."""

    def __init__(self, size: int) -> None:
        self.free = asyncio.Semaphore(size)
        self.idle: list[AsyncConnection] = []
        self.lent: dict[AsyncConnection, Lent] = {}


class AsyncPool:
    """At most ``pool_size`` connections in each event loop; whoever comes when all are in use waits, within bounds."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._loops: dict[asyncio.AbstractEventLoop, _Loop] = {}
        self._reached = False
        _pools.add(self)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[AsyncConnection]:
        """A connection for the time of the block. Raises PoolExhausted, DatabaseAway, CannotConnect."""
        who = connecting.holder()
        here = self._here()
        try:
            async with asyncio.timeout(self._settings.pool_timeout):
                await here.free.acquire()
        except TimeoutError:
            holders = [lent.holder for lent in here.lent.values() if lent.holder is not None]
            raise connecting.exhausted(self._settings, holders) from None
        try:
            connection = self._unused(here) or await self._connect(here)
            here.lent[connection].holder = who
            try:
                yield connection
            finally:
                self._take_back(here, connection)
        finally:
            here.free.release()

    def close(self) -> None:
        """Connections that are not in use are closed, the others when they are given back. It may be used again."""
        for here in self._loops.values():
            idle, here.idle = here.idle, []
            for connection in idle:
                del here.lent[connection]
                connection.pgconn.finish()
            for lent in here.lent.values():
                lent.unwanted = True

    def _here(self) -> _Loop:
        """What belongs to the running loop; what belonged to those that are over is closed."""
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop)
        if here is None:
            for other in [other for other in self._loops if other.is_closed()]:
                for connection in self._loops.pop(other).lent:
                    connection.pgconn.finish()
            here = self._loops[loop] = _Loop(self._settings.pool_size)
        return here

    def _unused(self, here: _Loop) -> AsyncConnection | None:
        """A connection that lay unused and is fit, the one used last."""
        while here.idle:
            connection = here.idle.pop()
            if connecting.is_fit(connection, here.lent[connection], max_idle=self._settings.max_idle):
                return connection
            self._part_with(here, connection)
        return None

    def _take_back(self, here: _Loop, connection: AsyncConnection) -> None:
        lent = here.lent[connection]
        lent.holder = None
        lent.rested = time.monotonic()
        if connecting.is_reusable(connection, lent, max_lifetime=self._settings.max_lifetime):
            here.idle.append(connection)
        else:
            self._part_with(here, connection)

    def _part_with(self, here: _Loop, connection: AsyncConnection) -> None:
        del here.lent[connection]
        connection.pgconn.finish()

    async def _connect(self, here: _Loop) -> AsyncConnection:
        """A new connection, for which the first waits longer. Raises DatabaseAway, CannotConnect."""
        patience = self._settings.pool_timeout if self._reached else self._settings.startup_timeout
        connection = await connect(self._settings, patience)
        here.lent[connection] = Lent()
        self._reached = True
        return connection

    def _forget(self) -> None:
        """After a fork: what the parent has stays the parent's."""
        _inherited.extend(connection for here in self._loops.values() for connection in here.lent)
        self._loops = {}
        self._reached = False


_pools: weakref.WeakSet[AsyncPool] = weakref.WeakSet()
_inherited: list[AsyncConnection] = []


def _after_fork() -> None:
    for pool in _pools:
        pool._forget()  # noqa: SLF001 - the module's own class


os.register_at_fork(after_in_child=_after_fork)
