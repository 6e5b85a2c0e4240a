"""The read lane: a few pipelined connections behind ``submit``, with the slow statements on a connection of their own.

Reads are given to the connection with the fewest in flight. A statement that has shown itself slow goes to the slow
connections, because behind it every other read of its pipeline would have to wait. A lane is for statements that only
read: what was in flight on a connection that got lost is asked once more on another one.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from howdah.observe import events
from howdah.postgres.connection import Connection
from howdah.postgres.errors import CannotConnect, ConnectionLost, DatabaseUnavailable, PoolExhausted
from howdah.postgres.pipeline import PipelinedConnection
from howdah.postgres.pool import FIRST_DELAY, LONGEST_DELAY, DatabaseBack, DatabaseLost

IN_FLIGHT = 64
"""How many reads one connection may have under way; more would only wait in the server instead of here."""

SLOW_SECONDS = 0.010
"""A statement that takes longer than this on average is slow. Fast ones take well under a millisecond."""

REMEMBERED = 1024
"""For how many statements the average time is kept."""

_WEIGHT = 0.2  # of the newest time in the moving average


@dataclass(frozen=True, slots=True)
class StatementIsSlow:
    """A statement moved to the slow connections."""

    level: ClassVar[str] = "debug"

    milliseconds: float


class _Bundle:
    """Connections that share their work; each is made again, with back-off, when it is lost."""

    def __init__(self, size: int) -> None:
        self.live: list[PipelinedConnection] = []
        self.waiting: deque[asyncio.Future[PipelinedConnection]] = deque()
        self.size = size
        self.dialling = 0

    def pick(self) -> PipelinedConnection | None:
        """The live connection with the fewest reads in flight, if it may take one more."""
        best: PipelinedConnection | None = None
        fewest = IN_FLIGHT
        for connection in self.live:
            if connection.in_flight < fewest:
                best, fewest = connection, connection.in_flight
        return best


class Lane:
    """``size`` pipelined connections for fast reads and ``slow_size`` for slow ones, made by ``connect``.

    Nobody waits longer than ``wait_timeout`` seconds for a place.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        name: str,
        size: int = 4,
        slow_size: int = 2,
        wait_timeout: float = 5.0,
    ) -> None:
        self._connect = connect
        self._name = name
        self._wait_timeout = wait_timeout
        self._fast = _Bundle(size)
        self._slow = _Bundle(slow_size)
        self._seconds: OrderedDict[str, float] = OrderedDict()
        self._down_since: float | None = None
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Make every fast connection. Raises CannotConnect."""
        await self._dial(self._fast)
        for _ in range(self._fast.size - 1):
            self._grow(self._fast)

    async def close(self) -> None:
        """End every connection. Whoever still waits gets DatabaseUnavailable."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for bundle in (self._fast, self._slow):
            for waiter in bundle.waiting:
                if not waiter.done():
                    waiter.set_exception(DatabaseUnavailable("The server is stopping."))
            bundle.waiting.clear()
            for connection in tuple(bundle.live):
                connection.close()

    @property
    def open_connections(self) -> int:
        """How many connections there are now."""
        return len(self._fast.live) + len(self._slow.live)

    @property
    def reachable(self) -> bool:
        """Whether the last that was heard of the database is that it answers."""
        return self._down_since is None

    async def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> bytes:
        """The only cell ``text`` returns, as Postgres made it; ``null`` for NULL or no row at all.

        Raises DatabaseError when Postgres refuses; DatabaseUnavailable when there was no place in time, or when two
        connections were lost under the statement.
        """
        bundle = self._bundle(text)
        try:
            return await (bundle.pick() or await self._wait(bundle)).submit(text, parameters)
        except ConnectionLost:
            if self._closed:
                raise
        return await (bundle.pick() or await self._wait(bundle)).submit(text, parameters)

    def submit_now(self, text: str, parameters: Sequence[bytes | None]) -> asyncio.Future[bytes] | None:
        """As `submit`, when there is a place at once; None when there is none. A lost connection fails the future."""
        connection = self._bundle(text).pick()
        return None if connection is None else connection.submit(text, parameters)

    def _bundle(self, text: str) -> _Bundle:
        """Where a statement belongs, as far as is known of it."""
        return self._slow if self._seconds.get(text, 0.0) > SLOW_SECONDS else self._fast

    # -- places --------------------------------------------------------------------------------------------------------

    async def _wait(self, bundle: _Bundle) -> PipelinedConnection:
        """A connection of the bundle that may take one more read, when there is one."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise DatabaseUnavailable("The server is stopping.")
        if self._down_since is not None and loop.time() - self._down_since > self._wait_timeout:
            raise DatabaseUnavailable
        self._grow(bundle)
        waiter: asyncio.Future[PipelinedConnection] = loop.create_future()
        bundle.waiting.append(waiter)
        timer = loop.call_later(self._wait_timeout, self._expire, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()

    def _expire(self, waiter: asyncio.Future[PipelinedConnection]) -> None:
        if not waiter.done():
            waiter.set_exception(DatabaseUnavailable() if self._down_since is not None else PoolExhausted())

    def _wake(self, bundle: _Bundle) -> None:
        """Give the free places of the bundle to those who wait longest."""
        for connection in tuple(bundle.live):
            for _ in range(IN_FLIGHT - connection.in_flight):
                waiter = next((waiter for waiter in _drained(bundle.waiting) if not waiter.done()), None)
                if waiter is None:
                    return
                waiter.set_result(connection)

    def _answered(self, bundle: _Bundle, text: str, seconds: float) -> None:
        known = self._seconds.get(text)
        if known is None:
            if len(self._seconds) >= REMEMBERED:
                self._seconds.popitem(last=False)
            # The first run pays for planning and for cold pages: it says little.
            self._seconds[text] = 0.0
        else:
            average = known + _WEIGHT * (seconds - known)
            if known <= SLOW_SECONDS < average:
                events.emit(StatementIsSlow(round(average * 1000, 1)))
            self._seconds[text] = average
        if bundle.waiting:
            self._wake(bundle)

    # -- making connections --------------------------------------------------------------------------------------------

    def _grow(self, bundle: _Bundle) -> None:
        """Start to make a connection of the bundle, unless it has or is making as many as it may."""
        if not self._closed and len(bundle.live) + bundle.dialling < bundle.size:
            bundle.dialling += 1
            task = asyncio.ensure_future(self._make(bundle))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _make(self, bundle: _Bundle) -> None:
        delay = FIRST_DELAY
        try:
            while not self._closed:
                try:
                    await self._dial(bundle)
                except CannotConnect as error:
                    self._note_failure(error)
                    await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
                    delay = min(delay * 2, LONGEST_DELAY)
                else:
                    return
        finally:
            bundle.dialling -= 1

    async def _dial(self, bundle: _Bundle) -> None:
        connection = PipelinedConnection(
            await self._connect(),
            on_answer=lambda text, seconds: self._answered(bundle, text, seconds),
            on_lost=lambda lost: self._lost(bundle, lost),
        )
        bundle.live.append(connection)
        if self._down_since is not None:
            seconds = asyncio.get_running_loop().time() - self._down_since
            self._down_since = None
            events.emit(DatabaseBack(self._name, round(seconds, 3)))
        self._wake(bundle)

    def _lost(self, bundle: _Bundle, connection: PipelinedConnection) -> None:
        bundle.live.remove(connection)
        if not self._closed:
            self._grow(bundle)

    def _note_failure(self, error: CannotConnect) -> None:
        if self._down_since is None and not self._fast.live:
            self._down_since = asyncio.get_running_loop().time()
            events.emit(DatabaseLost(self._name, error.message))


def _drained(waiting: deque[asyncio.Future[PipelinedConnection]]) -> Iterator[asyncio.Future[PipelinedConnection]]:
    while waiting:
        yield waiting.popleft()
