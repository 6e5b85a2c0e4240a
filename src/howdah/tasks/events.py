"""What the part tells: how tasks fare on their way. None of these shows what a task was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class TaskHandedOver:
    """The broker has a task."""

    level: ClassVar[str] = "debug"

    id: str
    task: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class TaskRecovered:
    """Nobody had a task any more: it is done again, or was given up."""

    level: ClassVar[str] = "warning"

    id: str
    task: str
    request_id: str | None
    attempts: int
    was: str
    state: str


@dataclass(frozen=True, slots=True)
class TasksCounted:
    """How the outbox stands: told once a minute while there is something in it to do, or that was given up.

    ``lag`` are the seconds for which the oldest is due that was not handed over.
    """

    waiting: int
    running: int
    dead: int
    workers: int
    lag: float


@dataclass(frozen=True, slots=True)
class BrokerLost:
    """The broker takes no tasks; they wait in the outbox."""

    level: ClassVar[str] = "error"

    reason: str


@dataclass(frozen=True, slots=True)
class BrokerBack:
    """The broker takes tasks again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TasksNotConfigured:
    """Nothing takes tasks here: they wait in the outbox."""

    level: ClassVar[str] = "warning"

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class TaskRelayFailed:
    """The outbox could not be read; it is tried again."""

    level: ClassVar[str] = "warning"

    reason: str


@dataclass(frozen=True, slots=True)
class ScheduleDue:
    """The task of a schedule was sent, for the time at which it was due."""

    schedule: str
    task: str
    due: str
    id: str
