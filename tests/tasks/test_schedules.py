"""Schedules: due when they say, once however many beats there are, and never drifting."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support import run
from tests.tasks.rig import prepare, rows

from howdah.observe.secret import Secret
from howdah.project.errors import InvalidSettings
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import DatabaseSection, ScheduleSection, Secrets, TasksSection
from howdah.tasks.errors import ScheduleUnusable
from howdah.tasks.part import build_tasks
from howdah.tasks.schedules import check, due, following


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def cron(text: str, timezone: str = "UTC", **settings: Any) -> ScheduleSection:
    return ScheduleSection("s", "t", cron=text, timezone=timezone, **settings)


def test_cron_is_by_the_clock_of_its_zone() -> None:
    berlin = cron("30 9 * * 1-5", "Europe/Berlin")
    friday = at("2026-11-20T09:00:00+00:00")
    assert following(berlin, friday) == at("2026-11-23T08:30:00+00:00")
    assert following(berlin, at("2026-07-01T00:00:00+00:00")) == at("2026-07-01T07:30:00+00:00")


@pytest.mark.parametrize("schedule", [cron("*/10 * * * *"), ScheduleSection("s", "t", every=37.0)])
def test_times_do_not_depend_on_when_somebody_looks(schedule: ScheduleSection) -> None:
    start = at("2026-11-21T11:58:07.3+00:00")
    step_by_step = []
    time = start
    for _ in range(20):
        time = following(schedule, time)
        step_by_step.append(time)
    for seconds in range(0, 600, 7):
        assert following(schedule, start + timedelta(seconds=seconds)) in step_by_step


def test_what_becomes_of_missed_times() -> None:
    last, now = at("2026-11-21T00:00:00+00:00"), at("2026-11-21T06:20:00+00:00")
    assert due(cron("0 * * * *", missed="once"), last, now) == (at("2026-11-21T06:00:00+00:00"),)
    assert due(cron("0 * * * *", missed="skip"), last, now) == ()
    assert len(due(cron("0 * * * *", missed="all"), last, now)) == 6
    yearly = cron("0 0 1 1 *", missed="once")
    assert due(yearly, at("2023-02-01T00:00:00+00:00"), now) == (at("2026-01-01T00:00:00+00:00"),)
    # What is not older than half a minute is not missed.
    for missed in ("once", "skip", "all"):
        every = ScheduleSection("s", "t", every=1.0, missed=missed)  # type: ignore[arg-type]
        assert len(due(every, now - timedelta(seconds=3), now)) == 3


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (ScheduleSection("s", "", every=1.0), "which task"),
        (ScheduleSection("s", "t"), "either every or cron"),
        (ScheduleSection("s", "t", every=1.0, cron="* * * * *"), "either every or cron"),
        (cron("* * * *"), "no time for cron"),
        (cron("61 * * * *"), "no time for cron"),
        (cron("* * * * *", "Europe/Atlantis"), "no zone"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(schedule: ScheduleSection, said: str) -> None:
    with pytest.raises(ScheduleUnusable, match=said):
        check(schedule)


def test_schedules_are_read_from_howdah_toml() -> None:
    text = '[tasks.schedules.nightly]\ntask = "digest"\ncron = "0 3 * * *"\nargs = { kind = "daily", days = [1] }\n'
    project = parse_project(Sources(toml=text), root=None, secrets=Secrets())
    assert project.tasks.schedules == (
        ScheduleSection("nightly", "digest", {"kind": "daily", "days": [1]}, cron="0 3 * * *"),
    )
    with pytest.raises(InvalidSettings, match="write dates and times as text"):
        parse_project(
            Sources(toml=f"{text}[tasks.schedules.a]\nargs = {{ d = 2026-11-21 }}"), root=None, secrets=Secrets()
        )


def test_of_many_beats_one_sends_each_task(database: str) -> None:
    """Twenty processes' beats, a schedule of each second: every time once, and none left out."""
    section = TasksSection(schedules=(ScheduleSection("pulse", "pulse", {"n": 1}, every=1.0, key="pulse"),))

    async def main() -> None:
        await prepare(database)
        async with AsyncExitStack() as stack:
            for _ in range(20):
                part = build_tasks(section, Secret(database), database=DatabaseSection(), is_wanted=False)
                await part.start()
                stack.push_async_callback(part.stop)
            await asyncio.sleep(4.2)

    run(main())
    times = [tick for (tick,) in rows(database, "select tick from howdah_tasks.ticks order by tick")]
    assert len(times) in (4, 5)
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [timedelta(seconds=1)] * (
        len(times) - 1
    )
    tasks = rows(database, "select name, args, source, key, count(*) from howdah_tasks.outbox group by 1, 2, 3, 4")
    assert tasks == [("pulse", {"n": 1}, "schedule:pulse", "pulse", len(times))]


def test_a_beat_that_was_away_makes_up_for_what_it_missed(database: str) -> None:
    section = TasksSection(
        schedules=tuple(ScheduleSection(name, "t", every=3600.0, missed=name) for name in ("once", "skip", "all"))
    )

    async def main() -> None:
        await prepare(database)
        past = datetime.now(UTC) - timedelta(hours=5, minutes=2)
        for one in section.schedules:
            rows(
                database,
                "insert into howdah_tasks.schedules (name, task, since) values (%s, 't', %s) returning 1",
                one.name,
                past,
            )
        part = build_tasks(section, Secret(database), database=DatabaseSection(), is_wanted=False)
        await part.start()
        await asyncio.sleep(0.5)
        await part.stop()

    run(main())
    found = dict(rows(database, "select schedule, count(*)::int from howdah_tasks.ticks group by 1"))  # type: ignore[arg-type]
    assert found["once"] == 1
    assert found["all"] == 5
    assert found.get("skip", 0) <= 1  # where the hour has just begun
