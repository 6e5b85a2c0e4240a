"""``python -m howdah.kit.tasks.worker``: does the tasks of a service, on Celery.

The service's tasks are what the module ``tasks`` (in its folder or in ``src/``) declares, with all that it imports. A
message says which task is to be done; everything else is asked of the outbox. So the broker may lose or repeat what it
likes, and Celery's own retries, results and schedules are not in use.

SIGTERM lets the tasks end that have begun and takes no more.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from billiard.exceptions import WorkerLostError
from billiard.util import get_logger as billiard_logger
from celery import Celery, signals
from celery.worker.request import Request

from howdah.errors import HowdahError
from howdah.kit import context
from howdah.kit.errors import NotConfigured
from howdah.kit.identity import SERVICE_VARIABLE
from howdah.kit.tasks import declare, records
from howdah.kit.tasks.broker import QUEUE_PREFIX, broker_url, is_redis
from howdah.kit.tasks.declare import Task
from howdah.kit.tasks.errors import OutboxUnavailable
from howdah.kit.tasks.execution import Settings, delay, execute
from howdah.kit.tasks.health import Health
from howdah.observe import logs
from howdah.observe.events import emit

BROKER_VARIABLE: Final = "HOWDAH_TASKS_BROKER_URL"
REDIS_VARIABLE: Final = "REDIS_URL"
LEASE_VARIABLE: Final = "HOWDAH_TASKS_LEASE"
LEASE: Final = 30.0

_ANNOUNCE_SECONDS = 10.0
_ACKNOWLEDGED_AFTER = 0.5

_HUNGRY = 3
"""So many times in a row a worker may have nothing to do while tasks are handed over in vain, before it ends itself."""

_GRACE = 10.0
"""Seconds between a time limit, which the code of a task can notice, and the end of its process."""

_logger = logging.getLogger("howdah.tasks")


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker is connected to its broker and takes tasks."""

    worker: str
    tasks: list[str]
    concurrency: int


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """A worker cannot start."""

    level: ClassVar[str] = "error"

    code: str
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class WorkerStarving:
    """A worker gets nothing from its broker, which has tasks for it: it ends, to begin anew."""

    level: ClassVar[str] = "error"

    worker: str


