"""What takes messages: what all providers have in common, and the one that a URL names.

A URL that cannot be used is refused when the platform starts, and no message ever shows the password in it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from howdah.mail.compose import Envelope, Sender, parse_sender
from howdah.mail.errors import MailSettingsError, UnusableAddress
from howdah.mail.local import ConsoleProvider, FileProvider
from howdah.mail.mailbox import Mailbox, MailboxProvider
from howdah.mail.message import Channel, Message, usable_address
from howdah.mail.smtp import Security, SmtpProvider, SmtpServer
from howdah.mail.texting import Msg91, TextingProvider, TextService, Twilio, WebService
from howdah.observe.secret import Secret
from howdah.project.sections import MailSection

MAILBOX = Path(".howdah") / "mail"
"""The mailbox of a project, below its folder."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LOCAL = {"file", "console", "mailbox"}
_EXAMPLES: Mapping[Channel, str] = {
    "mail": "smtp://user:password@host:587, smtps://user:password@host, file:FOLDER, console: or mailbox:",
    "text": "twilio://account:token@default?from=+1…, msg91://authkey@default?sender=…, https://…, or mailbox:",
}


class Provider(Protocol):
    """Whoever takes messages of one channel."""

    async def deliver(self, message: Message, envelope: Envelope) -> None:
        """The message was taken. Raises NotDelivered, NotYetDelivered and ProviderUnavailable."""

    async def rest(self) -> None:
        """Nothing is to be sent for a while: no connection stays open."""


@dataclass(frozen=True, slots=True)
class Providers:
    """Who takes what; None where there is nobody. ``sender`` is whom mails are from."""

    sender: Sender
    reply_to: str | None
    mail: Provider | None
    text: Provider | None

    def of(self, channel: Channel) -> Provider | None:
        """Who takes messages of the channel."""
        return self.mail if channel == "mail" else self.text


def providers(section: MailSection, *, app: str, root: Path | None, development: bool) -> Providers:
    """What the settings say; in development what they do not say goes to the mailbox. Raises MailSettingsError."""
    fallback = Secret("mailbox:") if development and root is not None else None
    url, sms_url = section.url or fallback, section.sms_url or fallback
    mail = None if url is None else _provider("mail.url", url, "mail", section, root)
    text = None if sms_url is None else _provider("mail.sms_url", sms_url, "text", section, root)
    if section.sender is None and isinstance(mail, SmtpProvider):
        raise MailSettingsError("mail.sender is missing: a mail has to be from somebody.", hint=_SENDER_HINT)
    try:
        sender = Sender(app, "no-reply@localhost") if section.sender is None else parse_sender(section.sender)
    except UnusableAddress as error:
        raise MailSettingsError("mail.sender is not an address.", hint=_SENDER_HINT) from error
    try:
        reply_to = None if section.reply_to is None else usable_address("mail", section.reply_to)
    except UnusableAddress as error:
        raise MailSettingsError("mail.reply_to is not an e-mail address.") from error
    return Providers(sender, reply_to, mail, text)


_SENDER_HINT = 'As in sender = "Shop <no-reply@shop.example>".'


def _provider(setting: str, url: Secret, channel: Channel, section: MailSection, root: Path | None) -> Provider:
    try:
        parts = urlsplit(url.reveal())
        assert parts.port is None or parts.port > 0
    except (AssertionError, ValueError):
        raise _unusable(setting, "it is no URL", channel) from None
    read = _Address(setting, parts, channel)
    if parts.scheme in _LOCAL:
        return _local(read, root)
    if channel == "mail" and parts.scheme in {"smtp", "smtps"}:
        return SmtpProvider(_smtp(read), section.timeout)
    if channel == "text":
        return TextingProvider(_texting(read, section), section.timeout)
    raise _unusable(setting, f"nothing is known of {parts.scheme or 'what has no scheme'}:", channel)


