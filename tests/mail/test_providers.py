"""Providers: which URL is what, what travels, and what each kind of refusal means. Every server here is a real one."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import stat
import time
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.mail.servers import LOGIN, Certificate, Inbox, Service, http_server, make_certificate, smtp_server
from tests.support import run

from howdah.mail.compose import Envelope, Sender, compose, parse_sender
from howdah.mail.errors import (
    HeaderInjection,
    MailError,
    MailSettingsError,
    NotDelivered,
    NotYetDelivered,
    ProviderUnavailable,
)
from howdah.mail.mailbox import Mailbox
from howdah.mail.message import Mail, TextMessage
from howdah.mail.providers import MAILBOX, Provider, providers
from howdah.mail.rendering import Templates
from howdah.observe.secret import Secret
from howdah.project.sections import MailSection

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
ENVELOPE = Envelope("11111111-2222-3333-4444-555555555555", AT, Sender("Shop", "no-reply@shop.example"))
MAIL = Mail("bob@example.com", "Grüße, 123456", "Your code: 123456\n", "<p>Your code: 123456</p>")
TEMPLATES = Templates("Shop", None)
TEXT = TextMessage("+491701234567", "123456 is your code", {"code": "123456", "valid_for": "900"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def provider_of(
    url: str, *, text: bool = False, timeout: float = 5.0, root: Path | None = None, **more: object
) -> Provider:
    given = {"sms_url" if text else "url": Secret(url)}
    section = MailSection(**given, sender="Shop <no-reply@shop.example>", timeout=timeout, **more)  # type: ignore[arg-type]
    found = providers(section, app="Shop", root=root, development=False)
    provider = found.text if text else found.mail
    assert provider is not None
    return provider


def refusal(url: str, **more: object) -> MailSettingsError:
    with pytest.raises(MailSettingsError) as caught:
        provider_of(url, **more)  # type: ignore[arg-type]
    return caught.value


# -- URLs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smtp://me:geheim@", "names no host"),
        ("smtp://me@mail.example", "a user has a password"),
        ("smtp://me:geheim@mail.example?tls=none", "everybody on the way"),
        ("smtp://me:geheim@mail.example?tls=maybe", "tls is required"),
        ("smtps://me:geheim@mail.example?tls=none", "tls is required"),
        ("smtp://me:geheim@mail.example/inbox", "a path"),
        ("smtp://me:geheim@mail.example?startls=1", "not startls"),
        ("smtp://me:geheim@mail.example?ca=/nowhere", "certificates"),
        ("smtp://me:geheim@mail.example:99999", "no URL"),
        ("http://me:geheim@mail.example", "nothing is known of http:"),
        ("geheim", "nothing is known"),
        ("twilio://me:geheim@default?from=+1", "nothing is known of twilio:"),
        ("mailbox:", "project's folder"),
        ("mailbox://host/geheim", "takes a folder"),
        ("file:mail", "file:///"),
        ("file://host/geheim", "takes a folder"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str, said: str) -> None:
    """The setting and what is wrong are named, an example is given, the password is not shown."""
    error = refusal(url)
    assert said in error.message
    assert error.message.startswith("mail.url ")
    assert "smtp://user:password@host:587" in str(error.hint)
    assert "geheim" not in f"{error.message} {error.hint}"
    assert provider_of("smtp://me:geheim@mail.example:587")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("twilio://account@default?from=+15005550006", "account and token"),
        ("twilio://account:geheim@default", "from or service"),
        ("twilio://account:geheim@default?from=+1&service=MG1", "from or service"),
        ("msg91://default?sender=SHOP", "authkey"),
        ("msg91://geheim@default", "a template or a sender"),
        ("http://sms.example/send", "nothing is known of http:"),
        ("smtp://mail.example", "nothing is known of smtp:"),
        ("https:///send", "names no host"),
    ],
)
def test_an_sms_url_that_cannot_be_used_is_refused(url: str, said: str) -> None:
    """The same for text messages; plain HTTP leaves this machine never."""
    error = refusal(url, text=True)
    assert said in error.message
    assert "geheim" not in f"{error.message} {error.hint}"
    assert provider_of("https://sms.example/send", text=True)


def test_what_is_not_set_is_the_mailbox_in_development_and_nothing_elsewhere(tmp_path: Path) -> None:
    """Nothing has to be set up to begin with; a server sends nothing by accident."""
    found = providers(MailSection(), app="Shop", root=tmp_path, development=True)
    assert found.mail is not None
    assert found.text is not None
    assert found.sender == Sender("Shop", "no-reply@localhost")
    found = providers(MailSection(), app="Shop", root=tmp_path, development=False)
    assert (found.mail, found.text) == (None, None)


def test_smtp_needs_a_sender_and_every_sender_is_an_address() -> None:
    """Whom mails are from is never made up."""
    with pytest.raises(MailSettingsError, match="sender is missing"):
        providers(MailSection(url=Secret("smtp://mail.example")), app="Shop", root=None, development=False)
    for sender in ("Shop", "Shop <shop>", "Shop <a@b.example", "a@b.example\r\nBcc: c@d.example"):
        with pytest.raises(MailSettingsError, match="not an address"):
            providers(MailSection(sender=sender), app="Shop", root=None, development=False)
    assert parse_sender('"Shop, Inc." <a@b.example>') == Sender("Shop, Inc.", "a@b.example")
    assert parse_sender("a@b.example") == Sender("", "a@b.example")


# -- what travels ------------------------------------------------------------------------------------------------------


def test_a_mail_has_text_first_and_no_header_that_was_not_meant() -> None:
    """Text and HTML are alternatives, headers are encoded, the id is the same each time."""
    assert compose(MAIL, ENVELOPE).count(b"\r\n") == compose(MAIL, ENVELOPE).count(b"\n")
    text = compose(MAIL, ENVELOPE).decode("ascii")
    assert "Message-ID: <11111111-2222-3333-4444-555555555555@shop.example>" in text
    assert "Auto-Submitted: auto-generated" in text
    assert text.index("text/plain") < text.index("text/html")
    long = compose(Mail("b@example.com", "ä" * 300, "x" * 2000, "<p>" + "ü" * 2000 + "</p>"), ENVELOPE)
    assert long.isascii()
    assert max(len(line) for line in long.splitlines()) <= 998
    for mail in (
        Mail("b@example.com", "x\r\nBcc: eve@example.com", "x"),
        Mail("b@example.com", "x", "x", None, (("X-A", "x\nBcc: eve@example.com"),)),
        Mail("b@example.com", "x", "x", None, (("Bcc\r\nX", "x"),)),
        Mail("b@example.com", "x", "x", None, (("from", "eve@example.com"),)),
    ):
        with pytest.raises(HeaderInjection):
            compose(mail, ENVELOPE)
    assert b"X-A: x\r\n" in compose(Mail("b@example.com", "x", "x", None, (("X-A", "x"),)), ENVELOPE)


@given(st.text(), st.text())
@example("\r", "")
@example("x\n", "")
def test_no_value_becomes_a_header_or_a_tag(subject: str, factor: str) -> None:
    """Whatever is written into a mail, it has the headers it has, goes to one person, and its HTML has no new tags."""

    def tags(mail: Mail) -> list[str]:
        return re.findall("<[^>]*", str(mail.html))

    found, plain = (TEMPLATES.render("factor-added", MAIL.to, {"factor": value}) for value in (factor, "x"))
    assert isinstance(found, Mail)
    assert isinstance(plain, Mail)
    assert tags(found) == tags(plain)
    for mail in (found, replace(found, subject=subject)):
        try:
            sent = message_from_bytes(compose(mail, ENVELOPE), policy=default)
        except HeaderInjection:
            assert not mail.subject.isprintable()
            continue
        assert sorted(sent.keys()) == [
            "Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To",
        ]  # fmt: skip
        assert sent["To"] == MAIL.to


# -- SMTP --------------------------------------------------------------------------------------------------------------


def test_starttls_and_login(certificate: Certificate) -> None:
    """The password goes out after STARTTLS only, and the mail arrives as it was written."""

    async def scenario() -> Inbox:
        async with smtp_server(Inbox(), certificate=certificate, login=True) as inbox:
            provider = provider_of(f"smtp://{LOGIN}@localhost:{inbox.port}?ca={certificate.file}")
            await provider.deliver(MAIL, ENVELOPE)
            await provider.rest()
            return inbox

    inbox = run(scenario())
    (mail,) = inbox.mails
    assert inbox.secure == [True]
    assert (inbox.senders, inbox.to) == (["no-reply@shop.example"], ["bob@example.com"])
    assert (mail["Subject"], mail["From"], mail["To"]) == (
        "Grüße, 123456", "Shop <no-reply@shop.example>", "bob@example.com",
    )  # fmt: skip
    assert mail.get_body(("plain",)).get_content().splitlines() == ["Your code: 123456"]  # type: ignore[union-attr]
    assert mail.get_body(("html",)).get_content().strip() == "<p>Your code: 123456</p>"  # type: ignore[union-attr]


def test_tls_from_the_first_byte(certificate: Certificate) -> None:
    """smtps:// speaks nothing else."""

    async def scenario() -> Inbox:
        async with smtp_server(Inbox(), certificate=certificate, implicit=True, login=True) as inbox:
            provider = provider_of(f"smtps://{LOGIN}@localhost:{inbox.port}?ca={certificate.file}")
            await provider.deliver(MAIL, ENVELOPE)
            await provider.rest()
            return inbox

    assert len(run(scenario()).mails) == 1


