"""The platform as a process: it listens, serves its application until it is told to stop, and ends in order."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import uvicorn
import uvloop

from howdah.errors import HowdahError
from howdah.gateway.limits import EdgeLimits
from howdah.gateway.serving import server_config
from howdah.observe import events, logs
from howdah.project.load import default_project, load_project
from howdah.project.secret_file import read_secret_file
from howdah.project.sections import Project
from howdah.server import build
from howdah.services.registry import Endpoint, Registry
from howdah.supervisor.ask import socket_of
from howdah.supervisor.control import ControlClient
from howdah.supervisor.listen import bind

DRAIN_SECONDS = 10
"""How long requests under way may take to end once the server was told to stop."""

_DESCRIPTORS = 65_536


@dataclass(frozen=True, slots=True)
class ServerReady:
    """The platform listens and its catalog is loaded."""

    address: str
    tables: int
    problems: int


@dataclass(frozen=True, slots=True)
class ServerFailed:
    """The platform could not start."""

    level: ClassVar[str] = "error"

    code: str
    message: str
    hint: str | None


def run(
    project: Project,
    *,
    listener: socket.socket | None = None,
    run_folder: Path | None = None,
    development: bool = False,
) -> int:
    """Serve the project until SIGTERM or SIGINT; the exit code.

    ``listener`` is a socket that listens already (a supervisor's); without it the project's address is bound. With
    ``run_folder``, the ``.howdah/run`` of a running supervisor, services are where that supervisor says they are.

    Raises HowdahError when the address or the database cannot be had.
    """
    logs.configure(sys.stdout, service="platform", level=project.logs.level)
    _allow_descriptors()
    listener = listener or bind(project.server.host, project.server.port)
    if not project.server.port:
        project = replace(project, server=replace(project.server, port=listener.getsockname()[1]))
    with contextlib.closing(listener), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_serve(project, listener, run_folder, development=development))
        finally:
            logs.shutdown()


def _allow_descriptors() -> None:
    """As many open connections as the system lets this process have without asking anybody."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(project: Project, listener: socket.socket, run_folder: Path | None, *, development: bool) -> int:
    application = build(project, development=development)
    server = _Server(
        server_config(
            application.gateway,
            _limits(project),
            events.emit,
            stop_timeout=DRAIN_SECONDS,
            lifespan=False,
            hot=application.hot,
            trusted_proxies=project.gateway.trusted_proxies,
            direct=application.direct,
            check=application.check,
        )
    )
    followers = [asyncio.ensure_future(_follow(application.registry, run_folder))] if run_folder is not None else []
    await application.start()
    try:
        with _signals(server):
            events.emit(
                ServerReady(
                    _address(listener), len(application.engine.catalog.tables), len(application.engine.catalog.problems)
                )
            )
            await server.serve(sockets=[listener])
    finally:
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        application.proxy.close()
        await application.stop()
    return 0


def _limits(project: Project) -> EdgeLimits:
    section = project.gateway
    return EdgeLimits(
        section.max_header,
        section.max_fields,
        section.header_timeout,
        section.idle_timeout,
        body_rate=section.body_rate,
        max_connections=section.max_connections,
        max_connections_per_address=section.max_connections_per_address,
    )


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handling, which would end the process before the engine is stopped."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_signals`."""
        yield


@contextlib.contextmanager
def _signals(server: uvicorn.Server) -> Iterator[None]:
    """The first SIGTERM or SIGINT lets requests end, the second does not wait for them."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


_STATES: dict[str, Any] = {
    "starting": "starting",
    "restarting": "starting",
    "ready": "ready",
    "failed": "failed",
    "stopped": "stopped",
}


async def _follow(registry: Registry, run_folder: Path) -> None:
    """The registry says of every service what the supervisor says, for as long as there is one."""
    client = ControlClient(socket_of(run_folder))
    known = {endpoint.name for endpoint in registry.snapshot()}
    async for status in client.watch():
        name = status["name"]
        if name in known:
            detail = (*status["detail"], *([status["reason"]] if status["reason"] else ()))
            registry.update(Endpoint(name, "127.0.0.1", status["port"] or 0, _STATES[status["state"]], detail))


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def load(folder: Path | None, overrides: Sequence[str], admin_secret_file: Path | None) -> Project:
    """The project of a folder, or the one there is without; with the admin secret out of a file of its own, if given.

    Raises whatever is wrong with the settings or the secret.
    """
    if folder is not None:
        project = load_project(folder, os.environ, overrides=overrides)
        if admin_secret_file is None:
            return project
        return replace(project, secrets=replace(project.secrets, admin_secret=read_secret_file(admin_secret_file)))
    project = default_project(os.environ, overrides=overrides)
    if admin_secret_file is None:
        return project
    return replace(project, secrets=replace(project.secrets, admin_secret=read_secret_file(admin_secret_file)))


# -- as a supervised process -------------------------------------------------------------------------------------------


def main(words: Sequence[str] | None = None) -> int:
    """Serve as a supervisor's child: ``python -m howdah.process``. What goes wrong is one line of the log."""
    parser = argparse.ArgumentParser(prog="python -m howdah.process")
    parser.add_argument("--project", type=Path, help="the project's folder")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides")
    parser.add_argument("--admin-secret-file", type=Path)
    parser.add_argument("--listener", type=int, required=True, help="descriptor of the inherited listening socket")
    parser.add_argument("--run-folder", type=Path, help="where to find the supervisor that runs the services")
    parser.add_argument("--development", action="store_true")
    given = parser.parse_args(words)
    logs.configure(sys.stdout, service="platform")
    try:
        listener = socket.socket(fileno=os.dup(given.listener))
        project = load(given.project, given.overrides, given.admin_secret_file)
        return run(project, listener=listener, run_folder=given.run_folder, development=given.development)
    except HowdahError as error:
        logs.configure(sys.stdout, service="platform")
        events.emit(ServerFailed(error.code, error.message, error.hint))
        logs.shutdown()
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
