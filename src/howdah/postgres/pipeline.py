"""One connection in libpq's pipeline mode: many reads in flight, each alone with its error.

Every read is a named prepared statement followed by one Sync, so that Postgres treats each as a transaction of its own:
an error ends that read only. Answers come in the order of the questions. The wire, TLS and the login are libpq's,
through ``psycopg.pq``; what is ours is which answer belongs to whom.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import pq

from howdah.postgres.connection import LOOK_AGAIN_SECONDS, Connection, is_stale_plan, refuse_nul, to_error
from howdah.postgres.errors import ConnectionLost, DatabaseError, PostgresError

_TUPLES = pq.ExecStatus.TUPLES_OK
_SYNC = pq.ExecStatus.PIPELINE_SYNC
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)


@dataclass(slots=True, eq=False)
class _Read:
    """A statement under way: what was asked, who waits, and what has come back so far."""

    text: str
    parameters: Sequence[bytes | None]
    answer: asyncio.Future[bytes]
    name: bytes
    sent: float
    retry: bool
    cell: bytes | None = None
    error: PostgresError | None = None


class PipelinedConnection:
    """Takes over a fresh Connection, puts it into pipeline mode and keeps it there. Only its event loop may touch it.

    ``on_answer(text, seconds)`` hears how long Postgres worked on each read, without the time that reads ahead of it
    took; ``on_lost(self)`` is called once when the server ends the connection.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        on_answer: Callable[[str, float], None],
        on_lost: Callable[[PipelinedConnection], None],
    ) -> None:
        self._raw, self._statements_limit = connection.detach()
        self._pgconn = self._raw.pgconn
        self._loop = asyncio.get_running_loop()
        self._socket = self._pgconn.socket
        self._reads: deque[_Read] = deque()
        self._names: OrderedDict[str, bytes] = OrderedDict()
        self._names_made = 0
        self._writing = False
        self._closed = False
        self._looking: asyncio.TimerHandle | None = None
        self._last_answer = 0.0
        self._refused: tuple[bytes, DatabaseError] | None = None
        """The name whose preparation failed last, and why: those behind it in the pipeline used it in good faith."""
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._on_readable)

    @property
    def in_flight(self) -> int:
        """How many reads are under way."""
        return len(self._reads)

    @property
    def closed(self) -> bool:
        """Whether the connection is gone, by our doing or the server's."""
        return self._closed

    def submit(self, text: str, parameters: Sequence[bytes | None]) -> asyncio.Future[bytes]:
        """A future of the first cell of the only row ``text`` returns; ``null`` for NULL or no row.

        It fails with DatabaseError when Postgres refuses and ConnectionLost when it went away. Cancelling it leaves the
        read to end by itself (the statement timeout bounds that): its answer is dropped.
        """
        refuse_nul(parameters)
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._send(_Read(text, parameters, answer, b"", self._loop.time(), retry=True))
        return answer

    def close(self) -> None:
        """End the connection now; whoever waits on it gets ConnectionLost. May be called again."""
        self._end(ConnectionLost("The connection to the database was closed."))

    # -- sending -------------------------------------------------------------------------------------------------------

    def _send(self, read: _Read) -> None:
        pgconn, names = self._pgconn, self._names
        name = names.get(read.text)
        try:
            if name is None:
                name = self._prepare(read.text)
            else:
                names.move_to_end(read.text)
            read.name = name
            pgconn.send_query_prepared(name, read.parameters)
            pgconn.pipeline_sync()
            self._reads.append(read)
            if self._looking is None:
                self._looking = self._loop.call_later(LOOK_AGAIN_SECONDS, self._look_again)
            if pgconn.flush() and not self._writing:
                self._writing = True
                self._loop.add_writer(self._socket, self._on_writable)
        except psycopg.OperationalError:
            if read not in self._reads:
                self._reads.append(read)
            self._end(ConnectionLost())

    def _prepare(self, text: str) -> bytes:
        """Send what prepares ``text``, in front of its first use and under the same Sync."""
        if len(self._names) >= self._statements_limit:
            _, forgotten = self._names.popitem(last=False)
            # Within the same Sync, but its failure must not be this read's: DEALLOCATE of a name we gave cannot fail
            # unless somebody deallocated it behind our back, and then this read fails with 26000 and is asked again.
            self._pgconn.send_query_params(b"DEALLOCATE " + forgotten, None)
        # A number is never used twice, so what an error or an eviction left behind cannot clash with a later name.
        self._names_made += 1
        name = b"p%d" % self._names_made
        self._names[text] = name
        self._pgconn.send_prepare(name, text.encode())
        return name

    def _on_writable(self) -> None:
        try:
            if self._pgconn.flush():
                return
        except psycopg.OperationalError:
            self._end(ConnectionLost())
            return
        self._stop_writing()

    # -- receiving -----------------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        # Twice as long as somebody waits, for the reason that Connection gives.
        self._receive()
        if self._reads and not self._closed:
            self._receive()

    def _look_again(self) -> None:
        """Look whether something came without an event, for as long as somebody waits: as Connection does."""
        self._looking = None
        if self._reads:
            self._on_readable()
        if self._reads:
            self._looking = self._loop.call_later(LOOK_AGAIN_SECONDS, self._look_again)

    def _receive(self) -> None:
        """Take in what has arrived."""
        pgconn, reads = self._pgconn, self._reads
        try:
            pgconn.consume_input()
            while reads and not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:  # stands between the results of two commands
                    continue
                status = result.status
                if status == _TUPLES:
                    if result.ntuples:
                        reads[0].cell = result.get_value(0, 0)
                elif status == _SYNC:
                    self._finish(reads.popleft())
                elif status in _FAILED:
                    self._fail(reads[0], to_error(result))
                if self._closed:
                    return
            if not reads:
                pgconn.is_busy()  # parses what came unasked: parameter changes, notices, the server's last words
        except psycopg.OperationalError:
            self._end(ConnectionLost())

    def _fail(self, read: _Read, error: DatabaseError | ConnectionLost) -> None:
        read.error = error
        if isinstance(error, ConnectionLost):
            self._end(error)
            return
        if self._names.get(read.text) == read.name:
            # It may be the PREPARE that failed, or the plan that is stale: either way the name is of no more use.
            del self._names[read.text]
            self._refused = (read.name, error)
        elif self._refused is not None and self._refused[0] == read.name and is_stale_plan(error):
            read.error = self._refused[1]

    def _finish(self, read: _Read) -> None:
        now = self._loop.time()
        self._on_answer(read.text, now - max(read.sent, self._last_answer))
        self._last_answer = now
        if read.answer.done():
            return
        if read.error is None:
            read.answer.set_result(b"null" if read.cell is None else read.cell)
        elif read.retry and isinstance(read.error, DatabaseError) and is_stale_plan(read.error):
            read.retry, read.error, read.cell = False, None, None
            self._send(read)
        else:
            read.answer.set_exception(read.error)

    # -- ending --------------------------------------------------------------------------------------------------------

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket)

    def _end(self, reason: PostgresError) -> None:
        if self._closed:
            return
        self._closed = True
        # The descriptor must leave the loop before libpq closes it: its number may be another socket's a moment later.
        self._stop_writing()
        self._loop.remove_reader(self._socket)
        if self._looking is not None:
            self._looking.cancel()
        self._pgconn.finish()
        reads, self._reads = self._reads, deque()
        for read in reads:
            if not read.answer.done():
                read.answer.set_exception(reason)
        self._on_lost(self)
