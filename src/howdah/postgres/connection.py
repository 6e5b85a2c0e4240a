"""One connection to Postgres on an event loop: a statement in, the bytes Postgres made out.

libpq, through ``psycopg.pq``, speaks the protocol. What is ours is the waiting: the socket stays registered with the
loop for the connection's whole life, so a query costs one write, one wake-up and no task, and the loss of an idle
connection is noticed when it happens and not at the next query.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self

import psycopg
from psycopg import pq

from howdah.postgres.errors import ConnectionLost, DatabaseError, PostgresError
from howdah.postgres.results import FAILED, Outcome, is_stale_plan, refuse_nul, to_cell, to_error, to_outcome
from howdah.postgres.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from types import TracebackType

    from psycopg.pq.abc import PGresult

PREPARED_STATEMENTS = 256
"""How many statements a connection keeps prepared; the least recently used makes room."""

RECOVERY_SECONDS = 2.0
"""How long an abandoned statement may take to end after it was cancelled, before its connection is given up."""

_COPYING = (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH)
_IDLE = pq.TransactionStatus.IDLE

_ATTEMPTS = 8
"""How often a statement is tried whose plan the schema keeps changing under."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A NOTIFY that arrived."""

    channel: str
    payload: str
    process: int


class Waiting(Protocol):
    """Whoever waits for the results of a statement: a future of them, or something simpler."""

    def done(self) -> bool:
        """Whether it has stopped waiting."""
        ...

    def set_result(self, results: list[PGresult], /) -> None:
        """These are the results."""
        ...

    def set_exception(self, error: PostgresError, /) -> None:
        """The connection ended."""
        ...


