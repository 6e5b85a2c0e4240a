"""One attempt at a task, from the message of the broker to the note in the outbox. It runs in a process of the pool."""

from __future__ import annotations

import inspect
import json
import logging
import os
import random
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from celery.exceptions import SoftTimeLimitExceeded

from howdah.kit import context
from howdah.kit.tasks import loop, records, running, values
from howdah.kit.tasks.declare import Task
from howdah.kit.tasks.errors import GiveUp, OutboxUnavailable, TryAgain, WrongArguments
from howdah.observe.events import emit
from howdah.observe.secret import redact
from howdah.session import ANONYMOUS, Session

MOST_RESULT = 16_384
"""Characters of JSON that are kept of what a task returns."""

_PATIENCE_TO_START, _PATIENCE_TO_END = 10.0, 60.0

_logger = logging.getLogger("howdah.tasks")


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A worker has begun a task. ``waited`` are the seconds since it was sent."""

    id: str
    task: str
    request_id: str | None
    attempt: int
    waited: float


@dataclass(frozen=True, slots=True)
class TaskDone:
    """A task was done, and that is noted."""

    id: str
    task: str
    request_id: str | None
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """An attempt at a task failed; it is tried again."""

    level: ClassVar[str] = "warning"

    id: str
    task: str
    request_id: str | None
    attempt: int
    seconds: float
    error: str
    again_in: float


@dataclass(frozen=True, slots=True)
class TaskGivenUp:
    """A task failed and is not tried again by itself."""

    level: ClassVar[str] = "error"

    id: str
    task: str
    request_id: str | None
    attempt: int
    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class TaskNotNoted:
    """What came of an attempt could not be noted: the task was given to somebody else, or will be."""

    level: ClassVar[str] = "error"

    id: str
    task: str
    request_id: str | None
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Who does the tasks, and for how long one is theirs without another word."""

    worker: str
    lease: float


def execute(task: Task, task_id: str, settings: Settings) -> None:
    """The task was done, or it is noted why not; or it was not to be done (any more), and nothing happened."""
    begun = records.start(
        task_id,
        worker=settings.worker,
        lease=settings.lease,
        most_attempts=task.retries + 1,
        patience=_PATIENCE_TO_START,
    )
    if begun is None:
        _logger.debug("the task %s is somebody else's, or over", task_id)
        return
    run = _run_of(task, begun)
    with _as_current(run), _leased(run, settings):
        _attempt(task, run, begun["args"])


def delay(task: Task, attempt: int, chance: float) -> float:
    """Seconds to wait after so many attempts: twice as long each time, less some part by ``chance`` (0 to 1).

    >>> [delay(Task("t"), attempt, 1.0) for attempt in (1, 2, 3, 20)], delay(Task("t"), 3, 0.0)
    ([1.0, 2.0, 4.0, 600.0], 2.0)
    """
    return float(min(task.backoff * 2 ** min(attempt - 1, 60), task.longest_backoff) * (0.5 + chance / 2))


def _attempt(task: Task, run: running.Run, args: Mapping[str, Any]) -> None:
    began = time.perf_counter()
    waited = datetime.now(run.sent_at.tzinfo) - run.sent_at
    emit(TaskStarted(run.id, run.name, run.request_id, run.attempt, round(waited.total_seconds(), 3)))
    try:
        # A row event tells more than most tasks want to know: each gets what it takes.
        given = values.taken(task.signature, args) if run.source.startswith("event:") else args
        result = _result(_call(task, given))
        noted = _finish(run, result)
    except OutboxUnavailable as error:
        emit(TaskNotNoted(run.id, run.name, run.request_id, run.attempt, error.message))
    except SoftTimeLimitExceeded:
        _failed(task, run, began, f"It took longer than its time limit of {task.time_limit:g} s.", None)
    except Exception as error:  # noqa: BLE001 - whatever a task may raise
        _failed(task, run, began, _said(error), error)
    else:
        if noted:
            emit(TaskDone(run.id, run.name, run.request_id, run.attempt, _since(began)))
        else:
            emit(TaskNotNoted(run.id, run.name, run.request_id, run.attempt, "It was given to somebody else."))


def _call(task: Task, args: Mapping[str, Any]) -> Any:
    """What the function returns, awaited where it is to be. Raises WrongArguments, and what it raises."""
    assert task.function is not None
    assert task.signature is not None
    try:
        given = values.read_args(values.readers(task.function), args)
    except ValueError as error:
        raise WrongArguments(f"{task.name}: {error}.") from error
    given = values.bound(task.name, task.signature, given)
    result = task.function(**given)
    return loop.complete(result) if inspect.iscoroutine(result) else result


