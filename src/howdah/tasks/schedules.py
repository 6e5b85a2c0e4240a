"""When a schedule is due. Every process works it out by itself and comes to the same times, which do not drift.

``every`` counts from 1970, ``cron`` from its fields; neither from when anything was started.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from howdah.tasks.errors import ScheduleUnusable

if TYPE_CHECKING:
    from howdah.project.sections import ScheduleSection

FRESH = timedelta(seconds=30)
"""So long after its time a time is not called missed."""

MOST_MADE_UP = 1000
"""Times that are made up for at most with ``missed = "all"``."""


def check(schedule: ScheduleSection) -> None:
    """The schedule says when, and which task. Raises ScheduleUnusable."""
    where = f"tasks.schedules.{schedule.name}"
    if not schedule.task:
        raise ScheduleUnusable(f"{where} does not say which task.", hint='task = "send_digest"')
    if (schedule.every is None) == (schedule.cron is None):
        raise ScheduleUnusable(f"{where} has either every or cron.", hint='every = 60, or cron = "0 3 * * *"')
    try:
        ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleUnusable(f'{where}.timezone: there is no zone "{schedule.timezone}".') from error
    if schedule.cron is not None:
        _cron_is_usable(schedule.cron, where)


def _cron_is_usable(cron: str, where: str) -> None:
    try:
        from croniter import croniter
    except ModuleNotFoundError as error:
        raise ScheduleUnusable(f"{where}: croniter is not installed.", hint='pip install "howdah[tasks]"') from error
    if len(cron.split()) != 5 or not croniter.is_valid(cron):
        raise ScheduleUnusable(
            f'{where}.cron: "{cron}" is no time for cron.', hint='"0 3 * * *" is each night at three.'
        )


def following(schedule: ScheduleSection, after: datetime) -> datetime:
    """The first time of a checked schedule after this moment.

    >>> from howdah.project.sections import ScheduleSection
    >>> noon = datetime(2026, 11, 21, 12, 0, 3, tzinfo=UTC)
    >>> following(ScheduleSection("s", "t", every=60.0), noon).isoformat()
    '2026-11-21T12:01:00+00:00'
    >>> following(ScheduleSection("s", "t", cron="30 4 * * 1", timezone="Asia/Kolkata"), noon).isoformat()
    '2026-11-22T23:00:00+00:00'
    """
    if schedule.every is not None:
        seconds = after.timestamp()
        return datetime.fromtimestamp((math.floor(seconds / schedule.every) + 1) * schedule.every, UTC)
    from croniter import croniter

    local = after.astimezone(ZoneInfo(schedule.timezone))
    found: datetime = croniter(schedule.cron, local).get_next(datetime)
    return found.astimezone(UTC)


def due(schedule: ScheduleSection, last: datetime, now: datetime) -> tuple[datetime, ...]:
    """The times to send the task for, after ``last`` and until ``now``, the oldest first.

    >>> from howdah.project.sections import ScheduleSection
    >>> last, now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC), datetime(2026, 11, 21, 15, 20, tzinfo=UTC)
    >>> hourly = [ScheduleSection("s", "t", every=3600.0, missed=missed) for missed in ("once", "skip", "all")]
    >>> [len(due(schedule, last, now)) for schedule in hourly]
    [1, 0, 3]
    """
    if schedule.missed == "all":
        return tuple(_times(schedule, last, now))[-MOST_MADE_UP:]
    # Of what was missed the last time alone counts, so a year of seconds is not counted through.
    times = tuple(_times(schedule, max(last, _shortly_before(schedule, now)), now))
    fresh = tuple(time for time in times if now - time <= FRESH)
    return fresh or (times[-1:] if schedule.missed == "once" else ())


def _shortly_before(schedule: ScheduleSection, now: datetime) -> datetime:
    """A moment with at least one time between it and now, if there ever was one, and all that are fresh."""
    if schedule.every is not None:
        return now - max(FRESH, timedelta(seconds=2 * schedule.every))
    for days in (1, 32, 367, 5 * 367):  # each minute of a day is few enough
        moment = now - timedelta(days=days)
        if following(schedule, moment) <= now:
            return moment
    return now


def _times(schedule: ScheduleSection, last: datetime, now: datetime) -> Iterator[datetime]:
    time = following(schedule, last)
    while time <= now:
        yield time
        time = following(schedule, time)
