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
from typing import TYPE_CHECKING, Any, ClassVar

from howdah.observe import events
from howdah.postgres.errors import CannotConnect, DatabaseError, DatabaseUnavailable, PoolExhausted, PostgresError
from howdah.postgres.results import is_stale_plan, refuse_nul

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence

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


@dataclass(slots=True, eq=False)
class _Statement:
    """A statement that was given to the pool: before, while and after a connection runs it."""

    text: str
    parameters: Sequence[bytes | None]
    answer: asyncio.Future[bytes]
    deadline: float
    connection: Connection | None = None
    task: asyncio.Task[None] | None = None
    """What runs it, where that takes more than one step."""


@dataclass(slots=True, eq=False)
class _Caller:
    """Somebody who wants a connection of their own."""

    answer: asyncio.Future[Connection]
    deadline: float


class Pool:
    """At most ``size`` connections, made by ``connect`` when they are needed.

    Nobody waits longer than ``wait_timeout`` seconds for one.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        name: str,
        size: int,
        wait_timeout: float = 5.0,
    ) -> None:
        self._connect = connect
        self._name = name
        self._size = size
        self._wait_timeout = wait_timeout
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._waiting: deque[_Statement | _Caller] = deque()
        self._expiry: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
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
        if self._expiry is not None:
            self._expiry.cancel()
        for waiting in self._waiting:
            if not waiting.answer.done():
                waiting.answer.set_exception(DatabaseUnavailable("The server is stopping."))
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

        Raises DatabaseError when Postgres refuses; DatabaseUnavailable when no connection could be had in time, or when
        it was lost on the way (the statement may have been done). A caller who is cancelled ends the statement.
        """
        statement = self._begin(text, parameters)
        try:
            return await statement.answer
        except asyncio.CancelledError:
            if statement.task is not None:
                statement.task.cancel()
            elif statement.connection is not None:
                self._spawn(self._mend(statement.connection))
            raise

    def submit_now(self, text: str, parameters: Sequence[bytes | None]) -> asyncio.Future[bytes]:
        """As `submit`, as a future; one that is cancelled leaves a statement that runs already to end by itself.

        Raises DatabaseError for a parameter with a NUL byte.
        """
        return self._begin(text, parameters).answer

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

    def _begin(self, text: str, parameters: Sequence[bytes | None]) -> _Statement:
        """The statement runs, or waits for a connection."""
        refuse_nul(parameters)
        loop = self._loop or asyncio.get_running_loop()  # asked once: it is a system call on Python 3.11
        self._loop = loop
        statement = _Statement(text, parameters, loop.create_future(), loop.time() + self._wait_timeout)
        if self._idle:
            self._run(self._idle.pop(), statement)
        else:
            self._enqueue(statement)
        return statement

    def _run(self, connection: Connection, statement: _Statement) -> None:
        """The statement runs on the connection, which is given back at its end."""
        statement.connection = connection

        def ended(outcome: bytes | PostgresError) -> None:
            if isinstance(outcome, DatabaseError) and is_stale_plan(outcome):
                statement.task = self._spawn(self._run_in_steps(connection, statement))
                return
            statement.connection = None
            self._give_back(connection)
            _settle(statement.answer, outcome)

        if not connection.start(statement.text, statement.parameters, ended):
            statement.task = self._spawn(self._run_in_steps(connection, statement))

    async def _run_in_steps(self, connection: Connection, statement: _Statement) -> None:
        """Run a statement that has to be prepared."""
        outcome: bytes | PostgresError = DatabaseUnavailable("The server is stopping.")
        try:
            outcome = await connection.submit(statement.text, statement.parameters)
        except PostgresError as error:
            outcome = error
        finally:
            statement.task = statement.connection = None
            self._give_back(connection)
            _settle(statement.answer, outcome)

    async def _take(self) -> Connection:
        """A connection, when one is given back or made."""
        loop = asyncio.get_running_loop()
        caller = _Caller(loop.create_future(), loop.time() + self._wait_timeout)
        self._enqueue(caller)
        answer = caller.answer
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                self._give_back(answer.result())
            raise

    def _enqueue(self, waiting: _Statement | _Caller) -> None:
        loop = waiting.answer.get_loop()
        if self._closed:
            waiting.answer.set_exception(DatabaseUnavailable("The server is stopping."))
        elif self._down_since is not None and loop.time() - self._down_since > self._wait_timeout:
            waiting.answer.set_exception(DatabaseUnavailable())
        else:
            self._waiting.append(waiting)
            self._grow()
            if self._expiry is None:
                self._expiry = loop.call_at(waiting.deadline, self._expire, waiting.deadline)

    def _expire(self, now: float) -> None:
        """Tell those who have waited for too long, and look again when the next one will have."""
        self._expiry = None
        while self._waiting and (self._waiting[0].deadline <= now or self._waiting[0].answer.done()):
            waiting = self._waiting.popleft()
            if not waiting.answer.done():
                error = DatabaseUnavailable() if self._down_since is not None else PoolExhausted()
                waiting.answer.set_exception(error)
        if self._waiting:
            first = self._waiting[0]
            self._expiry = first.answer.get_loop().call_at(first.deadline, self._expire, first.deadline)

    def _give_back(self, connection: Connection) -> None:
        """Hand a connection to whoever waits longest; first mend or replace one that is not as it should be."""
        if connection.ready:
            while self._waiting:
                waiting = self._waiting.popleft()
                if waiting.answer.done():
                    continue
                if isinstance(waiting, _Statement):
                    self._run(connection, waiting)
                else:
                    waiting.answer.set_result(connection)
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

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _settle(answer: asyncio.Future[bytes], outcome: bytes | PostgresError) -> None:
    if answer.done():
        return
    if isinstance(outcome, PostgresError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
