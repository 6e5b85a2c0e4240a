"""How often something may be tried: against a model, in bursts, and against those who would use a lock as a weapon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import run

from howdah.auth.errors import TooManyAttempts
from howdah.auth.identifiers import parse_email
from howdah.auth.throttling import (
    LOGIN_FROM_ADDRESS,
    LOGIN_FROM_DEVICE,
    LOGIN_TO_ACCOUNT,
    LOGIN_TO_ACCOUNT_FROM_ADDRESS,
    Attempt,
    Bucket,
    Rule,
    account_bucket,
    code_attempt,
    count_attempt,
    factor_attempt,
    forget_old_counts,
    forgive_attempt,
    login_attempt,
    network_of,
    signup_attempt,
)
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.errors import ConnectionLost, DatabaseError

TABLE = """
create schema howdah_auth;
create table howdah_auth.throttle (
  key text primary key, count integer not null, window_began timestamptz not null, blocked_until timestamptz
)
"""
ANN = "ann@example.com"


def with_table(dsn: str, work: Callable[[Connection], Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with await connect(dsn) as connection:
            await connection.script(TABLE)
            await work(connection)

    run(scenario())


async def admitted(connection: Connection, attempt: Attempt) -> bool:
    try:
        await count_attempt(connection, attempt)
    except TooManyAttempts:
        return False
    return True


async def tries(connection: Connection, attempt: Attempt, most: int = 500) -> int:
    """How many attempts are admitted in a row."""
    for number in range(most):
        if not await admitted(connection, attempt):
            return number
    return most


async def let_pass(connection: Connection, seconds: float) -> None:
    """As if so much time had passed."""
    interval = f"make_interval(secs => {seconds})"
    changed = f"window_began = window_began - {interval}, blocked_until = blocked_until - {interval}"
    await connection.script(f"update howdah_auth.throttle set {changed}")


async def keys(connection: Connection) -> dict[str, int]:
    text = "select coalesce(json_object_agg(key, count), '{}') from howdah_auth.throttle"
    return json.loads(await connection.submit(text))  # type: ignore[no-any-return]


# -- one bucket, against a model ---------------------------------------------------------------------------------------


@dataclass
class Model:
    """A bucket as the rule is meant, in plain arithmetic; times in seconds."""

    rule: Rule
    now: float = 0.0
    count: int = 0
    began: float = 0.0
    blocked: float | None = None

    def attempt(self) -> float | None:
        """None when it is admitted; else the seconds to wait."""
        if self.blocked is not None and self.blocked > self.now:
            return self.blocked - self.now
        if self.count == 0 or self.began + self.rule.window.total_seconds() <= self.now:
            self.count, self.began = 0, self.now
        self.count += 1
        over = self.count - self.rule.tries
        wait = (
            min(self.rule.wait.total_seconds() * 2**over, self.rule.longest_wait.total_seconds()) if over >= 0 else None
        )
        self.blocked = None if wait is None else self.now + wait
        return None


def seconds(least: int, most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda value: timedelta(seconds=value))


RULES = st.builds(Rule, st.integers(1, 6), seconds(10, 2000), seconds(1, 100), seconds(100, 1000))
PAUSES = st.lists(st.sampled_from([0, 0, 0, 1, 7, 60, 300, 1500]), min_size=1, max_size=25)


def test_a_bucket_does_what_the_rule_says(database: str) -> None:
    """R9: windows, waits that double up to the longest, and what is said of them, over made-up rules and times."""

    async def work(connection: Connection) -> None:
        examples: list[tuple[Rule, list[int]]] = []

        @given(RULES, PAUSES)
        def collect(rule: Rule, pauses: list[int]) -> None:
            examples.append((rule, pauses))

        collect()
        for number, (rule, pauses) in enumerate(examples):
            attempt, model = (Bucket(f"model:{number}", rule),), Model(rule)
            # In one transaction now() stands still, so that what passes is what the model knows of.
            async with connection.transaction():
                for pause in pauses:
                    await let_pass(connection, pause)
                    model.now += pause
                    expected = model.attempt()
                    if expected is None:
                        await count_attempt(connection, attempt)
                    else:
                        with pytest.raises(TooManyAttempts) as caught:
                            await count_attempt(connection, attempt)
                        assert expected <= caught.value.retry_after <= max(1, expected + 1)
                        assert caught.value.status == 429
                await connection.script("delete from howdah_auth.throttle")
        assert len(examples) >= 50

    with_table(database, work)


# -- logins ------------------------------------------------------------------------------------------------------------


def test_one_network_has_five_tries_at_one_account(database: str) -> None:
    """R9: then it waits, longer each time; another account, or the same one from elsewhere, does not."""

    async def work(connection: Connection) -> None:
        attempt = login_attempt(ANN, "192.0.2.1")
        assert await tries(connection, attempt) == LOGIN_TO_ACCOUNT_FROM_ADDRESS.tries == 5
        waits = []
        for _ in range(4):
            with pytest.raises(TooManyAttempts) as caught:
                await count_attempt(connection, attempt)
            waits.append(caught.value.retry_after)
            await let_pass(connection, waits[-1])
            assert await admitted(connection, attempt)
        assert waits == [30, 60, 120, 240]
        assert await admitted(connection, login_attempt("bob@example.com", "192.0.2.1"))
        assert await admitted(connection, login_attempt(ANN, "192.0.2.2"))

    with_table(database, work)


def test_one_network_has_so_many_tries_at_all_accounts(database: str) -> None:
    """R9: one password tried with many names, existing or not, is stopped too."""

    async def work(connection: Connection) -> None:
        count = 0
        while await admitted(connection, login_attempt(f"user{count}", "192.0.2.1")):
            count += 1
        assert count == LOGIN_FROM_ADDRESS.tries
        assert await admitted(connection, login_attempt("user0", "192.0.2.2"))

    with_table(database, work)


def test_a_hundred_in_a_row_from_anywhere_are_the_end_for_strangers(database: str) -> None:
    """R9: however many networks take part, and however long they wait. R10: a known device still gets in, and frees."""

    async def work(connection: Connection) -> None:
        count, network = 0, 0
        while True:
            network += 1
            if not await admitted(connection, login_attempt(ANN, f"10.0.{network // 250}.{network % 250}")):
                break
            count += 1
        assert count == LOGIN_TO_ACCOUNT.tries == 100
        await let_pass(connection, timedelta(days=29).total_seconds())
        stranger = login_attempt(ANN, "10.9.9.9")
        assert not await admitted(connection, stranger)
        assert await admitted(connection, login_attempt("bob@example.com", "10.9.9.9"))
        known = login_attempt(ANN, "10.0.0.1", device="device-1")
        assert await admitted(connection, known)
        await forgive_attempt(connection, known)
        assert not await admitted(connection, stranger)  # what strangers did is no business of this device
        await forgive_attempt(connection, (account_bucket(ANN),))  # what a new password does
        assert await admitted(connection, stranger)

    with_table(database, work)


def test_a_lock_is_no_weapon(database: str) -> None:
    """R10: one network hammers; the owner gets in from another, or from a known device in that very network."""

    async def work(connection: Connection) -> None:
        for _ in range(300):
            await admitted(connection, login_attempt(ANN, "192.0.2.1"))
        assert not await admitted(connection, login_attempt(ANN, "192.0.2.1"))
        assert await admitted(connection, login_attempt(ANN, "198.51.100.7"))
        assert await admitted(connection, login_attempt(ANN, "192.0.2.1", device="device-1"))
        counts = await keys(connection)
        assert counts[account_bucket(ANN).key] == 6  # five of the network's and the owner's: refused ones do not count

    with_table(database, work)


def test_a_known_device_has_tries_of_its_own_and_they_end(database: str) -> None:
    """R10: a stolen device is no way around: it is counted too, and is known for one account only."""

    async def work(connection: Connection) -> None:
        assert await tries(connection, login_attempt(ANN, "192.0.2.1", device="d")) == LOGIN_FROM_DEVICE.tries
        total = LOGIN_FROM_DEVICE.tries
        for _ in range(200):
            try:
                await count_attempt(connection, login_attempt(ANN, "192.0.2.1", device="d"))
                total += 1
            except TooManyAttempts as error:
                if error.retry_after > timedelta(days=15).total_seconds():
                    break
                await let_pass(connection, error.retry_after)
        else:
            pytest.fail("the waits do not grow")
        assert total < 100
        assert await admitted(connection, login_attempt("bob", "192.0.2.1", device="d"))
        assert await admitted(connection, login_attempt(ANN, "192.0.2.1"))

    with_table(database, work)


def test_success_is_forgiven(database: str) -> None:
    """R9: failures in a row count. Whoever types it wrong four times and then right may do so for ever."""

    async def work(connection: Connection) -> None:
        attempt = login_attempt(ANN, "192.0.2.1")
        for _ in range(10):
            for _ in range(5):
                await count_attempt(connection, attempt)
            assert not await admitted(connection, attempt)
            await forgive_attempt(connection, attempt)
            assert set(await keys(connection)) == {attempt[0].key}

    with_table(database, work)


def test_success_takes_back_one_try_of_a_network_and_no_more(database: str) -> None:
    """R9: with an account of one's own nobody buys tries at those of others; the last try opens what it had closed."""

    async def work(connection: Connection) -> None:
        own = login_attempt("mallory", "192.0.2.1")
        network = own[0].key
        for number in range(LOGIN_FROM_ADDRESS.tries - 1):
            await count_attempt(connection, login_attempt(f"user{number}", "192.0.2.1"))
        for _ in range(10):
            assert await admitted(connection, own)  # the fiftieth: everything from there waits now
            assert not await admitted(connection, login_attempt("somebody", "192.0.2.1"))
            await forgive_attempt(connection, own)
            assert (await keys(connection))[network] == LOGIN_FROM_ADDRESS.tries - 1
        assert await admitted(connection, login_attempt("somebody", "192.0.2.1"))
        assert not await admitted(connection, own)
        await forgive_attempt(connection, own)
        await forgive_attempt(connection, own)

    with_table(database, work)


