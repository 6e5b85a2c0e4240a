"""The beat: sends the tasks of schedules when they are due. Every platform process has one, and each time counts once.

A time is a row that can be written once, in the transaction that sends the task. So it needs no leader to be found and
none can be lost; whichever process is first does it, and the others learn that it was done.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from howdah.observe import events
from howdah.postgres.errors import PostgresError
from howdah.tasks import schedules
from howdah.tasks.events import ScheduleDue, TaskRelayFailed

if TYPE_CHECKING:
    from howdah.project.sections import ScheduleSection

Ask = Callable[..., Awaitable[object]]
"""Asks a query of `outbox.sql`."""

_LONGEST_SLEEP = 5.0
_AFTER_AN_ERROR = 1.0


class Beat:
    """Sends what ``all_of_them`` say, asking the database by ``ask``, until it is stopped."""

    def __init__(self, all_of_them: Sequence[ScheduleSection], ask: Ask) -> None:
        self._schedules = tuple(all_of_them)
        self._ask = ask
        self._last: dict[str, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in a task of its own."""
        if self._schedules:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Nothing is sent any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                for schedule in self._schedules:
                    await self._look(schedule)
                seconds = self._until_next()
            except PostgresError as error:
                events.emit(TaskRelayFailed(error.message))
                seconds = _AFTER_AN_ERROR
            await asyncio.sleep(seconds)

    async def _look(self, schedule: ScheduleSection) -> None:
        """The tasks of this schedule that are due were sent, by us or by somebody else."""
        if schedule.name not in self._last:
            since = await self._ask("schedule", schedule.name, schedule.task)
            self._last[schedule.name] = datetime.fromisoformat(str(since))
        now = datetime.now(UTC)
        for time in schedules.due(schedule, self._last[schedule.name], now):
            sent = await self._ask(
                "tick", schedule.name, time.isoformat(), schedule.task, json.dumps(schedule.args), schedule.key
            )
            if sent is not None:
                events.emit(ScheduleDue(schedule.name, schedule.task, time.isoformat(), str(sent)))
            self._last[schedule.name] = time
        self._last[schedule.name] = max(self._last[schedule.name], now)

    def _until_next(self) -> float:
        now = datetime.now(UTC)
        waits = [(schedules.following(one, self._last[one.name]) - now).total_seconds() for one in self._schedules]
        return min(max(min(waits), 0.01), _LONGEST_SLEEP)
