"""Tasks as people look at them: which there are, what became of one, and what to do with those that failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from howdah.postgres import queries
from howdah.postgres.connection import Connection
from howdah.tasks import schedules
from howdah.tasks.errors import TaskNotFound, UnknownSchedule, UnknownTask, WrongState
from howdah.tasks.install import install_tasks

if TYPE_CHECKING:
    from howdah.project.sections import ScheduleSection

STATES = ("waiting", "blocked", "sending", "sent", "running", "done", "dead")
ENDED = ("done", "dead")

_QUERIES = queries.load(Path(__file__).with_name("listing.sql"))


async def listed(connection: Connection, *, state: str | None, name: str | None, count: int) -> list[dict[str, Any]]:
    """The newest tasks, of this state and name if they are given."""
    found: list[dict[str, Any]] = await _ask(connection, "list", state, name, str(count))
    return found


async def shown(connection: Connection, beginning: str) -> dict[str, Any]:
    """All that is known of the task whose id begins so. Raises TaskNotFound."""
    found: dict[str, Any] = await _ask(connection, "show", await _id(connection, beginning))
    return found


async def retry(connection: Connection, *, beginning: str | None = None, name: str | None = None) -> list[str]:
    """What was given up is tried again: this task, or all of this name, or all. Raises TaskNotFound and WrongState."""
    task_id = None if beginning is None else await _id(connection, beginning)
    answer = await _ask(connection, "retry", task_id, name)
    ids: list[str] = answer["ids"]
    if task_id is not None and not ids:
        state = (await _ask(connection, "show", task_id))["state"]
        raise WrongState(f"The task {task_id} is {state}: only what was given up (dead) is tried again.")
    return ids


async def purge(
    connection: Connection, *, states: Sequence[str], name: str | None, seconds: float, only_count: bool = False
) -> int:
    """How many tasks of these states, as old as that, were forgotten; with ``only_count`` how many would be."""
    parameters = (json.dumps(states), name, str(seconds), "true" if only_count else "false")
    return int(await _ask(connection, "purge", *parameters))


async def run(
    connection: Connection,
    name: str,
    args: Mapping[str, Any],
    *,
    delay: float = 0.0,
    key: str | None = None,
    idempotency_key: str | None = None,
    source: str = "cli",
) -> str:
    """The id of a new task. Raises UnknownTask: no worker has told of one of this name."""
    known = [one["name"] for one in await registered(connection)]
    if name not in known:
        hint = f"There is: {', '.join(known)}." if known else "No worker was ever here: start one."
        raise UnknownTask(f'There is no task "{name}".', hint=hint)
    return str(await _ask(connection, "run", name, json.dumps(args), str(delay), key, idempotency_key, source))


async def registered(connection: Connection) -> list[dict[str, Any]]:
    """The tasks that workers have told of."""
    found: list[dict[str, Any]] = await _ask(connection, "registered")
    return found


async def counts(connection: Connection) -> dict[str, Any]:
    """How many tasks there are in each state, for how many seconds the oldest is due, how many workers there are."""
    found: dict[str, Any] = await _ask(connection, "counts")
    return found


async def scheduled(connection: Connection, known: Sequence[ScheduleSection]) -> list[dict[str, Any]]:
    """Every schedule of howdah.toml: when it was due last, what became of that, when it is due next."""
    found = {one["name"]: one for one in await _ask(connection, "schedules")}
    now = datetime.now(UTC)
    rows = []
    for schedule in known:
        schedules.check(schedule)
        last = found.get(schedule.name, {})
        rows.append(
            {
                "name": schedule.name,
                "task": schedule.task,
                "when": schedule.cron if schedule.cron is not None else f"every {schedule.every:g} s",
                "timezone": schedule.timezone,
                "last": last.get("last_tick"),
                "last_id": last.get("task_id"),
                "last_state": last.get("state"),
                "reason": last.get("reason"),
                "next": schedules.following(schedule, now).isoformat(),
            }
        )
    return rows


async def run_schedule(connection: Connection, known: Sequence[ScheduleSection], name: str) -> str:
    """The id of a task of the schedule, due now and beside its times. Raises UnknownSchedule and UnknownTask."""
    schedule = next((one for one in known if one.name == name), None)
    if schedule is None:
        hint = f"There is: {', '.join(one.name for one in known) or 'none'}."
        raise UnknownSchedule(f'There is no schedule "{name}" in howdah.toml.', hint=hint)
    return await run(connection, schedule.task, schedule.args, key=schedule.key, source=f"schedule:{name}")


async def _id(connection: Connection, beginning: str) -> str:
    found: list[str] = await _ask(connection, "find", beginning.lower())
    if not found:
        raise TaskNotFound(f'No task has an id that begins with "{beginning}".', hint="`howdah task list` has them.")
    if len(found) > 1:
        raise TaskNotFound(f'Several tasks have ids that begin with "{beginning}".', hint="Give more of it.")
    return found[0]


async def _ask(connection: Connection, query: str, *parameters: str | None) -> Any:
    await install_tasks(connection)
    encoded = [None if parameter is None else parameter.encode() for parameter in parameters]
    return json.loads(await connection.submit(_QUERIES[query], encoded))
