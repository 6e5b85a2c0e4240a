"""What is done next when a request failed: a plan as a generator, which whoever sends goes through. Pure.

It yields an `Attempt` and is sent its outcome, or yields a `Pause`. It ends with the outcome that counts. Sent again is
what never left, and what may be sent twice (RFC 9110, section 9.2.2) when the answer was lost, or says to come again.
Pauses grow, and differ at random, so that many callers do not come back at once; ``Retry-After`` is obeyed where there
is time for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from howdah.kit.outbound.values import Answer, Attempt, Bounds, Call, Failure, Outcome, Pause, Step

IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
"""Methods that may be sent again (RFC 9110, section 9.2.2)."""

_COME_AGAIN: Final = frozenset((429, 502, 503))
_SENT_AGAIN: Final = frozenset(("connect", "broken"))

Conversation = Generator[Step, Outcome | None, Outcome]


def converse(
    call: Call,
    bounds: Bounds,
    *,
    clock: Callable[[], float],
    jitter: Callable[[], float],
    deadline: float | None = None,
) -> Conversation:
    """The steps to an outcome of the call, before the deadline if one is set already.

    ``jitter`` gives numbers from 0 to 1.
    """
    deadline = clock() + bounds.timeout if deadline is None else deadline
    outcome: Outcome = Failure("timeout", "there was no time for it")
    for attempt in range(1, max(1, bounds.attempts) + 1):
        answered = yield Attempt(call, deadline)
        assert answered is not None, "an attempt has an outcome"
        outcome = answered
        if attempt >= bounds.attempts or not may_try_again(outcome, safe=call.safe):
            break
        pause = pause_before(attempt, outcome, bounds, jitter())
        if clock() + pause >= deadline:
            break  # the outcome there is says more than that the time is over
        if pause:
            yield Pause(pause)
    return outcome


def may_try_again(outcome: Outcome, *, safe: bool) -> bool:
    """Whether another attempt can do good and no harm.

    >>> may_try_again(Failure("connect", "refused"), safe=False), may_try_again(Failure("broken", "reset"), safe=False)
    (True, False)
    >>> may_try_again(Answer(503, (), b""), safe=True), may_try_again(Answer(500, (), b""), safe=True)
    (True, False)
    """
    if isinstance(outcome, Answer):
        return safe and outcome.status in _COME_AGAIN
    return outcome.kind == "connect" or (safe and outcome.kind in _SENT_AGAIN)


def pause_before(attempt: int, outcome: Outcome, bounds: Bounds, jitter: float) -> float:
    """Seconds to wait after so many attempts: what the answer asks for, else longer each time, by half at random.

    >>> pause_before(1, Failure("connect", "refused"), Bounds(first_pause=0.1), 0.0)
    0.05
    >>> pause_before(1, Answer(503, (("retry-after", "2"),), b""), Bounds(), 0.5)
    2.0
    """
    asked = retry_after(outcome) if isinstance(outcome, Answer) else None
    if asked is not None:
        return asked
    longest = min(bounds.longest_pause, bounds.first_pause * 2.0 ** (attempt - 1))
    return longest * (0.5 + jitter / 2)


def retry_after(answer: Answer, *, now: datetime | None = None) -> float | None:
    """The seconds that an answer asks to wait (RFC 9110, section 10.2.3); None where it does not, or senselessly."""
    value = (answer.header("retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
