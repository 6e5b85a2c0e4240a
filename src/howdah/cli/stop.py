"""``howdah stop``."""

from __future__ import annotations

import click

from howdah.cli import running
from howdah.cli.command import command, console_of
from howdah.supervisor import ask


@command("stop")
@click.pass_context
def command_(context: click.Context) -> None:
    r"""End what `dev` has started, in order, and wait until it has ended.

    \b
    Examples:
      howdah stop
      howdah --project ~/shop stop
    """
    console = console_of(context)
    folder = running.project_folder(console)
    path = ask.socket_of(running.run_folder(console))
    with console.step(f"Stopped {folder.name}."):
        ask.stop(path)
    if console.json:
        console.data({"stopped": str(folder)}, "")
