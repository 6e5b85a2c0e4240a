"""``howdah version``."""

from __future__ import annotations

import platform

import click

from howdah import __version__
from howdah.cli.command import command, console_of


@command("version")
@click.pass_context
def command_(context: click.Context) -> None:
    r"""The version of howdah.

    \b
    Examples:
      howdah version
      howdah version --json
    """
    python = platform.python_version()
    told = {"version": __version__, "python": python, "platform": platform.platform()}
    console_of(context).data(told, f"howdah {__version__} (Python {python})")
