"""``howdah schedule``: list, run."""

from __future__ import annotations

import click

from howdah.cli import databases
from howdah.cli.command import Command, Group, console_of
from howdah.cli.task import with_connection


@click.group("schedule", cls=Group)
def command_() -> None:
    r"""Schedules: tasks that are due again and again, as [tasks.schedules] of howdah.toml says.

    \b
    Examples:
      howdah schedule list
      howdah schedule run nightly
    """


@command_.command("list", cls=Command)
@click.pass_context
def list_(context: click.Context) -> None:
    r"""Every schedule: when it was due last, what became of that, and when it is due next.

    \b
    Examples:
      howdah schedule list
      howdah schedule list --json | jq '.schedules[].next'
    """
    from howdah.tasks import listing

    console = console_of(context)
    known = databases.project_of(console).tasks.schedules
    rows = with_connection(console, lambda connection: listing.scheduled(connection, known))
    if console.json:
        console.data({"schedules": rows}, "")
    elif rows:
        console.table(
            ("NAME", "TASK", "WHEN", "LAST", "STATE", "NEXT"),
            [
                (
                    row["name"],
                    row["task"],
                    row["when"],
                    _time(row["last"]),
                    row["last_state"] or "–",
                    _time(row["next"]),
                )
                for row in rows
            ],
        )
    else:
        console.say("There is no schedule. [tasks.schedules.NAME] in howdah.toml makes one.")


@command_.command("run", cls=Command)
@click.argument("name")
@click.pass_context
def run(context: click.Context, name: str) -> None:
    r"""Have the task of a schedule done now, beside its times.

    \b
    Examples:
      howdah schedule run nightly
    """
    from howdah.tasks import listing

    console = console_of(context)
    known = databases.project_of(console).tasks.schedules
    task_id = with_connection(console, lambda connection: listing.run_schedule(connection, known, name))
    console.data({"id": task_id}, task_id)


def _time(text: str | None) -> str:
    return "–" if text is None else text[:19].replace("T", " ")
