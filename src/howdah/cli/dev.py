"""``howdah dev``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from howdah.cli import running
from howdah.cli.command import command, console_of
from howdah.cli.console import Console
from howdah.cli.errors import StartFailed
from howdah.project.load import load_project
from howdah.project.secret_file import STATE_FOLDER, ensure_secrets
from howdah.project.sections import Project, Route
from howdah.supervisor import ask
from howdah.supervisor.errors import AlreadyRunning, NotRunning
from howdah.supervisor.lock import holder_of

if TYPE_CHECKING:  # importing it is slow, and this module is loaded for every completion of `dev`
    from howdah.development import Started

_PATIENCE = 90.0  # seconds for a start in the background; a first initdb on a slow disk included
_POLL = 0.1


@command("dev")
@click.option(
    "--only",
    multiple=True,
    metavar="SERVICE",
    shell_complete=running.complete_service,
    help="Start this service and no other. May be repeated.",
)
@click.option("-d", "--detach", is_flag=True, help="In the background, once everything is up.")
@click.pass_context
def command_(context: click.Context, only: tuple[str, ...], detach: bool) -> int:
    r"""Start everything here and show what it says: Postgres, migrations, the platform, the services.

    A service restarts when one of its files is saved. Ctrl-C ends everything.

    \b
    Examples:
      howdah dev
      howdah dev --only app
      howdah dev -d && howdah logs -f
    """
    console = console_of(context)
    root = running.project_folder(console)
    project = load_project(root, os.environ)
    if ensure_secrets(root):  # a fresh clone has none
        console.say(f"Made secrets for this machine in {STATE_FOLDER}/secrets.toml.")
        project = load_project(root, os.environ)
    if detach:
        return _detach(console, root, only)
    from howdah import development  # asyncio, psycopg and the rest: only when they are needed
    from howdah.supervisor.printer import Printer

    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        stream = nowhere if console.options.quiet else sys.stdout
        printer = Printer(stream, style="json" if console.json else "human")

        def announce(started: Started) -> None:
            _announce(console, root, project, started)

        return development.run(project, only=only, printer=printer, announce=announce)


def _announce(console: Console, root: Path, project: Project, started: Started) -> None:
    """Everything is up: say where."""
    services = [status for status in started.processes if status.name not in {"postgres", "platform"}]
    failed = {service.name: service.reason for service in services if service.state == "failed"}
    if console.json:
        names = [service.name for service in services]
        told = {"event": "Started", "url": started.url, "seconds": started.seconds, "services": names, "failed": failed}
        console.data(told, "")
        return
    routes = {service.name: service.routes for service in project.services}
    console.say()
    console.say(f"{console.paint('Ready', 'green')} in {started.seconds:.1f} s")
    for service in services:
        where = _address(started.url, service.name, routes.get(service.name, ()))
        if service.name in failed:
            where = console.paint(f"failed: {service.reason}", "red")
        console.say(f"  {service.name:<6} {where}")
    console.say(f"  {'data':<6} {started.url}/data/v1/query")
    howdah = running.command_here(root)
    console.say("Next, in another terminal:")
    console.say(f"  {howdah} open")
    console.say(f"  {howdah} status")
    console.say(f"  {howdah} logs -f")
    console.say("Ctrl-C ends everything.")
    console.say()


def _address(base: str, service: str, routes: tuple[Route, ...]) -> str:
    """Where to find a service: at the root of the domain, where it has that, else at the subdomain of its name."""
    if any(route.subdomain is None and route.path == "/" for route in routes):
        return f"{base}/"
    return running.public_url(base, service) or base


def _detach(console: Console, root: Path, only: tuple[str, ...]) -> int:
    """Start `dev` as a process of its own and wait until all of it has had its chance.

    Raises StartFailed with its last lines, AlreadyRunning.
    """
    run_folder = root / STATE_FOLDER / "run"
    holder = holder_of(run_folder / "lock")
    if holder is not None:
        raise AlreadyRunning(
            f"howdah is already running for this project: pid {holder['pid']}",
            hint="Use `howdah status` to look at it, `howdah stop` to end it.",
        )
    run_folder.mkdir(parents=True, exist_ok=True)
    words = [word for name in only for word in ("--only", name)]
    output = run_folder / "dev.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "howdah", "--project", str(root), "--quiet", "dev", *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _PATIENCE
    try:
        while (told := _settled(run_folder)) is None:
            if process.poll() is not None:
                raise StartFailed("\n".join(["howdah dev ended:", *_tail(output)]))
            if time.monotonic() > deadline:
                raise StartFailed(
                    "\n".join([f"howdah dev is not ready after {_PATIENCE:g} s:", *_tail(output)]),
                    hint="It goes on trying: `howdah status` and `howdah logs` tell more, `howdah stop` ends it.",
                )
            time.sleep(_POLL)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        raise
    process.returncode = 0  # it outlives this command on purpose
    console.data({"url": told["url"], "pid": told["pid"]}, str(told["url"]))
    console.say("Running in the background. howdah logs -f shows what it says, howdah stop ends it.")
    return 0


def _settled(run_folder: Path) -> dict[str, Any] | None:
    """What runs, once the platform is ready and nothing is starting any more."""
    try:
        told = ask.ask(ask.socket_of(run_folder), "status")
    except NotRunning:
        return None
    states = {process["name"]: process["state"] for process in told["processes"]}
    if states.get("platform") != "ready" or {"starting", "restarting"} & set(states.values()):
        return None
    return told


def _tail(output: Path) -> list[str]:
    return [f"  {line}" for line in output.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]]
