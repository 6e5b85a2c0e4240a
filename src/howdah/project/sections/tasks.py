"""Tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from howdah.observe.secret import Secret
from howdah.project.sections.setting import Setting


@dataclass(frozen=True, slots=True)
class ScheduleSection:
    """A task that is due again and again. It has either `every` or `cron`."""

    name: str
    task: Annotated[str, Setting("text", "The name of the task.")] = ""
    args: Annotated[Mapping[str, Any], Setting("arguments", 'What it is given: `{ kind = "daily" }`.')] = field(
        default_factory=dict
    )
    every: Annotated[
        float | None,
        Setting("number", "Seconds from one time to the next, counted from 1970.", minimum=1.0, maximum=366 * 86400.0),
    ] = None
    cron: Annotated[
        str | None, Setting("text", "When, as for cron: minute, hour, day of the month, month, day of the week.")
    ] = None
    timezone: Annotated[str, Setting("text", "Whose clock `cron` means: `Europe/Berlin`.")] = "UTC"
    missed: Annotated[
        Literal["once", "skip", "all"],
        Setting(
            "text",
            "What becomes of times when nothing of howdah ran: the last of them is made up for, or none, or all.",
            choices=("once", "skip", "all"),
        ),
    ] = "once"
    key: Annotated[str | None, Setting("text", "The key of its tasks: one begins when the one before has ended.")] = (
        None
    )


@dataclass(frozen=True, slots=True)
class TasksSection:
    """How tasks come to the workers of the project: docs/tasks.md."""

    broker_url: Annotated[
        Secret | None,
        Setting(
            "secret",
            "The broker between outbox and workers: `redis://…`, `unix:///…/redis.sock`, `amqp://…`, or what else "
            "Celery takes. `REDIS_URL` counts, too. Without it, `howdah dev` runs a Redis where there is a worker.",
        ),
    ] = None
    in_flight: Annotated[
        int,
        Setting("integer", "Tasks the broker has at most that no worker has begun; the others wait.", minimum=1),
    ] = 200
    visibility_timeout: Annotated[
        float,
        Setting(
            "number",
            "Seconds after which a task is handed over again that no worker has begun: the broker may have lost it.",
            minimum=1.0,
            maximum=86400.0,
        ),
    ] = 60.0
    lease: Annotated[
        float,
        Setting(
            "number",
            "Seconds a worker may be silent about a task it has begun, before that is done again.",
            minimum=1.0,
            maximum=3600.0,
        ),
    ] = 30.0
    keep_days: Annotated[
        int, Setting("integer", "Days that ended tasks are known, and their idempotency keys.", minimum=1, maximum=3650)
    ] = 7
    schedules: tuple[ScheduleSection, ...] = ()
