"""``howdah service db``: revision, upgrade, downgrade, sql, current, history of a service that uses SQLAlchemy.

Each is `howdah.kit.orm.migrate` in the service's folder, with its Python and its environment: its models are its own.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from howdah.cli import databases, running
from howdah.cli.command import Command, Group, console_of
from howdah.cli.errors import MissingExtra, UnknownTarget

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.embedded.postgres import Postgres
    from howdah.observe.secret import Secret
    from howdah.project.sections import Project, ServiceSection

_MISSING = re.compile(r"^ModuleNotFoundError: No module named '(sqlalchemy|alembic|psycopg|howdah)\b", re.MULTILINE)


@click.group("db", cls=Group)
def group() -> None:
    r"""The tables of a service that uses SQLAlchemy: Alembic, in the service's folder `migrations`.

    Its models are found in its `models.py`, or where HOWDAH_MODELS says in the service's environment.

    \b
    Examples:
      howdah service db revision app -m "Add invoices"
      howdah service db upgrade app
    """


@group.command("revision", cls=Command)
@click.argument("name", shell_complete=running.complete_service)
@click.option("-m", "--message", required=True, metavar="TEXT", help="What it does, in a few words.")
@click.option("--empty", is_flag=True, help="An empty one, to be written by hand.")
@click.pass_context
def revision(context: click.Context, name: str, message: str, empty: bool) -> int:
    r"""Write a revision with what the models have and the database has not.

    \b
    Examples:
      howdah service db revision app -m "Add invoices"
    """
    return _run(context, name, "revision", "-m", message, *(["--empty"] if empty else []))


@group.command("upgrade", cls=Command)
@click.argument("name", shell_complete=running.complete_service)
@click.argument("revision", default="head")
@click.pass_context
def upgrade(context: click.Context, name: str, revision: str) -> int:
    r"""Bring the database to a revision, the newest by default. Many may do so at once.

    \b
    Examples:
      howdah service db upgrade app
    """
    return _run(context, name, "upgrade", revision)


@group.command("downgrade", cls=Command)
@click.argument("name", shell_complete=running.complete_service)
@click.argument("revision", default="-1")
@click.option("--yes", is_flag=True, help="Do not ask, even where the database is not the project's own.")
@click.pass_context
def downgrade(context: click.Context, name: str, revision: str, yes: bool) -> int:
    r"""Take back the last revision, or everything after one; `base` is before the first.

    \b
    Examples:
      howdah service db downgrade app
      howdah service db downgrade app base --yes
    """
    console = console_of(context)
    databases.confirm(console, databases.project_of(console), f"Take back revisions of {name} in", yes=yes)
    return _run(context, name, "downgrade", "--", revision)


@group.command("sql", cls=Command)
@click.argument("name", shell_complete=running.complete_service)
@click.argument("revision", default="head")
@click.pass_context
def sql(context: click.Context, name: str, revision: str) -> int:
    r"""The SQL of an upgrade, from the beginning or FROM:TO. Nothing is run.

    \b
    Examples:
      howdah service db sql app
    """
    console = console_of(context)
    project = databases.project_of(console)
    return _show(*_migrate(project, _service(project, name), None, ["sql", revision], json=console.json))


@group.command("current", cls=Command)
@click.argument("name", shell_complete=running.complete_service)
@click.pass_context
def current(context: click.Context, name: str) -> int:
    r"""The revision that the database is at.

    \b
    Examples:
      howdah service db current app
    """
    return _run(context, name, "current")


@group.command("history", cls=Command)
@click.argument("name", shell_complete=running.complete_service)
@click.pass_context
def history(context: click.Context, name: str) -> int:
    r"""Every revision, and whether it was applied.

    \b
    Examples:
      howdah service db history app
    """
    return _run(context, name, "history")


def _run(context: click.Context, name: str, *words: str) -> int:
    """One command of the service's, while the project's Postgres runs; its exit code."""
    console = console_of(context)
    project = databases.project_of(console)
    service = _service(project, name)

    async def work(postgres: Postgres) -> tuple[int, str, str]:
        return await asyncio.to_thread(_migrate, project, service, postgres.dsn, list(words), json=console.json)

    return _show(*databases.with_database(console, project, work))


def _migrate(
    project: Project, service: ServiceSection, dsn: Secret | None, words: list[str], *, json: bool
) -> tuple[int, str, str]:
    """The exit code of the command in the service's folder, and what it wrote. Raises MissingExtra."""
    from howdah import development

    addresses = development.Addresses(development.usual_url(project), dsn)
    environment = development.service_environment(project, service, addresses)
    python = shutil.which("python3", path=environment["PATH"]) or sys.executable
    ran = subprocess.run(
        [python, "-m", "howdah.kit.orm.migrate", *(["--json"] if json else []), *words],
        cwd=service.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0 and (missing := _MISSING.search(ran.stderr)):
        raise MissingExtra(
            f"The Python package {missing[1]} is not installed for {service.name}.",
            hint='pip install "howdah[sqlalchemy]"',
        )
    return ran.returncode, ran.stdout, ran.stderr


def _service(project: Project, name: str) -> ServiceSection:
    """Raises UnknownTarget."""
    for service in project.services:
        if service.name == name:
            return service
    known = ", ".join(service.name for service in project.services)
    raise UnknownTarget(f"No service is called {name!r}.", hint=f"There is: {known or 'none'}.")


def _show(code: int, said: str, complaint: str) -> int:
    sys.stdout.write(said)
    sys.stderr.write(complaint)
    return code
