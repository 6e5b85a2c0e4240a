"""The relay: what is in the outbox arrives, once, whatever breaks on the way; what cannot is given up and says why."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.mail.servers import Inbox, Service, http_server, smtp_server
from tests.support import Cluster, eventually, private_cluster, run, start_postgres, stop_postgres

from howdah.mail import lane, outbox, relay
from howdah.mail.errors import MailError, NotDelivered, NotYetDelivered, ProviderUnavailable
from howdah.mail.events import MailDelayed, MailFailed, MailNotConfigured, MailSent, MailTemplateBroken
from howdah.mail.mailbox import Mailbox
from howdah.mail.message import Message
from howdah.mail.outbox import Outbox, Seal
from howdah.mail.part import MailPart, build_mail
from howdah.mail.providers import MAILBOX, Providers, providers
from howdah.mail.relay import Relay
from howdah.mail.rendering import Templates
from howdah.observe import events
from howdah.observe.secret import Secret
from howdah.postgres.connect import ConnectOptions, connect
from howdah.project.sections import DatabaseSection, MailSection

CODE = {"code": "934211", "valid_for": 900}
TURN = Seal(lambda body: body[::-1], lambda body: body[::-1])
OPTIONS = ConnectOptions(application_name="howdah mail")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same delays, a hundred times shorter."""
    monkeypatch.setattr(relay, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(relay, "DRAIN_SECONDS", 0.3)
    monkeypatch.setattr(lane, "LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(lane, "SETTLING", 0.001)


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """Every event."""
    heard: list[Any] = []
    remove = events.add_sink(heard.append)
    yield heard
    remove()


class Scripted:
    """A provider that does what it is told: an error for whom ``answer`` gives one."""

    def __init__(self, answer: Callable[[Message], MailError | None] = lambda message: None) -> None:
        self.answer = answer
        self.got: list[Message] = []
        self.tried = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def deliver(self, message: Message, envelope: Any) -> None:
        self.tried += 1
        await self.hold.wait()
        error = self.answer(message)
        if error is not None:
            raise error
        self.got.append(message)

    async def rest(self) -> None: ...


def section_of(**given: Any) -> MailSection:
    return MailSection(sender="Shop <no-reply@shop.example>", timeout=2.0, **given)


def providers_of(mail: Any = None, text: Any = None) -> Providers:
    found = providers(section_of(), app="Shop", root=None, development=False)
    return Providers(found.sender, None, mail, text)


def relay_of(dsn: str, found: Providers, *, templates: Templates | None = None, **given: Any) -> Relay:
    settings: dict[str, Any] = {"timeout": 2.0, "keep_days": 7, **given}
    return Relay(partial(connect, dsn, OPTIONS), templates or Templates("Shop", None), found, **settings)


@asynccontextmanager
async def running(one: Relay | MailPart) -> AsyncIterator[None]:
    await one.start()
    try:
        yield
    finally:
        await one.stop()


async def put(dsn: str, *to: str | None, template: str = "login-code", seal: Seal | None = None, **values: Any) -> None:
    box = Outbox(Templates("Shop", None), seal)
    async with await connect(dsn) as connection:
        await outbox.install(connection)
        async with connection.transaction():
            for one in to:
                await box.enqueue(connection, template=template, to=one, values={**CODE, **values})


def rows(dsn: str) -> dict[str, dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
        return {row["recipient"]: row for row in connection.execute("select * from howdah.mail")}


def exists(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        return connection.execute("select to_regclass('howdah.mail')").fetchone() != (None,)


def state_is(dsn: str, to: str, state: str) -> Callable[[], bool]:
    return lambda: to in rows(dsn) and rows(dsn)[to]["state"] == state


def of(kind: type, heard: list[Any]) -> list[Any]:
    return [event for event in heard if isinstance(event, kind)]


# -- sent --------------------------------------------------------------------------------------------------------------


def test_what_was_committed_arrives_and_nothing_of_it_stays(database: str, told: list[Any]) -> None:
    """Before and after the relay starts, sealed; the row forgets what it said, and no event shows address or code."""

    async def scenario() -> list[str]:
        async with smtp_server(Inbox()) as inbox:
            section = section_of(url=Secret(f"smtp://127.0.0.1:{inbox.port}?tls=none"))
            part = build_mail(
                section,
                Secret(database),
                app="Shop",
                root=None,
                database=DatabaseSection(),
                seal=TURN,
                development=False,
            )
            await put(database, "ann@example.com", seal=TURN)
            async with running(part):
                await eventually(state_is(database, "ann@example.com", "sent"))
                await put(database, "bob@example.com", None, seal=TURN)
                await eventually(state_is(database, "bob@example.com", "sent"))
                await eventually(lambda: None not in rows(database))
            assert [str(mail["Subject"]) for mail in inbox.mails] == ["934211 is your code for Shop"] * 2
            return inbox.to

    assert run(scenario()) == ["ann@example.com", "bob@example.com"]
    assert {row["body"] for row in rows(database).values()} == {None}
    sent = of(MailSent, told)
    assert [(event.template, event.to, event.attempts) for event in sent] == [
        ("login-code", "a***@example.com", 1),
        ("login-code", "b***@example.com", 1),
    ]
    assert "934211" not in str(told)
    assert "ann@" not in str(told)


def test_many_processes_send_each_message_once(database: str) -> None:
    """Five relays, a hundred messages, none twice and none left."""
    provider = Scripted()

    async def scenario() -> None:
        relays = [relay_of(database, providers_of(provider)) for _ in range(5)]
        await asyncio.gather(*(one.start() for one in relays))
        await put(database, *(f"user{number}@example.com" for number in range(100)))
        await eventually(lambda: all(row["state"] == "sent" for row in rows(database).values()), seconds=30)
        await asyncio.gather(*(one.stop() for one in relays))

    run(scenario())
    assert sorted(message.to for message in provider.got) == sorted(
        f"user{number}@example.com" for number in range(100)
    )


def test_a_message_to_nobody_is_work_and_no_mail(database: str) -> None:
    """R8: it is written, announced and taken like any other, and goes nowhere; the one beside it arrives."""
    provider = Scripted()

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(provider))):
            await put(database, None, "bob@example.com", None)
            await eventually(lambda: [row["state"] for row in rows(database).values()] == ["sent"])

    run(scenario())
    assert [message.to for message in provider.got] == ["bob@example.com"]


# -- not yet, not at all -----------------------------------------------------------------------------------------------


def test_one_that_is_refused_for_now_is_tried_again_and_holds_up_nobody(database: str, told: list[Any]) -> None:
    """Greylisting for one address: the others arrive meanwhile, it arrives at the third attempt."""
    left = 2

    def answer(message: Message) -> MailError | None:
        nonlocal left
        if message.to.startswith("grey") and left:
            left -= 1
            return NotYetDelivered("450 come again")
        return None

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(Scripted(answer)))):
            await put(database, "grey@example.com", "ann@example.com")
            await eventually(state_is(database, "grey@example.com", "sent"))

    run(scenario())
    found = rows(database)
    assert (found["grey@example.com"]["attempts"], found["ann@example.com"]["attempts"]) == (3, 1)
    assert [(event.to, event.reason) for event in of(MailDelayed, told)] == [("g***@example.com", "450 come again")] * 2
    assert found["grey@example.com"]["reason"] is None