def test_without_starttls_nothing_is_sent_unless_it_was_told_so() -> None:
    """A server (or somebody in between) that offers no TLS gets neither password nor mail; with tls=none it does."""

    async def scenario() -> tuple[list[int], str]:
        async with smtp_server(Inbox()) as inbox:
            with pytest.raises(ProviderUnavailable) as caught:
                await provider_of(f"smtp://127.0.0.1:{inbox.port}").deliver(MAIL, ENVELOPE)
            counts = [len(inbox.mails)]
            provider = provider_of(f"smtp://127.0.0.1:{inbox.port}?tls=none")
            await provider.deliver(MAIL, ENVELOPE)
            await provider.rest()
            return [*counts, len(inbox.mails)], caught.value.message

    counts, message = run(scenario())
    assert counts == [0, 1]
    assert "offers no STARTTLS" in message


def test_a_certificate_nobody_vouches_for_is_refused(certificate: Certificate) -> None:
    """TLS with whoever answers is no TLS; also one for another name."""

    async def scenario() -> list[str]:
        said = []
        async with smtp_server(Inbox(), certificate=certificate) as inbox:
            for url in (
                f"smtp://localhost:{inbox.port}",
                f"smtp://[::ffff:127.0.0.1]:{inbox.port}?ca={certificate.file}",
            ):
                with pytest.raises(ProviderUnavailable) as caught:
                    await provider_of(url).deliver(MAIL, ENVELOPE)
                said.append(caught.value.message)
            assert inbox.mails == []
        return said

    assert all("no certificate that can be trusted" in message for message in run(scenario()))