def test_a_burst_gets_no_try_more(database: str) -> None:
    """R9: of twenty at once, on twenty connections, exactly five are admitted; each round, on new and on old rows."""

    async def work(connection: Connection) -> None:
        async with AsyncExitStack() as stack:
            connections = [await stack.enter_async_context(await connect(database)) for _ in range(20)]
            for number in range(5):
                attempt = login_attempt(f"user{number}", f"192.0.2.{number}")
                answers = await asyncio.gather(*(admitted(one, attempt) for one in connections))
                assert sum(answers) == LOGIN_TO_ACCOUNT_FROM_ADDRESS.tries
                counts = await keys(connection)
                assert [counts[bucket.key] for bucket in attempt[1:]] == [5, 5]
                wait = LOGIN_TO_ACCOUNT_FROM_ADDRESS.wait.total_seconds()
                await let_pass(connection, wait)
                answers = await asyncio.gather(*(admitted(one, attempt) for one in connections))
                assert sum(answers) == 1

    with_table(database, work)


def test_bursts_at_different_accounts_do_not_wait_for_each_other_for_ever(database: str) -> None:
    """R9: keys are locked in one order, so no two statements wait for each other."""

    async def work(connection: Connection) -> None:
        async with AsyncExitStack() as stack:
            connections = [await stack.enter_async_context(await connect(database)) for _ in range(8)]

            async def hammer(number: int) -> None:
                for turn in range(30):
                    await admitted(
                        connections[number], login_attempt(f"user{turn % 3}", f"192.0.2.{(number + turn) % 3}")
                    )
                    if turn % 5 == 0:
                        await forgive_attempt(connections[number], login_attempt(f"user{turn % 3}", "192.0.2.1"))

            await asyncio.wait_for(asyncio.gather(*(hammer(number) for number in range(8))), 30)

    with_table(database, work)


