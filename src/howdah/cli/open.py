"""``howdah open``."""

from __future__ import annotations

import os
import sys
import webbrowser

import click

from howdah.cli import running
from howdah.cli.command import command, console_of
from howdah.cli.errors import UnknownTarget
from howdah.cli.status import OURS
from howdah.project.schema import nearest
from howdah.supervisor import ask


@command("open")
@click.argument("service", required=False, shell_complete=running.complete_service)
@click.option("--print", "only_print", is_flag=True, help="Only print the URL.")
@click.pass_context
def command_(context: click.Context, service: str | None, only_print: bool) -> None:
    r"""Show the project, or one of its services, in the browser.

    The URL is printed too, so this is of use where there is no browser.

    \b
    Examples:
      howdah open
      howdah open app
    """
    console = console_of(context)
    told = ask.ask(ask.socket_of(running.run_folder(console)), "status")
    base = str(told["url"])
    names = [process["name"] for process in told["processes"] if process["name"] not in OURS]
    if service is not None and service not in names:
        near = nearest(service, names)
        hint = f"Did you mean {near}?" if near else f"There is: {', '.join(names) or 'no service'}."
        raise UnknownTarget(f'There is no service "{service}".', hint=hint)
    url = base if service is None else running.public_url(base, service) or base
    console.data({"url": url}, url)
    if console.is_terminal and not only_print and _has_browser() and not webbrowser.open(url):
        console.say("No browser could be started.")


def _has_browser() -> bool:
    """Whether a window can be opened here; a browser inside the terminal would only be in the way."""
    if sys.platform == "darwin" or "BROWSER" in os.environ:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
