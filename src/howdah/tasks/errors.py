"""What can go wrong on a task's way to a worker.

::

    TasksError
    ├── BrokerUnavailable   E281  the broker takes nothing now; tasks wait in the outbox
    ├── BrokerUnusable      E282  tasks.broker_url cannot be used at all
    ├── UnknownTask         E280  no worker has told of a task of this name
    ├── TaskNotFound        E283  no task has this id
    ├── ScheduleUnusable    E284  a schedule of howdah.toml does not say when, or which task
    ├── UnknownSchedule     E285  there is no schedule of this name
    └── WrongState          E286  what was asked cannot be done with a task in this state
"""

from __future__ import annotations

from typing import ClassVar

from howdah.errors import HowdahError


class TasksError(HowdahError):
    """A task could not be handed over."""

    code: ClassVar[str] = "tasks-error"


class BrokerUnavailable(TasksError):
    """The broker cannot be reached."""

    code = "E281"


class BrokerUnusable(TasksError):
    """The setting tasks.broker_url cannot be used."""

    code = "E282"
    exit_code = 2


class UnknownTask(TasksError):
    """No worker has told of a task of this name."""

    code = "E280"
    exit_code = 4


class TaskNotFound(TasksError):
    """There is no task with this id."""

    code = "E283"
    exit_code = 4


class ScheduleUnusable(TasksError):
    """A schedule cannot be used."""

    code = "E284"
    exit_code = 2


class UnknownSchedule(TasksError):
    """There is no schedule of this name."""

    code = "E285"
    exit_code = 4


class WrongState(TasksError):
    """A task in this state cannot be treated so."""

    code = "E286"
