"""The part as a whole: the relay, where there is a broker. `server.py` makes one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from howdah.observe import events
from howdah.observe.secret import Secret
from howdah.postgres.connect import ConnectOptions, connect
from howdah.project.sections import DatabaseSection, TasksSection
from howdah.tasks.broker import Broker
from howdah.tasks.events import TasksNotConfigured
from howdah.tasks.relay import Relay


@dataclass(frozen=True, slots=True)
class TasksPart:
    """Tasks are handed over between `start` and `stop`."""

    relay: Relay | None
    is_wanted: bool

    async def start(self) -> None:
        """What is due is handed over. Raises CannotConnect and DatabaseError."""
        if self.relay is not None:
            await self.relay.start()
        elif self.is_wanted:
            hint = "Set tasks.broker_url, or REDIS_URL: docs/tasks.md has examples."
            events.emit(TasksNotConfigured("No broker is configured.", hint))

    async def stop(self) -> None:
        """Nothing more is handed over; the rest is in the outbox."""
        if self.relay is not None:
            await self.relay.stop()


def build_tasks(section: TasksSection, dsn: Secret, *, database: DatabaseSection, is_wanted: bool) -> TasksPart:
    """The part as the settings describe it; ``is_wanted`` says whether the project has workers. Nothing is started."""
    if section.broker_url is None:
        return TasksPart(None, is_wanted)
    options = ConnectOptions(
        application_name="howdah tasks",
        connect_timeout=database.connect_timeout,
        statement_timeout=database.statement_timeout,
        lock_timeout=database.lock_timeout,
    )
    relay = Relay(
        partial(connect, dsn.reveal(), options),
        Broker(section.broker_url),
        in_flight=section.in_flight,
        visibility_timeout=section.visibility_timeout,
        keep_days=section.keep_days,
    )
    return TasksPart(relay, is_wanted)
