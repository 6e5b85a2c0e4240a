"""``howdah table``: list, show, track, untrack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from howdah.cli import databases, running
from howdah.cli.command import Command, Group, console_of
from howdah.cli.console import Console

if TYPE_CHECKING:  # importing it is slow, and a completion does not need it
    from howdah.maintenance.tables import Tracking

_NONE = "–"


@click.group("table", cls=Group)
def command_() -> None:
    r"""The tables of the database, and which of them the Data API knows.

    Where `howdah dev` does not run, the project's Postgres is started for the time of the command.

    \b
    Examples:
      howdah table list
      howdah table track --all --relationships
    """


@command_.command("list", cls=Command)
@click.option("--untracked", is_flag=True, help="Only tables that are not tracked.")
@click.pass_context
def list_(context: click.Context, untracked: bool) -> None:
    r"""Every table: what it is, whether it is tracked, its relationships and the roles that may use it.

    \b
    Examples:
      howdah table list
      howdah table list --untracked --json
    """
    from howdah.maintenance import asking, tables

    console = console_of(context)
    known = databases.with_database(console, databases.project_of(console), lambda it: asking.read_known(it.dsn))
    seen = [one for one in tables.seen_tables(known) if not (untracked and one.tracked)]
    if console.json:
        told = [
            {
                "table": {"schema": one.name.schema, "name": one.name.name},
                "kind": one.kind,
                "tracked": one.tracked,
                "columns": one.columns,
                "relationships": list(one.relationships),
                "roles": list(one.roles),
            }
            for one in seen
        ]
        console.data({"tables": told}, "")
        return
    rows = [
        (
            str(one.name),
            one.kind or "missing",
            "yes" if one.tracked else "no",
            str(one.columns),
            ", ".join(one.relationships) or _NONE,
            ", ".join(one.roles) or _NONE,
        )
        for one in seen
    ]
    console.table(("TABLE", "KIND", "TRACKED", "COLUMNS", "RELATIONSHIPS", "ROLES"), rows)


@command_.command("show", cls=Command)
@click.argument("table")
@click.pass_context
def show(context: click.Context, table: str) -> None:
    r"""A table's columns and keys, its relationships, and the roles that may use it.

    \b
    Examples:
      howdah table show article
      howdah table show app.note --json
    """
    from howdah.maintenance import asking, tables

    console = console_of(context)
    known = databases.with_database(console, databases.project_of(console), lambda it: asking.read_known(it.dsn))
    name = asking.find_table(known.database, table)
    told = tables.described(known, name)
    if console.json:
        console.data(told, "")
        return
    console.table(
        ("COLUMN", "TYPE", "NULL", "DEFAULT", "KEY"),
        [
            (
                column["name"],
                column["type"],
                "yes" if column["nullable"] else "no",
                "yes" if column["has_default"] else "no",
                ", ".join(column["keys"]) or _NONE,
            )
            for column in told["columns"]
        ],
    )
    console.line("")
    if not told["tracked"]:
        console.say(f"It is not tracked: `howdah table track {name}` tracks it.")
        return
    for relationship in told["relationships"]:
        console.line(f"{relationship['kind']} relationship {relationship['name']} → {relationship['table']}")
    for role, operations in told["roles"].items():
        console.line(f"role {role}: {', '.join(operations)}")


@command_.command("track", cls=Command)
@click.argument("names", nargs=-1, metavar="[TABLE]...")
@click.option("--all", "everything", is_flag=True, help="Every table that is not tracked yet.")
@click.option("--relationships", is_flag=True, help="Also the relationships that foreign keys suggest, both ways.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.pass_context
def track(context: click.Context, names: tuple[str, ...], everything: bool, relationships: bool, dry_run: bool) -> None:
    r"""Make tables known to the Data API: a file for each in metadata/tables. No role may use them yet.

    `howdah dev` applies the files at once, `howdah migration up` otherwise.

    \b
    Examples:
      howdah table track article author --relationships
      howdah table track --all --dry-run
    """
    from howdah.maintenance import asking, tables

    if bool(names) == everything:
        raise click.UsageError("Name tables, or say --all.", context)
    console = console_of(context)
    root = running.project_folder(console)
    known = databases.with_database(console, databases.project_of(console), lambda it: asking.read_known(it.dsn))
    chosen = list(known.database.tables) if everything else [asking.find_table(known.database, one) for one in names]
    plan = tables.plan_tracking(root, known.database, chosen, relationships=relationships)
    _write(console, plan, dry_run=dry_run, nothing="Everything is tracked already.")


@command_.command("untrack", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="TABLE...")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.pass_context
def untrack(context: click.Context, names: tuple[str, ...], dry_run: bool) -> None:
    r"""Take tables out of the Data API, with their permissions and the relationships to them. The tables stay.

    \b
    Examples:
      howdah table untrack draft
      howdah table untrack draft --dry-run
    """
    from howdah.maintenance import asking, tables

    console = console_of(context)
    known = databases.with_database(console, databases.project_of(console), lambda it: asking.read_known(it.dsn))
    chosen = [asking.table_name(one) for one in names]
    plan = tables.plan_untracking(running.project_folder(console), known.database, chosen)
    _write(console, plan, dry_run=dry_run, nothing="Nothing to do.")


def _write(console: Console, plan: Tracking, *, dry_run: bool, nothing: str) -> None:
    from howdah.maintenance import metadata

    if not dry_run:
        metadata.write_files(running.project_folder(console), plan.changes)
    if console.json:
        console.data({"done": list(plan.done), "files": sorted(plan.changes), "dry_run": dry_run}, "")
        return
    for line in plan.done:
        console.line(line)
    console.say("Nothing was changed." if dry_run else nothing if not plan.done else "")
