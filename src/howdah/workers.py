"""Several platform processes on one address: a supervisor holds the listening socket, each worker accepts from it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from howdah.observe import logs
from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.install import install
from howdah.process import DRAIN_SECONDS
from howdah.project.sections import Project
from howdah.server import build, database_url
from howdah.supervisor.listen import bind
from howdah.supervisor.logs import LogBook
from howdah.supervisor.process import Process, StopStep
from howdah.supervisor.supervisor import Supervisor


def run(project: Project, *, overrides: Sequence[str], admin_secret_file: Path | None) -> int:
    """Serve the project with as many workers as it says until SIGTERM or SIGINT; the exit code.

    A worker that ends is replaced. Raises HowdahError when the address or the database cannot be had, and for whatever
    else would keep each worker from starting.
    """
    logs.configure(sys.stdout, service="howdah", level=project.logs.level)
    with contextlib.closing(bind(project.server.host, project.server.port)) as listener:
        asyncio.run(_run(project, listener, overrides, admin_secret_file))
    return 0


async def _run(
    project: Project, listener: socket.socket, overrides: Sequence[str], admin_secret_file: Path | None
) -> None:
    # Tried once here, so that what keeps a worker from starting is one clear error and not the restarts of many.
    build(project)
    options = ConnectOptions(connect_timeout=project.database.connect_timeout)
    async with await connect(database_url(project).reveal(), options) as connection:
        await install(connection)
    async with Supervisor(key=f"serve/{os.getpid()}", book=LogBook()) as supervisor:
        for number in range(1, project.server.workers + 1):
            supervisor.add(_worker(f"worker-{number}", project, listener, overrides, admin_secret_file))
        await supervisor.run()


def _worker(
    name: str, project: Project, listener: socket.socket, overrides: Sequence[str], admin_secret_file: Path | None
) -> Process:
    words = [word for override in overrides for word in ("--set", override)]
    if admin_secret_file is not None:
        words += ["--admin-secret-file", str(admin_secret_file.absolute())]
    if project.root is not None:
        words += ["--project", str(project.root)]
    return Process(
        name=name,
        command=(sys.executable, "-m", "howdah.process", "--listener", str(listener.fileno()), *words),
        folder=Path.cwd(),
        environment={**os.environ, "HOWDAH_DATABASE_URL": database_url(project).reveal()},
        stop=(StopStep(timeout=DRAIN_SECONDS + 2.0),),
        sockets=(listener.fileno(),),
        output="inherit",
    )
