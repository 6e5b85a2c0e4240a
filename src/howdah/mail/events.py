"""What the part tells: which messages went out, which did not, and why. No event shows an address or a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from howdah.mail.errors import BrokenTemplate
from howdah.observe import events


@dataclass(frozen=True, slots=True)
class MailSent:
    """A provider took a message."""

    id: str
    template: str
    to: str
    attempts: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class MailDelayed:
    """A message could not be sent now; it is tried again."""

    level: ClassVar[str] = "warning"

    id: str
    template: str
    to: str
    attempts: int
    reason: str
    hint: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class MailFailed:
    """A message was given up."""

    level: ClassVar[str] = "error"

    id: str
    template: str
    to: str
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class MailTemplateBroken:
    """A template of the project's cannot be used: howdah's own was sent in its place."""

    level: ClassVar[str] = "error"

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class MailNotConfigured:
    """Nobody takes messages of this kind: they are given up."""

    level: ClassVar[str] = "warning"

    channel: str
    hint: str


@dataclass(frozen=True, slots=True)
class MailRelayFailed:
    """The outbox could not be read; it is tried again."""

    level: ClassVar[str] = "warning"

    reason: str


def tell_broken(error: BrokenTemplate) -> None:
    """The log says that a template of the project's is broken."""
    events.emit(MailTemplateBroken(error.path or "", error.reason))
