"""The read lane: a few pipelined connections behind ``submit``, with slow statements on connections of their own.

Reads wait here and not in the server: whatever connection has nothing to do takes those that wait longest, several of
one statement as one group. So under load groups form by themselves, a read alone is sent at once, and nothing waits
behind a slow statement but what was sent with it. Only where the server is far away do groups of quick statements
follow one another without waiting for answers. A statement that has shown itself slow has no company and goes to the
slow connections. A lane is for statements that only read: what was in flight on a connection that got lost is asked
once more on another one.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

from howdah.observe import events
from howdah.postgres.connection import Connection
from howdah.postgres.errors import (
    CannotConnect,
    ConnectionLost,
    DatabaseUnavailable,
    DatabaseUnreachable,
    PoolExhausted,
    PostgresError,
)
from howdah.postgres.pipeline import Finished, PipelinedConnection, Read
from howdah.postgres.pool import FIRST_DELAY, LONGEST_DELAY, DatabaseBack, DatabaseLost
from howdah.postgres.results import refuse_nul

LARGEST_GROUP = 16
"""How many reads go together at most."""

LONGEST_GROUP = 0.016
"""How many seconds Postgres may need for a group: nobody in it has an answer before all have one."""

WORTHWHILE = 4
"""How many quick reads keep a connection busy for so long that it is worth it to wake another one for the next."""

SLOW_SECONDS = 0.010
"""A statement that takes longer than this on average is slow. Fast ones take well under a millisecond."""

QUICK_SECONDS = 0.002
"""A statement that takes less than this on average may have others behind it, when the server is far away."""

ALONE = 100
"""How many times a statement has no company after it failed: whoever makes it fail again and again delays nobody."""

REMEMBERED = 1024
"""For how many statements is kept how they fared."""

_WEIGHT = 0.2  # of the newest time in the moving average
_FEWEST_RUNS = 3  # before anything is known: the first pays for planning and for cold pages


@dataclass(frozen=True, slots=True)
class StatementIsSlow:
    """A statement moved to the slow connections."""

    level: ClassVar[str] = "debug"

    milliseconds: float


@dataclass(slots=True)
class _Statement:
    """How a statement fared so far."""

    runs: int = 0
    seconds: float = 0.0
    alone: int = 0

    @property
    def quick(self) -> bool:
        """Whether it is known to be over soon."""
        return self.runs >= _FEWEST_RUNS and self.seconds < QUICK_SECONDS

    def fits(self) -> int:
        """How many of its reads may be one group."""
        if self.alone or self.runs < _FEWEST_RUNS:
            return 1
        return max(1, min(LARGEST_GROUP, int(LONGEST_GROUP / max(self.seconds, 1e-6))))


class _Bundle:
    """Connections that share their work; each is made again, with back-off, when it is lost."""

    def __init__(self, size: int) -> None:
        self.live: list[PipelinedConnection] = []
        self.waiting: OrderedDict[str, deque[Read]] = OrderedDict()
        self.expiry: asyncio.TimerHandle | None = None
        self.scheduled = False
        self.size = size
        self.dialling = 0

    def free(self) -> list[PipelinedConnection]:
        """The connections that have nothing to do or, where there is none, those that may be given more."""
        idle = [connection for connection in self.live if not connection.in_flight]
        return idle or [connection for connection in self.live if connection.has_room]


class Lane:
    """``size`` pipelined connections for fast reads and ``slow_size`` for slow ones, made by ``connect``.

    Nobody waits longer than ``wait_timeout`` seconds to be sent.
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
        self._statements: OrderedDict[str, _Statement] = OrderedDict()
        self._down_since: float | None = None
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

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
            for reads in bundle.waiting.values():
                _fail(reads, DatabaseUnavailable("The server is stopping."))
            bundle.waiting.clear()
            if bundle.expiry is not None:
                bundle.expiry.cancel()
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

    def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> asyncio.Future[bytes]:
        """A future of the only cell ``text`` returns, as Postgres made it; ``null`` for NULL or no row at all.

        It fails with DatabaseError when Postgres refuses; with DatabaseUnavailable when it could not be sent in time,
        or when two connections were lost under the statement. Cancelling it takes back what was not sent yet. Raises
        DatabaseError for a parameter with a NUL byte.
        """
        refuse_nul(parameters)
        loop = self._loop or asyncio.get_running_loop()  # asked once: it is a system call on Python 3.11
        self._loop = loop
        answer: asyncio.Future[bytes] = loop.create_future()
        now = loop.time()
        if self._closed:
            answer.set_exception(DatabaseUnavailable("The server is stopping."))
        elif self._down_since is not None and now - self._down_since > self._wait_timeout:
            answer.set_exception(DatabaseUnavailable())
        else:
            self._enqueue(Read(text, parameters, answer, now))
        return answer

    # -- waiting -------------------------------------------------------------------------------------------------------

    def _enqueue(self, read: Read, *, first: bool = False) -> None:
        statement = self._statements.get(read.text)
        bundle = self._slow if statement is not None and statement.seconds > SLOW_SECONDS else self._fast
        reads = bundle.waiting.get(read.text)
        if reads is None:
            bundle.waiting[read.text] = deque((read,))
            if first:
                bundle.waiting.move_to_end(read.text, last=False)
        elif first:
            reads.appendleft(read)
        else:
            reads.append(read)
        if not bundle.scheduled:
            # At the end of this turn of the loop, when all that came with it is here.
            bundle.scheduled = True
            read.answer.get_loop().call_soon(self._end_of_turn, bundle)

    def _end_of_turn(self, bundle: _Bundle) -> None:
        bundle.scheduled = False
        self._dispatch(bundle)

    def _dispatch(self, bundle: _Bundle) -> None:
        """Give what waits to the connections that have nothing to do, until there is no more of either."""
        while bundle.waiting and (free := bundle.free()):
            while bundle.waiting and free:
                group = self._next_group(bundle, len(free))
                if group:
                    statement = self._statements.get(group[0].text)
                    free.pop(0).send(group, quick=statement is not None and statement.quick)
        if not bundle.waiting or self._closed:
            return
        self._grow(bundle)
        if bundle.expiry is None:
            oldest = min((reads[0] for reads in bundle.waiting.values()), key=lambda read: read.asked)
            when = oldest.asked + self._wait_timeout
            bundle.expiry = oldest.answer.get_loop().call_at(when, self._expire, bundle, when)

    def _next_group(self, bundle: _Bundle, free: int) -> list[Read]:
        """Take reads of the statement whose turn it is: as many as may go together and are worth it."""
        text, reads = next(iter(bundle.waiting.items()))
        statement = self._statements.get(text)
        size = 1
        if statement is not None and not reads[0].alone:
            size = min(statement.fits(), max(-(-len(reads) // free), WORTHWHILE))  # an even share, if that is enough
        group: list[Read] = []
        while reads and len(group) < size and not (group and reads[0].alone):
            read = reads.popleft()
            if not read.answer.done():
                group.append(read)
        if reads:
            bundle.waiting.move_to_end(text)
        else:
            del bundle.waiting[text]
        return group

    def _expire(self, bundle: _Bundle, now: float) -> None:
        """Tell those who have waited for too long, and look again when the next one will have."""
        bundle.expiry = None
        for text, reads in tuple(bundle.waiting.items()):
            while reads and reads[0].asked + self._wait_timeout <= now:
                _fail((reads.popleft(),), DatabaseUnavailable() if self._down_since is not None else PoolExhausted())
            if not reads:
                del bundle.waiting[text]
        self._dispatch(bundle)

    def _finished(self, bundle: _Bundle, group: Finished) -> None:
        statement = self._statements.get(group.text)
        if statement is None:
            if len(self._statements) >= REMEMBERED:
                self._statements.popitem(last=False)
            statement = self._statements[group.text] = _Statement()
        else:
            self._statements.move_to_end(group.text)
        statement.runs += 1
        if group.failed:
            statement.alone = ALONE
        elif statement.alone:
            statement.alone -= 1
        if statement.runs > 1:  # the first run says little
            average = statement.seconds + _WEIGHT * (group.seconds - statement.seconds)
            if statement.seconds <= SLOW_SECONDS < average:
                events.emit(StatementIsSlow(round(average * 1000, 1)))
            statement.seconds = average
        for read in reversed(group.again):
            self._enqueue(read, first=True)
        if bundle.waiting:
            self._dispatch(bundle)

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
        fresh = await self._connect()
        connection = PipelinedConnection(
            fresh,
            round_trip=await _round_trip(fresh),
            on_finished=lambda group: self._finished(bundle, group),
            on_lost=lambda lost, reads: self._lost(bundle, lost, reads),
        )
        bundle.live.append(connection)
        if self._down_since is not None:
            seconds = asyncio.get_running_loop().time() - self._down_since
            self._down_since = None
            events.emit(DatabaseBack(self._name, round(seconds, 3)))
        self._dispatch(bundle)

    def _lost(self, bundle: _Bundle, connection: PipelinedConnection, reads: Sequence[Read]) -> None:
        bundle.live.remove(connection)
        if self._closed:
            _fail(reads, ConnectionLost("The connection to the database was closed."))
            return
        for read in reversed(reads):
            if read.lost:
                _fail((read,), ConnectionLost())
            else:
                read.lost = True
                self._enqueue(read, first=True)
        self._grow(bundle)

    def _note_failure(self, error: CannotConnect) -> None:
        if self._down_since is None and not self._fast.live:
            self._down_since = asyncio.get_running_loop().time()
            events.emit(DatabaseLost(self._name, error.message))


async def _round_trip(connection: Connection) -> float:
    """How many seconds it takes to hear from the server. Raises DatabaseUnreachable; then the connection is closed."""
    began = perf_counter()
    try:
        await connection.script("")
    except ConnectionLost:
        raise DatabaseUnreachable("Postgres ended a connection that had just been made.") from None
    except BaseException:
        connection.close()
        raise
    return perf_counter() - began


def _fail(reads: Iterable[Read], error: PostgresError) -> None:
    for read in reads:
        if not read.answer.done():
            read.answer.set_exception(error)