def test_one_that_is_refused_for_good_is_given_up_with_its_reason(database: str, told: list[Any]) -> None:
    """Once, without its body; the next one arrives."""

    def answer(message: Message) -> MailError | None:
        return NotDelivered("550 unknown") if message.to.startswith("gone") else None

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(Scripted(answer)))):
            await put(database, "gone@example.com", "ann@example.com")
            await eventually(state_is(database, "gone@example.com", "failed"))
            await eventually(state_is(database, "ann@example.com", "sent"))

    run(scenario())
    row = rows(database)["gone@example.com"]
    assert (row["attempts"], row["reason"], row["body"]) == (1, "550 unknown", None)
    assert [event.reason for event in of(MailFailed, told)] == ["550 unknown"]


def test_after_so_many_attempts_it_is_given_up(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last reason is kept."""
    monkeypatch.setattr(relay, "ATTEMPTS", 3)
    provider = Scripted(lambda message: NotYetDelivered("450 never"))

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(provider))):
            await put(database, "ann@example.com")
            await eventually(state_is(database, "ann@example.com", "failed"))

    run(scenario())
    assert provider.tried == 3
    assert rows(database)["ann@example.com"]["reason"] == "450 never"


def test_what_is_worth_nothing_any_more_is_not_sent(database: str, told: list[Any]) -> None:
    """A code whose time is over while the provider was away; one that has time left is sent."""
    provider = Scripted()
    provider.answer = lambda message: ProviderUnavailable("away")

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(provider))):
            await put(database, "late@example.com", valid_for=1)
            await eventually(state_is(database, "late@example.com", "failed"))
            provider.answer = lambda message: None
            await put(database, "ann@example.com")
            await eventually(state_is(database, "ann@example.com", "sent"))

    run(scenario())
    row = rows(database)["late@example.com"]
    assert (row["body"], "worth something" in row["reason"]) == (None, True)
    assert [event.template for event in of(MailFailed, told)] == ["login-code"]


def test_while_a_provider_is_away_one_message_asks_and_the_other_channel_goes_on(database: str) -> None:
    """Ten mails wait without being tried one after the other; a text message is sent meanwhile; then all arrive."""
    mails, texts = Scripted(lambda message: ProviderUnavailable("away")), Scripted()
    people = [f"user{number}@example.com" for number in range(10)]

    async def scenario() -> int:
        async with running(relay_of(database, providers_of(mails, texts))):
            await put(database, *people)
            await eventually(lambda: mails.tried >= 6)
            await put(database, "+491701234567", template="sms-code")
            await eventually(lambda: len(texts.got) == 1)
            tried = mails.tried
            mails.answer = lambda message: None
            await eventually(lambda: all(row["state"] == "sent" for row in rows(database).values()))
            return tried

    tried = run(scenario())
    assert sum(row["attempts"] for row in rows(database).values()) <= tried + len(people) + 2
    assert sorted(message.to for message in mails.got) == people


def test_without_a_provider_messages_are_given_up_and_it_is_said_at_the_start(database: str, told: list[Any]) -> None:
    """A server that has nobody to send with says so, in the log and in the list."""

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(Scripted()))):
            await put(database, "+491701234567", template="sms-code")
            await eventually(state_is(database, "+491701234567", "failed"))

    run(scenario())
    assert [event.channel for event in of(MailNotConfigured, told)] == ["text"]
    assert "not set" in rows(database)["+491701234567"]["reason"]


def test_a_broken_template_of_the_projects_does_not_lose_the_mail(
    database: str, tmp_path: Path, told: list[Any]
) -> None:
    """Howdah's own goes out, and the log has file and line."""
    (tmp_path / "login-code.txt").write_text("Subject: x\n\n{{ cod }}")
    provider = Scripted()
    templates = Templates("Shop", tmp_path, broken=lambda error: events.emit(MailTemplateBroken(str(error.path), "x")))

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(provider), templates=templates)):
            await put(database, "ann@example.com")
            await eventually(state_is(database, "ann@example.com", "sent"))

    run(scenario())
    assert "It works once" in provider.got[0].text
    assert [event.place for event in of(MailTemplateBroken, told)] == [f"{tmp_path / 'login-code.txt'}:3"]


