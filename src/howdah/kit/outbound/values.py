"""The values of outbound requests: what is asked, within which bounds, and what came of one attempt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Pairs = tuple[tuple[str, str], ...]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a request may take in all, how often it is tried, and how much may be answered.

    ``timeout`` are the seconds for everything: every attempt, the pauses between them and the whole body.
    """

    timeout: float = 5.0
    connect_timeout: float = 2.0
    attempts: int = 3
    first_pause: float = 0.05
    longest_pause: float = 1.0
    max_body: int = 10 * MIB


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``safe`` says that it may be sent again when nobody knows what became of it."""

    method: str
    url: str
    headers: Pairs = field(default=(), repr=False)  # among them is what shows who asks
    content: bytes | None = field(default=None, repr=False)
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, whole; the names of headers are in lower case."""

    status: int
    headers: Pairs
    content: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        return next((value for key, value in self.headers if key == name), None)


FailureKind = Literal["connect", "broken", "timeout", "too-large", "unsendable"]


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. ``connect``: nothing was sent. ``broken``: it may have been, or what came was no HTTP."""

    kind: FailureKind
    reason: str


Outcome = Answer | Failure


@dataclass(frozen=True, slots=True)
class Attempt:
    """To be done next: send the call, to be answered before the deadline (of the monotonic clock)."""

    call: Call
    deadline: float


@dataclass(frozen=True, slots=True)
class Pause:
    """To be done next: nothing, for so many seconds."""

    seconds: float


Step = Attempt | Pause