def test_a_refused_login_says_so_without_the_password(certificate: Certificate) -> None:
    """It is a matter of settings: every message waits."""

    async def scenario() -> MailError:
        async with smtp_server(Inbox(), certificate=certificate, login=True) as inbox:
            provider = provider_of(f"smtp://me:geheim1@localhost:{inbox.port}?ca={certificate.file}")
            with pytest.raises(ProviderUnavailable) as caught:
                await provider.deliver(MAIL, ENVELOPE)
            return caught.value

    error = run(scenario())
    assert "refused the login" in error.message
    assert "535" in error.message
    assert "geheim1" not in f"{error.message} {error.hint}"


def test_a_server_that_is_not_there_or_too_slow() -> None:
    """Both are over within the timeout, and the slow one's connection is not used again."""

    async def scenario() -> tuple[str, str, float]:
        with pytest.raises(ProviderUnavailable) as absent:
            await provider_of("smtp://127.0.0.1:1?tls=none").deliver(MAIL, ENVELOPE)
        async with smtp_server(Inbox(seconds=30)) as inbox:
            provider = provider_of(f"smtp://127.0.0.1:{inbox.port}?tls=none", timeout=0.3)
            began = time.monotonic()
            with pytest.raises(ProviderUnavailable) as slow:
                await provider.deliver(MAIL, ENVELOPE)
            took = time.monotonic() - began
            inbox.seconds = 0
            await provider.deliver(MAIL, ENVELOPE)
            await provider.rest()
            assert inbox.connections == 2
        return absent.value.message, slow.value.message, took

    absent, slow, took = run(scenario())
    assert "127.0.0.1:1 cannot be reached" in absent
    assert "took too long" in slow
    assert took < 5


