"""Hears at once when a session ends or a user changes, whichever process did it (R37)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from howdah.observe import events
from howdah.postgres.connection import Connection, Notification
from howdah.postgres.errors import PostgresError
from howdah.postgres.listen import FIRST_DELAY, LONGEST_DELAY, ListeningInterrupted

CHANNEL: Final = "howdah_auth"
_LOOK_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Change:
    """What is no longer as it was: a session or service token, all of a user, keys; with nothing set, anything."""

    session_id: str | None = None
    user_id: str | None = None
    keys: bool = False


ANYTHING: Final = Change(keys=True)


def read_change(payload: str) -> Change:
    """The change that a notification tells of; anything may have changed where it cannot be read.

    >>> read_change("user 7")
    Change(session_id=None, user_id='7', keys=False)
    """
    kind, _, which = payload.partition(" ")
    match kind:
        case "session" if which:
            return Change(session_id=which)
        case "user" if which:
            return Change(user_id=which)
        case "keys":
            return Change(keys=True)
        case _:
            return ANYTHING


class Changes:
    """Calls ``heard`` for each change, in the order they were committed.

    What was missed while no connection listened is unknown, so a lost connection is told as ANYTHING at once, and
    again when the next one listens.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], heard: Callable[[Change], None]) -> None:
        self._connect = connect
        self._heard = heard
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._connection: Connection | None = None
        self._asking = asyncio.Lock()

    async def start(self) -> None:
        """Begin to listen, in a task of its own; returns when it does, or after the first failure."""
        self._task = asyncio.create_task(self._run())
        await self._listening.wait()

    async def stop(self) -> None:
        """Listen no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def heard_until_now(self) -> None:
        """Whatever was committed before this call has been told; where nobody listens, that anything may have changed.

        Postgres hands a connection what it was notified of before it answers it the next time.
        """
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(PostgresError):  # then the loss of the connection is told
                await self._ask(connection)

    async def _ask(self, connection: Connection) -> None:
        async with self._asking:
            await connection.script("SELECT")

    async def _run(self) -> None:
        delay = FIRST_DELAY
        while True:
            try:
                async with await self._connect() as connection:
                    await self._listen(connection)
                delay = FIRST_DELAY
            except PostgresError as error:
                events.emit(ListeningInterrupted(CHANNEL, error.message))
            self._connection = None
            self._listening.set()
            self._heard(ANYTHING)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _listen(self, connection: Connection) -> None:
        lost = asyncio.Event()

        def notified(notification: Notification) -> None:
            self._heard(read_change(notification.payload))

        connection.on_notification = notified
        connection.on_lost = lambda _: lost.set()
        await connection.script(f"LISTEN {CHANNEL}")
        self._connection = connection
        self._heard(ANYTHING)
        self._listening.set()
        while not connection.closed:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await lost.wait()
            except TimeoutError:
                await self._ask(connection)  # a half-dead network shows itself here
