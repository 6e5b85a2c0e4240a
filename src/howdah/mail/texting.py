"""Text messages over HTTP: what to ask of which service, and what its answer means; pure but for the sending."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import SplitResult, quote, unquote, urlencode

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from howdah.mail.compose import Envelope
from howdah.mail.errors import MailError, MailSettingsError, NotDelivered, NotYetDelivered, ProviderUnavailable
from howdah.mail.message import Message, TextMessage, cleaned
from howdah.observe.secret import Secret
from howdah.project.sections import MailSection
from howdah.services.errors import ServiceUnreachable
from howdah.services.http import HttpAnswer, HttpRequest, send

_LATER = frozenset({408, 425, 429})
_OURS_TO_MEND = frozenset({401, 402, 403, 404, 405})  # credentials, money, address: wrong for every message
_FORM = "application/x-www-form-urlencoded"
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)")


class TextService(Protocol):
    """A way to ask a service for a text message."""

    def request(self, message: TextMessage) -> HttpRequest:
        """What is asked."""

    def complaint(self, answer: HttpAnswer) -> str | None:
        """What an answer that sounds like success complains of, if it does."""


@dataclass(frozen=True, slots=True)
class Twilio:
    """https://www.twilio.com/docs/messaging/api/message-resource: a form, with the account's token."""

    origin: str
    account: str
    token: Secret
    number: str | None
    service: str | None

    def request(self, message: TextMessage) -> HttpRequest:
        """What is asked."""
        source = {"From": self.number} if self.number is not None else {"MessagingServiceSid": self.service}
        login = base64.b64encode(f"{self.account}:{self.token.reveal()}".encode()).decode()
        return HttpRequest(
            "POST",
            f"{self.origin}/2010-04-01/Accounts/{quote(self.account, safe='')}/Messages.json",
            {"Authorization": f"Basic {login}", "Content-Type": _FORM, "Accept": "application/json"},
            urlencode({"To": message.to, **source, "Body": message.text}).encode(),
        )

    def complaint(self, answer: HttpAnswer) -> str | None:  # noqa: ARG002 - the status says it
        """Nothing: what was not taken has a status above 400."""
        return None


@dataclass(frozen=True, slots=True)
class Msg91:
    """https://docs.msg91.com: by a template of theirs (v5 flow), which has the wording; or by a sender (v2), with ours.

    A template gets the message's values as its variables, and the whole text as ``text``.
    """

    origin: str
    authkey: Secret
    sender: str | None = None
    template: str | None = None
    dlt: str | None = None

    def request(self, message: TextMessage) -> HttpRequest:
        """What is asked. Numbers go without the plus."""
        number = message.to.removeprefix("+")
        if self.template is not None:
            path = "/api/v5/flow/"
            recipient = {"mobiles": number, "text": message.text, **message.values}
            body: dict[str, object] = {"template_id": self.template, "recipients": [recipient]}
            if self.sender is not None:
                body["sender"] = self.sender
        else:
            path = "/api/v2/sendsms"
            body = {
                "sender": self.sender,
                "route": "4",  # transactional
                "country": "0",  # numbers come with their country
                "unicode": "0" if message.text.isascii() else "1",
                "sms": [{"message": message.text, "to": [number]}],
            }
            if self.dlt is not None:
                body["DLT_TE_ID"] = self.dlt
        headers = {"authkey": self.authkey.reveal(), "Content-Type": "application/json", "Accept": "application/json"}
        return HttpRequest("POST", self.origin + path, headers, json.dumps(body).encode())

    def complaint(self, answer: HttpAnswer) -> str | None:
        """What MSG91 has against the message: it says so with status 200."""
        try:
            found = json.loads(answer.body)
        except ValueError:
            return "it answered something that is not JSON"
        if isinstance(found, Mapping) and found.get("type") == "success":
            return None
        return str(found.get("message", "no reason")) if isinstance(found, Mapping) else "no reason"