@dataclass(frozen=True, slots=True)
class _Address:
    """The URL of a setting, taken apart."""

    setting: str
    parts: SplitResult
    channel: Channel

    @property
    def user(self) -> str | None:
        return None if self.parts.username is None else unquote(self.parts.username)

    @property
    def password(self) -> Secret | None:
        return None if self.parts.password is None else Secret(unquote(self.parts.password))

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, so that nobody else can listen on the way."""
        return self.parts.hostname in _LOOPBACK

    def options(self, known: Iterable[str]) -> dict[str, str]:
        """What follows the question mark; a ``+`` is a plus there, because numbers begin with it."""
        options = dict(parse_qsl(self.parts.query.replace("+", "%2B")))
        for name in options.keys() - set(known):
            raise self.unusable(f"it takes {', '.join(known) or 'no options'}, not {name}")
        return options

    def origin(self, default: str) -> str:
        """Where an HTTP API is: at its usual place, or where the URL says. Plain HTTP only on this machine."""
        host, port = self.parts.hostname or "default", self.parts.port
        if host == "default":
            return f"https://{default}"
        shown = f"[{host}]" if ":" in host else host
        return f"{'http' if self.is_here else 'https'}://{shown}{'' if port is None else f':{port}'}"

    def unusable(self, what: str) -> MailSettingsError:
        return _unusable(self.setting, what, self.channel)


def _unusable(setting: str, what: str, channel: Channel) -> MailSettingsError:
    return MailSettingsError(f"{setting} cannot be used: {what}.", path=setting, hint=f"It is {_EXAMPLES[channel]}.")


def _local(read: _Address, root: Path | None) -> Provider:
    read.options(())
    scheme = read.parts.scheme
    if scheme == "console":
        return ConsoleProvider()
    folder = Path(unquote(read.parts.path))
    if read.parts.netloc or not (folder.parts or scheme == "mailbox"):
        raise read.unusable(f"{scheme}: takes a folder, as {scheme}:mail or {scheme}:///var/spool/mail")
    if not folder.is_absolute() and root is None:
        raise read.unusable(f"without a project's folder it has to be {scheme}:///…")
    if scheme == "file":
        return FileProvider((root or Path()) / folder)
    return MailboxProvider(Mailbox((root or Path()) / (folder if folder.parts else MAILBOX)))


def _smtp(read: _Address) -> SmtpServer:
    parts, options = read.parts, read.options(("tls", "ca"))
    implicit = parts.scheme == "smtps"
    tls = options.get("tls", "required")
    if not parts.hostname:
        raise read.unusable("it names no host")
    if parts.path.strip("/"):
        raise read.unusable("a path means nothing to SMTP")
    if (read.user is None) != (read.password is None):
        raise read.unusable("a user has a password, and a password a user")
    if tls not in {"required", "none"} or (implicit and tls == "none"):
        raise read.unusable("tls is required or, with smtp: alone, none")
    if tls == "none" and read.user is not None and not read.is_here:
        raise read.unusable("without TLS everybody on the way would read the password")
    security: Security = "tls" if implicit else "starttls" if tls == "required" else "none"
    return SmtpServer(
        parts.hostname,
        parts.port or (465 if implicit else 587 if tls == "required" else 25),
        security,
        read.user,
        read.password,
        _context(read, options.get("ca")),
    )


def _context(read: _Address, authority: str | None) -> ssl.SSLContext:
    """What server certificates are held against: what this machine trusts, or ``authority`` alone."""
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise read.unusable(f"ca: {authority} is no file with certificates") from error


def _texting(read: _Address, section: MailSection) -> TextService:
    scheme = read.parts.scheme
    if scheme == "twilio":
        options = read.options(("from", "service"))
        if read.user is None or read.password is None or len(options) != 1:
            raise read.unusable("it needs account and token, and either from or service")
        return Twilio(
            read.origin("api.twilio.com"), read.user, read.password, options.get("from"), options.get("service")
        )
    if scheme == "msg91":
        options = read.options(("sender", "template", "dlt"))
        if read.user is None or not ("template" in options or "sender" in options):
            raise read.unusable("it needs the authkey, and a template or a sender")
        return Msg91(read.origin("control.msg91.com"), Secret(read.user), **options)
    if scheme == "https" or (scheme == "http" and read.is_here):
        if not read.parts.hostname:
            raise read.unusable("it names no host")
        return WebService.read(read.parts, section)
    raise read.unusable(f"nothing is known of {scheme or 'what has no scheme'}:")