def make_app(broker: str, tasks: Sequence[Task], settings: Settings, queues: Sequence[str]) -> Celery:
    """The Celery app that does these tasks."""
    app = Celery("howdah", broker=broker, set_as_current=True)
    app.conf.update(
        accept_content=["json"],
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(broker),
        enable_utc=True,
        task_acks_late=True,
        task_default_queue=QUEUE_PREFIX + queues[0],
        task_ignore_result=True,
        task_serializer="json",
        task_store_errors_even_if_ignored=False,
        worker_enable_prefetch_count_reduction=False,  # or a worker that lost Redis while busy takes nothing more
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    for task in tasks:
        _register(app, task, settings)
    return app


def _register(app: Celery, task: Task, settings: Settings) -> None:
    def run(self: Any) -> None:
        execute(task, self.request.id, settings)

    class Noted(Request):  # type: ignore[misc]  # Celery has no types
        """A task that ended with its process: noted here, as nobody else can."""

        def acknowledge(self) -> None:
            super().acknowledge()
            _look_after(self.message)

        def on_timeout(self, soft: bool, timeout: float) -> None:
            super().on_timeout(soft, timeout)
            if not soft:
                _note(task, self.id, settings, f"It took longer than its time limit of {task.time_limit:g} s.")

        def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
            error = exc_info.exception
            if isinstance(getattr(error, "exc", error), WorkerLostError):
                _note(task, self.id, settings, "Its process was killed.")
            return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    app.task(
        run,
        name=task.name,
        bind=True,
        Request=Noted,
        acks_late=True,
        acks_on_failure_or_timeout=True,
        ignore_result=True,
        soft_time_limit=task.time_limit,
        time_limit=task.time_limit + _GRACE,
    )


@dataclass(slots=True)
class _Loop:
    """The loop of this worker, once there is one. kombu forgets which it is when a connection was lost."""

    hub: Any = None


_loop = _Loop()


def _look_after(message: Any) -> None:
    """A little later, a message that could not be acknowledged makes the worker connect to the broker anew.

    Where an acknowledgement is what finds the connection broken, Celery says so and listens on it for ever.
    """
    if _loop.hub is not None:
        _loop.hub.call_later(_ACKNOWLEDGED_AFTER, _must_be_acknowledged, message)


def _must_be_acknowledged(message: Any) -> None:
    if not message.acknowledged and not message.channel.closed:
        raise ConnectionResetError("A message could not be acknowledged.")


def _note(task: Task, task_id: str, settings: Settings, error: str) -> None:
    """It is noted that the attempt ended without a word; if it cannot be, the end of its lease will tell."""
    with suppress(OutboxUnavailable):
        begun = records.begun_by(task_id, settings.worker)
        if begun is not None:
            _fail(task, task_id, begun, error)


def _unknown(settings: Settings, task_id: str, name: str) -> None:
    """A task came that nobody here knows, as a newer version may: it is tried again, and given up in the end."""
    _logger.error("no task is called %s here", name)
    with suppress(OutboxUnavailable):
        task = Task(name)
        begun = records.start(
            task_id, worker=settings.worker, lease=settings.lease, most_attempts=task.retries + 1, patience=0
        )
        if begun is not None:
            _fail(task, task_id, begun, f'No worker has a task called "{name}".')


def _fail(task: Task, task_id: str, begun: Mapping[str, Any], error: str) -> None:
    seconds = None if begun["attempt"] > task.retries else delay(task, begun["attempt"], 1.0)
    records.fail(task_id, begun["fence"], error=error, seconds=seconds, patience=0)


def _transport_options(broker: str) -> dict[str, Any]:
    if is_redis(broker):
        # What was taken and not acknowledged comes back after so long; the outbox is much quicker.
        return {"visibility_timeout": 6 * 3600, "socket_keepalive": True, "health_check_interval": 15}
    return {}


def load_tasks(module: str, folder: Path) -> tuple[Task, ...]:
    """The tasks that the module of the service in ``folder`` declares. Raises NotConfigured."""
    for path in (folder / "src", folder):
        if path.is_dir() and str(path) not in sys.path:
            sys.path.insert(0, str(path))
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise NotConfigured(
            f"There is no module {module} in {folder} or {folder / 'src'}.", hint="The tasks go into src/tasks.py."
        ) from error
    return tuple(task for task in declare.declared() if task.function is not None)


class _Announcing(threading.Thread):
    """Tells the database, now and then, that the worker is there and what it can do."""

    def __init__(self, settings: Settings, concurrency: int, queues: Sequence[str], tasks: Sequence[Task]) -> None:
        super().__init__(name="howdah-announce", daemon=True)
        self.health = Health()
        self._settings = settings
        self._concurrency = concurrency
        self._queues = queues
        self._tasks = [
            {
                "name": task.name,
                "queue": task.queue or "default",
                "retries": task.retries,
                "parameters": [] if task.signature is None else list(task.signature.parameters),
                "about": (task.function.__doc__ or "").strip().partition("\n")[0] or None,
            }
            for task in tasks
        ]
        self._hungry = 0
        self._ending = threading.Event()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                is_starving = records.announce(
                    self._settings.worker, concurrency=self._concurrency, queues=self._queues, tasks=self._tasks
                )
            except OutboxUnavailable as error:
                self.health.failed("database", error.message)
            else:
                self.health.worked("database")
                self._hungry = self._hungry + 1 if is_starving else 0
            if self._hungry >= _HUNGRY:
                emit(WorkerStarving(self._settings.worker))
                self._hungry = 0
                os.kill(os.getpid(), signal.SIGTERM)  # whoever runs it starts it again
            self._ending.wait(_ANNOUNCE_SECONDS if self.health.is_well("database") else 1.0)
        with suppress(OutboxUnavailable):
            records.leave(self._settings.worker)

    def end(self) -> None:
        self._ending.set()
        self.join(5.0)


def run(module: str, *, concurrency: int, queues: Sequence[str]) -> int:
    """Does tasks until SIGTERM or SIGINT; the exit code. Raises NotConfigured."""
    broker = os.environ.get(BROKER_VARIABLE) or os.environ.get(REDIS_VARIABLE)
    if not broker:
        raise NotConfigured(f"{BROKER_VARIABLE} is not set.", hint="`howdah dev` gives it to workers.")
    service = os.environ.get(SERVICE_VARIABLE, "worker")
    settings = Settings(
        f"{service}@{socket.gethostname()}:{os.getpid()}", float(os.environ.get(LEASE_VARIABLE) or LEASE)
    )
    tasks = load_tasks(module, Path.cwd())
    app = make_app(broker_url(broker), tasks, settings, queues)
    announcing = _Announcing(settings, concurrency, queues, tasks)

    def ready(sender: Any, **_: Any) -> None:
        _loop.hub = sender.hub
        announcing.health.worked("broker")
        emit(WorkerReady(settings.worker, [task.name for task in tasks], concurrency))

    def unknown(id: str, name: str, **_: Any) -> None:  # noqa: A002 - Celery's signature
        _unknown(settings, id, name)

    signals.worker_ready.connect(ready, weak=False)
    signals.task_unknown.connect(unknown, weak=False)
    signals.worker_process_init.connect(_in_child, weak=False)
    port = os.environ.get("PORT")
    if port:
        announcing.health.serve(int(port))
    announcing.start()
    try:
        worker = app.Worker(
            hostname=settings.worker,
            pool="prefork",
            concurrency=concurrency,
            queues=",".join(QUEUE_PREFIX + queue for queue in queues),
            loglevel=None,
            quiet=True,
            without_gossip=True,
            without_heartbeat=True,
            without_mingle=True,
        )
        worker.start()
    finally:
        announcing.end()
    return int(worker.exitcode or 0)


def _own_log(**_: Any) -> None:
    """Celery leaves the log as it is, and so does the library it makes processes with."""
    lower = billiard_logger()
    lower.handlers[:] = []
    lower.propagate = True


def _in_child(**_: Any) -> None:
    # Ctrl-C goes to the whole group of a terminal: the children end when the worker says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main(words: Sequence[str] | None = None) -> int:
    """The worker as a process: what goes wrong is one line of the log."""
    parser = argparse.ArgumentParser(prog="python -m howdah.kit.tasks.worker")
    parser.add_argument("module", nargs="?", default="tasks", help="the module that declares the tasks")
    parser.add_argument("--concurrency", type=int, default=2, help="tasks at the same time")
    parser.add_argument("--queues", default="default", help="the queues to do tasks of, with commas between")
    given = parser.parse_args(words)
    logs.configure(sys.stdout, service=os.environ.get(SERVICE_VARIABLE, "worker"))
    for door in logging.getLogger().handlers:
        door.addFilter(context.RequestIdFilter())
    for talkative in ("celery", "kombu", "multiprocessing"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # That a container's only user is root, and that a busy worker may lose its broker, are nobody's mistakes here.
    warnings.filterwarnings("ignore", module="celery")
    signals.setup_logging.connect(_own_log, weak=False)
    try:
        return run(given.module, concurrency=given.concurrency, queues=given.queues.split(","))
    except HowdahError as error:
        emit(WorkerFailed(error.code, error.message, error.hint))
        return error.exit_code
    finally:
        logs.shutdown()


if __name__ == "__main__":
    sys.exit(main())
