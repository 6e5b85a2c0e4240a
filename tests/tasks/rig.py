"""What tasks need to be done: a Redis, a worker with tasks of its own, a relay. Real ones, which can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from tests.e2e.product import free_port

from howdah.embedded.redis import OwnRedis, choose_redis
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.project.sections import DatabaseSection, TasksSection
from howdah.tasks.install import install_tasks
from howdah.tasks.part import build_tasks

TASKS = Path(__file__).with_name("shop_tasks.py")
"""The tasks of the worker under test."""

QUICK = {"visibility_timeout": 2.0, "lease": 1.5}
"""How long what was lost stays lost, shortened."""


def until(look: Callable[[], Any], *, seconds: float = 20.0, what: str = "") -> Any:
    """What ``look`` finds, as soon as it is something true."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or look}"
        time.sleep(0.02)


@dataclass
class Redis:
    """A Redis that can be killed and started again."""

    own: OwnRedis
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.own.url

    def start(self) -> None:
        (self.own.sockets / "redis.sock").unlink(missing_ok=True)
        self.process = subprocess.Popen(self.own.command, stdout=subprocess.DEVNULL, cwd=self.own.home)
        until((self.own.sockets / "redis.sock").exists, what="Redis")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def empty(self) -> None:
        """Everything it had is forgotten, on its disk as well."""
        for file in self.own.home.iterdir():
            file.unlink() if file.is_file() else shutil.rmtree(file)


@contextmanager
def redis_server() -> Iterator[Redis]:
    folder = Path(tempfile.mkdtemp(prefix="hwd-redis-"))
    redis = Redis(choose_redis(folder / "redis", os.environ))
    redis.start()
    try:
        yield redis
    finally:
        redis.kill()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(redis.own.sockets, ignore_errors=True)


@dataclass
class Worker:
    """A worker process that does the tasks of `shop_tasks.py`."""

    folder: Path
    environment: dict[str, str]
    words: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    log: Path = field(default=Path())

    def start(self, *, ready: bool = True) -> None:
        self.port = free_port()
        self.log = self.folder / "worker.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "howdah.kit.tasks.worker", *self.words],
                cwd=self.folder,
                env={**os.environ, **self.environment, "PORT": str(self.port)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if ready:
            until(self.is_well, seconds=40, what="the worker")

    def is_well(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """All of it at once, as by a power failure."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As whoever runs it does: it lets tasks end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]


@contextmanager
def worker(dsn: str, broker: str, *words: str, concurrency: int = 2, lease: float = QUICK["lease"]) -> Iterator[Worker]:
    folder = Path(tempfile.mkdtemp(prefix="hwd-worker-"))
    (folder / "src").mkdir()
    shutil.copy(TASKS, folder / "src" / "tasks.py")
    environment = {
        "DATABASE_URL": dsn,
        "HOWDAH_TASKS_BROKER_URL": broker,
        "HOWDAH_TASKS_LEASE": str(lease),
        "HOWDAH_SERVICE": "worker",
    }
    one = Worker(folder, environment, ("tasks", "--concurrency", str(concurrency), *words))
    one.start()
    try:
        yield one
    finally:
        if one.process is not None and one.process.poll() is None:
            one.kill()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def relay(dsn: str, broker: str, **settings: Any) -> AsyncIterator[None]:
    section = TasksSection(broker_url=Secret(broker), **{**QUICK, **settings})
    part = build_tasks(section, Secret(dsn), database=DatabaseSection(), is_wanted=True)
    assert part.relay is not None
    part.relay._poll = 0.3
    await part.start()
    try:
        yield
    finally:
        await part.stop()


@contextmanager
def relay_process(dsn: str, broker: str) -> Iterator[RelayProcess]:
    """The relay in a process of its own, as a platform is one."""
    one = RelayProcess(dsn, broker)
    one.start()
    try:
        yield one
    finally:
        one.kill()


@dataclass
class RelayProcess:
    """A relay that can be killed."""

    dsn: str
    broker: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [sys.executable, "-m", "tests.tasks.rig", self.dsn, self.broker]
        self.process = subprocess.Popen(words, cwd=Path(__file__).parents[2])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


async def prepare(dsn: str) -> None:
    """The database has an outbox, and the tables that the tasks of the worker write."""
    async with await connect(dsn) as connection:
        await install_tasks(connection)
        await connection.script(
            "create table if not exists effect (task uuid, name text, n int, at timestamptz default clock_timestamp());"
            "create table if not exists ledger (n int primary key)"
        )


def rows(dsn: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def states(dsn: str) -> dict[str, int]:
    """How many tasks there are in each state."""
    return dict(rows(dsn, "select state, count(*)::int from howdah_tasks.outbox group by 1"))  # type: ignore[arg-type]


def all_done(dsn: str) -> bool:
    return set(states(dsn)) <= {"done"}


async def _relay_for_ever(dsn: str, broker: str) -> None:
    async with relay(dsn, broker):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_relay_for_ever(sys.argv[1], sys.argv[2]))