def test_a_server_that_never_says_anything() -> None:
    """A port that accepts and is silent is given up, too."""

    async def scenario() -> str:
        left = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()
            left.set()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        async with server:
            provider = provider_of(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}?tls=none", timeout=0.3)
            with pytest.raises(ProviderUnavailable) as caught:
                await provider.deliver(MAIL, ENVELOPE)
            await left.wait()
        return caught.value.message

    assert "took too long" in run(scenario())


@pytest.mark.parametrize(
    ("inbox", "kind"),
    [
        (Inbox(rcpt=lambda address: f"550 5.1.1 <{address}> unknown"), NotDelivered),
        (Inbox(rcpt=lambda address: f"450 4.2.0 <{address}> greylisted, come again"), NotYetDelivered),
        (Inbox(data="554 5.7.1 looks like spam: code 123456"), NotDelivered),
        (Inbox(data="451 4.3.0 try again"), NotYetDelivered),
        (Inbox(mail_from="553 5.7.1 not your sender"), ProviderUnavailable),
        (Inbox(data="421 4.3.2 shutting down"), ProviderUnavailable),
    ],
)
def test_what_a_refusal_means(inbox: Inbox, kind: type[MailError]) -> None:
    """For good, for now, or for everybody; and what is kept of it shows neither address nor code."""

    async def scenario() -> MailError:
        async with smtp_server(inbox):
            with pytest.raises(MailError) as caught:
                await provider_of(f"smtp://127.0.0.1:{inbox.port}?tls=none").deliver(MAIL, ENVELOPE)
            return caught.value

    error = run(scenario())
    assert type(error) is kind
    assert "bob" not in error.message
    assert "123456" not in error.message
    assert inbox.mails == []


def test_several_mails_take_one_connection_and_a_lost_one_is_made_again() -> None:
    """A connection is used again while there is something to send, and one that the server closed is replaced."""

    async def scenario() -> tuple[int, int, int]:
        async with smtp_server(Inbox()) as inbox:
            provider = provider_of(f"smtp://127.0.0.1:{inbox.port}?tls=none")
            for _ in range(5):
                await provider.deliver(MAIL, ENVELOPE)
            first = inbox.connections
        async with smtp_server(inbox, port=inbox.port):
            provider._idle[0].transport.abort()  # type: ignore[attr-defined]
            await provider.deliver(MAIL, ENVELOPE)
            await provider.rest()
        return first, inbox.connections, len(inbox.mails)

    assert run(scenario()) == (1, 2, 6)


def test_addresses_beyond_ascii() -> None:
    """A domain travels in ASCII; a name with other letters as SMTPUTF8."""

    async def scenario() -> Inbox:
        async with smtp_server(Inbox()) as inbox:
            provider = provider_of(f"smtp://127.0.0.1:{inbox.port}?tls=none")
            await provider.deliver(Mail("böb@xn--bcher-kva.example", "Hello", "Hello\n"), ENVELOPE)
            await provider.rest()
            return inbox

    assert run(scenario()).to == ["böb@xn--bcher-kva.example"]


# -- on this machine ---------------------------------------------------------------------------------------------------


