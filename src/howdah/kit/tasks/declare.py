"""``@task``: a function, and how it is done later. Calling it still calls the function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

from howdah.kit.tasks import sending, values
from howdah.kit.tasks.errors import TaskMisdeclared

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_OURS = frozenset({"tx", "delay", "at", "key", "idempotency_key"})

RETRIES = 5
FIRST_DELAY, LONGEST_DELAY = 1.0, 600.0
TIME_LIMIT = 300.0


@dataclass(frozen=True, slots=True)
class Task:
    """A task by its name. Without a function it is somebody else's: it can be sent, and not be called."""

    name: str
    function: Callable[..., Any] | None = None
    queue: str | None = None
    retries: int = RETRIES
    backoff: float = FIRST_DELAY
    longest_backoff: float = LONGEST_DELAY
    time_limit: float = TIME_LIMIT
    key: str | None = None
    idempotency_key: str | None = None
    signature: inspect.Signature | None = field(default=None, repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns: called here and now, as any function."""
        if self.function is None:
            raise TaskMisdeclared(f"{self.name} is declared elsewhere: it can be sent, and not be called.")
        return self.function(*args, **kwargs)

    def send(
        self,
        tx: Any,
        *,
        delay: float | None = None,
        at: datetime | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
        **args: Any,
    ) -> Any:
        """The task's id; it is done once the transaction of ``tx`` has committed, and never if that is rolled back.

        ``tx`` is a psycopg connection or cursor, a transaction of ``howdah.kit.db``, a SQLAlchemy session or
        connection. With an asynchronous one the id is to be awaited. ``delay`` are seconds, ``at`` is a time with its
        zone; tasks with one ``key`` are done one after the other; of those with one ``idempotency_key`` there is one,
        whose id all get. The rest is what the function is given.

        Raises WrongArguments and NotATransaction before anything is written, and what the database raises.
        """
        return sending.send(tx, self._ask(args, delay, at, key, idempotency_key))

    def send_now(
        self,
        *,
        delay: float | None = None,
        at: datetime | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
        **args: Any,
    ) -> str:
        """The task's id; it is done whatever becomes of any transaction. The database is that of ``DATABASE_URL``.

        Raises WrongArguments and OutboxUnavailable.
        """
        return sending.send_now(self._ask(args, delay, at, key, idempotency_key))

    async def send_now_async(
        self,
        *,
        delay: float | None = None,
        at: datetime | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
        **args: Any,
    ) -> str:
        """The same for asynchronous code, which is not held up. Raises WrongArguments and OutboxUnavailable."""
        return await sending.send_now_async(self._ask(args, delay, at, key, idempotency_key))

    def _ask(
        self,
        args: Mapping[str, Any],
        delay: float | None,
        at: datetime | None,
        key: str | None,
        idempotency_key: str | None,
    ) -> sending.Asked:
        given = values.bound(self.name, self.signature, args) if self.signature is not None else dict(args)
        return sending.ask(
            self.name,
            given,
            delay=delay,
            at=at,
            key=key if key is not None else _filled(self.key, given),
            idempotency_key=idempotency_key if idempotency_key is not None else _filled(self.idempotency_key, given),
            queue=self.queue,
        )


def _filled(template: str | None, args: Mapping[str, Any]) -> str | None:
    return None if template is None else template.format_map(args)


_declared: dict[str, Task] = {}


@overload
def task(function: Callable[..., Any], /) -> Task: ...


@overload
def task(
    *,
    name: str | None = None,
    queue: str | None = None,
    retries: int = RETRIES,
    backoff: float = FIRST_DELAY,
    longest_backoff: float = LONGEST_DELAY,
    time_limit: float = TIME_LIMIT,
    key: str | None = None,
    idempotency_key: str | None = None,
) -> Callable[[Callable[..., Any]], Task]: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    queue: str | None = None,
    retries: int = RETRIES,
    backoff: float = FIRST_DELAY,
    longest_backoff: float = LONGEST_DELAY,
    time_limit: float = TIME_LIMIT,
    key: str | None = None,
    idempotency_key: str | None = None,
) -> Task | Callable[[Callable[..., Any]], Task]:
    """The function as a task of this ``name`` (its own, if none is given); ``async def`` is awaited.

    When it raises, it is tried again up to ``retries`` times: after ``backoff`` seconds, then twice as long each time,
    at most ``longest_backoff``, less some part by chance. It has ``time_limit`` seconds. ``key`` and
    ``idempotency_key`` are filled in with its arguments: ``key="order-{order_id}"``.

    It is done at least once: a worker may die between the work and the note of it. So what it does must be the same
    when done twice, or be in one transaction with that note (``current.complete``).

    Raises TaskMisdeclared.
    """

    def declare(function: Callable[..., Any]) -> Task:
        return _declare(
            Task(
                name or function.__name__,
                function,
                queue,
                retries,
                backoff,
                longest_backoff,
                time_limit,
                key,
                idempotency_key,
                inspect.signature(function),
            )
        )

    return declare if function is None else declare(function)


def named(name: str, *, queue: str | None = None) -> Task:
    """The task of this name, wherever it is declared: to be sent by a service that has not its code.

    Raises TaskMisdeclared for what can be no name.
    """
    if not _NAME.fullmatch(name):
        raise TaskMisdeclared(f'"{name}" cannot be the name of a task.')
    return _declared.get(name) or Task(name, queue=queue)


def declared() -> tuple[Task, ...]:
    """Every task that was declared in this process, by name."""
    return tuple(_declared[name] for name in sorted(_declared))


def _declare(task: Task) -> Task:
    assert task.function is not None
    assert task.signature is not None
    where = f"{task.function.__module__}.{task.function.__qualname__}"
    if not _NAME.fullmatch(task.name):
        raise TaskMisdeclared(f'{where}: "{task.name}" cannot be the name of a task.')
    if task.queue is not None and not _QUEUE.fullmatch(task.queue):
        raise TaskMisdeclared(f'{where}: "{task.queue}" cannot be the name of a queue.')
    if task.retries < 0 or task.backoff < 0 or task.time_limit <= 0:
        raise TaskMisdeclared(f"{where}: retries and backoff are 0 or more, time_limit is more.")
    for parameter in task.signature.parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise TaskMisdeclared(f"{where}: arguments of a task have names, and {parameter.name} has none.")
        if parameter.name in _OURS:
            raise TaskMisdeclared(
                f"{where}: the parameter {parameter.name} cannot be given.", hint=f"{parameter.name} is one of `send`."
            )
    known = _declared.get(task.name)
    if known is not None and known.function is not None and _home(known.function) != _home(task.function):
        raise TaskMisdeclared(f'{where}: there is a task "{task.name}" already.', hint="Give this one a name=.")
    _declared[task.name] = task
    return task


def _home(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__
