"""``howdah quickstart``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from howdah.cli.command import command, console_of
from howdah.cli.console import Console
from howdah.errors import HowdahError
from howdah.project.load import load_project
from howdah.project.secret_file import SECRETS_FILE, STATE_FOLDER, ensure_secrets
from howdah.project.sections import ServerSection
from howdah.templates import repository, scaffold, write

DEFAULT = "hello"


@command("quickstart")
@click.argument("words", nargs=-1, required=True, metavar="[TEMPLATE] DIR")
@click.option("--force", is_flag=True, help="Write into a folder that has something in it; its other files stay.")
@click.option("--skip-database", is_flag=True, help="Leave the database to the first `howdah dev`.")
@click.pass_context
def command_(context: click.Context, words: tuple[str, ...], force: bool, skip_database: bool) -> None:
    r"""Make a project in the folder DIR: settings, a git repository, a database with sample rows, a Flask service.

    No question is asked. The template is `hello` when none is named.

    \b
    Examples:
      howdah quickstart shop
      howdah quickstart hello ~/src/shop
    """
    if len(words) > 2:
        raise click.UsageError(f"Got {len(words)} words where a template and a folder would do.", context)
    console = console_of(context)
    template, folder = (words[0], Path(words[1])) if len(words) == 2 else (DEFAULT, Path(words[0]))
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would leave the path the user wrote
    files = scaffold.plan(template, {"name": root.name})
    with console.step(f"{len(files)} files in {folder}"):
        replaced = write.write(files, root, force=force)
    with console.step(f"secrets of this machine's own in {STATE_FOLDER}/{SECRETS_FILE}"):
        ensure_secrets(root)
    for path in replaced:
        console.say(f"  replaced {path}")
    told: dict[str, object] = {
        "folder": str(root),
        "template": template,
        "files": [file.path for file in files],
        "replaced": replaced,
    }
    with console.step("a git repository with a first commit") as said:
        left = repository.first_commit(root, f"A howdah project from the template {template}")
        said.extend([] if left is None else [left])
    told["git"] = left or "committed"
    if not skip_database:
        told |= _prepare(console, root)
    if console.json:
        console.data(told, "")
    else:
        _say_next(console, folder, load_project(root, os.environ).server)


def _prepare(console: Console, root: Path) -> dict[str, object]:
    """Start the project's Postgres once, and fill it."""
    from howdah import development  # asyncio, psycopg and the rest: only when they are needed

    try:
        with console.step("a database") as said:
            prepared = development.prepare(load_project(root, os.environ))
            rows = ", ".join(f"{count} rows in {_table(name)}" for name, count in prepared.rows.items())
            said.append(f"{prepared.postgres}, migrations applied: {prepared.migrations}, {rows}")
    except HowdahError:
        console.say(f"The project is in {root}, but its database is not there yet: `howdah dev` will try again.")
        raise
    return {
        "postgres": prepared.postgres,
        "migrations": prepared.migrations,
        "rows": dict(prepared.rows),
        "seconds": prepared.seconds,
    }


def _table(name: str) -> str:
    return name.removeprefix("public.")


def _say_next(console: Console, folder: Path, server: ServerSection) -> None:
    """The three next commands."""
    url = f"http://{server.domain}:{server.port}"
    quoted = f'"{folder}"' if " " in str(folder) else str(folder)
    here = str(folder) in {".", ""}
    console.say()
    console.say("Next:")
    if not here:
        console.say(f"  cd {quoted}")
    console.say(f"  howdah dev     # everything on {url}")
    console.say("  howdah open    # in another terminal: the page in your browser")
