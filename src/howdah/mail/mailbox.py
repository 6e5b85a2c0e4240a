"""The mailbox of development: a folder with a file for each message, which `howdah mail list` and `show` read.

A file has all that was sent, codes and links included: only its owner may read it, and only the last ones are kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from howdah.mail.compose import Envelope
from howdah.mail.local import write_whole
from howdah.mail.message import Channel, Mail, Message

KEPT = 200
"""How many messages a mailbox keeps; the oldest makes room."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message in the mailbox."""

    id: str
    at: datetime
    channel: Channel
    to: str
    subject: str | None
    text: str
    html: str | None


class Mailbox:
    """The messages in a folder, which need not be there yet."""

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self._folder = folder
        self._kept = kept

    def put(self, message: Message, envelope: Envelope) -> None:
        """The message is in the mailbox; one that was there already stays as it is. Raises ProviderUnavailable."""
        content: dict[str, str | None]
        content = {"id": envelope.id, "at": envelope.at.isoformat(), "to": message.to, "text": message.text}
        if isinstance(message, Mail):
            content |= {"channel": "mail", "subject": message.subject, "html": message.html}
        else:
            content |= {"channel": "text", "subject": None, "html": None}
        name = f"{envelope.at:%Y%m%dT%H%M%S%f}-{envelope.id}.json"
        if not any(path.name.endswith(f"-{envelope.id}.json") for path in self._files()):
            write_whole(self._folder / name, json.dumps(content, ensure_ascii=False).encode())
        for path in self._files()[: -self._kept]:
            path.unlink(missing_ok=True)

    def messages(self) -> tuple[Received, ...]:
        """Everything in it, the newest first. What is no message of ours is passed over."""
        return tuple(self._read())

    def find(self, beginning: str) -> Received | None:
        """The newest message whose id begins so; with an empty text the newest of all."""
        return next((one for one in self._read() if one.id.startswith(beginning)), None)

    def _read(self) -> Iterator[Received]:
        for path in reversed(self._files()):
            try:
                found = json.loads(path.read_bytes())
                yield Received(
                    found["id"], datetime.fromisoformat(found["at"]), found["channel"], found["to"], found["subject"],
                    found["text"], found["html"],
                )  # fmt: skip
            except (OSError, ValueError, KeyError, TypeError):
                continue

    def _files(self) -> list[Path]:
        """The files of messages, the oldest first: their names begin with the moment."""
        return sorted(self._folder.glob("[0-9]*.json"))


class MailboxProvider:
    """Puts messages into a mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def deliver(self, message: Message, envelope: Envelope) -> None:
        """It is there. Raises ProviderUnavailable."""
        await asyncio.to_thread(self.mailbox.put, message, envelope)

    async def rest(self) -> None:
        """There is nothing to close."""
