"""``howdah serve``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from howdah.cli.command import command, console_of
from howdah.project.errors import ProjectNotFound
from howdah.project.load import find_project


@command("serve")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on; 0 takes a free one.")
@click.option("--host", help="The address to listen on; 0.0.0.0 is every network.")
@click.option("--database-url", metavar="DSN", help="Where Postgres is. DATABASE_URL keeps it out of process lists.")
@click.option(
    "--admin-secret-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file that holds the admin secret.",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that share the port.")
@click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Any setting. May be repeated.")
@click.pass_context
def command_(
    context: click.Context,
    port: int | None,
    host: str | None,
    database_url: str | None,
    admin_secret_file: Path | None,
    workers: int | None,
    overrides: tuple[str, ...],
) -> int:
    r"""The platform alone: gateway and Data API, for servers, containers and benchmarks.

    It needs a database and no project folder; where there is one, its settings apply. Liveness is /-/live, readiness
    /-/ready. SIGTERM lets requests under way end.

    \b
    Examples:
      howdah serve --port 8080 --database-url postgresql://me@db/shop --admin-secret-file /run/secrets/admin
      DATABASE_URL=... howdah serve --workers 4 --set data.max_body="2 MiB"
    """
    from howdah import process  # asyncio, uvicorn and the rest: only when they are needed

    console = console_of(context)
    if database_url is not None:
        os.environ["HOWDAH_DATABASE_URL"] = database_url  # as workers inherit it: not in their command lines
    given = {"server.port": port, "server.host": host, "server.workers": workers}
    texts = (*overrides, *(f"{key}={value}" for key, value in given.items() if value is not None))
    project = process.load(_folder(console.options.project), texts, admin_secret_file)
    if project.secrets.admin_secret is None:
        console.say("No admin secret: nobody is admin. Give --admin-secret-file, or set HOWDAH_ADMIN_SECRET.")
    if project.server.workers > 1:
        from howdah import workers as several

        return several.run(project, overrides=texts, admin_secret_file=admin_secret_file)
    return process.run(project)


def _folder(named: Path | None) -> Path | None:
    """The project that was named, or the one around here, or None."""
    if named is not None:
        return find_project(named)
    try:
        return find_project(Path.cwd())
    except ProjectNotFound:
        return None
