"""Mails over SMTP: one connection for several of them, TLS unless it was told otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Literal

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from howdah.mail.compose import Envelope, compose
from howdah.mail.errors import MailError, NotDelivered, NotYetDelivered, ProviderUnavailable
from howdah.mail.message import Mail, Message, cleaned
from howdah.observe.secret import Secret

Security = Literal["starttls", "tls", "none"]

_CLOSING = 421
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails are handed in, and how."""

    host: str
    port: int
    security: Security
    user: str | None
    password: Secret | None
    context: ssl.SSLContext


class SmtpProvider:
    """Hands mails to an SMTP server; ``timeout`` seconds for each, the connection included."""

    def __init__(self, server: SmtpServer, timeout: float) -> None:
        self._server = server
        self._timeout = timeout
        self._idle: list[SMTP] = []

    async def deliver(self, message: Message, envelope: Envelope) -> None:
        """The server has taken the mail. Raises NotDelivered, NotYetDelivered and ProviderUnavailable."""
        assert isinstance(message, Mail), "SMTP takes mails"
        content = await asyncio.to_thread(compose, message, envelope)
        options = () if message.to.isascii() else ("SMTPUTF8", "BODY=8BITMIME")
        client: SMTP | None = None
        try:
            async with asyncio.timeout(self._timeout):
                client = await self._client(envelope)
                await _check_options(client, options)
                await client.sendmail(envelope.sender.address, [message.to], content, mail_options=options)
        except (TimeoutError, OSError, SMTPException) as error:
            _abandon(client)
            raise _meaning(error, self._server, message.to) from error
        except BaseException:
            _abandon(client)
            raise
        self._idle.append(client)

    async def rest(self) -> None:
        """Every connection is ended."""
        while self._idle:
            client = self._idle.pop()
            with contextlib.suppress(TimeoutError, OSError, SMTPException):
                async with asyncio.timeout(self._timeout):
                    await client.quit()
            client.close()

    async def _client(self, envelope: Envelope) -> SMTP:
        """A connection that answers: one from before, or a new one."""
        while self._idle:
            client = self._idle.pop()
            try:
                await client.rset()
            except (OSError, SMTPException):
                client.close()
            else:
                return client
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=None if server.password is None else server.password.reveal(),
            local_hostname=envelope.sender.domain,  # finding out our own name would ask the network, and wait
            timeout=self._timeout,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=server.context,
        )
        try:
            await client.connect()
        except BaseException as error:
            client.close()
            if isinstance(error, OSError | SMTPException) and not isinstance(error, TimeoutError):
                raise _no_connection(error, server) from error
            raise
        return client


async def _check_options(client: SMTP, options: tuple[str, ...]) -> None:
    """What the mail needs, the server has. Raises NotDelivered."""
    if options and client.is_ehlo_or_helo_needed:
        await client.ehlo()
    if options and not client.supports_extension("smtputf8"):
        raise NotDelivered("The server takes no addresses with letters beyond ASCII.")


def _abandon(client: SMTP | None) -> None:
    if client is not None:
        client.close()


def _no_connection(error: Exception, server: SmtpServer) -> ProviderUnavailable:
    """What keeps us from the server, whatever the mail is."""
    where = f"{server.host}:{server.port}"
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return ProviderUnavailable(
            f"{where} refused the login: {_said(error, '')}.", hint="Check user and password in mail.url."
        )
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        hint = "Add ?ca=FILE to mail.url if its certificate comes from an authority of your own."
        return ProviderUnavailable(f"{where} has no certificate that can be trusted.", hint=hint)
    if server.security == "starttls" and "STARTTLS" in str(error).upper():
        hint = "smtps://… for a server with TLS from the start; ?tls=none in mail.url sends everything in plain."
        return ProviderUnavailable(f"{where} offers no STARTTLS.", hint=hint)
    return ProviderUnavailable(
        f"{where} cannot be reached: {_said(error, '')}.", hint="Is the address in mail.url right?"
    )


def _meaning(error: Exception, server: SmtpServer, to: str) -> MailError:
    """What an error while handing in a mail means for it, and for others (RFC 5321, 4.2.1)."""
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    said = _said(error, to)
    if isinstance(error, TimeoutError):
        return ProviderUnavailable(
            f"{server.host}:{server.port} took too long.", hint="mail.timeout is how long it may."
        )
    if isinstance(error, SMTPResponseException) and error.code != _CLOSING:
        if isinstance(error, SMTPRecipientRefused | SMTPDataError):
            return NotDelivered(said) if error.code >= _PERMANENT else NotYetDelivered(said)
        if isinstance(error, SMTPSenderRefused):
            return ProviderUnavailable(f"The server refused mail.sender: {said}")
    if isinstance(error, SMTPServerDisconnected | OSError):
        return ProviderUnavailable(f"The connection to {server.host}:{server.port} broke.")
    return ProviderUnavailable(said)


def _said(error: Exception, to: str) -> str:
    """What the server said, without what could be used."""
    text = f"{error.code} {error.message}" if isinstance(error, SMTPResponseException) else str(error)
    return cleaned(text or type(error).__name__, to or "\0")
