"""Listening: every notification wakes, and so does a reconnect, because what came meanwhile is gone."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from tests.support import Cluster, eventually, run

from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import DatabaseError
from howdah.postgres.listen import Listener

LISTENING = ConnectOptions(application_name="listening")


def test_a_notification_wakes_and_a_burst_wakes_at_least_once(database: str) -> None:
    """Each start and each notification leads to a call; calls never overlap."""
    calls = running = 0

    async def woken() -> None:
        nonlocal calls, running
        running += 1
        assert running == 1
        await asyncio.sleep(0.01)
        running -= 1
        calls += 1

    async def scenario() -> None:
        listener = Listener(partial(connect, database), channel="news", woken=woken)
        listener.start()
        async with await connect(database) as sender:
            await eventually(lambda: calls == 1)
            await sender.script("NOTIFY news")
            await eventually(lambda: calls == 2)
            for number in range(50):
                await sender.script(f"NOTIFY news, '{number}'")
            await eventually(lambda: calls > 2)
        await listener.stop()

    run(scenario())
    assert 2 < calls <= 52


def test_a_lost_connection_is_made_again_and_wakes(cluster: Cluster, database: str) -> None:
    """After its backend was terminated the listener connects again, calls, and hears the next notification."""
    calls = 0

    async def woken() -> None:
        nonlocal calls
        calls += 1

    async def scenario() -> None:
        listener = Listener(partial(connect, database, LISTENING), channel="news", woken=woken)
        listener.start()
        await eventually(lambda: calls == 1)
        cluster.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'listening' and datname = current_database()",
            database=database.split("dbname=")[1].split()[0],
        )
        await eventually(lambda: calls == 2)
        async with await connect(database) as sender:
            await sender.script("NOTIFY news")
        await eventually(lambda: calls == 3)
        await listener.stop()

    run(scenario())


def test_silence_is_checked_and_a_failing_call_repeated(database: str) -> None:
    """Without any notification it is called every poll, also after a call that failed."""
    calls = 0

    async def woken() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise DatabaseError("XX000", "once")

    async def scenario() -> None:
        listener = Listener(partial(connect, database), channel="news", woken=woken, poll=0.02)
        listener.start()
        await eventually(lambda: calls > 4)
        await listener.stop()

    run(scenario())


def test_a_channel_must_be_a_plain_name() -> None:
    """The name of a channel is checked, because it becomes part of a statement."""
    with pytest.raises(ValueError, match="plain name"):
        Listener(partial(connect, ""), channel='a"; drop table x', woken=lambda: asyncio.sleep(0))
