"""The part as a whole: the outbox, the relay where there is a broker, and the beat. `server.py` makes one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from howdah.observe import events
from howdah.observe.secret import Secret
from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import DatabaseError
from howdah.project.sections import DatabaseSection, TasksSection
from howdah.tasks import schedules
from howdah.tasks.beat import Beat
from howdah.tasks.broker import Broker
from howdah.tasks.events import TasksNotConfigured
from howdah.tasks.outbox import Outbox
from howdah.tasks.relay import Relay

_NOT_ALLOWED = "42501"


@dataclass(frozen=True, slots=True)
class TasksPart:
    """Tasks are handed over, and those of schedules sent, between `start` and `stop`."""

    outbox: Outbox
    relay: Relay | None
    beat: Beat
    is_wanted: bool
    """Whether the project has workers."""

    async def start(self, sender: str | None = None) -> None:
        """The outbox is there, where it may be; the role ``sender`` may put tasks in; what is due is handed over.

        Raises CannotConnect and DatabaseError.
        """
        try:
            await self.outbox.prepare()
            if sender is not None:
                await self.outbox.ask("allow", sender)
        except DatabaseError as error:
            if error.sqlstate != _NOT_ALLOWED:
                raise
            hint = "Connect as the owner of the database, or GRANT CREATE ON DATABASE to the user."
            events.emit(TasksNotConfigured(f"There is no outbox: {error.message}", hint))
            return
        self.beat.start()
        if self.relay is not None:
            self.relay.start()
        elif self.is_wanted:
            hint = "Set tasks.broker_url, or REDIS_URL: docs/tasks.md has examples."
            events.emit(TasksNotConfigured("No broker is configured.", hint))

    async def stop(self) -> None:
        """Nothing more is sent or handed over; the rest is in the outbox."""
        await self.beat.stop()
        if self.relay is not None:
            await self.relay.stop()
        await self.outbox.close()


def build_tasks(section: TasksSection, dsn: Secret, *, database: DatabaseSection, is_wanted: bool) -> TasksPart:
    """The part as the settings describe it. Nothing is started and nothing connected. Raises ScheduleUnusable."""
    for schedule in section.schedules:
        schedules.check(schedule)
    options = ConnectOptions(
        application_name="howdah tasks",
        connect_timeout=database.connect_timeout,
        statement_timeout=database.statement_timeout,
        lock_timeout=database.lock_timeout,
    )
    outbox = Outbox(partial(connect, dsn.reveal(), options))
    relay = None
    if section.broker_url is not None:
        relay = Relay(
            outbox,
            Broker(section.broker_url),
            in_flight=section.in_flight,
            visibility_timeout=section.visibility_timeout,
            keep_days=section.keep_days,
        )
    return TasksPart(outbox, relay, Beat(section.schedules, outbox.ask), is_wanted)
