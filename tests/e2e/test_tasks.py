"""Tasks as their user has them: a worker in a project, its Redis, a saved file; and nothing left after a kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.e2e.product import Dev, eventually, processes_of

pytestmark = pytest.mark.e2e

TASKS = """
from howdah.kit.tasks import task


@task
async def greet(name: str) -> str:
    return f"{WORD} {name}"
"""
TOML = """
[services.worker]
kind = "worker"

[tasks.schedules.often]
task = "greet"
every = 1
args = { name = "schedule" }
"""


@pytest.fixture
def shop(project: Path) -> Path:
    with (project / "howdah.toml").open("a") as file:
        file.write(TOML)
    tasks = project / "services" / "worker" / "src" / "tasks.py"
    tasks.parent.mkdir(parents=True)
    tasks.write_text(f'WORD = "Hello"\n{TASKS}')
    return project


def test_a_worker_does_tasks_is_restarted_by_a_save_and_leaves_nothing(shop: Path) -> None:
    """Its Redis is brought and ended by howdah; a schedule is due; the log shows the worker's lines."""
    dev = Dev(shop).start()
    try:
        ready = eventually(
            lambda: {one["name"]: one for one in dev.status()["processes"]}, what="the processes", seconds=5
        )
        assert {"redis", "worker"} <= ready.keys()
        assert ready["worker"]["url"] is ready["redis"]["url"] is None
        eventually(lambda: dev.status()["degraded"] is False, what="the worker")
        told = dev.howdah("task", "run", "greet", "name=Ada", "--wait")
        assert told.stdout.splitlines()[1:] == ['"Hello Ada"'], told.stderr
        assert "TaskDone" in dev.howdah("logs", "worker", "--json").stdout
        eventually(lambda: "done" in dev.howdah("schedule", "list").stdout, what="a schedule that was due")
        file = shop / "services" / "worker" / "src" / "tasks.py"
        file.write_text(file.read_text().replace("Hello", "Salve"))
        eventually(
            lambda: "Salve Ada" in dev.howdah("task", "run", "greet", "name=Ada", "--wait").stdout,
            what="the saved file",
            seconds=60,
        )
        os.kill(dev.pid, signal.SIGKILL)
        eventually(lambda: not processes_of(shop), what="everything to end", seconds=60)
    finally:
        dev.stop()
