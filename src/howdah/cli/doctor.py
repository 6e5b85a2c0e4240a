"""``howdah doctor``."""

from __future__ import annotations

import click

from howdah.cli.checks import Check, check_all
from howdah.cli.command import command, console_of
from howdah.cli.running import project_folder
from howdah.project.errors import ProjectNotFound

FOUND_SOMETHING = 3


@command("doctor")
@click.pass_context
def command_(context: click.Context) -> int:
    r"""Check this machine and the project, and say what to do about what is wrong.

    Exits with 3 when something is wrong. A warning is not.

    \b
    Examples:
      howdah doctor
      howdah doctor --json
    """
    console = console_of(context)
    try:
        root = project_folder(console)
    except ProjectNotFound:
        if console.options.project is not None:
            raise
        root = None
    checks = check_all(root)
    failed = [check for check in checks if check.state == "failed"]
    if console.json:
        console.data({"ok": not failed, "checks": [_described(check) for check in checks]}, "")
    else:
        console.table(("CHECK", "STATE", "FOUND"), [(check.name, check.state, check.found) for check in checks])
        for check in checks:
            if check.remedy is not None:
                console.say(f"{check.name}: {check.remedy}")
        if root is None:
            console.say("No project here: only this machine was checked.")
    return FOUND_SOMETHING if failed else 0


def _described(check: Check) -> dict[str, str | None]:
    return {"name": check.name, "state": check.state, "found": check.found, "remedy": check.remedy}
