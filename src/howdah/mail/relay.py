"""From the outbox to a provider: every process takes what is due, sends it, and writes down what came of it.

A message is claimed for longer than a provider may take, so nobody else sends it meanwhile, and whoever dies over it
does not keep it. What a provider refuses for good is given up; what it refuses for now is tried again, later and later,
until it has been tried `ATTEMPTS` times or is worth nothing any more. `lane.py` says how many are tried at once.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from howdah.mail.compose import Envelope
from howdah.mail.errors import BrokenTemplate, MailError, NotDelivered, NotYetDelivered, ProviderUnavailable
from howdah.mail.events import MailDelayed, MailFailed, MailNotConfigured, MailRelayFailed, MailSent
from howdah.mail.lane import Lane
from howdah.mail.message import Channel, masked
from howdah.mail.outbox import CHANNEL, Seal, allow, install, read_body
from howdah.mail.providers import Provider, Providers
from howdah.mail.rendering import Templates
from howdah.observe import events
from howdah.postgres import queries
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError, PostgresError
from howdah.postgres.listen import Listener
from howdah.postgres.pool import Pool

ATTEMPTS = 20
"""How often a message is tried: with the delays below, over some five hours."""

FIRST_DELAY, LONGEST_DELAY = 2.0, 1800.0
POLL = 15.0
TIDY_SECONDS = 3600.0
DRAIN_SECONDS = 5.0

_SOONEST = 0.05  # a message that somebody else looks at just now may seem to be due
_GRACE = 30.0  # how much longer a message is claimed than a provider may take
_NO_TABLE = "42P01"
_QUERIES = queries.load(Path(__file__).with_name("outbox.sql"))

_TOO_LATE = "It could not be sent while it was worth something."


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send for a while."""

    id: str
    template: str
    to: str
    body: bytes
    attempts: int
    at: datetime


def delay(attempts: int, chance: float) -> float:
    """Seconds to wait after so many attempts: twice as long each time, less some part by ``chance`` (0 to 1).

    >>> [delay(attempts, 1.0) for attempts in (1, 2, 3, 20)], delay(3, 0.0)
    ([2.0, 4.0, 8.0, 1800.0], 4.0)
    """
    return float(min(FIRST_DELAY * 2 ** (attempts - 1), LONGEST_DELAY) * (0.5 + chance / 2))


