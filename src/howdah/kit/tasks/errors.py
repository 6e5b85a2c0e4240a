"""What can go wrong when a service declares a task, or asks for one.

::

    TaskError
    ├── TaskMisdeclared     task-misdeclared      what @task was given cannot be
    ├── WrongArguments      task-wrong-arguments  not what the task takes, or not what JSON can say
    ├── NotATransaction     task-no-transaction   nothing that a row can be written with, or nothing to roll back
    ├── OutboxUnavailable   task-outbox           the outbox is not there, or the database is not
    ├── TaskLost            task-lost             the attempt is somebody else's now; its work must not be committed
    ├── TryAgain            task-try-again        raised by a task: not now, but after so many seconds
    └── GiveUp              task-give-up          raised by a task: it never will be successful
"""

from __future__ import annotations

from typing import ClassVar

from howdah.errors import HowdahError


class TaskError(HowdahError):
    """Something is wrong with a task."""

    code: ClassVar[str] = "task-error"


class TaskMisdeclared(TaskError):
    """A task cannot be declared so."""

    code = "task-misdeclared"


class WrongArguments(TaskError):
    """A task was given what it does not take."""

    code = "task-wrong-arguments"


class NotATransaction(TaskError):
    """A task is sent with a transaction, and this is none."""

    code = "task-no-transaction"


class OutboxUnavailable(TaskError):
    """The outbox cannot be written."""

    code = "task-outbox"
    status = 503


class TaskLost(TaskError):
    """The attempt was silent for too long, and the task was given to somebody else."""

    code = "task-lost"


class TryAgain(TaskError):
    """The task cannot be done now.

    A task raises it to say when to try again: ``raise TryAgain("The bank is closed.", seconds=3600)``. It counts as an
    attempt.
    """

    code = "task-try-again"

    def __init__(self, message: str | None = None, *, seconds: float) -> None:
        super().__init__(message or "The task cannot be done now.")
        self.seconds = seconds


class GiveUp(TaskError):
    """The task cannot be done, now or later: a task raises it, and is not tried again."""

    code = "task-give-up"
