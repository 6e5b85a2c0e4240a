"""``howdah service``: list, add, adopt, run, rm; and `service_db` below it."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from howdah.cli import databases, running, service_db
from howdah.cli.command import Command, Group, console_of
from howdah.cli.console import Console
from howdah.cli.errors import UnknownTarget

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.project.sections import Route
    from howdah.templates.service import Addition

_NONE = "–"


@click.group("service", cls=Group)
def command_() -> None:
    r"""The services of the project: made of templates, taken in as they are, run, taken out.

    \b
    Examples:
      howdah service add api --template fastapi
      howdah service list
    """


command_.add_command(service_db.group)


def _complete_template(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    folder = Path(__file__).parents[1] / "templates" / "services"
    return sorted(one.name for one in folder.iterdir() if one.is_dir() and one.name.startswith(incomplete))


@command_.command("list", cls=Command)
@click.option("--templates", "of_templates", is_flag=True, help="The templates there are, instead.")
@click.pass_context
def list_(context: click.Context, of_templates: bool) -> None:
    r"""Every service: its template and version, where it is reached, and how it fares while `howdah dev` runs.

    \b
    Examples:
      howdah service list
      howdah service list --templates
    """
    from howdah.templates.answers import read_answers
    from howdah.templates.service_template import templates

    console = console_of(context)
    if of_templates:
        known = templates()
        if console.json:
            told = [{"template": one.name, "version": one.version, "summary": one.summary} for one in known]
            console.data({"templates": told}, "")
        else:
            console.table(("TEMPLATE", "VERSION", ""), [(one.name, str(one.version), one.summary) for one in known])
        return
    project = databases.project_of(console)
    states = _states(console)
    latest = {one.name: one.version for one in templates()}
    services = []
    for service in project.services:
        made_of = read_answers(service.folder)
        state = states.get(service.name, {})
        services.append(
            {
                "name": service.name,
                "template": None if made_of is None else made_of.template,
                "version": None if made_of is None else made_of.version,
                "latest": None if made_of is None else latest.get(made_of.template),
                "folder": str(service.folder),
                "routes": [_shown(route, project.server.domain) for route in service.routes],
                "state": state.get("state"),
                "port": state.get("port"),
            }
        )
    if console.json:
        console.data({"services": services}, "")
        return
    console.table(("NAME", "TEMPLATE", "VERSION", "ROUTE", "STATE", "PORT"), [_row(one) for one in services])


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    version = _NONE if one["version"] is None else str(one["version"])
    if one["latest"] is not None and one["latest"] != one["version"]:
        version += f" (now {one['latest']})"
    return (
        one["name"],
        one["template"] or _NONE,
        version,
        " ".join(one["routes"]) or _NONE,
        one["state"] or _NONE,
        _NONE if one["port"] is None else str(one["port"]),
    )


def _states(console: Console) -> dict[str, dict[str, Any]]:
    from howdah.supervisor import ask
    from howdah.supervisor.errors import NotRunning

    try:
        told = ask.ask(ask.socket_of(running.run_folder(console)), "status")
    except NotRunning:
        return {}
    return {process["name"]: process for process in told["processes"]}


def _shown(route: Route, domain: str) -> str:
    """A route as one reads it: a host, a path, or both.

    >>> from howdah.project.sections import Route
    >>> _shown(Route("api", "/"), "localhost"), _shown(Route(None, "/api"), "localhost")
    ('api.localhost', '/api')
    """
    host = route.host or (f"{route.subdomain}.{domain}" if route.subdomain else "")
    return host if host and route.path == "/" else f"{host}{route.path}"


@command_.command("add", cls=Command)
@click.argument("name")
@click.option(
    "--template", default="flask", show_default=True, metavar="T", help="Of which.", shell_complete=_complete_template
)
@click.option("--route", metavar="PATH", help="The path it is reached at, as /shop; /NAME when left out.")
@click.option("--no-route", is_flag=True, help="No path: only the subdomain of its name.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.pass_context
def add(context: click.Context, name: str, template: str, route: str | None, no_route: bool, dry_run: bool) -> None:
    r"""Make a service of a template: a folder services/NAME, and a section of howdah.toml with its routes.

    Nothing that is there is ever overwritten. `howdah service list --templates` shows the templates.

    \b
    Examples:
      howdah service add api --template fastapi
      howdah service add shop --template flask-sql --route /shop
    """
    from howdah.templates import service
    from howdah.templates.write import check_empty

    if route is not None and no_route:
        raise click.UsageError("Say --route or --no-route.", context)
    console = console_of(context)
    root, project = running.project_folder(console), databases.project_of(console)
    path = None if no_route else route or f"/{name}"
    planned = service.plan_addition(
        project, service.read_settings(root), name, template, route=path, now=datetime.now(UTC)
    )
    check_empty(root / planned.folder)
    if not dry_run:
        service.carry_out(root, planned)
    _say_added(console, name, template, planned, project.server.domain, dry_run=dry_run)


def _say_added(console: Console, name: str, template: str, planned: Addition, domain: str, *, dry_run: bool) -> None:
    import importlib.util

    from howdah.templates.service_template import template as find

    one = find(template)
    missing = [module for module in one.needs if importlib.util.find_spec(module) is None]
    if console.json:
        told = {
            "service": name,
            "services": list(planned.names),
            "template": template,
            "version": one.version,
            "folder": str(planned.folder),
            "files": [file.path for file in planned.files],
            "routes": [_shown(route, domain) for route in planned.routes],
            "missing": missing,
            "dry_run": dry_run,
        }
        console.data(told, "")
        return
    for file in planned.files:
        console.line(file.path)
    console.line(f"howdah.toml: {', '.join(f'[services.{one}]' for one in planned.names)}")
    if dry_run:
        console.say("Nothing was changed.")
        return
    console.say()
    places = [str(planned.folder), *(f"at {_shown(one, domain)}" for one in planned.routes)]
    console.say(f"The service {name} is in {', '.join(places)}.")
    console.say("Next:")
    if missing:
        console.say(f'  pip install "howdah[{one.extra}]"    # it needs {", ".join(missing)}')
    if any(file.path.startswith("migrations/") for file in planned.files):
        console.say("  howdah migration up    # its tables, where `howdah dev` does not run")
    console.say("  howdah dev             # start it; one that runs already is to be started again")
    console.say(f"  howdah service run {name}")


@command_.command("adopt", cls=Command)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@click.option("--name", metavar="NAME", help="The service's name; the folder's when left out.")
@click.option("--app", "target", metavar="MODULE:NAME", help="Where the app is, when it cannot be found.")
@click.option("--route", metavar="PATH", help="The path it is reached at; /NAME when left out.")
@click.option("--no-route", is_flag=True, help="No path: only the subdomain of its name.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.pass_context
def adopt(
    context: click.Context,
    folder: Path,
    name: str | None,
    target: str | None,
    route: str | None,
    no_route: bool,
    dry_run: bool,
) -> None:
    r"""Run an app that is there already, unchanged, behind the gateway: a section of howdah.toml, and no file of it.

    What its Dockerfile starts is taken, or the Flask or FastAPI app that its modules define; settings of gunicorn in
    conf/ are used. When it requires what is not installed here, it gets a virtual environment of its own.

    \b
    Examples:
      howdah service adopt microservices/app
      howdah service adopt ../billing --name billing --app billing.api:create_app
    """
    from howdah.templates import adopt as adoption
    from howdah.templates import service, settings_file

    if route is not None and no_route:
        raise click.UsageError("Say --route or --no-route.", context)
    console = console_of(context)
    root, project = running.project_folder(console), databases.project_of(console)
    there = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow a link that the user made
    called = name or there.name.lower().replace("_", "-").replace(" ", "-")
    service.check_name(called, project)
    found = adoption.adopt(there, target)
    path = None if no_route else route or f"/{called}"
    section = adoption.section(called, os.path.relpath(there, root), found, settings_file.routes_text(called, path))
    planned = service.checked(project, service.read_settings(root), section, there)
    if not dry_run:
        service.write_settings(root, planned.settings)
    if console.json:
        told = {
            "service": called,
            "folder": str(there),
            "app": f"{found.app.module}:{found.app.name}",
            "framework": found.app.framework,
            "command": found.command,
            "requirements": list(found.requirements),
            "missing": list(found.missing),
            "routes": [_shown(one, project.server.domain) for one in planned.routes],
            "dry_run": dry_run,
        }
        console.data(told, "")
        return
    console.line(section.rstrip())
    if found.missing:
        console.say(f"It requires what is not installed here ({', '.join(found.missing[:3])}…), so it gets its own.")
    console.say("Nothing was changed." if dry_run else "It is in howdah.toml. Next: howdah dev")


@command_.command("run", cls=Command)
@click.argument("name", shell_complete=running.complete_service)
@click.pass_context
def run(context: click.Context, name: str) -> int:
    r"""One service in this terminal, with its environment. It restarts when one of its files is saved.

    While `howdah dev` runs elsewhere, requests go to this one, until Ctrl-C gives the other its place again. Otherwise
    Postgres and the platform are started with it.

    \b
    Examples:
      howdah service run app
    """
    from howdah import foreground
    from howdah.supervisor.printer import Printer

    console = console_of(context)
    project = databases.project_of(console)

    def announce(address: str) -> None:
        if console.json:
            console.data({"event": "Started", "service": name, "address": address}, "")
        else:
            console.say(f"{console.paint('Ready', 'green')}: {name} is at {address}, and the gateway asks it.")

    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        stream = nowhere if console.options.quiet else sys.stdout
        printer = Printer(stream, style="json" if console.json else "human")
        return foreground.run(
            project, name, printer=printer, announce=announce, started=lambda started: announce(started.url)
        )


@command_.command("rm", cls=Command)
@click.argument("name", shell_complete=running.complete_service)
@click.option("--files", is_flag=True, help="Also its folder, with everything in it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
def rm(context: click.Context, name: str, files: bool, yes: bool, dry_run: bool) -> None:
    r"""Take a service out of howdah.toml. Its files stay, unless --files is said.

    \b
    Examples:
      howdah service rm api
      howdah service rm api --files --yes
    """
    from howdah.templates import service

    console = console_of(context)
    root, project = running.project_folder(console), databases.project_of(console)
    planned = service.plan_removal(project, service.read_settings(root), name, files=files)
    if not dry_run:
        what = f"remove {name} and {planned.folder} with everything in it" if files else f"remove {name}"
        databases.confirm_always(console, what, yes=yes)
        service.carry_out_removal(root, planned)
    if console.json:
        told = {"service": name, "folder": str(planned.folder), "files_removed": files, "dry_run": dry_run}
        console.data(told, "")
        return
    console.line(f"howdah.toml: without [services.{name}]")
    console.line(f"{planned.folder}: {'removed' if files else 'stays'}")
    if dry_run:
        console.say("Nothing was changed.")


@command_.command("proto", cls=Command)
@click.argument("name")
@click.option("--check", is_flag=True, help="Write nothing; exit code 3 where something would change.")
@click.pass_context
def proto(context: click.Context, name: str, check: bool) -> int:
    r"""Make Python of the .proto files of a gRPC service: messages, stubs and their types, beside each file.

    \b
    Examples:
      howdah service proto rates
      howdah service proto rates --check
    """
    from howdah.kit.grpc.generate import generate

    console = console_of(context)
    service = databases.project_of(console).service(name)
    if service is None:
        raise UnknownTarget(f"There is no service {name!r}.")
    made = generate(service.folder, check=check)
    told = {"protos": list(made.protos), "changed": list(made.changed)}
    verb = "differs" if check else "written"
    console.data(told, "\n".join(f"{verb}: {path}" for path in made.changed) or "Everything is current.")
    return 3 if check and made.changed else 0