# -- what is counted under which key -----------------------------------------------------------------------------------


def test_keys_say_nothing() -> None:
    """R9: no name, no address, nothing that somebody typed into the wrong field; and no two things share one."""
    attempts = [
        login_attempt(ANN, "192.0.2.1"),
        login_attempt(ANN, "192.0.2.1", device="device-1"),
        login_attempt("192.0.2.1", ANN),
        factor_attempt("1"),
        code_attempt("verify", ANN, "192.0.2.1"),
        code_attempt("reset", ANN, "192.0.2.1"),
        code_attempt("reset", ANN, "192.0.2.1", device="a browser"),
        signup_attempt("192.0.2.1"),
    ]
    found = [bucket.key for attempt in attempts for bucket in attempt]
    assert len(found) == len(set(found)) == 16
    for key in found:
        assert "ann" not in key
        assert "192" not in key.partition(":")[0]
        assert len(key) < 64


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:0DB8:0:0:1::", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "unix:", True),
    ],
)
def test_networks(one: str, other: str, same: bool) -> None:
    """R9: whoever has an address of IPv6 has a /64 of them, and all of those are one."""
    assert (network_of(one) == network_of(other)) is same
    assert (login_attempt(ANN, one) == login_attempt(ANN, other)) is same


def test_spellings_of_a_name_share_one_bucket() -> None:
    """R12: keys are made of the canonical form."""
    spellings = ["Ann@Müller.example", "ann@xn--mller-kva.example", "ＡＮＮ@müller.example"]
    assert len({login_attempt(parse_email(spelling).canonical, "192.0.2.1") for spelling in spellings}) == 1


