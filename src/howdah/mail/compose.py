"""A Mail → the bytes that travel: MIME as RFC 5322 and 2045 have it; pure."""

from __future__ import annotations

import email.errors
import email.policy
import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from howdah.mail.errors import HeaderInjection, UnusableAddress
from howdah.mail.message import Mail, usable_address

_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322, 2.2
_OURS = frozenset({"from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type"})


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom mails are from."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """What follows the ``@``."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a message beside what it says. ``id`` is the same however often it is sent."""

    id: str
    at: datetime
    sender: Sender
    reply_to: str | None = None


def compose(mail: Mail, envelope: Envelope) -> bytes:
    """The mail with all of its headers; text first, HTML as the better alternative (RFC 2046, 5.1.4).

    A program that answers mails by itself is asked not to (RFC 3834). Headers have letters beyond ASCII in them as they
    are (RFC 6532) only where an address has. Raises HeaderInjection.
    """
    policy = (email.policy.SMTP if mail.to.isascii() else email.policy.SMTPUTF8).clone(cte_type="7bit")
    # To encode lines that travel as they are takes longer than all the rest: RFC 5321 lets them have 998 characters.
    message = EmailMessage(policy=policy.clone(max_line_length=998))
    try:
        message["From"] = _address(envelope.sender.address, envelope.sender.name)
        message["To"] = _address(mail.to)
        message["Subject"] = _one_line(mail.subject)
        message["Date"] = format_datetime(envelope.at)
        message["Message-ID"] = f"<{envelope.id}@{envelope.sender.domain}>"
        if envelope.reply_to is not None:
            message["Reply-To"] = _address(envelope.reply_to)
        message["Auto-Submitted"] = "auto-generated"
        for name, value in mail.headers:
            if name.lower() in _OURS or not _NAME.fullmatch(name):
                raise HeaderInjection(f"The header {name!r} is set already, or is none.")
            message[name] = _one_line(value)
    except (ValueError, email.errors.MessageError) as error:
        raise HeaderInjection("A header of the mail cannot be written.") from error
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    return message.as_bytes(policy=policy)


def _one_line(value: str) -> str:
    """The value, which nothing ends early. Raises ValueError.

    The standard library looks for a line after a line's end only: a value that ends with one would end the header.
    """
    if len((value + ".").splitlines()) > 1:
        raise ValueError("A header is one line.")
    return value


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def parse_sender(text: str) -> Sender:
    """``Shop <no-reply@shop.example>``, or the address alone. Raises UnusableAddress."""
    name, bracket, rest = text.rpartition("<")
    if bracket and not rest.rstrip().endswith(">"):
        raise UnusableAddress("This is not an e-mail address.")
    address = rest.rstrip().removesuffix(">") if bracket else text
    return Sender(name.strip().strip('"'), usable_address("mail", address.strip()))
