"""The messages of one channel on their way, a few at once: a provider that is slow or gone holds up its own alone.

Where it is out of reach, one message is enough to find out whether it is back: the others are left where they are, and
no attempt of theirs is used up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

from howdah.mail.events import MailRelayFailed
from howdah.mail.message import Channel
from howdah.mail.providers import Provider
from howdah.observe import events
from howdah.postgres.errors import PostgresError

AT_ONCE = 4
"""Messages of one channel that are under way at the same time."""

LONGEST_PAUSE = 60.0
"""Seconds between two looks whether a provider is back."""

SETTLING = 0.05
"""Seconds between the news of a message and its sending: the answer to whoever caused it goes first (R8)."""

_AFTER_AN_ERROR = 2.0


class Source(Protocol):
    """Where the messages come from, and what sends one: the Relay."""

    def provider(self, channel: Channel) -> Provider | None:
        """Who takes messages of the channel."""

    def claim(self, channel: Channel, count: int) -> Awaitable[list[Any]]:
        """At most ``count`` messages that are due."""

    def expire(self, channel: Channel) -> Awaitable[None]:
        """Give up what is worth nothing any more."""

    def next_due(self, channel: Channel) -> Awaitable[float]:
        """Seconds until there may be more."""

    def send(self, message: Any, channel: Channel) -> Awaitable[bool]:
        """Send one; whether its provider can be reached."""


class Lane:
    """Takes the messages of ``channel`` from ``source`` and has them sent, until it is stopped."""

    def __init__(self, source: Source, channel: Channel) -> None:
        self.channel: Channel = channel
        self._source = source
        self._changed = asyncio.Event()
        self._is_news = False
        self._stopping = False
        self._failures = 0
        self._paused_until = 0.0
        self._sending: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in a task of its own."""
        self._stopping = False
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """There may be something to send."""
        self._is_news = True
        self._changed.set()

    async def stop(self, drain: float) -> None:
        """Nothing more is taken; what is under way has had ``drain`` seconds, and is sent by somebody else later."""
        if self._task is not None:
            self._stopping = True  # beside the cancellation: on Python 3.11 asyncio.wait_for may swallow that one
            self._changed.set()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._sending:
            await asyncio.wait(self._sending, timeout=drain)
        for task in tuple(self._sending):
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        provider = self._source.provider(self.channel)
        if provider is not None:
            await provider.rest()

    async def _run(self) -> None:
        """Take what is due and wait for more. What goes wrong is told, and does not end it."""
        while not self._stopping:
            try:
                seconds = await self._take()
            except PostgresError as error:
                events.emit(MailRelayFailed(error.message))
                seconds = _AFTER_AN_ERROR
            await self._wait(seconds)

    async def _take(self) -> float:
        """What is due is being sent, as far as there is room; in how many seconds to look again."""
        await self._source.expire(self.channel)
        room = self._room()
        if room > 0:
            claimed = await self._source.claim(self.channel, room)
            for message in claimed:
                task = asyncio.create_task(self._send(message))
                self._sending.add(task)
                task.add_done_callback(self._sent)
            room -= len(claimed)
        if not self._sending:
            provider = self._source.provider(self.channel)
            if provider is not None:
                await provider.rest()
        pause = max(self._paused_until - asyncio.get_running_loop().time(), 0.0) if self._failures else 0.0
        if room <= 0 and not pause:
            return LONGEST_PAUSE  # it is news when there is room again
        return max(await self._source.next_due(self.channel), pause)

    def _room(self) -> int:
        """How many more may be under way: one at a time, after a pause, while the provider is out of reach."""
        if self._failures:
            return int(not self._sending and asyncio.get_running_loop().time() >= self._paused_until)
        return AT_ONCE - len(self._sending)

    async def _send(self, message: Any) -> None:
        if await self._source.send(message, self.channel):
            self._failures = 0
        else:
            self._failures += 1
            self._paused_until = asyncio.get_running_loop().time() + min(2.0 ** (self._failures - 1), LONGEST_PAUSE)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whatever it is: the message is tried again when its time is over, and the others go on.
            reason = error.message if isinstance(error, PostgresError) else type(error).__name__
            events.emit(MailRelayFailed(reason))

    async def _wait(self, seconds: float) -> None:
        """Until something has changed, or the seconds are over."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
        if self._is_news:
            self._is_news = False
            await asyncio.sleep(SETTLING)
        self._changed.clear()