class Relay:
    """Sends what is in the outbox of the database that ``connect`` leads to, for as long as it runs.

    ``timeout`` is how long a provider may take for one message, ``keep_days`` how long it is known what was sent.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        templates: Templates,
        providers: Providers,
        *,
        timeout: float,
        keep_days: int,
        seal: Seal | None = None,
    ) -> None:
        self._templates = templates
        self._providers = providers
        self._timeout = timeout
        self._keep_days = keep_days
        self._seal = seal or Seal()
        self._pool = Pool(connect, name="mail", size=2)
        self._listener = Listener(connect, channel=CHANNEL, woken=self._woken, poll=POLL)
        self._lanes = (Lane(self, "mail"), Lane(self, "text"))
        self._writers: tuple[str, ...] = ()
        self._tidying: asyncio.Task[None] | None = None

    async def start(self, writers: Sequence[str] = ()) -> None:
        """The outbox is there, the roles ``writers`` may put messages in, and what is in it is being sent.

        Does nothing when it was started already. Raises CannotConnect, DatabaseError.
        """
        if self._tidying is not None:
            return
        self._writers = tuple(writers)
        await self._prepare()
        for lane in self._lanes:
            if self._providers.of(lane.channel) is None:
                hint = f"Set {'mail.url' if lane.channel == 'mail' else 'mail.sms_url'}: docs/mail.md has examples."
                events.emit(MailNotConfigured(lane.channel, hint))
            lane.start()
        self._tidying = asyncio.create_task(self._tidy())
        self._listener.start()

    async def stop(self) -> None:
        """Nothing new is sent, what is under way has had `DRAIN_SECONDS`; every connection is closed."""
        await self._listener.stop()
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
            self._tidying = None
            await asyncio.gather(*(lane.stop(DRAIN_SECONDS) for lane in self._lanes))
        await self._pool.close()

    async def ask(self, query: str, *parameters: str) -> Any:
        """The answer of a query of ours; the table is made again where it has gone with the database."""
        try:
            return await self._submit(query, parameters)
        except DatabaseError as error:
            if error.sqlstate != _NO_TABLE:
                raise
        await self._prepare()
        return await self._submit(query, parameters)

    async def _submit(self, query: str, parameters: Sequence[str]) -> Any:
        return json.loads(await self._pool.submit(_QUERIES[query], [parameter.encode() for parameter in parameters]))

    def provider(self, channel: Channel) -> Provider | None:
        """Who takes messages of the channel."""
        return self._providers.of(channel)

    async def claim(self, channel: Channel, count: int) -> list[Claimed]:
        """At most ``count`` messages that are due and nobody else's. One to nobody is forgotten at once (R8)."""
        claimed = []
        for row in await self.ask("claim", channel, str(count), str(self._timeout + _GRACE)):
            if row["to"] is None:
                await self.ask("forget", row["id"])
                continue
            body, at = base64.b64decode(row["body"]), datetime.fromisoformat(row["at"])
            claimed.append(Claimed(row["id"], row["template"], row["to"], body, row["attempts"], at))
        return claimed

    async def expire(self, channel: Channel) -> None:
        """What is worth nothing any more is given up, and no code of it is left in the table."""
        for row in await self.ask("expire", channel, _TOO_LATE):
            events.emit(MailFailed(row["id"], row["template"], masked(row["to"]), row["attempts"], _TOO_LATE))

    async def next_due(self, channel: Channel) -> float:
        """Seconds until there is something to do, or to look whether there is."""
        seconds = await self.ask("next_due", channel)
        return POLL if seconds is None else min(max(float(seconds), _SOONEST), POLL)

    async def send(self, message: Claimed, channel: Channel) -> bool:
        """The message was sent, given up or put off; whether its provider can be reached."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        provider = self._providers.of(channel)
        try:
            await self._hand_over(message, provider)
        except MailError as error:
            await self._not_sent(message, error)
            return not isinstance(error, ProviderUnavailable)
        await self.ask("sent", message.id)
        milliseconds = round((loop.time() - began) * 1000, 1)
        events.emit(MailSent(message.id, message.template, masked(message.to), message.attempts, milliseconds))
        return True

    async def _hand_over(self, message: Claimed, provider: Provider | None) -> None:
        if message.attempts > ATTEMPTS:  # each attempt before ended with its process
            raise NotDelivered("Whoever tried to send it did not live to say what came of it.")
        if provider is None:
            raise NotDelivered("Nobody takes such messages: mail.url or mail.sms_url is not set.")
        values, locale = read_body(message.body, self._seal)
        # In a thread: to read a template for the first time takes long enough to be noticed by a request.
        render = partial(self._templates.render, message.template, message.to, values, locale)
        written = await asyncio.to_thread(render)
        envelope = Envelope(message.id, message.at.astimezone(UTC), self._providers.sender, self._providers.reply_to)
        await provider.deliver(written, envelope)

    async def _not_sent(self, message: Claimed, error: MailError) -> None:
        to, reason = masked(message.to), error.message
        passes = isinstance(error, NotYetDelivered | ProviderUnavailable | BrokenTemplate)
        if not passes or message.attempts >= ATTEMPTS:
            await self.ask("failed", message.id, str(message.attempts), reason)
            events.emit(MailFailed(message.id, message.template, to, message.attempts, reason))
            return
        seconds = round(delay(message.attempts, random.random()), 1)  # noqa: S311 - spreads load, guards nothing
        await self.ask("delayed", message.id, str(message.attempts), reason, str(seconds))
        events.emit(MailDelayed(message.id, message.template, to, message.attempts, reason, error.hint, seconds))

    async def _prepare(self) -> None:
        async with self._pool.connection() as connection:
            await install(connection)
            for role in self._writers:
                await allow(connection, role)

    async def _woken(self) -> None:
        for lane in self._lanes:
            lane.wake()

    async def _tidy(self) -> None:
        while True:
            try:
                await self.ask("tidy", str(self._keep_days))
            except PostgresError as error:
                events.emit(MailRelayFailed(error.message))
            await asyncio.sleep(TIDY_SECONDS)
