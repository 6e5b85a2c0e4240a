"""`howdah service run`: one service where one sits, in the place of the one of `howdah dev`, or with all it needs."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from howdah import development
from howdah.project.sections import Project, ServiceSection
from howdah.supervisor import ask
from howdah.supervisor.control import ControlClient
from howdah.supervisor.errors import NotRunning, UnknownProcess
from howdah.supervisor.logs import LogBook
from howdah.supervisor.printer import Printer
from howdah.supervisor.process import State, Status
from howdah.supervisor.supervisor import Supervisor

_BOOK = 10 * 1024 * 1024


def run(
    project: Project,
    name: str,
    *,
    printer: Printer,
    announce: Callable[[str], None],
    started: Callable[[development.Started], None],
) -> int:
    """Run the service until Ctrl-C; the exit code. It restarts when one of its files is saved.

    Where `howdah dev` runs, the service takes the place of the one there, and gives it back; ``announce`` is told each
    address it has. Otherwise Postgres and the platform are started with it, and ``started`` is called.

    Raises UnknownProcess, and HowdahError for what keeps it from starting.
    """
    service = next((one for one in project.services if one.name == name and one.command), None)
    if service is None:
        known = ", ".join(one.name for one in project.services if one.command) or "none"
        raise UnknownProcess(f"no service is called {name!r}", hint=f"There is: {known}.")
    running = _running(project)
    if running is None:
        return development.run(project, only=(name,), printer=printer, announce=started)
    path, url = running
    return asyncio.run(_run(project, service, path, url, printer, announce))


def _running(project: Project) -> tuple[Path, str] | None:
    """The control socket and the address of the `howdah dev` that runs for the project."""
    assert project.root is not None, "a service is in a project's folder"
    try:
        path = ask.socket_of(project.root / ".howdah" / "run")
        return path, str(ask.ask(path, "status")["url"])
    except NotRunning:
        return None


async def _run(
    project: Project, service: ServiceSection, path: Path, url: str, printer: Printer, announce: Callable[[str], None]
) -> int:
    with tempfile.TemporaryDirectory(prefix="howdah-run-") as folder:
        # The log files of the project are those of `howdah dev`; what is said here is for whoever sits here.
        book = LogBook(Path(folder), printer, file_size=_BOOK, files=1)
        try:
            async with Supervisor(key=f"{project.root}#{service.name}", book=book) as supervisor:
                addresses = await development.running_addresses(project, url)
                supervisor.add(development.service_process(project, service, addresses))
                await supervisor.run(_stand_in(supervisor, service.name, ControlClient(path), announce))
        finally:
            book.close()
    return 0


async def _stand_in(supervisor: Supervisor, name: str, control: ControlClient, announce: Callable[[str], None]) -> None:
    """While the service is ready, the gateway asks it; whoever ends `howdah dev` ends it too."""
    with supervisor.listening() as changes:
        status: Status | None = supervisor.status(name)
        while status is not None:
            if status.state is State.READY and status.port is not None:
                async with _standing_in(control, name, status.port, supervisor):
                    announce(f"http://{status.address}")
                    status = await changes.get()
            else:
                status = await changes.get()


@asynccontextmanager
async def _standing_in(control: ControlClient, name: str, port: int, supervisor: Supervisor) -> AsyncIterator[None]:
    async def stand_in() -> None:
        # A service that `howdah dev --only` left out has no place to take: it is reached by its own address.
        with contextlib.suppress(UnknownProcess):
            await control.stand_in(name, port)
            supervisor.request_stop()

    standing = asyncio.create_task(stand_in())
    try:
        yield
    finally:
        standing.cancel()
        await asyncio.gather(standing, return_exceptions=True)
