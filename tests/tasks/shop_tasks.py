"""The tasks of the worker that the tests start; the tests import them as well, to send them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from datetime import date
from uuid import UUID

import psycopg

from howdah.kit.tasks import GiveUp, TryAgain, current, task

_logger = logging.getLogger("shop")
_LOOPS: set[tuple[int, int]] = set()


def _note(n: int) -> None:
    """An effect, which is the same when done twice; and that it was done, which is not."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("insert into effect (task, name, n) values (%s, %s, %s)", (current.id, current.name, n))


@task
def note(n: int) -> int:
    _note(n)
    return n


@task
def greet(name: str, day: date | None = None, who: UUID | None = None) -> list[str]:
    """Say hello."""
    _logger.info("hello %s", name)
    session = current.session
    return [name, type(day).__name__, type(who).__name__, session.role if session else "", current.request_id or ""]


@task
async def awaited(seconds: float) -> list[int]:
    """In which process, which thread and which loop."""
    await asyncio.sleep(seconds)
    return [os.getpid(), threading.get_ident(), id(asyncio.get_running_loop())]


@task(retries=2, backoff=0.05)
def fails(times: int) -> int:
    if current.attempt <= times:
        raise ValueError(f"no luck: attempt {current.attempt}")
    return current.attempt


@task(retries=3)
def gives_up() -> None:
    raise GiveUp("The address does not exist.")


@task(retries=3)
def tries_again() -> int:
    if current.attempt == 1:
        raise TryAgain(seconds=0.05)
    return current.attempt


@task(time_limit=0.3, retries=0)
def endless() -> None:
    time.sleep(60)


@task(time_limit=0.3, retries=0)
async def endless_async() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        _note(99)


@task(retries=1, backoff=0.05)
def dies() -> int:
    """The process of the pool ends at the first attempt, as when memory is short."""
    if current.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return current.attempt


@task(retries=5, backoff=0.05)
def slow(n: int, seconds: float) -> None:
    time.sleep(seconds)
    _note(n)


@task(key="order-{order}", retries=3, backoff=0.05)
def in_order(order: int, n: int) -> None:
    time.sleep(0.02 if n % 2 else 0.001)
    if n == 2 and current.attempt == 1:
        raise ValueError("the second fails once")
    _note(n)


@task
def changed(op: str, new: dict[str, object] | None) -> list[object]:
    """For row events: of what they tell it takes two things."""
    return [op, new]


@task(idempotency_key="receipt-{order}")
def receipt(order: int) -> None:
    _note(order)


@task(retries=50, backoff=0.05, longest_backoff=0.5)
def once(n: int) -> None:
    """Its effect and its completion are one transaction."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("insert into effect (task, name, n) values (%s, %s, %s)", (current.id, current.name, n))
        current.complete(connection)


@task(retries=50, backoff=0.05, longest_backoff=0.5)
def same(n: int) -> None:
    """What it does is the same when done twice."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("insert into ledger (n) values (%s) on conflict do nothing", (n,))


@task(retries=50, backoff=0.05, longest_backoff=0.5)
async def same_async(n: int) -> None:
    async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        await connection.execute("insert into ledger (n) values (%s) on conflict do nothing", (n,))