class Connection:
    """A connection that runs one statement at a time. Only its event loop may touch it."""

    def __init__(
        self,
        raw: psycopg.AsyncConnection[Any],
        *,
        prepared_statements: int = PREPARED_STATEMENTS,
        answer_timeout: float = 0.0,
    ) -> None:
        self._raw = raw
        self._answer_timeout = answer_timeout
        self._pgconn = raw.pgconn
        self._loop = asyncio.get_running_loop()
        self._names: OrderedDict[str, bytes] = OrderedDict()
        self._names_limit = prepared_statements
        self._names_made = 0
        self._foreign = False
        self._pending: Waiting | None = None
        self._results: list[PGresult] = []
        self._closed = False
        self.on_notification: Callable[[Notification], None] | None = None
        self.on_lost: Callable[[Connection], None] | None = None
        """Called once, when the server ends the connection while nobody waits on it."""
        self._watch = Watch(
            raw.pgconn,
            receive=self._receive,
            awaited=lambda: self._pending,
            lost=lambda: self._end(ConnectionLost()),
            answer_timeout=answer_timeout,
        )

    # -- state ---------------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is gone, by our doing or the server's."""
        return self._closed

    @property
    def ready(self) -> bool:
        """Whether nothing is running, no transaction is open, and the session is as it was made."""
        return (
            self._pending is None
            and not self._closed
            and not self._foreign
            and self._pgconn.transaction_status == _IDLE
        )

    @property
    def process(self) -> int:
        """The server's process id for this connection."""
        return self._pgconn.backend_pid

    @property
    def server_version(self) -> int:
        """The server's version as one number: 180006 is 18.6."""
        return self._pgconn.server_version

    @property
    def prepared_statements(self) -> int:
        """How many statements are prepared right now."""
        return len(self._names)

    # -- work ----------------------------------------------------------------------------------------------------------

    async def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> bytes:
        """The first cell of the only row ``text`` returns, as Postgres made it; ``null`` for NULL or no row at all.

        The statement is prepared on first use and found again by its text. Parameters are in text format. A plan that a
        changed schema made unusable is prepared anew, unless a transaction is open (there the error is final).

        Raises DatabaseError when Postgres refuses, ConnectionLost when it went away.
        """
        refuse_nul(parameters)
        attempts = _ATTEMPTS if self._pgconn.transaction_status == _IDLE else 1
        while True:
            name = self._names.get(text)
            if name is None:
                name = await self._prepare(text)
            else:
                self._names.move_to_end(text)
            results = await self._run(partial(self._pgconn.send_query_prepared, name, parameters))
            result = results[-1]
            if result.status not in FAILED:
                break
            error = to_error(result)
            if not isinstance(error, DatabaseError) or not is_stale_plan(error):
                raise error
            await self._forget(text)
            attempts -= 1
            if not attempts:
                raise error
        return to_cell(result)

    def start(
        self, text: str, parameters: Sequence[bytes | None], ended: Callable[[bytes | PostgresError], None]
    ) -> bool:
        """As `submit`, without a task: whether the statement is under way. It has to have been prepared here before.

        ``ended`` is called with what `submit` returns or raises, a stale plan included; never from within this call.
        """
        name = self._names.get(text)
        if name is None or not self.ready:
            return False
        self._names.move_to_end(text)
        try:
            self._send(partial(self._pgconn.send_query_prepared, name, parameters), _Ending(ended))
        except ConnectionLost:
            return False
        return True

    async def fetch(self, text: str, parameters: Sequence[bytes | None] = ()) -> Outcome:
        """Everything one statement returns. It is not kept prepared: for what is rarely asked twice.

        Raises DatabaseError when Postgres refuses, ConnectionLost when it went away.
        """
        refuse_nul(parameters)
        results = await self._run(partial(self._pgconn.send_query_params, text.encode(), parameters))
        if results[-1].status in FAILED:
            raise to_error(results[-1])
        return to_outcome(results[-1])

    async def script(self, text: str) -> tuple[Outcome, ...]:
        """Run any number of statements by the simple protocol; what each of them did.

        Outside a transaction Postgres makes the whole script one. Raises DatabaseError for the first that fails (with
        ``position`` counted in ``text``) and ConnectionLost. COPY from or to the client is refused and ends the
        connection, because there is no client to copy from.
        """
        command = text.encode()
        refuse_nul((command,))
        outcomes: list[Outcome] = []
        for result in await self._run(partial(self._pgconn.send_query, command)):
            if result.status in FAILED:
                error = to_error(result)
                if isinstance(error, DatabaseError):
                    error.statement = len(outcomes)
                raise error
            outcomes.append(to_outcome(result))
        return tuple(outcomes)

    async def foreign_script(self, text: str) -> tuple[Outcome, ...]:
        """Run SQL that is not ours, as ``script`` does.

        Its settings and its role hold no longer afterwards. Whatever else it may have left in the session (temporary
        tables, locks, channels) is gone when ``recover`` was called, and until then the connection is not ``ready``.
        """
        self._foreign = True
        outcomes = await self.script(text)
        # It may have deallocated what we had prepared, or prepared something of the same name.
        self._names.clear()
        await self.script("reset session authorization; reset role; reset all; deallocate all")
        return outcomes

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction around the block: committed at its end, rolled back by an error.

        Raises DatabaseError when the COMMIT does (deferred constraints), or when an error inside was swallowed and
        Postgres therefore rolled back what was to be committed. A cancelled block leaves the transaction to the owner
        of the connection, who closes it or calls ``recover``.
        """
        await self.script("BEGIN")
        try:
            yield self
        except Exception:
            if self._pending is None and not self._closed:
                await self.script("ROLLBACK")
            raise
        (outcome,) = await self.script("COMMIT")
        if outcome.command != "COMMIT":
            raise DatabaseError("25P02", "The transaction was rolled back because a statement in it had failed.")

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[Connection]:
        """A transaction around the block that is rolled back at its end, however that comes.

        All of it sees the database as it was when it began. What Postgres does not roll back stays done: sequences do
        not count backwards, and what a function told the world outside is told.
        """
        await self.script("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            yield self
        finally:
            if self._pending is None and not self._closed:
                await self.script("ROLLBACK")

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[Connection]:
        """Part of an open transaction that is taken back at the block's end, and can fail without failing the rest."""
        await self.script("SAVEPOINT attempt")
        try:
            yield self
        finally:
            if self._pending is None and not self._closed:
                await self.script("ROLLBACK TO attempt; RELEASE attempt")

    def detach(self) -> tuple[psycopg.AsyncConnection[Any], int, float]:
        """Leave the open connection to somebody else: what is under it, and its two bounds.

        Those are how many statements it may keep prepared, and how many seconds it may go without an answer.
        To us it is closed from now on, and ``on_lost`` is not called.
        """
        assert self.ready, "Only a connection that does nothing can be handed over."
        self._closed = True
        self._watch.end()
        return self._raw, self._names_limit, self._answer_timeout

    async def recover(self) -> bool:
        """End whatever a cancelled caller left behind, statement and transaction, and what a foreign script did.

        Whether the connection is usable.
        """
        try:
            async with asyncio.timeout(RECOVERY_SECONDS):
                if self._pending is not None:
                    self._pending = drained = self._loop.create_future()
                    await self._raw.cancel_safe(timeout=RECOVERY_SECONDS)
                    await drained
                if self._pgconn.transaction_status != _IDLE and not self._closed:
                    await self.script("ROLLBACK")
                if self._foreign and not self._closed:
                    self._names.clear()
                    await self.script("DISCARD ALL")
                    self._foreign = False
        except (TimeoutError, psycopg.Error, PostgresError):
            self.close()
        return self.ready

    def close(self) -> None:
        """End the connection now; whoever waits on it gets ConnectionLost. May be called again."""
        self._end(ConnectionLost("The connection to the database was closed."))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # -- prepared statements -------------------------------------------------------------------------------------------

    async def _prepare(self, text: str) -> bytes:
        if len(self._names) >= self._names_limit:
            await self._forget(next(iter(self._names)))
        # A number is never used twice, so a PREPARE whose caller was cancelled cannot clash with a later one.
        self._names_made += 1
        name = b"h%d" % self._names_made
        results = await self._run(partial(self._pgconn.send_prepare, name, text.encode()))
        if results[-1].status in FAILED:
            raise to_error(results[-1])
        self._names[text] = name
        return name

    async def _forget(self, text: str) -> None:
        """Drop a prepared statement here and, where the transaction's state lets us, in the server."""
        name = self._names.pop(text)
        if self._pgconn.transaction_status != pq.TransactionStatus.INERROR:
            # Fails harmlessly when someone else deallocated it before; inside a transaction that would abort it.
            await self._run(partial(self._pgconn.send_query, b"DEALLOCATE " + name))

    # -- waiting -------------------------------------------------------------------------------------------------------

    async def _run(self, send: Callable[[], None]) -> list[PGresult]:
        """Send one command and wait for all of its results."""
        pending: asyncio.Future[list[PGresult]] = self._loop.create_future()
        self._send(send, pending)
        return await pending

    def _send(self, send: Callable[[], None], pending: Waiting) -> None:
        """Send one command, whose results ``pending`` will get. Raises ConnectionLost."""
        if self._closed:
            raise ConnectionLost
        if self._pending is not None:
            raise RuntimeError("This connection is already running a statement.")
        try:
            send()
            self._watch.flush()
        except psycopg.OperationalError as cause:
            self._end(ConnectionLost())
            raise ConnectionLost from cause
        self._results, self._pending = [], pending

    def _receive(self) -> bool:
        """Take in what has arrived; whether it completed what is waited for."""
        pgconn, finished = self._pgconn, False
        try:
            pgconn.consume_input()
        except psycopg.OperationalError:
            self._end(ConnectionLost())
            return False
        if self._pending is not None:
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    self._finish()
                    finished = True
                    break
                self._results.append(result)
                if result.status in _COPYING:
                    place = len(self._results) - 1
                    self._end(DatabaseError("0A000", "COPY from or to the client is not possible.", statement=place))
                    return False
        else:
            pgconn.is_busy()  # parses what has arrived: parameter changes, notices, notifications
        if self.on_notification is not None:
            while (notify := pgconn.notifies()) is not None:
                self.on_notification(Notification(notify.relname.decode(), notify.extra.decode(), notify.be_pid))
        return finished

    def _finish(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None and not pending.done():
            pending.set_result(self._results)

    def _end(self, reason: PostgresError) -> None:
        if self._closed:
            return
        self._closed = True
        self._watch.end()
        self._pgconn.finish()
        pending, self._pending = self._pending, None
        if pending is not None:
            if not pending.done():
                pending.set_exception(reason)
        elif self.on_lost is not None:
            self.on_lost(self)


@dataclass(frozen=True, slots=True)
class _Ending:
    """Waits for the results of one prepared statement, and tells what they amount to."""

    ended: Callable[[bytes | PostgresError], None]

    def done(self) -> bool:
        return False

    def set_result(self, results: list[PGresult], /) -> None:
        result = results[-1]
        self.ended(to_error(result) if result.status in FAILED else to_cell(result))

    def set_exception(self, error: PostgresError, /) -> None:
        self.ended(error)
