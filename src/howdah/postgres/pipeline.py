"""One connection in libpq's pipeline mode: reads leave in groups, and each is alone with its error.

A group is one prepared statement with several sets of parameters and one Sync behind them: one system call here, and
one transaction in Postgres. When one read of a group fails, Postgres skips those behind it, and they are handed back to
be asked again; a read has no side effect, so nobody can tell. Answers come in the order of the questions. The wire, TLS
and the login are libpq's, through ``psycopg.pq``; what is ours is which answer belongs to whom.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import psycopg
from psycopg import pq

from howdah.postgres.connection import Connection
from howdah.postgres.errors import ConnectionLost, DatabaseError
from howdah.postgres.results import FAILED, NULL, is_stale_plan, to_cell, to_error
from howdah.postgres.watch import Watch

# Plain numbers, because that is what a result has, and comparing those with members of an enumeration is slow.
_TUPLES = int(pq.ExecStatus.TUPLES_OK)
_DONE = int(pq.ExecStatus.COMMAND_OK)
_SYNC = int(pq.ExecStatus.PIPELINE_SYNC)

NEAR = 0.0005
"""A server that answers within so many seconds is near: for each of them that it takes, one more group may be sent."""

DEEPEST = 8
"""How many groups are under way on a connection at most, however far away the server is."""

_CLOSES = pq.version() >= 170000
"""Whether libpq can close a statement by message, which unlike DEALLOCATE cannot fail and is understood by poolers."""


@dataclass(slots=True, eq=False)
class Read:
    """A statement to run: what is asked, who waits since when, and what has come back so far."""

    text: str
    parameters: Sequence[bytes | None]
    answer: asyncio.Future[bytes]
    asked: float
    alone: bool = False
    """Whether it is to have no company: it was skipped once because another read failed."""
    lost: bool = False
    """Whether a connection was lost under it."""
    stale: bool = False
    """Whether it was tried with a plan that the schema had made unusable."""
    cell: bytes = NULL


@dataclass(slots=True, eq=False)
class _Group:
    """Reads of one statement under one Sync, and how far their answers have come."""

    text: str
    name: bytes
    reads: Sequence[Read]
    sent: float
    idle: bool
    """Whether nothing else was under way when it was sent."""
    quick: bool
    """Whether it is expected to be over soon, so that others may wait behind it."""
    preamble: int = 0
    """How many commands in front of the first read have not come back: those that prepare the statement."""
    answered: int = 0
    error: DatabaseError | None = None
    """What ended it: the error of the first read without an answer or, when all have one, of their common end."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A group that came back: how long Postgres took for each of its reads, and what the caller has to do next."""

    text: str
    seconds: float
    failed: bool
    again: Sequence[Read]
    """Reads that have to be sent again, each alone."""


