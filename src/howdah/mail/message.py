"""A message as it leaves, and the address it goes to; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from email_validator import EmailNotValidError, validate_email

from howdah.mail.errors import UnusableAddress

Channel = Literal["mail", "text"]
"""A mail, or a text message to a telephone."""

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_OWN_NETWORK = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*(local|localhost)", re.ASCII | re.IGNORECASE)
_MOST_OF_AN_ADDRESS = 254  # RFC 5321, 4.5.3.1.3
_ADDRESS = re.compile(r"[^\s<>\"'(),:;]+@[^\s<>\"'(),:;@]+")
_LINK = re.compile(r"https?://[^\s<>\"']+")
_SECRETLIKE = re.compile(r"\b(?=\w*\d)\w{6,}\b")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail: the text always, HTML beside it where there is some; ``headers`` beside those that every mail has."""

    to: str
    subject: str
    text: str
    html: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text message to a number in E.164 form. ``values`` are for providers that keep the wording themselves."""

    to: str
    text: str
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


Message = Mail | TextMessage


def usable_address(channel: Channel, address: str) -> str:
    """The address as providers take it: the domain of a mail's in ASCII, a number as it is.

    Raises UnusableAddress, whose message does not show it.

    >>> usable_address("mail", "bob@bücher.example"), usable_address("text", "+491701234567")
    ('bob@xn--bcher-kva.example', '+491701234567')
    """
    if channel == "text":
        if not _NUMBER.fullmatch(address):
            raise UnusableAddress("A telephone number is + and 7 to 15 digits, beginning with the country's.")
        return address
    if len(address) > _MOST_OF_AN_ADDRESS or not address.isprintable():
        raise UnusableAddress("This is too long for an e-mail address, or has control characters in it.")
    local, _, domain = address.rpartition("@")
    own = _OWN_NETWORK.fullmatch(domain)
    looked_at = f"{local}@example.com" if own else address  # the library takes no names of one's own network
    try:
        found = validate_email(looked_at, check_deliverability=False, globally_deliverable=False, test_environment=True)
    except EmailNotValidError:
        raise UnusableAddress("This is not an e-mail address.") from None
    return f"{found.local_part}@{domain.lower() if own else found.ascii_domain}"


def masked(address: str) -> str:
    """Enough of an address to recognise it in a log, and no more (R75).

    >>> masked("bob.miller@example.com"), masked("+491701234567")
    ('b***@example.com', '+491***67')
    """
    local, at, domain = address.rpartition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    return f"{address[:4]}***{address[-2:]}"


def cleaned(reason: str, address: str) -> str:
    """What a provider said, without addresses, links and whatever may be a code: it is kept and logged (R75).

    >>> cleaned("550 5.1.1 <bob@example.com>: code 123456 unknown, see https://x.example/a?b=c", "bob@example.com")
    '550 5.1.1 <***>: code *** unknown, see ***'
    """
    line = " ".join(reason.replace(address, "***").split())
    for pattern in (_LINK, _ADDRESS, _SECRETLIKE):
        line = pattern.sub("***", line)
    return line[:300]
