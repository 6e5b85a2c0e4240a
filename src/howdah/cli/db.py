"""``howdah db``: url, shell, seed, dump, restore, reset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from howdah.cli import databases, running
from howdah.cli.command import Command, Group, console_of

if TYPE_CHECKING:  # importing it is slow, and a completion does not need it
    from howdah.embedded.postgres import Postgres
    from howdah.maintenance.rebuild import Restored
    from howdah.migrations.plan import Standing


@click.group("db", cls=Group)
def command_() -> None:
    r"""The project's database itself: its address, a shell, first rows, a copy, a new beginning.

    Where `howdah dev` does not run, the project's Postgres is started for the time of the command.

    \b
    Examples:
      howdah db shell
      howdah db dump before.dump
    """


@command_.command("url", cls=Command)
@click.pass_context
def url(context: click.Context) -> None:
    r"""The URL of the database, with its password: it is a secret.

    \b
    Examples:
      howdah db url
      pgcli "$(howdah db url)"
    """
    console = console_of(context)
    project = databases.project_of(console)

    async def dsn_of(postgres: Postgres) -> str:
        return postgres.dsn.reveal()

    dsn = databases.with_database(console, project, dsn_of)
    console.data({"url": dsn}, dsn)
    if project.database.url is None:
        console.say("It answers while `howdah dev` runs.")


@command_.command("shell", cls=Command)
@click.argument("words", nargs=-1, metavar="[-- PSQL ARGUMENTS]")
@click.pass_context
def shell(context: click.Context, words: tuple[str, ...]) -> int:
    r"""A psql on the database; its exit code.

    \b
    Examples:
      howdah db shell
      howdah db shell -- -c "select count(*) from article"
    """
    from howdah.embedded import clients

    console = console_of(context)
    project = databases.project_of(console)
    return databases.with_database(console, project, lambda it: clients.shell(it, words, os.environ))


@command_.command("seed", cls=Command)
@click.pass_context
def seed(context: click.Context) -> None:
    r"""Run the files of seeds/ that have not been run yet, in one transaction.

    \b
    Examples:
      howdah db seed
      howdah db seed --json
    """
    from howdah import provision

    console = console_of(context)
    root, project = running.project_folder(console), databases.project_of(console)
    steps = databases.with_database(console, project, lambda it: provision.sow_seeds(root, it.dsn))
    databases.say_done(console, "seeded", steps, "Every seed has been run.")


@command_.command("dump", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
@click.pass_context
def dump(context: click.Context, file: Path, force: bool) -> None:
    r"""A copy of the whole database in FILE, in the format that pg_restore reads.

    \b
    Examples:
      howdah db dump before.dump
      howdah db dump --force latest.dump
    """
    from howdah.embedded import clients

    console = console_of(context)
    project = databases.project_of(console)
    if file.exists() and not force:
        raise click.UsageError(f"{file} exists already: choose another name, or say --force.", context)
    size = databases.with_database(console, project, lambda it: clients.dump(it, file, os.environ))
    console.data({"file": str(file), "bytes": size}, str(file))


@command_.command("restore", cls=Command)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what the file is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def restore(context: click.Context, file: Path, dry_run: bool, yes: bool) -> None:
    r"""Put the database back as it is in FILE, a dump of pg_dump's in any format.

    It is filled beside the one that is there, and takes its place when it is complete. What runs goes on with it.

    \b
    Examples:
      howdah db restore before.dump
      howdah db restore production.sql --yes
    """
    from howdah import provision
    from howdah.maintenance import rebuild

    console = console_of(context)
    root, project = running.project_folder(console), databases.project_of(console)
    if dry_run:
        dump = databases.with_database(console, project, lambda it: rebuild.inspect(it, file, os.environ))
        version = f" of Postgres {dump.major}" if dump.major is not None else ""
        console.data({"file": str(file), "version": dump.major, "dry_run": True}, f"{file} is a dump{version}.")
        console.say("Nothing was changed.")
        return
    databases.confirm_always(console, f"Replace {databases.described(project)} by what is in {file}", yes=yes)

    async def work(postgres: Postgres) -> tuple[Restored, tuple[Standing, ...]]:
        restored = await rebuild.restore(postgres, file, os.environ)
        return restored, await provision.read_standings(root, postgres.dsn)

    done, standings = databases.with_database(console, project, work)
    pending = [f"{one.version}_{one.name}" for one in standings if one.state == "pending"]
    told = {"file": str(file), "version": done.dump.major, "strangers": list(done.strangers), "pending": pending}
    console.data(told, f"The database is what {file} says.")
    if done.strangers:
        names = ", ".join(done.strangers)
        console.say(f"Not on this server: {names}. What they owned is yours now, what they were granted is left out.")
    if pending:
        console.say(f"Pending: {', '.join(pending)}. `{running.command_here(root)} migration up` applies them.")


@command_.command("reset", cls=Command)
@click.option("--dry-run", is_flag=True, help="Only say which files would be run.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def reset(context: click.Context, dry_run: bool, yes: bool) -> None:
    r"""Begin again: a database made of migrations, metadata and seeds takes the place of the one that is there.

    When a file fails, the old one stays as it was. What runs goes on with the new one.

    \b
    Examples:
      howdah db reset
      howdah db reset --yes
    """
    from howdah.maintenance import rebuild

    console = console_of(context)
    root, project = running.project_folder(console), databases.project_of(console)
    if dry_run:
        places = rebuild.plan_reset(root)
        console.data({"run": list(places), "dry_run": True}, "\n".join(places))
        console.say("Nothing was changed.")
        return
    databases.confirm_always(console, f"Destroy everything in {databases.described(project)}", yes=yes)
    steps = databases.with_database(console, project, lambda it: rebuild.reset(root, it.dsn))
    databases.say_done(console, "run", steps, "There is nothing to run: the database is empty.")
