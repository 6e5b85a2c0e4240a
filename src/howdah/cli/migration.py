"""``howdah migration``: list, show, new, up, down, squash, check, adopt."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from howdah.cli import databases, running
from howdah.cli.command import Command, Group, console_of
from howdah.cli.console import Console

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.maintenance.check import Report
    from howdah.migrations.load import File
    from howdah.migrations.plan import Standing
    from howdah.project.sections import Project

COLUMNS = ("VERSION", "NAME", "STATE", "APPLIED", "TOOK")


@click.group("migration", cls=Group)
def command_() -> None:
    r"""Change the database step by step, forwards and back, and see where it stands.

    Where `howdah dev` does not run, the project's Postgres is started for the time of the command.

    \b
    Examples:
      howdah migration new add_tags
      howdah migration up
      howdah migration list
    """


@command_.command("list", cls=Command)
@click.pass_context
def list_(context: click.Context) -> None:
    r"""Every migration of the folder and of the database, and whether they agree.

    \b
    Examples:
      howdah migration list
      howdah migration list --json | jq '.migrations[] | select(.state == "pending")'
    """
    console = console_of(context)
    found = _standings(context)
    if console.json:
        console.data({"migrations": [_described(one) for one in found]}, "")
    elif found:
        console.table(COLUMNS, [_row(one) for one in found])
    else:
        console.say("There is no migration yet. `howdah migration new NAME` makes one.")


@command_.command("show", cls=Command)
@click.argument("migration", metavar="VERSION")
@click.pass_context
def show(context: click.Context, migration: str) -> None:
    r"""One migration, by its version or name: how it stands, and its files.

    \b
    Examples:
      howdah migration show 20261121101500
      howdah migration show add_tags
    """
    from howdah.migrations import plan

    console = console_of(context)
    found = plan.find(_standings(context), migration)
    up, down = (found.migration.up, found.migration.down) if found.migration is not None else ((), ())
    if console.json:
        console.data({**_described(found), "up": _texts(up), "down": _texts(down)}, "")
        return
    console.table(COLUMNS, [_row(found)])
    for file in (*up, *down):
        console.line(f"\n-- {file.place}\n{file.text.rstrip()}")


@command_.command("new", cls=Command)
@click.argument("name")
@click.option("--metadata", is_flag=True, help="Also an up.yaml and a down.yaml, for what changes in the metadata.")
@click.pass_context
def new(context: click.Context, name: str, metadata: bool) -> None:
    r"""Make the folder of a migration, with an up.sql and a down.sql to write.

    \b
    Examples:
      howdah migration new add_tags
      howdah migration new "Add tags to article" --metadata
    """
    import datetime as dt
    from pathlib import Path

    from howdah.migrations.write import new_migration
    from howdah.provision import MIGRATIONS

    console = console_of(context)
    root = running.project_folder(console)
    made = new_migration(root / MIGRATIONS, name, dt.datetime.now(dt.UTC), calls=metadata)
    files = sorted(made.iterdir(), key=lambda file: (file.suffix, file.stem != "up"))
    here = Path.cwd()
    shown = [str(file.relative_to(here) if file.is_relative_to(here) else file) for file in files]
    told = {"version": int(made.name.partition("_")[0]), "folder": str(made), "files": [str(file) for file in files]}
    console.data(told, "\n".join(shown))
    console.say(f"Write them, then: {running.command_here(root)} migration up")


@command_.command("up", cls=Command)
@click.option("--to", metavar="VERSION", help="Nothing newer than this migration.")
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
@click.pass_context
def up(context: click.Context, to: str | None, dry_run: bool) -> None:
    r"""Apply what is pending, and the metadata with it, in one transaction: all of it or nothing.

    \b
    Examples:
      howdah migration up --dry-run
      howdah migration up --to 20261121101500
    """
    from howdah import provision

    console, root = console_of(context), running.project_folder(console_of(context))
    project = databases.project_of(console)
    if dry_run:
        places = databases.with_database(console, project, lambda it: provision.plan_up(root, it.dsn, to=to))
        _say_planned(context, "applied", places)
    else:
        steps = databases.with_database(console, project, lambda it: provision.migrate_up(root, it.dsn, to=to))
        databases.say_done(console, "applied", steps, "Nothing is pending.")


@command_.command("down", cls=Command)
@click.argument("count", metavar="[N]", type=click.IntRange(min=1), required=False)
@click.option("--to", metavar="VERSION", help="Take back everything newer than this migration; 0 is everything.")
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
@click.option("--yes", is_flag=True, help="Do not ask, even where the database is not the project's own.")
@click.pass_context
def down(context: click.Context, count: int | None, to: str | None, dry_run: bool, yes: bool) -> None:
    r"""Take back the last migration, or the last N, in one transaction: all of it or nothing.

    What they take back is pending again. Data in what is dropped is gone.

    \b
    Examples:
      howdah migration down
      howdah migration down 2 --dry-run
      howdah migration down --to 20261121101500
    """
    from howdah import provision

    if count is not None and to is not None:
        raise click.UsageError("N and --to say the same: give one of them.", context)
    console, root = console_of(context), running.project_folder(console_of(context))
    project, number = databases.project_of(console), count or 1
    if dry_run:
        places = databases.with_database(
            console, project, lambda it: provision.plan_down(root, it.dsn, count=number, to=to)
        )
        _say_planned(context, "reverted", places)
        return
    databases.confirm(console, project, "Take back migrations of", yes=yes)
    steps = databases.with_database(
        console, project, lambda it: provision.migrate_down(root, it.dsn, count=number, to=to)
    )
    databases.say_done(console, "reverted", steps, "No such migration is applied.")


@command_.command("squash", cls=Command)
@click.option("--from", "first", metavar="VERSION", required=True, help="The first migration that goes into it.")
@click.option("--to", "last", metavar="VERSION", help="The last one; else the newest.")
@click.option("--name", help="The name of the new one; else made of theirs.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written and removed.")
@click.option("--yes", is_flag=True, help="Remove the old files also where git does not have them.")
@click.pass_context
def squash(context: click.Context, first: str, last: str | None, name: str | None, dry_run: bool, yes: bool) -> None:
    r"""Make one migration of several. A database that has applied them has applied it.

    \b
    Examples:
      howdah migration squash --from 20261121101500 --name shop
      howdah migration squash --from add_tags --to add_prices --dry-run
    """
    from howdah.migrations import squash as squashing
    from howdah.migrations.load import load_migrations
    from howdah.migrations.write import checked_slug
    from howdah.provision import MIGRATIONS

    console = console_of(context)
    folder = running.project_folder(console) / MIGRATIONS
    slug = None if name is None else checked_slug(name)
    planned = squashing.plan_squash(load_migrations(folder), first, last, slug)
    files = [f"{MIGRATIONS}/{planned.folder}/{file}" for file in planned.texts]
    places = [one.place for one in planned.replaced]
    if not dry_run:
        if squashing.uncommitted(folder, planned):
            what = "Remove migrations that git does not have as they are"
            databases.confirm_always(console, what, yes=yes, hint="Commit them first, or add --yes.")
        squashing.write_squash(folder, planned)
    told = {"written": files, "replaced": places, "irreversible": list(planned.irreversible), "dry_run": dry_run}
    console.data(told, "\n".join([*(f"+ {file}" for file in files), *(f"- {place}" for place in places)]))
    for place in planned.irreversible:
        console.say(f"{place} cannot be taken back, so the new one cannot be either.")
    console.say("Nothing was changed." if dry_run else "Databases that have applied the old ones have applied it.")


@command_.command("check", cls=Command)
@click.pass_context
def check(context: click.Context) -> None:
    r"""Whether the database is what the files make: they are replayed beside it, and both are compared.

    It exits with 3 when something differs, and changes nothing.

    \b
    Examples:
      howdah migration check
      howdah migration check --json | jq '.error.differences'
    """
    console = console_of(context)
    report = _checked(console, databases.project_of(console))
    told = {"differences": [], "pending": list(report.pending), "replayed": report.replayed}
    console.data(told, _all_well(report))


def _checked(console: Console, project: Project) -> Report:
    """The report of a check that found nothing; what it finds is shown. Raises DriftFound."""
    from howdah import development
    from howdah.migrations.drift import to_lines

    with databases.shown_problems(console):
        report = development.check_drift(project)
    if not console.json:
        for line in to_lines(report.differences):
            console.line(_painted(console, line))
        for name in report.edited:
            console.line(f"~ migration {name}: edited after it was applied")
        for name in report.missing:
            console.line(f"+ migration {name}: applied, and not in the folder")
        for name in report.pending:
            console.say(f"{name} is pending: not compared.")
    report.refuse_drift()
    return report


def _all_well(report: Report) -> str:
    count = "1 applied migration makes" if report.replayed == 1 else f"{report.replayed} applied migrations make"
    return f"The database is what the {count}."


@command_.command("adopt", cls=Command)
@click.option("--name", default="initial", show_default=True, help="The name of the first migration.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.pass_context
def adopt(context: click.Context, name: str, dry_run: bool) -> None:
    r"""Take over a database that is there: what it is made of becomes the first migration, applied already.

    Its tables are tracked, with a relationship for each foreign key, or as Hasura's catalogue in it says. Afterwards
    the files are replayed and compared with it, as by `migration check`.

    \b
    Examples:
      DATABASE_URL=postgresql://… howdah migration adopt --dry-run
      howdah migration adopt --name shop
    """
    import datetime as dt

    from howdah.maintenance import adopt as adopting

    console, root = console_of(context), running.project_folder(console_of(context))
    project = databases.project_of(console)
    planned = databases.with_database(console, project, lambda it: adopting.plan_adoption(root, it, os.environ, name))
    told: dict[str, Any] = {"source": planned.source, "applied": [one.place for one in planned.applied]}
    if dry_run:
        texts = {**({"up.sql": planned.sql} if planned.sql is not None else {}), **planned.metadata}
        shown = "\n".join(f"-- {file}\n{text}" for file, text in texts.items())
        console.data({**told, "files": texts, "dry_run": True}, shown.rstrip())
        console.say("Nothing was changed.")
        return
    now = dt.datetime.now(dt.UTC)
    written = databases.with_database(console, project, lambda it: adopting.adopt(root, it, planned, now))
    if not console.json:
        for place in (*told["applied"], *written):
            console.line(place)
        console.say(f"Written and applied; what is said of the tables comes from {planned.source}.")
    report = _checked(console, project)
    console.data({**told, "files": list(written), "dry_run": False, "replayed": report.replayed}, _all_well(report))


def _painted(console: Console, line: str) -> str:
    colour = {"+": "green", "-": "red", "~": "yellow"}.get(line.strip()[:1])
    return line if colour is None else console.paint(line, colour, sys.stdout)


def _standings(context: click.Context) -> tuple[Standing, ...]:
    from howdah import provision

    console = console_of(context)
    root = running.project_folder(console)
    project = databases.project_of(console)
    return databases.with_database(console, project, lambda it: provision.read_standings(root, it.dsn))


def _say_planned(context: click.Context, verb: str, places: tuple[str, ...]) -> None:
    console = console_of(context)
    if console.json:
        console.data({verb: [{"file": place} for place in places], "dry_run": True}, "")
        return
    for place in places:
        console.line(place)
    console.say("Nothing was changed.")


def _described(one: Standing) -> dict[str, Any]:
    return {
        "version": one.version,
        "name": one.name,
        "state": one.state,
        "applied_at": one.applied.applied_at if one.applied is not None else None,
        "milliseconds": one.applied.milliseconds if one.applied is not None else None,
    }


def _row(one: Standing) -> tuple[str, ...]:
    at, milliseconds = (one.applied.applied_at, one.applied.milliseconds) if one.applied is not None else (None, None)
    return (
        str(one.version),
        one.name,
        one.state,
        at or "–",
        "–" if milliseconds is None else databases.took(milliseconds),
    )


def _texts(files: tuple[File, ...]) -> list[dict[str, str]]:
    return [{"file": file.place, "text": file.text} for file in files]