def test_what_another_key_has_sealed_is_given_up(database: str) -> None:
    """Nothing is sent that cannot be read, and the next one is."""
    provider = Scripted()

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(provider))):
            await put(database, "sealed@example.com", seal=TURN)
            await put(database, "ann@example.com")
            await eventually(state_is(database, "ann@example.com", "sent"))
            await eventually(state_is(database, "sealed@example.com", "failed"))

    run(scenario())
    assert "another key" in rows(database)["sealed@example.com"]["reason"]


# -- whatever breaks ---------------------------------------------------------------------------------------------------


def test_a_mistake_of_ours_with_one_message_does_not_stop_the_others(database: str) -> None:
    """An error nobody expected leaves its message claimed, and the lane goes on."""

    def answer(message: Message) -> MailError | None:
        if message.to.startswith("odd"):
            raise ZeroDivisionError
        return None

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(Scripted(answer)))):
            await put(database, "odd@example.com", "ann@example.com")
            await eventually(state_is(database, "ann@example.com", "sent"))
            await put(database, "bob@example.com")
            await eventually(state_is(database, "bob@example.com", "sent"))

    run(scenario())
    assert rows(database)["odd@example.com"]["state"] == "waiting"


def test_whoever_dies_over_a_message_leaves_it_to_others(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle of sending: it waits until its claim is over, and arrives by another process."""
    monkeypatch.setattr(relay, "_GRACE", 0.0)
    slow, quick = Scripted(), Scripted()
    slow.hold.clear()

    async def scenario() -> None:
        first = relay_of(database, providers_of(slow), timeout=0.5)
        await first.start()
        await put(database, "ann@example.com")
        await eventually(lambda: slow.tried)
        await first.stop()
        assert rows(database)["ann@example.com"]["state"] == "waiting"
        async with running(relay_of(database, providers_of(quick))):
            await eventually(state_is(database, "ann@example.com", "sent"))

    run(scenario())
    assert (len(slow.got), len(quick.got)) == (0, 1)


def test_a_kill_in_the_middle_of_sending_loses_nothing(database: str) -> None:
    """SIGKILL while the server reads the mail: the next process sends it, with the same Message-ID."""

    async def scenario() -> list[str]:
        async with smtp_server(Inbox(seconds=60)) as slow, smtp_server(Inbox()) as quick:
            await put(database, "ann@example.com")
            for inbox in (slow, quick):
                victim = Path(__file__).with_name("victim.py")
                process = await asyncio.create_subprocess_exec(sys.executable, victim, database, str(inbox.port))
                try:
                    if inbox is slow:
                        await eventually(lambda: slow.reading, seconds=30)
                    else:
                        await eventually(state_is(database, "ann@example.com", "sent"), seconds=30)
                finally:
                    process.kill()
                    await process.wait()
            assert slow.mails == []
            return [str(mail["Message-ID"]) for mail in quick.mails]

    (found,) = run(scenario(), seconds=90)
    assert found == f"<{rows(database)['ann@example.com']['id']}@shop.example>"
    assert rows(database)["ann@example.com"]["attempts"] >= 2


def test_stopping_lets_what_is_under_way_end(database: str) -> None:
    """What a provider takes within the bound is noted as sent; nothing new is begun."""
    provider = Scripted()
    provider.hold.clear()

    async def scenario() -> None:
        one = relay_of(database, providers_of(provider))
        await one.start()
        await put(database, "ann@example.com")
        await eventually(lambda: provider.tried)
        stopping = asyncio.create_task(one.stop())
        await asyncio.sleep(0.01)
        provider.hold.set()
        await stopping

    run(scenario())
    assert rows(database)["ann@example.com"]["state"] == "sent"


def test_it_goes_on_when_postgres_comes_back(told: list[Any]) -> None:
    """The server of the database was restarted: what is put in afterwards arrives."""
    provider = Scripted()

    async def scenario(cluster: Cluster, process: Any) -> None:
        dsn = cluster.dsn()
        async with running(relay_of(dsn, providers_of(provider))):
            await put(dsn, "ann@example.com")
            await eventually(lambda: len(provider.got) == 1)
            await asyncio.to_thread(stop_postgres, process)
            await asyncio.sleep(0.1)
            await asyncio.to_thread(start_postgres, cluster)
            await put(dsn, "bob@example.com")
            await eventually(lambda: len(provider.got) == 2, seconds=20)

    with private_cluster() as (cluster, process):
        run(scenario(cluster, process))


def test_it_goes_on_when_the_schema_was_made_anew(database: str) -> None:
    """`howdah db reset` takes the table with it."""
    provider = Scripted()

    async def scenario() -> None:
        async with running(relay_of(database, providers_of(provider))):
            async with await connect(database) as connection:
                await connection.script("drop table howdah.mail; notify howdah_mail")
            await eventually(lambda: exists(database))
            await put(database, "ann@example.com")
            await eventually(state_is(database, "ann@example.com", "sent"))

    run(scenario())


def test_the_roles_that_may_write_are_allowed_to_again(cluster: Cluster, database: str) -> None:
    """From the start on, and after the schema was made anew; many processes allow them at once."""
    role = f"writer_{secrets.token_hex(4)}"
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    cluster.execute(f"create role {role}")
    may = f"select has_table_privilege('{role}', to_regclass('howdah.mail'), 'insert')"

    def allowed() -> bool:
        with psycopg.connect(database) as connection:
            return connection.execute(may.encode()).fetchone() == (True,)

    async def scenario() -> None:
        relays = [relay_of(database, providers_of(Scripted())) for _ in range(5)]
        await asyncio.gather(*(one.start([role]) for one in relays))
        assert allowed()
        async with await connect(database) as connection:
            await connection.script("drop table howdah.mail; notify howdah_mail")
        await eventually(allowed)
        await asyncio.gather(*(one.stop() for one in relays))

    try:
        run(scenario())
    finally:
        cluster.execute(f"drop owned by {role} cascade; drop role {role}", database=name)


def test_old_rows_are_cleared_away(database: str) -> None:
    """What was sent is known for so many days; what waits stays."""

    async def scenario() -> None:
        await put(database, "ann@example.com", "bob@example.com")
        with psycopg.connect(database) as connection:
            connection.execute(
                "update howdah.mail set state = 'sent', body = null, ended_at = now() - interval '8 days'"
                " where recipient like 'ann%'"
            )
        async with running(relay_of(database, providers_of(Scripted()))):
            await eventually(lambda: "ann@example.com" not in rows(database))

    run(scenario())
    assert "bob@example.com" in rows(database)


def test_the_mailbox_of_development_has_what_was_sent(database: str, tmp_path: Path) -> None:
    """Without any setting, mails and text messages alike."""

    async def scenario() -> None:
        part = build_mail(
            MailSection(),
            Secret(database),
            app="Shop",
            root=tmp_path,
            database=DatabaseSection(),
            seal=Seal(),
            development=True,
        )
        async with running(part):
            await put(database, "ann@example.com")
            await put(database, "+491701234567", template="sms-code")
            await eventually(lambda: len(Mailbox(tmp_path / MAILBOX).messages()) == 2)

    run(scenario())
    assert {one.to for one in Mailbox(tmp_path / MAILBOX).messages()} == {"ann@example.com", "+491701234567"}


def test_a_text_message_over_http_arrives(database: str) -> None:
    """The whole way, with a service that is away at first."""
    with http_server(Service(status=503)) as service:

        async def scenario() -> None:
            section = section_of(sms_url=Secret(f"twilio://AC1:token@127.0.0.1:{service.port}?from=+15005550006"))
            found = providers(section, app="Shop", root=None, development=False)
            async with running(relay_of(database, found)):
                await put(database, "+491701234567", template="sms-code")
                await eventually(lambda: len(service.asked) > 1)
                service.status = 201
                await eventually(state_is(database, "+491701234567", "sent"))

        run(scenario())
    assert b"934211" in service.asked[-1].body
