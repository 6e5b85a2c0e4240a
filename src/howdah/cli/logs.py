"""``howdah logs``."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from howdah.cli import running
from howdah.cli.command import command, console_of
from howdah.cli.console import Console
from howdah.cli.errors import UnknownTarget
from howdah.observe.render import render
from howdah.project.schema import nearest
from howdah.supervisor import ask
from howdah.supervisor.errors import NotRunning
from howdah.supervisor.files import SUFFIX, history
from howdah.supervisor.printer import wants_colour

LAST = 200


@command("logs")
@click.argument("services", nargs=-1, metavar="[SERVICE]...", shell_complete=running.complete_service)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is said from now on.")
@click.option("--since", metavar="TIME", help="From then on: 10m, 2h, 3d, or 2026-11-21T10:00.")
@click.option("--request", "request_id", metavar="ID", help="Only what belongs to this request.")
@click.option("-n", "--last", type=click.IntRange(min=0), metavar="N", help=f"The last N lines (else {LAST}).")
@click.pass_context
def command_(
    context: click.Context,
    services: tuple[str, ...],
    follow: bool,
    since: str | None,
    request_id: str | None,
    last: int | None,
) -> None:
    r"""What the services say and have said, also while nothing runs.

    With --json every line is one JSON object. An answer's X-Request-Id header is the ID of its request.

    \b
    Examples:
      howdah logs
      howdah logs app -f
      howdah logs --since 10m
      howdah logs --request 6f1c2a
    """
    console = console_of(context)
    folder = running.logs_folder(console)
    since_moment = _moment(context, since)
    limit = last if last is not None else None if since or request_id else LAST
    names = services or None
    try:
        path = ask.socket_of(running.run_folder(console))
        remembered = list(_asked(path, names, since_moment, request_id))
    except NotRunning:
        _check_names(services, folder)
        if follow:
            raise
        path, remembered = None, []
    lines = _merged(folder, names, since_moment, request_id, remembered, limit)
    known = tuple(services) or _known(folder)
    show = _shower(console, known)
    for line in lines:
        show(line)
    if path is not None and follow:
        seen = set(remembered)
        for line in _asked(path, names, since_moment, request_id, follow=True):
            if line not in seen:
                show(line)


def _asked(
    path: Path, services: Sequence[str] | None, since: str, request_id: str | None, *, follow: bool = False
) -> Iterator[str]:
    """The lines that the running howdah remembers, and with ``follow`` those it hears from now on."""
    arguments: dict[str, Any] = {"services": services, "since": since, "request_id": request_id, "follow": follow}
    for answer in ask.stream(path, "logs", **arguments):
        if "record" in answer:
            yield json.dumps(answer["record"], separators=(",", ":"))


def _merged(
    folder: Path,
    services: Sequence[str] | None,
    since: str,
    request_id: str | None,
    remembered: Sequence[str],
    limit: int | None,
) -> Iterator[str]:
    """The lines of the files and of memory, each once, oldest first, and at most the last ``limit``."""
    written: Iterator[str] = (record.text for record in history(folder, services, since=since, request_id=request_id))
    if limit is not None:
        written = iter(deque(written, maxlen=limit))
    lines = dict.fromkeys(itertools.chain((_canonical(line) for line in written), remembered))
    ordered = sorted(lines, key=lambda line: str(json.loads(line).get("time", "")))
    return iter(ordered if limit is None else ordered[max(0, len(ordered) - limit) :])


def _canonical(line: str) -> str:
    """A line of a file as `_asked` gives the same line, so that they are recognised as one."""
    return json.dumps(json.loads(line), separators=(",", ":"))


def _shower(console: Console, services: Sequence[str]) -> Any:
    """What shows one line: as it is for programs, in words for people."""
    if console.json:
        return console.line
    colour = wants_colour(sys.stdout, os.environ)
    return lambda line: console.line(render(line, colour, services))


def _moment(context: click.Context, since: str | None) -> str:
    if since is None:
        return ""
    try:
        return running.since_time(since, datetime.now(UTC))
    except ValueError as error:
        message = f"'{since}' is no time: 10m, 2h, 3d or 2026-11-21T10:00 would be."
        raise click.BadParameter(message, context, param_hint="--since") from error


def _known(folder: Path) -> tuple[str, ...]:
    """Whoever has a log file."""
    return tuple(sorted({path.name.split(SUFFIX)[0] for path in folder.glob(f"*{SUFFIX}*")}))


def _check_names(services: Sequence[str], folder: Path) -> None:
    known = _known(folder)
    for name in services:
        if name not in known:
            near = nearest(name, known)
            hint = f"Did you mean {near}?" if near else f"There are logs of: {', '.join(known) or 'nothing yet'}."
            raise UnknownTarget(f'There are no logs of "{name}".', hint=hint)
