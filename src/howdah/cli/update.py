"""``howdah update``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from howdah.cli import databases, running
from howdah.cli.command import command, console_of
from howdah.cli.console import Console

if TYPE_CHECKING:  # importing it is slow, and a completion does not need it
    from howdah.templates.update import Update

_CONFLICTS = 3


@command("update")
@click.argument("names", nargs=-1, metavar="[SERVICE]...", shell_complete=running.complete_service)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
def command_(context: click.Context, names: tuple[str, ...], dry_run: bool) -> int:
    r"""Bring what has changed in the templates into the services made of them, beside what you have changed.

    Where both changed the same lines, the file has both between conflict markers, and the command exits with 3. It
    wants a git repository in which everything is committed, so that `git diff` shows what it did.

    \b
    Examples:
      howdah update --dry-run
      howdah update api
    """
    from howdah.cli.errors import UnknownTarget
    from howdah.templates import service, update

    console = console_of(context)
    root, project = running.project_folder(console), databases.project_of(console)
    known = {one.name: one for one in project.services}
    for name in names:
        if name not in known:
            raise UnknownTarget(f'There is no service "{name}".', hint=f"There is: {', '.join(known) or 'none'}.")
    chosen = [known[name] for name in names or known]
    settings = service.read_settings(root)
    planned = [one for each in chosen if (one := update.plan_update(project, settings, each)) is not None]
    if planned and not dry_run:
        update.check_clean(root)
        for one in planned:
            update.carry_out(root, one)
    _say(console, planned, dry_run=dry_run)
    return _CONFLICTS if any(one.conflicts for one in planned) else 0


def _say(console: Console, planned: list[Update], *, dry_run: bool) -> None:
    if console.json:
        console.data({"services": [_told(one) for one in planned], "dry_run": dry_run}, "")
        return
    if not planned:
        console.say("Every service is of the newest version of its template.")
    for one in planned:
        console.line(f"{one.service}: {one.template} {one.before} → {one.after}")
        for file in one.files:
            console.line(f"  {file.outcome:<8} {file.path}{f': {file.note}' if file.note else ''}")
        for name, changes in one.keys.items():
            console.line(f"  changed  howdah.toml: services.{name}: {', '.join(changes)}")
        for key in one.left:
            console.line(f"  kept     howdah.toml: {key}: the template says something else now")
    if dry_run and planned:
        console.say("Nothing was changed.")
    elif any(one.conflicts for one in planned):
        console.say("Mend what is between <<<<<<< and >>>>>>>, then commit. `git diff` shows everything.")
    elif planned:
        console.say("`git diff` shows it; `howdah test` tries it.")


def _told(one: Update) -> dict[str, object]:
    return {
        "service": one.service,
        "template": one.template,
        "before": one.before,
        "after": one.after,
        "files": [{"path": file.path, "outcome": file.outcome, "note": file.note} for file in one.files],
        "settings": {name: list(changes) for name, changes in one.keys.items()},
        "left": list(one.left),
        "conflicts": one.conflicts,
    }
