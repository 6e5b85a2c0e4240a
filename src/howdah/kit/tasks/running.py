"""The task that is being done: which, for whom, for the how-manieth time. ``from howdah.kit.tasks import current``."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from howdah.kit.tasks import completing
from howdah.kit.tasks.errors import TaskError
from howdah.session import Session


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a task.

    ``fence`` counts all attempts there ever were: by it the outbox knows who speaks. ``attempt`` begins anew when
    somebody has wanted the task to be tried again.
    """

    id: str
    name: str
    attempt: int
    most_attempts: int
    fence: int
    key: str | None
    source: str
    request_id: str | None
    session: Session | None
    sent_at: datetime


run: ContextVar[Run | None] = ContextVar("howdah_task_run", default=None)
"""The attempt that this code is part of; None outside of one."""


class Current:
    """What is known of the task that is being done. Raises TaskError where none is."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        found = run.get()
        if name.startswith("__"):  # asked by tools that look at any object
            raise AttributeError(name)
        if found is None:
            raise TaskError("No task is being done here.", hint=f"current.{name} is for the code of a task.")
        return getattr(found, name)

    def __bool__(self) -> bool:
        return run.get() is not None

    def complete(self, tx: Any) -> Any:
        """The task is done if the transaction of ``tx`` commits: what was written with it counts exactly once.

        With an asynchronous connection this is to be awaited. Raises TaskLost when the task was given to somebody else
        meanwhile: the transaction must be rolled back then, which an error that leaves its block does.
        """
        return completing.complete(tx, self.id, self.fence)


current = Current()
