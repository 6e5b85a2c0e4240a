"""``howdah status``."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import click

from howdah.cli import databases, running
from howdah.cli.command import command, console_of
from howdah.cli.console import Console
from howdah.errors import HowdahError
from howdah.supervisor import ask

DEGRADED = 3
MEBIBYTE = 1024 * 1024
OURS = ("postgres", "redis", "platform")


@command("status")
@click.pass_context
def command_(context: click.Context) -> int:
    r"""What runs, where, and how it fares.

    Exits with 3 when something is not ready, and with 4 when nothing runs.

    \b
    Examples:
      howdah status
      howdah status --json | jq .url
    """
    console = console_of(context)
    told = ask.ask(ask.socket_of(running.run_folder(console)), "status")
    hidden = {*OURS, *_workers(console)} - {"platform"}
    processes = [_described(process, told.get("url", ""), hidden) for process in told["processes"]]
    degraded = any(process["state"] != "ready" for process in processes)
    facts = {key: value for key, value in told.items() if key not in {"ok", "processes"}}
    if console.json:
        console.data({"running": True, "degraded": degraded, **facts, "processes": processes}, "")
    else:
        console.say(f"{facts.get('name', 'howdah')} at {facts.get('url')} (pid {facts['pid']})")
        columns = ("NAME", "STATE", "SINCE", "URL", "MEMORY", "RESTARTS")
        console.table(columns, [_row(process) for process in processes])
        for process in processes:
            if process["state"] == "failed":
                console.say(f"{process['name']}: {process['reason'] or 'failed'}")
                for line in process["detail"][-5:]:
                    console.say(f"  {line}")
    return DEGRADED if degraded else 0


def _workers(console: Console) -> set[str]:
    """The services that get no requests, as far as the settings can be read just now."""
    try:
        services = databases.project_of(console).services
    except HowdahError:
        return set()
    return {service.name for service in services if service.kind == "worker"}


def _described(process: dict[str, Any], base: str, hidden: Container[str]) -> dict[str, Any]:
    """The status of a process with the URL at which it is reached, unless it is ``hidden``."""
    name = process["name"]
    url = base if name == "platform" else None if name in hidden else running.public_url(base, name)
    return {**process, "url": url}


def _row(process: dict[str, Any]) -> tuple[str, ...]:
    memory = process.get("memory")
    return (
        process["name"],
        process["state"],
        running.uptime(process),
        process["url"] or process["address"] or "–",
        "–" if memory is None else f"{memory / MEBIBYTE:.0f} MiB",
        str(process["restarts"]),
    )
