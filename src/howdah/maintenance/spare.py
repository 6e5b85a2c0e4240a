"""A Postgres or a Redis of our own for a while, where the project's will not do; nothing of it stays."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from howdah.embedded.errors import PostgresNotStarted, RedisNotStarted
from howdah.embedded.place import forget
from howdah.embedded.postgres import OwnPostgres, choose
from howdah.embedded.redis import OwnRedis, choose_redis
from howdah.observe.secret import Secret
from howdah.supervisor.errors import AlreadyRunning
from howdah.supervisor.lock import Lock, acquire
from howdah.supervisor.logs import LogBook
from howdah.supervisor.process import ProbeReady, Process, State, StopStep
from howdah.supervisor.supervisor import Supervisor

_DATABASE, _REDIS = "spare", "spare-redis"
_PATIENCE, _POLL = 120.0, 0.1


@asynccontextmanager
async def spare_postgres(state: Path, environment: Mapping[str, str]) -> AsyncIterator[Secret]:
    """A running Postgres that has nothing in it, with its data below ``state``; the address of a database of it.

    Whoever else wants one for this project waits. What a killed process left is used up, and removed as well. Raises
    the errors of `howdah.embedded`.
    """
    home = state / _DATABASE
    with await _alone(state / "run" / f"{_DATABASE}.lock") as lock:
        # A key that no other supervisor's key is the beginning of: they end what is theirs.
        async with Supervisor(key=f"{_DATABASE}:{state}", book=LogBook(), keep_open=(lock.descriptor,)) as supervisor:
            chosen = await choose(None, home=home, database=_DATABASE, environment=environment)
            assert isinstance(chosen, OwnPostgres), "no URL was given"
            try:
                await _start(chosen, supervisor)
                yield chosen.dsn
            finally:
                await supervisor.stop()
                shutil.rmtree(chosen.place.home, ignore_errors=True)
                forget(home)


@asynccontextmanager
async def spare_redis(state: Path, environment: Mapping[str, str]) -> AsyncIterator[Secret]:
    """A running Redis that has nothing in it, with its data below ``state``; its address.

    Raises the errors of `howdah.embedded`.
    """
    home = state / _REDIS
    with await _alone(state / "run" / f"{_REDIS}.lock") as lock:
        shutil.rmtree(home, ignore_errors=True)
        chosen = choose_redis(home, environment)
        async with Supervisor(key=f"{_REDIS}:{state}", book=LogBook(), keep_open=(lock.descriptor,)) as supervisor:
            try:
                supervisor.add(redis_process(chosen, name=_REDIS, timeout=60.0))
                (status,) = await supervisor.ready(_REDIS)
                if status.state is not State.READY:
                    raise RedisNotStarted("\n  ".join(["Redis did not start:", *status.detail]))
                yield Secret(chosen.url)
            finally:
                await supervisor.stop()
                shutil.rmtree(home, ignore_errors=True)


async def _alone(path: Path) -> Lock:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return acquire(path)
        except AlreadyRunning:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_POLL)


async def _start(own: OwnPostgres, supervisor: Supervisor) -> None:
    supervisor.add(postgres_process(own, name=_DATABASE, timeout=60.0))
    (status,) = await supervisor.ready(_DATABASE)
    if status.state is not State.READY:
        raise PostgresNotStarted.after(status.detail or (status.reason or "",))
    await own.create_database()


def postgres_process(own: OwnPostgres, *, name: str, timeout: float) -> Process:
    """The process that a Postgres of our own is."""
    return Process(
        name=name,
        command=own.command,
        folder=own.folder,
        environment=own.environment,
        ready=ProbeReady(own.is_ready, timeout=timeout),
        stop=tuple(StopStep(number, seconds) for number, seconds in own.stop_steps),
        user=own.user,
        group=own.group,
        before_start=own.before_start,
    )


def redis_process(own: OwnRedis, *, name: str, timeout: float) -> Process:
    """The process that a Redis of our own is."""
    return Process(
        name=name,
        command=own.command,
        folder=own.home,
        environment=own.environment,
        ready=ProbeReady(own.is_ready, timeout=timeout),
        stop=tuple(StopStep(number, seconds) for number, seconds in own.stop_steps),
        before_start=own.before_start,
    )
