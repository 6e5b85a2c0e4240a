"""The connections of one process to one database, for code that waits in threads.

Connections are made when they are needed and kept for the next. There is no thread in the background, so nothing is
lost by a fork: the child begins without connections, and leaves those of its parent alone.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from howdah.kit.db import connecting
from howdah.kit.db.connecting import Lent
from howdah.kit.db.settings import DatabaseSettings

Connection = psycopg.Connection[Any]


def connect(settings: DatabaseSettings, patience: float, *, autocommit: bool = True) -> Connection:
    """A new connection, tried as often as it takes within ``patience`` seconds.

    Raises DatabaseAway: time is up; CannotConnect: trying again would not help.
    """
    waits = connecting.delays(time.monotonic() + patience)
    while True:
        try:
            connection = psycopg.connect(
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
        time.sleep(wait)


class Pool:
    """At most ``pool_size`` connections; whoever comes when all are in use waits, but not for ever."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._begin()
        _pools.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.Semaphore(self._settings.pool_size)
        self._idle: list[Connection] = []
        self._lent: dict[Connection, Lent] = {}
        self._reached = False

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """A connection for the time of the block. Raises PoolExhausted, DatabaseAway, CannotConnect."""
        free = self._free  # the semaphore of this process: after a fork inside the block there is another
        who = connecting.holder()
        if not free.acquire(timeout=self._settings.pool_timeout):
            with self._lock:
                holders = [lent.holder for lent in self._lent.values() if lent.holder is not None]
            raise connecting.exhausted(self._settings, holders)
        try:
            connection = self._unused() or self._connect()
            with self._lock:
                self._lent[connection].holder = who
            try:
                yield connection
            finally:
                self._take_back(connection)
        finally:
            free.release()

    def close(self) -> None:
        """Connections that are not in use are closed, the others when they are given back. It may be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
            for connection in idle:
                del self._lent[connection]
            for lent in self._lent.values():
                lent.unwanted = True
        for connection in idle:
            connection.close()

    def _unused(self) -> Connection | None:
        """A connection that lay unused and is fit, the one used last."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
                lent = self._lent[connection]
            if connecting.is_fit(connection, lent, max_idle=self._settings.max_idle):
                return connection
            self._part_with(connection)

    def _take_back(self, connection: Connection) -> None:
        with self._lock:
            lent = self._lent.get(connection)
            if lent is None:  # the parent's: this is a child that was forked meanwhile
                return
            lent.holder = None
            lent.rested = time.monotonic()
            if connecting.is_reusable(connection, lent, max_lifetime=self._settings.max_lifetime):
                self._idle.append(connection)
                return
        self._part_with(connection)

    def _part_with(self, connection: Connection) -> None:
        with self._lock:
            self._lent.pop(connection, None)
        connection.close()

    def _connect(self) -> Connection:
        """A new connection, for which the first waits longer. Raises DatabaseAway, CannotConnect."""
        patience = self._settings.pool_timeout if self._reached else self._settings.startup_timeout
        connection = connect(self._settings, patience)
        with self._lock:
            self._lent[connection] = Lent()
            self._reached = True
        return connection

    def _forget(self) -> None:
        """After a fork: what the parent has stays the parent's; even saying goodbye would end it for both."""
        _inherited.extend(self._lent)
        self._begin()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_inherited: list[Connection] = []


def _after_fork() -> None:
    for pool in _pools:
        pool._forget()  # noqa: SLF001 - the module's own class


os.register_at_fork(after_in_child=_after_fork)
