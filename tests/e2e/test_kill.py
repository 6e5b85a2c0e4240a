"""kill -9 of anything at any moment: committed rows are there afterwards, and no process is left."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.e2e.product import CLEAN, Dev, eventually, free_port, processes_of

pytestmark = pytest.mark.e2e


class Writer(threading.Thread):
    """Inserts authors one after the other, over and over, and remembers which the platform said are committed."""

    def __init__(self, dev: Dev, first: int) -> None:
        super().__init__(daemon=True)
        self.dev = dev
        self.next = first
        self.committed: list[int] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            insert = {
                "type": "insert",
                "args": {"table": "author", "objects": [{"id": self.next, "name": f"Author {self.next}"}]},
            }
            # An exception is what a kill looks like from outside; only what was answered with 200 is promised.
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.dev.query(insert, self.dev.admin).status == 200:
                    self.committed.append(self.next)
            self.next += 1

    def stop(self) -> list[int]:
        self.enough.set()
        self.join(30)
        return self.committed


def pid_of(dev: Dev, name: str) -> int:
    (process,) = (process for process in dev.status()["processes"] if process["name"] == name)
    return int(process["pid"] or 0)


def kill(dev: Dev, name: str) -> int:
    """Kill a process that runs; its pid. Pid 0, which one between two lives has, would mean the tests themselves."""
    pid = eventually(lambda: pid_of(dev, name), what=f"{name} to run")
    os.kill(pid, signal.SIGKILL)
    return pid


def there(dev: Dev, ids: list[int]) -> set[int]:
    select = {"type": "select", "args": {"table": "author", "columns": ["id"], "where": {"id": {"$gte": min(ids)}}}}
    return {row["id"] for row in dev.query(select, dev.admin).json()}


def wait_for_ten(writer: Writer) -> None:
    before = len(writer.committed)
    eventually(lambda: len(writer.committed) >= before + 10, what="ten more commits")


def test_nothing_is_lost_whatever_is_killed(project: Path) -> None:
    """The platform, Postgres, the service and at last ``dev`` itself are killed under load; every commit is kept."""
    dev = Dev(project)
    with dev:
        writer = Writer(dev, 100_000)
        writer.start()
        wait_for_ten(writer)

        killed = kill(dev, "platform")
        eventually(lambda: dev.get("/-/ready").status == 200 and pid_of(dev, "platform") != killed, what="platform")
        wait_for_ten(writer)

        killed = kill(dev, "postgres")
        eventually(lambda: pid_of(dev, "postgres") not in (killed, 0), what="Postgres to be restarted")
        wait_for_ten(writer)

        killed = kill(dev, "app")
        eventually(lambda: dev.get("/").status == 200 and pid_of(dev, "app") != killed, what="the service")
        assert dev.get("/get_articles").status == 200

        wait_for_ten(writer)
        os.kill(dev.pid, signal.SIGKILL)
        assert dev.process is not None
        dev.process.wait(10)
        committed = writer.stop()
    assert eventually(lambda: not processes_of(project), seconds=20, what="no process to be left")
    assert len(committed) >= 40
    with dev:
        assert set(committed) <= there(dev, committed)
        assert dev.get("/get_articles").status == 200
    assert eventually(lambda: not processes_of(project), seconds=20, what="no process to be left")


def test_killing_dev_while_it_starts_leaves_nothing(project: Path) -> None:
    """SIGKILL at several moments of the start: no process stays, and the next start works."""
    for moment in (0.15, 0.4, 0.7, 1.0, 1.5):
        process = subprocess.Popen(
            [sys.executable, "-m", "howdah", "dev"],
            cwd=project,
            env={**CLEAN, "HOWDAH_SERVER_PORT": str(free_port())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moment)
        process.kill()
        process.wait()
        assert eventually(lambda: not processes_of(project), seconds=20, what=f"no process after {moment} s")
    with Dev(project) as dev:
        assert dev.get("/get_articles").status == 200


def test_a_bulk_is_whole_or_not_there(project: Path) -> None:
    """Bulks of two rows under load, with Postgres killed in the middle: never one row without the other (R61)."""
    dev = Dev(project)
    stop = threading.Event()

    def write() -> None:
        number = 200_000
        while not stop.is_set():
            rows = [{"id": number, "name": "left"}, {"id": number + 1, "name": "right"}]
            bulk = {
                "type": "bulk",
                "args": [{"type": "insert", "args": {"table": "author", "objects": [row]}} for row in rows],
            }
            with contextlib.suppress(OSError, http.client.HTTPException):  # what a kill looks like from outside
                dev.query(bulk, dev.admin)
            number += 2

    with dev:
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        count = {"type": "count", "args": {"table": "author", "where": {"id": {"$gte": 200_000}}}}
        for wanted in (20, 60):

            def enough(wanted: int = wanted) -> bool:
                answer = dev.query(count, dev.admin)
                return answer.status == 200 and answer.json()["count"] >= wanted

            eventually(enough, what=f"{wanted} rows")
            kill(dev, "postgres")
        eventually(lambda: dev.query(count, dev.admin).status == 200, what="Postgres to be back")
        stop.set()
        writer.join(30)
        ids = there(dev, [200_000])
        assert ids
        assert {number + 1 for number in ids if number % 2 == 0} == {number for number in ids if number % 2}
