"""From the outbox to the broker: every platform process takes what is due and hands it over.

A task that is handed over is still in the outbox, with a lease. Whatever is lost on the way (the broker's memory, this
process between two lines, a worker) ends with the lease over, and the task is handed over again: at least once. That
it is done by one worker at a time is said by the database alone, whatever the broker delivers and how often.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import suppress

from howdah.observe import events
from howdah.postgres.errors import PostgresError
from howdah.postgres.listen import Listener
from howdah.tasks.broker import Broker, Handed
from howdah.tasks.errors import TasksError
from howdah.tasks.events import BrokerBack, BrokerLost, TaskHandedOver, TaskRecovered, TaskRelayFailed, TasksCounted
from howdah.tasks.outbox import Outbox

CHANNEL = "howdah_tasks"
"""Where a new task is announced."""

POLL = 5.0
TIDY_SECONDS = 3600.0
COUNT_SECONDS = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two questions whether the broker is back."""

_BUSY = 0.05  # another process takes what is due at this moment
_FULL = 0.1  # the workers have enough
_SOONEST = 0.02
_AFTER_AN_ERROR = 1.0


class Relay:
    """Hands over what is due in the outbox, for as long as it runs.

    At most ``in_flight`` tasks are with the broker that no worker has begun; one that none begins within
    ``visibility_timeout`` seconds is handed over again. Ended tasks are forgotten after ``keep_days``.
    """

    def __init__(
        self,
        outbox: Outbox,
        broker: Broker,
        *,
        in_flight: int,
        visibility_timeout: float,
        keep_days: int,
        poll: float = POLL,
    ) -> None:
        self._outbox = outbox
        self._broker = broker
        self._in_flight = in_flight
        self._visibility_timeout = visibility_timeout
        self._keep_days = keep_days
        self._poll = poll
        self._listener = Listener(outbox.connect, channel=CHANNEL, woken=self._woken, poll=POLL)
        self._changed = asyncio.Event()
        self._pause = 0.0
        self._lost_since: float | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """What is due in the outbox, which is there, is handed over."""
        self._tasks = [
            asyncio.create_task(work) for work in (self._run(), self._recover(), self._tidy(), self._count())
        ]
        self._listener.start()

    async def stop(self) -> None:
        """Nothing more is handed over."""
        await self._listener.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._broker.close()

    async def _run(self) -> None:
        """Take what is due and wait for more. What goes wrong is told, and does not end it."""
        while True:
            try:
                seconds = await self._hand_over()
            except PostgresError as error:
                events.emit(TaskRelayFailed(error.message))
                seconds = _AFTER_AN_ERROR
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            self._changed.clear()

    async def _hand_over(self) -> float:
        """What is due is with the broker; in how many seconds to look again."""
        if self._pause:
            await asyncio.sleep(self._pause)  # news of tasks does not bring the broker back
        # While the broker is out of reach, one task is enough to find out whether it is back.
        most = 1 if self._pause else self._in_flight
        answer = await self._outbox.ask("take", str(most), str(self._visibility_timeout))
        tasks = [Handed(**task) for task in answer["tasks"]]
        if tasks and not await self._publish(tasks):
            return _SOONEST
        match answer["state"]:
            case "more":
                return 0.0
            case "busy":
                return _BUSY
            case "full":
                return _FULL
            case _:
                due = await self._outbox.ask("next_due")
                return self._poll if due is None else min(max(float(due), _SOONEST), self._poll)

    async def _publish(self, tasks: Sequence[Handed]) -> bool:
        """Whether the broker has the tasks; otherwise they wait again."""
        ids = json.dumps([task.id for task in tasks])
        try:
            await self._broker.publish(tasks)
        except TasksError as error:
            self._broker_is_lost(error)
            await self._outbox.ask("give_back", ids)
            return False
        self._broker_is_back()
        await self._outbox.ask("confirm", ids, str(self._visibility_timeout))
        for task in tasks:
            events.emit(TaskHandedOver(task.id, task.name, task.request_id))
        return True

    def _broker_is_lost(self, error: TasksError) -> None:
        if self._lost_since is None:
            self._lost_since = asyncio.get_running_loop().time()
            events.emit(BrokerLost(error.message if error.hint is None else f"{error.message} {error.hint}"))
        self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)

    def _broker_is_back(self) -> None:
        self._pause = 0.0
        if self._lost_since is not None:
            seconds = asyncio.get_running_loop().time() - self._lost_since
            self._lost_since = None
            events.emit(BrokerBack(round(seconds, 1)))

    async def _recover(self) -> None:
        """What nobody has any more is found, now and then; several processes need not look at the same moment."""
        while True:
            try:
                for task in await self._outbox.ask("recover"):
                    events.emit(
                        TaskRecovered(
                            task["id"], task["name"], task["request_id"], task["attempts"], task["was"], task["state"]
                        )
                    )
                    self._changed.set()
            except PostgresError as error:
                events.emit(TaskRelayFailed(error.message))
            await asyncio.sleep(self._poll * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing

    async def _tidy(self) -> None:
        while True:
            try:
                await self._outbox.ask("tidy", str(self._keep_days))
            except PostgresError as error:
                events.emit(TaskRelayFailed(error.message))
            await asyncio.sleep(TIDY_SECONDS)

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            try:
                counts = await self._outbox.ask("counts")
            except PostgresError as error:
                events.emit(TaskRelayFailed(error.message))
                continue
            states = counts["states"]
            waiting = sum(states.get(state, 0) for state in ("waiting", "blocked", "sending", "sent"))
            running, dead = states.get("running", 0), states.get("dead", 0)
            if waiting or running or dead:
                lag = round(counts["lag"] or 0.0, 3)
                events.emit(TasksCounted(waiting, running, dead, counts["workers"], lag))

    async def _woken(self) -> None:
        self._changed.set()
