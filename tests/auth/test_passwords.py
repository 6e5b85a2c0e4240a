"""Password hashes, and what they cost whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from howdah.auth.errors import AccountsBusy
from howdah.auth.passwords import CEILING, FLOOR, Hasher, HashParameters, needs_rehash, read_stored_hash
from howdah.auth.proof_errors import LongPassword
from howdah.auth.setting_errors import UnusablePasswordHash

CHEAP = HashParameters(memory=64, passes=1, lanes=1)
PASSWORD = "seven lilac otters"
# Made with the reference implementation's command: echo -n "password" | argon2 somesalt -id -t 2 -m 16 -p 4 (RFC 9106)
ELSEWHERE = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    hasher = Hasher(CHEAP)
    yield hasher
    hasher.close()


def test_hashes_are_argon2id_with_the_parameters_of_the_rfc() -> None:
    """R1: m=65536, t=3, p=4, a salt of its own each time; and the floor is OWASP's."""

    async def scenario() -> None:
        hasher = Hasher()
        try:
            first, second = await hasher.hash(PASSWORD), await hasher.hash(PASSWORD)
            assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
            assert first != second
            assert await hasher.verify(first, PASSWORD)
            assert await hasher.verify(second, PASSWORD)
            assert not await hasher.verify(first, PASSWORD + "!")
            assert not hasher.needs_rehash(first)
        finally:
            hasher.close()

    asyncio.run(scenario())
    assert HashParameters(memory=19456, passes=2, lanes=1) == FLOOR


def test_a_hash_made_elsewhere_verifies(hasher: Hasher) -> None:
    """R1, R2: a vector of the reference implementation; the next login replaces it, for it has fewer passes."""
    assert asyncio.run(hasher.verify(ELSEWHERE, "password"))
    assert not asyncio.run(hasher.verify(ELSEWHERE, "Password"))
    assert needs_rehash(ELSEWHERE, HashParameters())


@pytest.mark.parametrize(
    ("parameters", "again"),
    [
        (CHEAP, False),
        (HashParameters(memory=128, passes=1, lanes=1), True),
        (HashParameters(memory=64, passes=2, lanes=1), True),
        (HashParameters(memory=32, passes=1, lanes=1), False),
    ],
)
def test_hashes_are_made_again_when_parameters_rise(hasher: Hasher, parameters: HashParameters, again: bool) -> None:
    """R1: more memory or passes than the stored hash has means again; fewer do not."""
    assert needs_rehash(asyncio.run(hasher.hash(PASSWORD)), parameters) is again


def test_what_is_not_argon2id_is_made_again() -> None:
    """R1: Argon2i of another platform verifies once and is replaced."""
    assert needs_rehash(ELSEWHERE.replace("argon2id", "argon2i"), CHEAP)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "password",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        ELSEWHERE.replace("argon2id", "argon2d"),
        ELSEWHERE.replace("v=19", "v=16"),
        ELSEWHERE.replace("m=65536", f"m={CEILING.memory + 1}"),
        ELSEWHERE.replace("m=65536", "m=4294967295"),
        ELSEWHERE.replace("m=65536", "m=-1"),
        ELSEWHERE.replace("m=65536", "m=٦٥٥٣٦"),
        ELSEWHERE.replace("t=2", f"t={CEILING.passes + 1}"),
        ELSEWHERE.replace("t=2", "t=0"),
        ELSEWHERE.replace("p=1", f"p={CEILING.lanes + 1}"),
        ELSEWHERE.replace("m=65536,t=2,p=1", "m=8,t=2,p=2"),
        ELSEWHERE + "\n",
        " " + ELSEWHERE,
        ELSEWHERE + "A" * 1000,
        ELSEWHERE.rpartition("$")[0] + "$AAAA",
        ELSEWHERE.replace("$c29tZXNhbHQ$", "$$"),
    ],
)
def test_imported_hashes_are_bounded(hasher: Hasher, stored: str) -> None:
    """R2: what costs more than we give, or is no such hash, is refused; and no password is right for it."""
    with pytest.raises(UnusablePasswordHash):
        read_stored_hash(stored)
    started = time.process_time()
    assert not asyncio.run(hasher.verify(stored, "password"))
    assert time.process_time() - started < 1  # what it asks for was not computed
    assert read_stored_hash(ELSEWHERE).parameters == HashParameters(memory=65536, passes=2, lanes=1)


def test_hashes_as_dear_as_we_allow_are_taken() -> None:
    """R2, the other side."""
    dear = f"m={CEILING.memory},t={CEILING.passes},p={CEILING.lanes}"
    assert read_stored_hash(ELSEWHERE.replace("m=65536,t=2,p=1", dear)).parameters == CEILING


