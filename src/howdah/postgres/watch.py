"""A connection's socket in the event loop: when to read, when to write on, and when the other end counts as lost.

The socket stays registered for the connection's whole life. What is read from it, and who waits for that, is the
connection's own business.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg.pq.abc import PGconn

LOOK_AGAIN_SECONDS = 0.5
"""How often a connection that waits looks for itself, in case the event loop keeps the other end's loss from it."""


class Watch:
    """Calls ``receive`` when something came, which tells whether that completed an answer.

    ``awaited`` is what the connection waits for now, or None: as long as it stays the same nothing has come of it, and
    after ``answer_timeout`` seconds of that (zero for no limit) ``lost`` is called, as when the socket is found broken.
    """

    def __init__(
        self,
        pgconn: PGconn,
        *,
        receive: Callable[[], bool],
        awaited: Callable[[], object | None],
        lost: Callable[[], None],
        answer_timeout: float,
    ) -> None:
        self._pgconn = pgconn
        self._receive = receive
        self._awaited = awaited
        self._lost = lost
        self._answer_timeout = answer_timeout
        self._loop = asyncio.get_running_loop()
        self._socket = pgconn.socket
        self._writing = False
        self._ended = False
        self._looking: asyncio.TimerHandle | None = None
        self._before: object | None = None
        self._silence = 0.0
        self._loop.add_reader(self._socket, self._on_readable)

    def flush(self) -> None:
        """Send what libpq holds, now or as soon as the socket takes it, and wait for the answer.

        Raises psycopg.OperationalError when the connection is broken.
        """
        if self._pgconn.flush() and not self._writing:
            self._writing = True
            self._loop.add_writer(self._socket, self._on_writable)
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_AGAIN_SECONDS, self._look_again)

    def end(self) -> None:
        """The event loop knows the socket no more.

        It has to be forgotten there before libpq closes it: its number may be another socket's a moment later.
        """
        self._ended = True
        self._stop_writing()
        self._loop.remove_reader(self._socket)
        if self._looking is not None:
            self._looking.cancel()

    def _on_writable(self) -> None:
        try:
            if self._pgconn.flush():
                return
        except psycopg.OperationalError:
            self._lost()
            return
        self._stop_writing()

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket)

    def _on_readable(self) -> None:
        # uvloop reports a socket with an error on it once and then watches it no more. Whatever could still be read is
        # read first, and the end behind it would go unnoticed for ever: so an event that completed nothing is looked
        # into a second time, where a whole connection just has nothing to say.
        if not self._receive() and not self._ended:
            self._receive()

    def _look_again(self) -> None:
        """Look whether something came without an event: the end may hide behind an answer that was read completely."""
        self._looking = None
        if self._awaited() is not None:
            self._on_readable()
        awaited = self._awaited()
        if awaited is not None:
            self._silence = self._silence + LOOK_AGAIN_SECONDS if awaited == self._before else 0.0
            if 0 < self._answer_timeout < self._silence:
                self._lost()
                return
            self._looking = self._loop.call_later(LOOK_AGAIN_SECONDS, self._look_again)
        self._before = awaited