def test_files_and_the_mailbox_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Mode 0600 in a folder of 0700, no half-written file, what was there already once."""

    async def scenario() -> None:
        files = provider_of("file:out/mails", root=tmp_path)
        await files.deliver(MAIL, ENVELOPE)
        await provider_of("file:out/mails", text=True, root=tmp_path).deliver(TEXT, ENVELOPE)
        mailbox = provider_of("mailbox:", root=tmp_path)
        await mailbox.deliver(MAIL, ENVELOPE)
        await mailbox.deliver(MAIL, ENVELOPE)

    old = os.umask(0)
    try:
        run(scenario())
    finally:
        os.umask(old)
    written = sorted((tmp_path / "out" / "mails").iterdir())
    assert [path.suffix for path in written] == [".eml", ".txt"]
    assert b"Your code" in written[0].read_bytes()
    paths = [*written, *(tmp_path / MAILBOX).iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in paths} == {0o700}
    (found,) = Mailbox(tmp_path / MAILBOX).messages()
    assert (found.to, found.subject, found.text, found.html) == (MAIL.to, MAIL.subject, MAIL.text, MAIL.html)
    assert (found.at, found.channel) == (AT, "mail")


def test_the_mailbox_keeps_the_newest(tmp_path: Path) -> None:
    """It is bounded, and what is not a message of ours is passed over."""
    mailbox = Mailbox(tmp_path, kept=3)
    assert mailbox.messages() == ()
    for second in range(5):
        mailbox.put(TEXT, Envelope(f"{second}-x", AT.replace(second=second), ENVELOPE.sender))
    assert [one.id for one in mailbox.messages()] == ["4-x", "3-x", "2-x"]
    (tmp_path / "9.json").write_text("{")
    newest, third = mailbox.find(""), mailbox.find("3")
    assert newest is not None
    assert third is not None
    assert (newest.id, third.id, mailbox.find("0")) == ("4-x", "3-x", None)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """It is told, and the messages wait."""
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ProviderUnavailable, match="cannot be written"):
        run(provider_of(f"file://{tmp_path}/out/mails").deliver(MAIL, ENVELOPE))


def test_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    """The message is on standard error."""
    run(provider_of("console:").deliver(MAIL, ENVELOPE))
    assert "To: bob@example.com\nSubject: Grüße, 123456\n\nYour code: 123456" in capsys.readouterr().err


# -- text messages -----------------------------------------------------------------------------------------------------


def asked(url: str, service: Service, **more: object) -> Service:
    with http_server(service):
        provider = provider_of(url.replace("HERE", f"127.0.0.1:{service.port}"), text=True, timeout=2.0, **more)  # type: ignore[arg-type]
        run(provider.deliver(TEXT, ENVELOPE))
    return service


def test_twilio() -> None:
    """A form with the account's token, from a number or a messaging service."""
    body = b'{"sid": "SM1", "status": "queued"}'
    (one,) = asked("twilio://AC1:to%2Fken@HERE?from=+15005550006", Service(status=201, body=body)).asked
    assert (one.method, one.path) == ("POST", "/2010-04-01/Accounts/AC1/Messages.json")
    assert base64.b64decode(one.headers["authorization"].removeprefix("Basic ")) == b"AC1:to/ken"
    assert parse_qs(one.body.decode()) == {"To": [TEXT.to], "From": ["+15005550006"], "Body": [TEXT.text]}
    (one,) = asked("twilio://AC1:token@HERE?service=MG1", Service(status=201, body=body)).asked
    assert parse_qs(one.body.decode())["MessagingServiceSid"] == ["MG1"]


def test_msg91() -> None:
    """By a template of theirs with our values, or by a sender with our wording; numbers without the plus."""
    good = b'{"type": "success", "message": "1"}'
    (one,) = asked("msg91://key1@HERE?template=T1", Service(body=good)).asked
    assert (one.path, one.headers["authkey"]) == ("/api/v5/flow/", "key1")
    assert one.json() == {
        "template_id": "T1",
        "recipients": [{"mobiles": "491701234567", "text": TEXT.text, "code": "123456", "valid_for": "900"}],
    }
    (one,) = asked("msg91://key1@HERE?sender=SHOPIN&dlt=1107", Service(body=good)).asked
    assert one.path == "/api/v2/sendsms"
    assert one.json() == {
        "sender": "SHOPIN", "route": "4", "country": "0", "unicode": "0", "DLT_TE_ID": "1107",
        "sms": [{"message": TEXT.text, "to": ["491701234567"]}],
    }  # fmt: skip


def test_any_other_service() -> None:
    """Method, header fields and body are what the settings say; values are encoded as the place needs it."""
    (one,) = asked("http://me:pw@HERE/send?a=b", Service()).asked
    assert (one.method, one.path) == ("POST", "/send?a=b")
    assert base64.b64decode(one.headers["authorization"].removeprefix("Basic ")) == b"me:pw"
    assert one.headers["content-type"] == "application/json"
    assert one.json() == {"to": TEXT.to, "text": TEXT.text}
    form = "to={{ to | urlencode }}&text={{ text | urlencode }}&code={{ values.code }}"
    headers = (Secret("Authorization: Bearer abc"), Secret("X-Tag: shop"))
    (one,) = asked("http://HERE/", Service(), sms_body=form, sms_headers=headers, sms_method="PUT").asked
    assert (one.method, one.headers["authorization"], one.headers["x-tag"]) == ("PUT", "Bearer abc", "shop")
    assert parse_qs(one.body.decode()) == {"to": [TEXT.to], "text": [TEXT.text], "code": ["123456"]}
    url = "http://HERE/send?to={{ to | urlencode }}&text={{ text | urlencode }}"
    (one,) = asked(url, Service(), sms_method="GET").asked
    assert parse_qs(one.path.partition("?")[2]) == {"to": [TEXT.to], "text": [TEXT.text]}
    assert one.body == b""


