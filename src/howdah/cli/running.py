"""What several commands need to know about a project that may be running: where it is, what it says, who is in it."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from click.shell_completion import CompletionItem

from howdah.cli.console import Console, Options
from howdah.project.load import PROJECT_FILE, find_project
from howdah.project.secret_file import STATE_FOLDER

_AGO = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def project_folder(console: Console) -> Path:
    """The project's folder: the one that was named, else the one around here. Raises ProjectNotFound."""
    named = console.options.project
    return find_project(named if named is not None else Path.cwd())


def run_folder(console: Console) -> Path:
    """Where a running howdah of this project says how to reach it."""
    return project_folder(console) / STATE_FOLDER / "run"


def logs_folder(console: Console) -> Path:
    """Where the log files of this project are."""
    return project_folder(console) / STATE_FOLDER / "logs"


def command_here(root: Path) -> str:
    """How to call this howdah about the project from where the user stands.

    ``howdah`` where that is found on PATH and the project around; otherwise with the path and the folder it takes.
    """
    beside = Path(sys.executable).with_name("howdah")
    found = shutil.which("howdah")
    if found is not None and Path(found).samefile(beside):
        program = "howdah"
    else:
        program = f"{sys.executable} -m howdah" if not beside.exists() else _short(beside)
    here = Path.cwd()
    return program if here == root or root in here.parents else f"{program} --project {_short(root)}"


def _short(path: Path) -> str:
    """The path as one would type it here."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def public_url(base: str, service: str) -> str | None:
    """Where a service is for a browser: the subdomain of its name; None where the base is a bare address.

    >>> public_url("http://localhost:8080", "app")
    'http://app.localhost:8080'
    """
    parts = urlsplit(base)
    host = parts.hostname or ""
    if host.replace(".", "").isdigit() or ":" in host:
        return None
    return f"{parts.scheme}://{service}.{parts.netloc}"


def since_time(text: str, now: datetime) -> str:
    """A moment such as ``10m`` ago, ``2026-11-21`` or ``2026-11-21T10:00``, as log lines write it: RFC 3339, UTC.

    Raises ValueError.

    >>> since_time("90s", datetime(2026, 11, 21, 10, 0, tzinfo=UTC))
    '2026-11-21T09:58:30.000Z'
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        try:
            moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError:
            moment = datetime.min.replace(tzinfo=UTC)
    else:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> [duration(seconds) for seconds in (4, 75, 3700, 200_000)]
    ['4s', '1m 15s', '1h 1m', '2d 7h']
    """
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {whole % 60}s" if minutes else f"{whole}s"


def uptime(process: dict[str, Any]) -> str:
    """How long a process has been in its state."""
    return duration(time.time() - float(process["since"]))


def complete_service(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The services of howdah.toml that begin so; none where there is no project that can be read."""
    options = context.find_root().ensure_object(Options)
    start = options.project or Path.cwd()
    folder = next((folder for folder in (start, *start.absolute().parents) if (folder / PROJECT_FILE).is_file()), None)
    if folder is None:
        return []
    try:
        services = tomllib.loads((folder / PROJECT_FILE).read_text(encoding="utf-8")).get("services", {})
    except (OSError, ValueError):
        return []
    return [CompletionItem(name) for name in services if str(name).startswith(incomplete)]
