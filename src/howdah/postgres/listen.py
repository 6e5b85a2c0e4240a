"""Hears a NOTIFY channel for as long as the process lives, through lost connections and lost notifications."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from howdah.observe import events
from howdah.postgres.errors import CannotConnect, PostgresError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from howdah.postgres.connection import Connection

FIRST_DELAY = 0.05
LONGEST_DELAY = 2.0


@dataclass(frozen=True, slots=True)
class ListeningInterrupted:
    """The connection that listens was lost; it is being made again."""

    level: ClassVar[str] = "warning"
    channel: str
    reason: str


class Listener:
    """Calls ``woken`` after each notification on ``channel``, after each (re)connect, and every ``poll`` seconds.

    A NOTIFY sent while nobody listened is gone, so ``woken`` must look for itself what is new; calls never overlap and
    a burst of notifications is one call. A PostgresError of ``woken`` is reported and it is called again.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        channel: str,
        woken: Callable[[], Awaitable[None]],
        poll: float = 15.0,
    ) -> None:
        if not channel.isidentifier():
            raise ValueError(f"A channel must be a plain name, not {channel!r}.")
        self._connect = connect
        self._channel = channel
        self._woken = woken
        self._poll = poll
        self._delay = FIRST_DELAY
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, in a task of its own."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop listening; a call of ``woken`` that is under way is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                async with await self._connect() as connection:
                    await self._listen(connection)
            except PostgresError as error:
                events.emit(ListeningInterrupted(self._channel, error.message))
            await asyncio.sleep(self._delay)
            self._delay = min(self._delay * 2, LONGEST_DELAY)

    async def _listen(self, connection: Connection) -> None:
        signal = asyncio.Event()
        connection.on_notification = lambda _: signal.set()
        connection.on_lost = lambda _: signal.set()
        await connection.script(f"LISTEN {self._channel}")
        while not connection.closed:
            await self._woken()
            self._delay = FIRST_DELAY
            try:
                async with asyncio.timeout(self._poll):
                    await signal.wait()
            except TimeoutError:
                await connection.script("SELECT")  # a half-dead network shows itself here
            signal.clear()
        raise CannotConnect("The connection that listens was lost.")
