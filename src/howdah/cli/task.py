"""``howdah task``: list, show, run, retry, purge."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from howdah.cli import databases
from howdah.cli.command import Command, Group, console_of
from howdah.cli.errors import UsageError

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.cli.console import Console
    from howdah.embedded.postgres import Postgres
    from howdah.postgres.connection import Connection

STATES = ("waiting", "blocked", "sending", "sent", "running", "done", "dead")
SHORT = 8
"""How much of an id is shown; so much of it is enough to name a task."""

FAILED = 1
_POLL = 0.1
_AGE = re.compile(r"([0-9]{1,6})([smhd])")

Result = TypeVar("Result")


@click.group("task", cls=Group)
def command_() -> None:
    r"""Tasks: what waits, what was done, what failed and why.

    \b
    Examples:
      howdah task list --state dead
      howdah task run send_receipt order_id=7 --wait
      howdah task retry --all
    """


@command_.command("list", cls=Command)
@click.argument("name", required=False)
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("-n", "--last", type=click.IntRange(min=1), default=20, metavar="N", help="The last N (else 20).")
@click.pass_context
def list_(context: click.Context, name: str | None, state: str | None, last: int) -> None:
    r"""The newest tasks, all or those called NAME, and how many there are in each state.

    waiting: until it is due. blocked: behind one with the same key. sending, sent: with the broker. running: begun by
    a worker. done. dead: given up, until somebody tries again or purges it.

    \b
    Examples:
      howdah task list
      howdah task list send_receipt --state dead
      howdah task list --json | jq '.states'
    """
    from howdah.tasks import listing

    console = console_of(context)

    async def asked(connection: Connection) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        found = await listing.listed(connection, state=state, name=name, count=last)
        return found, await listing.counts(connection)

    rows, counts = with_connection(console, asked)
    if console.json:
        console.data({"tasks": rows, **counts}, "")
        return
    if rows:
        console.table(
            ("ID", "AT", "TASK", "STATE", "TRIED", "KEY", "REASON"),
            [
                (row["id"][:SHORT], _time(row["created_at"]), row["task"], row["state"], str(row["attempts"]),
                 row["key"] or "", row["reason"] or "")
                for row in rows
            ],
        )  # fmt: skip
    states = ", ".join(f"{counts['states'][one]} {one}" for one in STATES if one in counts["states"])
    workers = f"{counts['workers']} worker{'' if counts['workers'] == 1 else 's'}"
    console.say(f"{states or 'No task yet'}; {workers}.")


@command_.command("show", cls=Command)
@click.argument("task", metavar="ID")
@click.pass_context
def show(context: click.Context, task: str) -> None:
    r"""One task, by its id or the beginning of it: what it was given, and what came of each attempt.

    \b
    Examples:
      howdah task show 0b5f7a31
    """
    from howdah.tasks import listing

    console = console_of(context)
    found = with_connection(console, lambda connection: listing.shown(connection, task))
    if console.json:
        console.data(found, "")
        return
    runs = found.pop("runs")
    for name, value in found.items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            console.line(f"{name:<16}{_time(text) if name.endswith(('_at', '_until')) else text}")
    for one in runs:
        console.line(f"\nattempt {one['attempt']}: {one['outcome']} after {one['milliseconds']} ms, {one['worker']}")
        if one["error"]:
            console.line("  " + one["error"].rstrip().replace("\n", "\n  "))


@command_.command("run", cls=Command)
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--delay", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Not before then.")
@click.option("--key", help="One after the other with those of the same key.")
@click.option("--idempotency-key", help="Once for all with the same key.")
@click.option("--wait", is_flag=True, help="Until it has ended; exits with 1 when it was given up.")
@click.pass_context
def run(
    context: click.Context,
    name: str,
    arguments: tuple[str, ...],
    delay: float,
    key: str | None,
    idempotency_key: str | None,
    wait: bool,
) -> int:
    r"""Have a task done. Values are JSON; what is none is text.

    \b
    Examples:
      howdah task run send_receipt order_id=7
      howdah task run greet name=Ada --wait
    """
    from howdah.tasks import listing

    console = console_of(context)
    args = dict(_argument(text) for text in arguments)

    async def asked(connection: Connection) -> dict[str, Any]:
        task_id = await listing.run(connection, name, args, delay=delay, key=key, idempotency_key=idempotency_key)
        found = await listing.shown(connection, task_id)
        while wait and found["state"] not in listing.ENDED:
            await asyncio.sleep(_POLL)
            found = await listing.shown(connection, task_id)
        return found

    found = with_connection(console, asked)
    text = found["id"] if not wait else f"{found['id']} {found['state']}"
    if wait and found["result"] is not None:
        text += f"\n{json.dumps(found['result'], ensure_ascii=False)}"
    console.data(found, text)
    if found["state"] == "dead":
        console.say(found["reason"] or "It was given up.")
    return FAILED if wait and found["state"] == "dead" else 0


@command_.command("retry", cls=Command)
@click.argument("task", required=False, metavar="[ID]")
@click.option("--name", help="All that are called so.")
@click.option("--all", "everything", is_flag=True, help="All that were given up.")
@click.pass_context
def retry(context: click.Context, task: str | None, name: str | None, everything: bool) -> None:
    r"""What was given up is tried again, with all its attempts before it.

    \b
    Examples:
      howdah task retry 0b5f7a31
      howdah task retry --name send_receipt
    """
    from howdah.tasks import listing

    console = console_of(context)
    if sum((task is not None, name is not None, everything)) != 1:
        raise UsageError("One of ID, --name and --all says what is tried again.")
    ids = with_connection(console, lambda connection: listing.retry(connection, beginning=task, name=name))
    console.data({"retried": ids}, "\n".join(ids))
    if not ids and not console.json:
        console.say("Nothing was given up.")


@command_.command("purge", cls=Command)
@click.argument("name", required=False)
@click.option("--state", type=click.Choice(("done", "dead", "waiting")), default="dead", help="In this state (dead).")
@click.option("--older", metavar="AGE", help="Only what is older: 30m, 12h, 7d.")
@click.option("--dry-run", is_flag=True, help="Count them, and leave them.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def purge(context: click.Context, name: str | None, state: str, older: str | None, dry_run: bool, yes: bool) -> None:
    r"""Tasks are forgotten: those that were given up, or in another state. What waits is never done then.

    \b
    Examples:
      howdah task purge --older 7d
      howdah task purge send_receipt --state waiting --dry-run
    """
    from howdah.tasks import listing

    console = console_of(context)
    seconds = 0.0 if older is None else _age(older)
    if not dry_run and state != "done":
        databases.confirm_always(console, f"Forget all tasks that are {state}", yes=yes)
    count = with_connection(
        console,
        lambda connection: listing.purge(connection, states=(state,), name=name, seconds=seconds, only_count=dry_run),
    )
    console.data({"purged": count, "dry_run": dry_run}, f"{count} {'would be ' if dry_run else ''}forgotten")


def with_connection(console: Console, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """What ``work`` makes of a connection to the project's database."""
    from howdah.postgres.connect import connect

    async def asked(postgres: Postgres) -> Result:
        async with await connect(postgres.dsn.reveal()) as connection:
            return await work(connection)

    return databases.with_database(console, databases.project_of(console), asked)


def _age(text: str) -> float:
    """Seconds. Raises UsageError."""
    found = _AGE.fullmatch(text)
    if found is None:
        raise UsageError(f'"{text}" is no age: 30m, 12h and 7d are.')
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f'"{text}" is not of the form KEY=VALUE.')
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _time(text: str) -> str:
    return text[:19].replace("T", " ")