@dataclass(frozen=True, slots=True)
class WebService:
    """Any other: method, header fields and body as the settings have them."""

    method: str
    url: Template
    headers: Mapping[str, str]
    body: Template

    @classmethod
    def read(cls, url: SplitResult, section: MailSection) -> Self:
        """The service of the settings; a user and a password in the URL log in. Raises MailSettingsError."""
        headers: dict[str, str] = {}
        if url.username is not None:
            login = base64.b64encode(f"{unquote(url.username)}:{unquote(url.password or '')}".encode()).decode()
            headers["Authorization"] = f"Basic {login}"
        for line in section.sms_headers:
            found = _HEADER.fullmatch(line.reveal())
            if found is None:
                raise MailSettingsError(
                    "mail.sms_headers has one that is no header field.", hint='As in ["Authorization: Bearer …"].'
                )
            headers[found[1]] = found[2]
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
        address = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
        try:
            body = environment.from_string(section.sms_body)
            made = cls(section.sms_method, environment.from_string(address), headers, body)
            made.request(TextMessage("+15005550006", "sample", {"code": "123456", "valid_for": "900"}))
        except TemplateError as error:
            raise MailSettingsError(
                f"mail.sms_body or mail.sms_url cannot be filled in: {error.message}.",
                hint="There are to, text and values.",
            ) from error
        return made

    def request(self, message: TextMessage) -> HttpRequest:
        """What is asked."""
        values = {"to": message.to, "text": message.text, "values": message.values}
        if self.method == "GET":
            return HttpRequest("GET", self.url.render(values), self.headers, None)
        body = self.body.render(values)
        kind = "application/json" if body.lstrip().startswith(("{", "[")) else _FORM
        named = {name.lower() for name in self.headers}
        headers = self.headers if "content-type" in named else {**self.headers, "Content-Type": kind}
        return HttpRequest(self.method, self.url.render(values), headers, body.encode())

    def complaint(self, answer: HttpAnswer) -> str | None:  # noqa: ARG002 - nothing is known of its body
        """Nothing: its status is believed."""
        return None


class TextingProvider:
    """Asks a service for each text message, within ``timeout`` seconds."""

    def __init__(self, service: TextService, timeout: float) -> None:
        self._service = service
        self._timeout = timeout

    async def deliver(self, message: Message, envelope: Envelope) -> None:  # noqa: ARG002 - what all providers take
        """The service has taken the message. Raises NotDelivered, NotYetDelivered and ProviderUnavailable."""
        assert isinstance(message, TextMessage), "it takes text messages"
        try:
            async with asyncio.timeout(self._timeout):
                answer = await send(self._service.request(message), self._timeout)
        except ServiceUnreachable as error:
            raise ProviderUnavailable(error.message) from error
        except TimeoutError as error:
            raise ProviderUnavailable("The service took too long.", hint="mail.timeout is how long it may.") from error
        error_of = _meaning(answer, self._service, message.to)
        if error_of is not None:
            raise error_of

    async def rest(self) -> None:
        """Each request has a connection of its own."""


def _meaning(answer: HttpAnswer, service: TextService, to: str) -> MailError | None:
    """What an answer means for the message; None when it was taken."""
    if 200 <= answer.status < 300:
        complaint = service.complaint(answer)
        return None if complaint is None else NotDelivered(cleaned(complaint, to))
    said = cleaned(f"{answer.status} {_message(answer.body)}", to)
    if answer.status in _OURS_TO_MEND:
        return ProviderUnavailable(f"The service refuses: {said}", hint="Check mail.sms_url.")
    if 400 <= answer.status < 500 and answer.status not in _LATER:
        return NotDelivered(said)
    return NotYetDelivered(said) if answer.status in _LATER else ProviderUnavailable(f"The service is not well: {said}")


def _message(body: bytes) -> str:
    """What a service says is wrong: the message of its JSON, if it has one."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return str(found.get("message", "")) if isinstance(found, Mapping) else ""
