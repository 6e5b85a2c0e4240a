"""What is in the messages that accounts send, and people who read them."""

from __future__ import annotations

import re
import secrets

from tests.auth.support import Platform

from howdah.mail.mailbox import Received


def an_email() -> str:
    return f"ann.{secrets.token_hex(4)}@example.test"


def a_mobile() -> str:
    """The number as it is written at home; its country code is 91."""
    return f"98{secrets.randbelow(10**8):08d}"


def code_in(message: Received) -> str:
    """The code that is in a message."""
    found = re.search(r"\b\d{6}\b", message.text)
    assert found is not None, message.text
    return found[0]


def token_in(message: Received) -> str:
    """The token of the link that is in a message: behind the ``#``, which is sent to nobody."""
    found = re.search(r"/auth/ui/[a-z-]+#token=([A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])", message.text)
    assert found is not None, message.text
    return found[1]


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1 + secrets.randbelow(999_998)) % 1_000_000:06d}"


def subjects(platform: Platform, to: str) -> list[str | None]:
    """The subjects of somebody's mails, the newest first."""
    return [message.subject for message in platform.mails(to)]
