"""A supervisor as a program of its own, to be killed by tests.

    python victim.py FOLDER KEY 'PROCESSES AS JSON'

It holds the lock of the folder, answers on FOLDER/private/control.sock, and says "ready" once its processes are.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from howdah.observe import logs
from howdah.supervisor import lock
from howdah.supervisor.control import ControlServer
from howdah.supervisor.logs import BookStream, LogBook
from howdah.supervisor.process import Process, StopStep
from howdah.supervisor.supervisor import Supervisor


async def start(supervisor: Supervisor, folder: Path, described: list[dict[str, str]]) -> None:
    for fields in described:
        supervisor.add(
            Process(
                name=fields["name"],
                command=(sys.executable, "-c", fields["program"]),
                folder=folder,
                environment=dict(os.environ),
                stop=(StopStep(timeout=float(fields.get("patience", "5"))),),
            )
        )
    await supervisor.ready()
    print("ready", supervisor.guard_pid, flush=True)


async def main(folder: Path, key: str, described: list[dict[str, str]]) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700, exist_ok=True)
    with lock.acquire(folder / "run" / "lock") as held:
        held.describe(url="http://localhost:1")
        book = LogBook(folder / "logs")
        logs.configure(BookStream(book, "howdah"), service="howdah")
        async with (
            Supervisor(key=key, book=book, keep_open=(held.descriptor,)) as supervisor,
            ControlServer(supervisor, private / "control.sock", run_folder=folder / "run", url="http://localhost:1"),
        ):
            await supervisor.run(start(supervisor, folder, described))
        logs.shutdown()
        book.close()
    print("ended", flush=True)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))