def _finish(run: running.Run, result: str | None) -> bool:
    try:
        return records.finish(run.id, run.fence, result=result, patience=_PATIENCE_TO_END)
    except SoftTimeLimitExceeded:  # between the work and the note of it: once more, it cannot come twice
        return records.finish(run.id, run.fence, result=result, patience=_PATIENCE_TO_END)


def _failed(task: Task, run: running.Run, began: float, said: str, error: Exception | None) -> None:
    """It is noted that the attempt failed, and told."""
    last = isinstance(error, GiveUp | WrongArguments) or run.attempt >= run.most_attempts
    chance = random.random()  # noqa: S311 - spreads load, guards nothing
    seconds = error.seconds if isinstance(error, TryAgain) else round(delay(task, run.attempt, chance), 2)
    story = said if error is None else f"{said}\n{redact(''.join(traceback.format_exception(error)))}"
    if error is not None and not isinstance(error, GiveUp | TryAgain):
        _logger.error("the task %s failed", run.name, exc_info=error)
    try:
        state = records.fail(
            run.id, run.fence, error=story, seconds=None if last else seconds, patience=_PATIENCE_TO_END
        )
    except OutboxUnavailable as problem:
        emit(TaskNotNoted(run.id, run.name, run.request_id, run.attempt, problem.message))
        return
    match state:
        case None:
            emit(TaskNotNoted(run.id, run.name, run.request_id, run.attempt, "It was given to somebody else."))
        case "dead":
            emit(TaskGivenUp(run.id, run.name, run.request_id, run.attempt, _since(began), said))
        case _:
            emit(TaskFailed(run.id, run.name, run.request_id, run.attempt, _since(began), said, seconds))


def _run_of(task: Task, begun: Mapping[str, Any]) -> running.Run:
    session = begun["session"]
    return running.Run(
        id=begun["id"],
        name=task.name,
        attempt=begun["attempt"],
        most_attempts=task.retries + 1,
        fence=begun["fence"],
        key=begun["key"],
        source=begun["source"],
        request_id=begun["request_id"],
        session=None if session is None else Session(session["role"], session["variables"]),
        sent_at=datetime.fromisoformat(begun["created_at"]),
    )


@contextmanager
def _as_current(run: running.Run) -> Iterator[None]:
    """The code of the task finds ``current``, here and in the kit, and what it logs has the request's id."""
    runs = running.run.set(run)
    caller = context.Exchange(run.session or ANONYMOUS, run.request_id or run.id, time.perf_counter())
    tokens = context.enter(caller)
    try:
        yield
    finally:
        context.leave(tokens)
        running.run.reset(runs)


def _said(error: Exception) -> str:
    said = str(error).strip()
    return redact(f"{type(error).__name__}: {said}" if said else type(error).__name__)


def _result(returned: Any) -> str | None:
    """What a task returned, as far as it is worth keeping."""
    if returned is None:
        return None
    try:
        text = json.dumps(returned, allow_nan=False)
    except (TypeError, ValueError):
        return None
    return text if len(text) <= MOST_RESULT and "\\u0000" not in text else None


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)


# -- the lease ---------------------------------------------------------------------------------------------------------


class _Lease:
    """Says, for whatever task this process does, that it still does: from a thread, as a task may block."""

    def __init__(self, lease: float) -> None:
        self.pid = os.getpid()
        self._lease = lease
        self._lock = threading.Lock()
        self._run: running.Run | None = None
        self._until = 0.0
        threading.Thread(target=self._work, name="howdah-lease", daemon=True).start()

    def hold(self, run: running.Run | None) -> None:
        with self._lock:
            self._run = run
            self._until = time.monotonic() + self._lease / 3

    def _work(self) -> None:
        while True:
            time.sleep(self._lease / 10)
            with self._lock:
                run, is_due = self._run, time.monotonic() >= self._until
            if run is None or not is_due:
                continue
            try:
                is_ours = records.extend(run.id, run.fence, lease=self._lease)
            except OutboxUnavailable:
                continue
            with self._lock:
                if self._run is run:
                    self._until = time.monotonic() + self._lease / 3
                    if not is_ours:
                        self._run = None  # said once, when it ends


_lease: _Lease | None = None


@contextmanager
def _leased(run: running.Run, settings: Settings) -> Iterator[None]:
    global _lease  # of this process
    if _lease is None or _lease.pid != os.getpid():
        _lease = _Lease(settings.lease)
    _lease.hold(run)
    try:
        yield
    finally:
        _lease.hold(None)
