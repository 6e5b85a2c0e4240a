"""`howdah task` and `howdah schedule`: what waits, what failed, and what to do about it."""

from __future__ import annotations

import json

import psycopg
import pytest
from tests.cli.conftest import Here
from tests.support import run
from tests.tasks.rig import prepare, rows

TASKS = [{"name": "greet", "queue": "default", "retries": 5, "parameters": ["name"], "about": "Say hello."}]
TOML = '[tasks.schedules.nightly]\ntask = "greet"\ncron = "0 3 * * *"\nargs = { name = "Ada" }\n'


@pytest.fixture
def shop(here: Here) -> Here:
    """A project whose worker has been here, and gone."""
    run(prepare(here.dsn))
    rows(here.dsn, "select howdah_tasks.announce('worker@here', 2, '{default}', %s::jsonb)", json.dumps(TASKS))
    here.write("howdah.toml", TOML)
    return here


def dies(shop: Here, task_id: str) -> None:
    """The task fails for good."""
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute("update howdah_tasks.outbox set state = 'sent' where id = %s", (task_id,))
        connection.execute("select howdah_tasks.start(%s::uuid, 'worker@here', 30, 1)", (task_id,))
        connection.execute(
            "select howdah_tasks.fail(%s::uuid, 1, E'ValueError: no luck\\nTraceback', null)", (task_id,)
        )


def test_a_task_is_run_listed_shown_tried_again_and_forgotten(shop: Here) -> None:
    told = shop.howdah("task", "run", "greet", "name=Ada", "n=7", "--key", "k", "--json").json
    assert (told["task"], told["args"], told["state"], told["source"]) == (
        "greet", {"name": "Ada", "n": 7}, "waiting", "cli",
    )  # fmt: skip
    dies(shop, told["id"])
    listed = shop.howdah("task", "list", "--state", "dead")
    assert "ValueError: no luck" in listed.out
    assert listed.err == "1 dead; 1 worker.\n"
    shown = shop.howdah("task", "show", told["id"][:8])
    assert "attempt 1: failed" in shown.out
    assert "  Traceback" in shown.out
    assert shop.howdah("task", "retry", told["id"][:8]).out.strip() == told["id"]
    assert shop.howdah("task", "show", told["id"], "--json").json["state"] == "waiting"
    refused = shop.howdah("task", "retry", told["id"], "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "E286")
    assert shop.howdah("task", "purge", "--state", "waiting", "--dry-run").out == "1 would be forgotten\n"
    assert shop.howdah("task", "purge", "--state", "waiting").code == 5
    assert shop.howdah("task", "purge", "--state", "waiting", "--older", "1h", "--yes").out == "0 forgotten\n"
    assert shop.howdah("task", "purge", "--state", "waiting", "--yes").out == "1 forgotten\n"
    assert shop.howdah("task", "list").err == "No task yet; 1 worker.\n"


def test_what_is_unknown_is_said_with_what_is_known(shop: Here) -> None:
    unknown = shop.howdah("task", "run", "greeet")
    assert unknown.code == 4
    assert "error[E280]" in unknown.err
    assert "There is: greet." in unknown.err
    assert shop.howdah("task", "show", "0000").code == 4
    assert shop.howdah("schedule", "run", "weekly").code == 4
    assert shop.howdah("task", "run", "greet", "Ada").code == 2
    assert shop.howdah("task", "retry").code == 2
    assert rows(shop.dsn, "select count(*) from howdah_tasks.outbox") == [(0,)]


def test_a_schedule_is_listed_and_run_beside_its_times(shop: Here) -> None:
    [before] = shop.howdah("schedule", "list", "--json").json["schedules"]
    assert (before["name"], before["when"], before["last"]) == ("nightly", "0 3 * * *", None)
    task_id = shop.howdah("schedule", "run", "nightly").out.strip()
    found = shop.howdah("task", "show", task_id, "--json").json
    assert (found["task"], found["args"], found["source"]) == ("greet", {"name": "Ada"}, "schedule:nightly")
    assert "nightly" in shop.howdah("schedule", "list").out
