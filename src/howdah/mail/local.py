"""Providers that keep messages on this machine: as files for another program, or on the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from pathlib import Path

from howdah.mail.compose import Envelope, compose
from howdah.mail.errors import ProviderUnavailable
from howdah.mail.message import Mail, Message


class FileProvider:
    """Writes each mail to a file ``….eml`` and each text message to a file ``….txt`` of the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, message: Message, envelope: Envelope) -> None:
        """The file is there, whole. Raises ProviderUnavailable."""
        await asyncio.to_thread(self._write, message, envelope)

    def _write(self, message: Message, envelope: Envelope) -> None:
        name = f"{envelope.at:%Y%m%dT%H%M%S}-{envelope.id}"
        if isinstance(message, Mail):
            write_whole(self._folder / f"{name}.eml", compose(message, envelope))
        else:
            write_whole(self._folder / f"{name}.txt", f"To: {message.to}\n\n{message.text}\n".encode())

    async def rest(self) -> None:
        """There is nothing to close."""


class ConsoleProvider:
    """Writes messages to standard error, where `howdah dev` shows and keeps what a process says."""

    async def deliver(self, message: Message, envelope: Envelope) -> None:  # noqa: ARG002 - what all providers take
        """It is written."""
        subject = f"Subject: {message.subject}\n" if isinstance(message, Mail) else ""
        sys.stderr.write(f"---\nTo: {message.to}\n{subject}\n{message.text.rstrip()}\n---\n")
        sys.stderr.flush()

    async def rest(self) -> None:
        """There is nothing to close."""


def write_whole(path: Path, content: bytes) -> None:
    """The file has the content, for its owner's eyes alone; nobody ever sees a part of it.

    Raises ProviderUnavailable.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ProviderUnavailable(f"{path.parent} cannot be written: {error.strerror}.") from error