def test_a_second_factor_is_counted_by_itself(database: str) -> None:
    """R25: five tries, whatever session or network they come from; then waits, and never a hundred in a month."""

    async def work(connection: Connection) -> None:
        attempt = factor_attempt("7")
        assert await tries(connection, attempt) == 5
        assert await admitted(connection, factor_attempt("8"))
        total, passed = 5, 0.0
        while passed < timedelta(days=30).total_seconds():
            try:
                await count_attempt(connection, attempt)
                total += 1
            except TooManyAttempts as error:
                passed += error.retry_after
                await let_pass(connection, error.retry_after)
        assert 20 < total < 60
        await forgive_attempt(connection, attempt)
        assert await tries(connection, attempt) == 5

    with_table(database, work)


def test_messages_are_few(database: str) -> None:
    """R9: to one address five in an hour from one network, thirty from all; one network does not write to everybody."""

    async def work(connection: Connection) -> None:
        assert await tries(connection, code_attempt("reset", ANN, "192.0.2.1")) == 5
        assert await admitted(connection, code_attempt("reset", ANN, "192.0.2.2"))
        sent = [await admitted(connection, code_attempt("reset", ANN, f"198.51.100.{number}")) for number in range(40)]
        assert sum(sent) == 24
        assert await tries(connection, code_attempt("reset", ANN, "192.0.2.1", device="Ann's own")) == 5
        assert await admitted(connection, code_attempt("verify", ANN, "198.51.100.1"))
        sent = [await admitted(connection, code_attempt("reset", f"u{number}", "203.0.113.1")) for number in range(60)]
        assert sum(sent) == 30
        assert await tries(connection, signup_attempt("203.0.113.2")) == 20

    with_table(database, work)


def test_what_cannot_be_counted_is_not_admitted(database: str) -> None:
    """R13: with the database gone, or the table, an error comes out and no attempt; with them, the attempt is made."""

    async def work(connection: Connection) -> None:
        await count_attempt(connection, login_attempt(ANN, "192.0.2.1"))
        await connection.script("drop table howdah_auth.throttle")
        with pytest.raises(DatabaseError):
            await count_attempt(connection, login_attempt(ANN, "192.0.2.1"))
        connection.close()
        with pytest.raises(ConnectionLost):
            await count_attempt(connection, login_attempt(ANN, "192.0.2.1"))

    with_table(database, work)


def test_old_counts_are_forgotten(database: str) -> None:
    """What delays nobody any more is gone, and nothing else."""

    async def work(connection: Connection) -> None:
        await tries(connection, login_attempt(ANN, "192.0.2.1"))
        before = await keys(connection)
        assert await forget_old_counts(connection) == 0
        await let_pass(connection, timedelta(days=29).total_seconds())
        assert await forget_old_counts(connection) == 0
        await let_pass(connection, timedelta(days=2).total_seconds())
        assert await forget_old_counts(connection) == len(before) == 3
        assert await keys(connection) == {}

    with_table(database, work)
