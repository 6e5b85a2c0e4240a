"""What the commands that work on a project's database have in common: reaching it, and asking before it is harmed."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from howdah.cli import running
from howdah.cli.console import Console
from howdah.cli.errors import NotConfirmed

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.embedded.postgres import Postgres
    from howdah.migrations.run import Step
    from howdah.project.sections import Project

Result = TypeVar("Result")


def project_of(console: Console) -> Project:
    """The project around here, or the named one. Raises ProjectNotFound, InvalidSettings."""
    from howdah.project.load import load_project

    return load_project(running.project_folder(console), os.environ)


def with_database(console: Console, project: Project, work: Callable[[Postgres], Awaitable[Result]]) -> Result:
    """What ``work`` makes of the project's running Postgres; what it has to say of metadata is shown meanwhile."""
    from howdah import development

    with shown_problems(console):
        return development.with_database(project, work)


def confirm(console: Console, project: Project, what: str, *, yes: bool) -> None:
    """Whoever is here agrees, as far as they have to: in the project's own database nobody has to.

    Raises NotConfirmed where there is nobody to ask, click.Abort when the answer is no.
    """
    url = project.database.url
    if url is not None:
        where = f"{_address(url.reveal())}, which is not the project's own database"
        confirm_always(console, f"{what} {where}", yes=yes)


def confirm_always(console: Console, what: str, *, yes: bool, hint: str = "Add --yes to mean it.") -> None:
    """Whoever is here agrees. Raises NotConfirmed where there is nobody to ask, click.Abort when the answer is no."""
    if yes:
        return
    if console.json or console.options.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotConfirmed(f"{what}: nobody said yes.", hint=hint)
    click.confirm(f"{what}?", abort=True, err=True)


def described(project: Project) -> str:
    """The project's database as a question names it."""
    url = project.database.url
    return f"the database of {project.name}" if url is None else _address(url.reveal())


def say_done(console: Console, verb: str, steps: tuple[Step, ...], nothing: str) -> None:
    """Each file that was run, with its time; ``nothing`` when there was none."""
    if console.json:
        files = [{"file": step.place, "milliseconds": step.milliseconds} for step in steps]
        console.data({verb: files, "dry_run": False}, "")
        return
    width = max((len(step.place) for step in steps), default=0)
    for step in steps:
        console.line(f"{step.place:<{width}}  {took(step.milliseconds):>10}")
    if not steps:
        console.say(nothing)


def took(milliseconds: float) -> str:
    """A time as people read it."""
    return f"{milliseconds:.1f} ms"


def _address(url: str) -> str:
    """The database and its host, without user and password."""
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(url)
    return f"{given.get('dbname') or given.get('user') or 'the database'} at {given.get('host') or 'the local socket'}"


@contextmanager
def shown_problems(console: Console) -> Iterator[None]:
    """What metadata says and the database has not is told here: the log of `howdah dev` is not what one looks at."""
    from howdah.observe import events
    from howdah.provision import CallsOverruled, MetadataRefused

    def show(event: object) -> None:
        if isinstance(event, CallsOverruled | MetadataRefused):
            console.say(f"{console.paint('warning:', 'yellow')} {event.place}: {event.message}")

    remove = events.add_sink(show)
    try:
        yield
    finally:
        remove()
