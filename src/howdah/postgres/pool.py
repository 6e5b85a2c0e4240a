"""A pool of connections behind one verb: ``submit`` a statement, get the bytes Postgres made.

The connection given back last is taken first, so few of them are warm and busy rather than all of them lukewarm. New
ones are made when somebody would have to wait; lost ones are made again, with back-off, until Postgres is back.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from howdah.observe import events
from howdah.postgres.errors import CannotConnect, ConnectionLost, DatabaseUnavailable, PoolExhausted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from howdah.postgres.connection import Connection

FIRST_DELAY = 0.05
LONGEST_DELAY = 1.0


@dataclass(frozen=True, slots=True)
class DatabaseLost:
    """A pool found that no connection to the database can be made."""

    level: ClassVar[str] = "error"
    pool: str
    reason: str


@dataclass(frozen=True, slots=True)
class DatabaseBack:
    """A pool that had lost the database has a connection again."""

    pool: str
    seconds: float


class Pool:
    """At most ``size`` connections, made by ``connect`` when they are needed.

    Nobody waits longer than ``wait_timeout`` seconds for one. With ``repeatable`` a statement whose connection is lost
    is submitted once more on another one: only right when every statement merely reads.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        name: str,
        size: int,
        wait_timeout: float = 5.0,
        repeatable: bool = False,
    ) -> None:
        self._connect = connect
        self._name = name
        self._size = size
        self._wait_timeout = wait_timeout
        self._repeatable = repeatable
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection]] = deque()
        self._dialling = 0
        self._down_since: float | None = None
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Make the first connection. Raises CannotConnect."""
        self._give_back(await self._dial())

    async def close(self) -> None:
        """End every connection. Whoever still waits gets DatabaseUnavailable."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(DatabaseUnavailable("The server is stopping."))
        self._waiting.clear()
        self._idle.clear()
        for connection in tuple(self._all):
            connection.close()
        self._all.clear()

    @property
    def open_connections(self) -> int:
        """How many connections there are now, idle and busy."""
        return len(self._all)

    @property
    def reachable(self) -> bool:
        """Whether the last that was heard of the database is that it answers."""
        return self._down_since is None

    async def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> bytes:
        """The only cell ``text`` returns, on whichever connection is free: see ``Connection.submit``.

        Raises DatabaseError when Postgres refuses; DatabaseUnavailable when no connection could be had in time or, in a
        pool that is not repeatable, when it was lost on the way (the statement may have been done).
        """
        connection = self._idle.pop() if self._idle else await self._take()
        try:
            return await connection.submit(text, parameters)
        except ConnectionLost:
            if not self._repeatable:
                raise
        finally:
            self._give_back(connection)
        async with self.connection() as another:
            return await another.submit(text, parameters)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of one's own for the block. Raises DatabaseUnavailable when none could be had in time."""
        connection = self._idle.pop() if self._idle else await self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction for the block, on a connection of its own: see ``Connection.transaction``."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    # -- taking and giving back ----------------------------------------------------------------------------------------

    async def _take(self) -> Connection:
        """A connection, when one is given back or made."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise DatabaseUnavailable("The server is stopping.")
        if self._down_since is not None and loop.time() - self._down_since > self._wait_timeout:
            raise DatabaseUnavailable
        waiter: asyncio.Future[Connection] = loop.create_future()
        self._waiting.append(waiter)
        self._grow()
        timer = loop.call_later(self._wait_timeout, self._expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())
            raise
        finally:
            timer.cancel()

    def _expire(self, waiter: asyncio.Future[Connection]) -> None:
        if not waiter.done():
            waiter.set_exception(DatabaseUnavailable() if self._down_since is not None else PoolExhausted())

    def _give_back(self, connection: Connection) -> None:
        """Hand a connection to whoever waits longest; first mend or replace one that is not as it should be."""
        if connection.ready:
            while self._waiting:
                waiter = self._waiting.popleft()
                if not waiter.done():
                    waiter.set_result(connection)
                    return
            self._idle.append(connection)
        elif connection.closed or self._closed:
            self._drop(connection)
        else:
            self._spawn(self._mend(connection))

    async def _mend(self, connection: Connection) -> None:
        await connection.recover()
        self._give_back(connection)

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            self._grow()

    # -- making connections --------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        """Start to make a connection for somebody who waits, unless enough are under way."""
        # While the database is down one task tries; a crowd would only make its start slower.
        allowed = 1 if self._down_since is not None else self._size - len(self._all)
        if not self._closed and self._dialling < min(allowed, len(self._waiting)):
            self._dialling += 1
            self._spawn(self._make())

    async def _make(self) -> None:
        """Make one connection, however long it takes, as long as somebody waits or the database is down."""
        delay = FIRST_DELAY
        try:
            while not self._closed and (self._waiting or self._down_since is not None):
                try:
                    connection = await self._dial()
                except CannotConnect as error:
                    self._note_failure(error)
                    await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
                    delay = min(delay * 2, LONGEST_DELAY)
                else:
                    self._give_back(connection)
                    return
        finally:
            self._dialling -= 1

    async def _dial(self) -> Connection:
        connection = await self._connect()
        connection.on_lost = self._drop
        self._all.add(connection)
        if self._down_since is not None:
            seconds = asyncio.get_running_loop().time() - self._down_since
            self._down_since = None
            events.emit(DatabaseBack(self._name, round(seconds, 3)))
            for _ in range(len(self._waiting) - 1):
                self._grow()
        return connection

    def _note_failure(self, error: CannotConnect) -> None:
        if self._down_since is None and not self._all:
            self._down_since = asyncio.get_running_loop().time()
            events.emit(DatabaseLost(self._name, error.message))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
