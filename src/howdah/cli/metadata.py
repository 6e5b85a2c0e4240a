"""``howdah metadata``: diff, pull, apply."""

from __future__ import annotations

import sys

import click

from howdah.cli import databases, running
from howdah.cli.command import Command, Group, console_of


@click.group("metadata", cls=Group)
def command_() -> None:
    r"""The metadata of the files and that of the database: where they differ, and each made into the other.

    Metadata calls change the database and leave metadata/tables alone; `howdah dev` takes every saved file over.

    \b
    Examples:
      howdah metadata diff
      howdah metadata pull
    """


@command_.command("diff", cls=Command)
@click.pass_context
def diff(context: click.Context) -> int:
    r"""What files and database say differently: + only in the database, - only in the files, ~ not the same.

    It exits with 3 when there is a difference.

    \b
    Examples:
      howdah metadata diff
      howdah metadata diff --json
    """
    from howdah.maintenance import metadata

    console = console_of(context)
    root = running.project_folder(console)
    found = databases.with_database(
        console, databases.project_of(console), lambda it: metadata.compare_metadata(root, it.dsn)
    )
    if console.json:
        told = [{"name": one.name, "what": one.what, "only_in": one.only_in} for one in found.differences]
        console.data({"differences": told, "changed": list(found.changed)}, "")
        return 3 if found.differences else 0
    for one in found.differences:
        sign, colour = {"database": ("+", "green"), "files": ("-", "red"), None: ("~", "yellow")}[one.only_in]
        what = one.name if one.what == "all" else f"{one.name}: {one.what}"
        console.line(console.paint(f"{sign} {what}", colour, sys.stdout))
    if not found.differences:
        console.say("Files and database say the same.")
    elif found.changed == ("database",):
        console.say("Calls changed the database: `howdah metadata pull` writes the files.")
    elif found.changed == ("files",):
        console.say("The files were changed: `howdah metadata apply` takes them over.")
    else:
        console.say("Both were changed: with --force, pull keeps the database's, apply the files'.")
    return 3 if found.differences else 0


@command_.command("pull", cls=Command)
@click.option("--force", is_flag=True, help="Even where the files were changed, too; those changes are lost.")
@click.pass_context
def pull(context: click.Context, force: bool) -> None:
    r"""Write into metadata/tables what the database has. Comments stay where nothing is changed.

    \b
    Examples:
      howdah metadata pull
      howdah metadata pull --force
    """
    from howdah.maintenance import metadata

    console = console_of(context)
    root = running.project_folder(console)
    written = databases.with_database(
        console, databases.project_of(console), lambda it: metadata.pull_metadata(root, it.dsn, force=force)
    )
    if console.json:
        console.data({"files": list(written)}, "")
        return
    for file in written:
        console.line(file)
    if not written:
        console.say("The files say what the database has.")


@command_.command("apply", cls=Command)
@click.option("--force", is_flag=True, help="Even where calls changed the database; those changes are lost.")
@click.pass_context
def apply(context: click.Context, force: bool) -> None:
    r"""Take the files over into the database, without its migrations.

    \b
    Examples:
      howdah metadata apply
      howdah metadata apply --force
    """
    from howdah.maintenance import metadata

    console = console_of(context)
    root = running.project_folder(console)
    problems = databases.with_database(
        console, databases.project_of(console), lambda it: metadata.apply_metadata(root, it.dsn, force=force)
    )
    if console.json:
        console.data({"problems": list(problems)}, "")
        return
    for problem in problems:
        console.say(f"{console.paint('warning:', 'yellow')} {problem}")
    console.say("The database has what the files say.")