class PipelinedConnection:
    """Takes over a fresh Connection, puts it into pipeline mode and keeps it there. Only its event loop may touch it.

    ``round_trip`` is how many seconds the server seems to be away. ``on_finished`` hears of every group that came back;
    ``on_lost`` is called once when the connection ends, with the reads that had no answer yet.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        round_trip: float,
        on_finished: Callable[[Finished], None],
        on_lost: Callable[[PipelinedConnection, Sequence[Read]], None],
    ) -> None:
        self._raw, self._statements_limit, answer_timeout = connection.detach()
        self._pgconn = self._raw.pgconn
        self._groups: deque[_Group] = deque()
        self._names: OrderedDict[str, bytes] = OrderedDict()
        self._forgotten: list[bytes] = []
        self._names_made = 0
        self._closed = False
        self._last_answer = 0.0
        self._round_trip = round_trip
        self._refused: tuple[bytes, DatabaseError] | None = None
        """The name whose preparation failed last, and why: those behind it in the pipeline used it in good faith."""
        self._on_finished = on_finished
        self._on_lost = on_lost
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._watch = Watch(
            self._pgconn,
            receive=self._receive,
            awaited=self._awaited,
            lost=self._end,
            answer_timeout=answer_timeout,
        )

    @property
    def in_flight(self) -> int:
        """How many groups are under way."""
        return len(self._groups)

    @property
    def has_room(self) -> bool:
        """Whether one more group would not wait for long: behind quick ones, when most of the time is the way."""
        groups = self._groups
        return not groups or (groups[-1].quick and len(groups) < min(DEEPEST, self._round_trip / NEAR))

    @property
    def closed(self) -> bool:
        """Whether the connection is gone, by our doing or the server's."""
        return self._closed

    def close(self) -> None:
        """End the connection now. May be called again."""
        self._end()

    # -- sending -------------------------------------------------------------------------------------------------------

    def send(self, reads: Sequence[Read], *, quick: bool) -> None:
        """The reads, all of one statement, are under way as one group.

        The answer of each becomes the first cell of its only row (``null`` for NULL or no row) or a DatabaseError. One
        that is cancelled leaves its read to end by itself; the statement timeout bounds that.
        """
        pgconn, text = self._pgconn, reads[0].text
        group = _Group(text, b"", reads, perf_counter(), not self._groups, quick)
        self._groups.append(group)
        try:
            name = self._names.get(text)
            if name is None:
                name, group.preamble = self._prepare(text)
            else:
                self._names.move_to_end(text)
            group.name = name
            for read in reads:
                pgconn.send_query_prepared(name, read.parameters)
            pgconn.pipeline_sync()
            self._watch.flush()
        except psycopg.OperationalError:
            self._end()

    def _prepare(self, text: str) -> tuple[bytes, int]:
        """Send what prepares ``text``, in front of its first use and under the same Sync: its name, and by how much."""
        if len(self._names) >= self._statements_limit:
            self._forgotten.append(self._names.popitem(last=False)[1])
        for forgotten in self._forgotten:
            if _CLOSES:
                self._pgconn.send_close_prepared(forgotten)
            else:
                # Fails only where somebody deallocated behind our back: like a stale plan, it is asked again.
                self._pgconn.send_query_params(b"DEALLOCATE " + forgotten, None)
        commands = len(self._forgotten) + 1
        self._forgotten.clear()
        # A number is never used twice, so what an error or an eviction left behind cannot clash with a later name.
        self._names_made += 1
        name = b"p%d" % self._names_made
        self._names[text] = name
        self._pgconn.send_prepare(name, text.encode())
        return name, commands

    # -- receiving -----------------------------------------------------------------------------------------------------

    def _awaited(self) -> tuple[_Group, int] | None:
        """What is waited for: the group that is under way, behind so many answers."""
        return (self._groups[0], self._groups[0].answered) if self._groups else None

    def _receive(self) -> bool:
        """Take in what has arrived; whether there was a result in it."""
        pgconn, groups, found = self._pgconn, self._groups, False
        try:
            pgconn.consume_input()
            while groups and not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:  # stands between the results of two commands
                    continue
                found = True
                status = result.status
                group = groups[0]
                if status == _TUPLES:
                    group.reads[group.answered].cell = to_cell(result)
                    group.answered += 1
                elif status == _SYNC:
                    groups.popleft()
                    self._finish(group)
                    if self._closed:
                        return True
                elif status == _DONE:
                    group.preamble -= 1
                elif status in FAILED:
                    error = to_error(result)
                    if isinstance(error, ConnectionLost):
                        self._end()
                        return True
                    group.error = error
            if not groups:
                pgconn.is_busy()  # parses what came unasked: parameter changes, notices, the server's last words
        except psycopg.OperationalError:
            self._end()
        return found

    def _finish(self, group: _Group) -> None:
        """Everybody in the group whose turn it was has an answer; the others are handed back."""
        now, reads = perf_counter(), group.reads
        if group.idle:
            self._round_trip = min(self._round_trip * 1.0001, now - group.sent)  # rises, in case the way got longer
        # The shortest round trip of all is about the way there and back: the rest is what Postgres worked.
        seconds = max(0.0, now - max(group.sent + self._round_trip, self._last_answer)) / len(reads)
        self._last_answer = now
        again: Sequence[Read] = ()
        if group.error is not None:
            reads, again = self._sort_out(group, group.error)
        for read in reads:
            if not read.answer.done():
                read.answer.set_result(read.cell)
        self._on_finished(Finished(group.text, seconds, group.error is not None, again))

    def _sort_out(self, group: _Group, error: DatabaseError) -> tuple[Sequence[Read], Sequence[Read]]:
        """Which reads of a failed group have an answer, and which are to be sent again; who is to blame is told."""
        reads, at = group.reads, group.answered
        blamed: Sequence[Read] = reads[at : at + 1]
        if is_stale_plan(error):
            if self._refused is not None and self._refused[0] == group.name:
                blamed, error = reads, self._refused[1]
            else:
                self._forget(group, close=True)
                blamed = [read for read in blamed if read.stale]
                for read in reads[at : at + 1]:
                    read.stale = True
        elif group.preamble:
            self._forget(group, close=False)
            self._refused = (group.name, error)
            blamed = reads  # what cannot be prepared fails whatever the values are
        elif at == len(reads) == 1:
            blamed = reads  # it failed when its transaction was to end
        if at == len(reads):
            at = 0
        for read in blamed:
            if not read.answer.done():
                read.answer.set_exception(error)
        again = [read for read in reads[at:] if not read.answer.done()]
        for read in again:
            read.alone, read.cell = True, NULL
        return reads[:at], again

    def _forget(self, group: _Group, *, close: bool) -> None:
        """The name of the group's statement is used no more."""
        if self._names.get(group.text) == group.name:
            del self._names[group.text]
            if close:
                self._forgotten.append(group.name)

    # -- ending --------------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._watch.end()
        self._pgconn.finish()
        groups, self._groups = self._groups, deque()
        self._on_lost(self, [read for group in groups for read in group.reads if not read.answer.done()])
