"""``howdah test``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from howdah.cli import databases, running
from howdah.cli.command import command, console_of
from howdah.cli.console import Console

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.testing import Result

_PARTS = ("permissions", "database", "services")


@command("test")
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS), metavar="[permissions|database|services]...")
@click.pass_context
def command_(context: click.Context, parts: tuple[str, ...]) -> int:
    r"""Whether the project is as it should be: permission tests, drift of the database, the services' own tests.

    Permission tests (tests/permissions/*.toml) run in a database that is made from the project's files and thrown away.
    It exits with 1 when something fails.

    \b
    Examples:
      howdah test
      howdah test permissions --json
    """
    from howdah import testing

    console = console_of(context)
    root, project = running.project_folder(console), databases.project_of(console)
    results: list[Result] = []
    for part in parts or _PARTS:
        with databases.shown_problems(console):
            found = testing.PARTS[part](root, project)
        results += found
        _show(console, part, found)
    failed = sum(one.state == "failed" for one in results)
    passed = sum(one.state == "passed" for one in results)
    if console.json:
        console.data({"passed": passed, "failed": failed, "results": [testing.to_json(one) for one in results]}, "")
    else:
        summary = f"{passed} passed, {failed} failed" if failed else f"{passed} passed"
        console.line(console.paint(summary, "red" if failed else "green", sys.stdout))
    return 1 if failed else 0


def _show(console: Console, part: str, results: tuple[Result, ...]) -> None:
    if console.json:
        return
    console.line(console.paint(part, "bold", sys.stdout))
    for one in results:
        colour = {"passed": "green", "failed": "red"}.get(one.state, "yellow")
        place = "" if one.place is None or one.state != "failed" else f"  ({one.place})"
        console.line(f"  {console.paint(f'{one.state:<7}', colour, sys.stdout)} {one.name}{place}")
        for line in one.detail if one.state != "passed" else ():
            console.line(f"          {line}")