def test_a_message_with_quotes_stays_json() -> None:
    """Nobody gets out of the value they are written into."""
    service = Service()
    with http_server(service):
        message = TextMessage("+491701234567", '", "to": "+1900", "x": "\n</script>')
        run(provider_of(f"http://127.0.0.1:{service.port}", text=True).deliver(message, ENVELOPE))
    assert service.asked[0].json() == {"to": "+491701234567", "text": message.text}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sms_body": "{{ too }}"}, "cannot be filled in"),
        ({"sms_body": "{% if"}, "cannot be filled in"),
        ({"sms_body": "{{ text.__class__.__mro__ }}"}, "cannot be filled in"),
        ({"sms_headers": (Secret("geheim"),)}, "no header field"),
        ({"sms_headers": (Secret("X: geheim\r\nY: z"),)}, "no header field"),
    ],
)
def test_settings_that_would_fail_later_fail_at_the_start(more: dict[str, object], said: str) -> None:
    """The request is tried with a sample when the platform starts."""
    error = refusal("https://sms.example/", text=True, **more)
    assert said in error.message
    assert "geheim" not in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("url", "service", "kind"),
    [
        (
            "twilio://a:b@HERE?from=+1",
            Service(400, [], 400, b'{"code": 21211, "message": "Invalid To +491701234567"}'),
            NotDelivered,
        ),
        ("twilio://a:b@HERE?from=+1", Service(401, [], 401, b'{"message": "Authenticate"}'), ProviderUnavailable),
        ("twilio://a:b@HERE?from=+1", Service(429, [], 429), NotYetDelivered),
        ("twilio://a:b@HERE?from=+1", Service(503, [], 503, b"<html>"), ProviderUnavailable),
        (
            "msg91://k@HERE?template=T",
            Service(0, [], 200, b'{"type": "error", "message": "Template not found"}'),
            NotDelivered,
        ),
        ("msg91://k@HERE?template=T", Service(0, [], 200, b"<html>"), NotDelivered),
        ("http://HERE/", Service(0, [], 302, b"", {"Location": "http://169.254.169.254/"}), ProviderUnavailable),
    ],
)
def test_what_an_answer_means(url: str, service: Service, kind: type[MailError]) -> None:
    """For good, for now, or for everybody; no redirect is followed; no number is kept."""
    with pytest.raises(MailError) as caught:
        asked(url, service)
    assert type(caught.value) is kind
    assert TEXT.to not in caught.value.message
    assert len(service.asked) == 1


def test_a_service_that_is_slow_or_gone() -> None:
    """Both are over in time."""
    service = Service(seconds=30)
    began = time.monotonic()
    with http_server(service), pytest.raises(ProviderUnavailable, match="too long"):
        run(provider_of(f"http://127.0.0.1:{service.port}", text=True, timeout=0.3).deliver(TEXT, ENVELOPE))
    assert time.monotonic() - began < 10
    with pytest.raises(ProviderUnavailable, match="cannot be asked"):
        run(provider_of("http://127.0.0.1:1", text=True).deliver(TEXT, ENVELOPE))


def test_secrets_are_not_shown() -> None:
    """A provider in a traceback or a log shows neither token nor key."""
    for url in ("twilio://AC1:geheim@default?from=+1", "msg91://geheim@default?template=T"):
        assert "geheim" not in repr(provider_of(url, text=True)._service)  # type: ignore[attr-defined]
    assert "geheim" not in repr(provider_of("smtp://me:geheim@mail.example")._server)  # type: ignore[attr-defined]
    assert json.dumps(str(MailSection(url=Secret("geheim")))).count("geheim") == 0
