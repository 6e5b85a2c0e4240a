"""The broker, as the relay needs it: it takes messages that say which task is to be done, and no more than that.

A message is one of Celery's (its message protocol, version 2) and has the name of a task and its id. What the task is
given stays in Postgres, where the worker reads it: the broker sees no argument, and whoever could write to it could at
most have a task begun that waits for just that (R72).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from howdah.kit.tasks.broker import QUEUE_PREFIX, broker_url, is_redis
from howdah.observe.secret import Secret, redact
from howdah.tasks.errors import BrokerUnavailable, BrokerUnusable

if TYPE_CHECKING:
    from kombu import Connection, Producer

SECONDS = 5.0
"""How long Redis may take to answer."""

_BODY: tuple[list[object], dict[str, object], dict[str, object]] = ([], {}, {})


@dataclass(frozen=True, slots=True)
class Handed:
    """A task that is handed over."""

    id: str
    name: str
    queue: str
    request_id: str | None


class Broker:
    """Where messages go. One thread of its own speaks to it, as its client is a blocking one."""

    def __init__(self, url: Secret) -> None:
        self._url = broker_url(url.reveal())
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="howdah-broker")
        self._connection: Connection | None = None
        self._producer: Producer | None = None

    async def publish(self, tasks: Sequence[Handed]) -> None:
        """The broker has said that it has every one of the tasks. Raises BrokerUnavailable and BrokerUnusable."""
        await self._in_thread(lambda: self._publish(tasks))

    async def close(self) -> None:
        """Nothing is connected any more."""
        await self._in_thread(self._disconnect)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _publish(self, tasks: Sequence[Handed]) -> None:
        producer = self._producer or self._connect()
        try:
            for task in tasks:
                producer.publish(
                    _BODY,
                    serializer="json",
                    exchange="",
                    routing_key=QUEUE_PREFIX + task.queue,
                    headers=headers(task),
                    correlation_id=task.id,
                    delivery_mode=2,
                    retry=False,
                )
        except Exception as error:  # each transport has errors of its own, and all mean the same here
            self._disconnect()
            raise BrokerUnavailable(_reason(error)) from error

    def _connect(self) -> Producer:
        try:
            from kombu import Connection
        except ModuleNotFoundError as error:
            raise BrokerUnusable(
                f"The Python package {error.name} is not installed.", hint='pip install "howdah[tasks]"'
            ) from error
        try:
            connection = Connection(self._url, connect_timeout=SECONDS, transport_options=transport_options(self._url))
            self._producer = connection.Producer(auto_declare=False)
        except Exception as error:
            raise BrokerUnavailable(_reason(error)) from error
        self._connection = connection
        return self._producer

    def _disconnect(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with suppress(Exception):  # it is gone already, as far as we are concerned
                connection.release()


def headers(task: Handed) -> dict[str, Any]:
    """What Celery's message protocol says of the task beside its body."""
    return {
        "lang": "py",
        "task": task.name,
        "id": task.id,
        "root_id": task.id,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "eta": None,
        "expires": None,
        "timelimit": [None, None],
        "argsrepr": "()",
        "kwargsrepr": "{}",
        "origin": "howdah",
        "ignore_result": True,
        "request_id": task.request_id,
    }


def transport_options(url: str) -> dict[str, object]:
    """What a producer wants of the transport: that silence is an end, and that what was taken is confirmed."""
    if is_redis(url):
        return {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
    if url.startswith(("amqp", "pyamqp")):
        return {"confirm_publish": True}
    return {}


def _reason(error: Exception) -> str:
    return redact(f"{type(error).__name__}: {error}".splitlines()[0])