def test_all_of_a_long_password_counts(hasher: Hasher) -> None:
    """R4: what bcrypt would cut off after 72 bytes is part of it; case and spaces are."""
    password = "0123456789 " * 12
    stored = asyncio.run(hasher.hash(password))
    assert asyncio.run(hasher.verify(stored, password))
    for other in (password[:72], password[:-1], password + " ", password.strip(), password[:72] + "!" * 60):
        assert not asyncio.run(hasher.verify(stored, other))


def test_one_normalisation_at_set_and_verify(hasher: Hasher) -> None:
    """R4: a password set on one keyboard is the same on another that composes its letters differently."""
    stored = asyncio.run(hasher.hash("cafe\u0301 au lait, s'il vous plai\u0302t"))
    assert asyncio.run(hasher.verify(stored, "caf\u00e9 au lait, s'il vous pla\u00eet"))
    assert not asyncio.run(hasher.verify(stored, "cafe au lait, s'il vous plait"))


def test_too_long_a_password_is_never_hashed() -> None:
    """R3: refused before anything costs time; the pool is not even asked."""
    hasher = Hasher(CHEAP)
    hasher.close()
    with pytest.raises(LongPassword):
        asyncio.run(hasher.hash("x" * 257))
    assert not asyncio.run(hasher.verify(ELSEWHERE, "x" * 257))
    with pytest.raises(RuntimeError):  # with one that may be, the closed pool is noticed
        asyncio.run(hasher.verify(ELSEWHERE, "x" * 256))


def test_nobody_costs_as_much_as_somebody() -> None:
    """R8: without an account the answer is False and takes as long: medians of eleven, interleaved."""

    async def scenario() -> tuple[float, float]:
        hasher = Hasher(HashParameters(memory=8192, passes=2, lanes=1), threads=1)
        stored = await hasher.hash(PASSWORD)
        taken: dict[str | None, list[float]] = {stored: [], None: []}
        for _ in range(11):
            for given in (stored, None):
                started = time.perf_counter()
                assert not await hasher.verify(given, "wrong")
                taken[given].append(time.perf_counter() - started)
        hasher.close()
        return tuple(sorted(times)[5] for times in taken.values())  # type: ignore[return-value]

    somebody, nobody = asyncio.run(scenario())
    assert 0.5 < nobody / somebody < 2  # a missing hash would be a thousandth


def test_fifty_logins_at_once_leave_the_loop_free() -> None:
    """R2: fifty at once are hashed beside the event loop, which meanwhile is never held up for long."""

    async def scenario() -> tuple[list[float], list[bool]]:
        hasher = Hasher(FLOOR)
        stored = await hasher.hash(PASSWORD)
        lags: list[float] = []
        done = asyncio.Event()

        async def measure() -> None:
            while not done.is_set():
                started = time.perf_counter()
                await asyncio.sleep(0.005)
                lags.append(time.perf_counter() - started - 0.005)

        measuring = asyncio.create_task(measure())
        answers = await asyncio.gather(*(hasher.verify(stored, PASSWORD) for _ in range(50)))
        done.set()
        await measuring
        hasher.close()
        return lags, answers

    lags, answers = asyncio.run(scenario())
    assert all(answers)
    assert len(lags) > 10  # the loop went round while they were hashed
    assert sorted(lags)[int(len(lags) * 0.95)] < 0.2


def test_no_more_are_hashed_at_once_than_there_are_threads() -> None:
    """R2: the pool is the semaphore."""
    running = most = 0

    def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.01)
        running -= 1

    async def scenario() -> None:
        hasher = Hasher(CHEAP, threads=2)
        await asyncio.gather(*(hasher._in_a_thread(work) for _ in range(12)))
        hasher.close()

    asyncio.run(scenario())
    assert most == 2


def test_who_would_wait_too_long_is_told_at_once() -> None:
    """R2: what waits is bounded, so a burst cannot queue up work for minutes; afterwards there is room again."""

    async def scenario() -> None:
        hasher = Hasher(CHEAP, threads=1, most_waiting=3)
        stored = await hasher.hash(PASSWORD)
        answers = await asyncio.gather(*(hasher.verify(stored, PASSWORD) for _ in range(5)), return_exceptions=True)
        assert answers[:3] == [True] * 3
        assert [type(answer) for answer in answers[3:]] == [AccountsBusy] * 2
        assert await hasher.verify(stored, PASSWORD)
        hasher.close()

    asyncio.run(scenario())


def test_who_goes_away_while_waiting_costs_nothing() -> None:
    """A cancelled request leaves the queue, and its place is free."""

    async def scenario() -> None:
        hasher = Hasher(CHEAP, threads=1, most_waiting=2)
        blocking = asyncio.create_task(hasher._in_a_thread(time.sleep, 0.05))
        ran: list[bool] = []
        waiting = asyncio.create_task(hasher._in_a_thread(ran.append, True))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await blocking
        assert await hasher.hash(PASSWORD)
        assert ran == []
        hasher.close()

    asyncio.run(scenario())
