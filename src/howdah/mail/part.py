"""The part as a whole: its templates, its outbox, and the relay that empties it. `server.py` makes one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from howdah.mail.compose import Envelope
from howdah.mail.errors import MailSettingsError, UnknownMessage
from howdah.mail.events import tell_broken
from howdah.mail.letters import LETTERS
from howdah.mail.mailbox import Mailbox, MailboxProvider
from howdah.mail.message import usable_address
from howdah.mail.outbox import Outbox, Seal
from howdah.mail.providers import providers
from howdah.mail.relay import Relay
from howdah.mail.rendering import FOLDER, OWN, Templates
from howdah.observe.secret import Secret
from howdah.postgres.connect import ConnectOptions, connect
from howdah.project.sections import DatabaseSection, MailSection


@dataclass(frozen=True, slots=True)
class MailPart:
    """``outbox.enqueue`` is what others are given; the relay runs between `start` and `stop`."""

    templates: Templates
    outbox: Outbox
    relay: Relay

    async def start(self, writers: Sequence[str] = ()) -> None:
        """The roles ``writers`` may put messages in, and they are sent. Raises CannotConnect and DatabaseError."""
        for problem in await asyncio.to_thread(self.templates.problems):
            tell_broken(problem)
        await self.relay.start(writers)

    async def stop(self) -> None:
        """What was under way had a moment to end; the rest is in the outbox."""
        await self.relay.stop()


def build_mail(
    section: MailSection,
    dsn: Secret,
    *,
    app: str,
    root: Path | None,
    database: DatabaseSection,
    seal: Seal,
    development: bool,
) -> MailPart:
    """The part as the settings describe it. Nothing is started and nothing connected. Raises MailSettingsError."""
    templates = Templates(app, template_folder(root), broken=tell_broken)
    options = ConnectOptions(
        application_name="howdah mail",
        connect_timeout=database.connect_timeout,
        statement_timeout=database.statement_timeout,
        lock_timeout=database.lock_timeout,
    )
    relay = Relay(
        partial(connect, dsn.reveal(), options),
        templates,
        providers(section, app=app, root=root, development=development),
        timeout=section.timeout,
        keep_days=section.keep_days,
        seal=seal,
    )
    return MailPart(templates, Outbox(templates, seal), relay)


async def send_test(section: MailSection, to: str, *, app: str, root: Path | None) -> str:
    """A test message went straight to whoever takes such messages here; the address as it was sent to.

    Raises UnusableAddress, MailSettingsError, and what the provider raises.
    """
    name = "sms-test" if to.startswith("+") else "test"
    templates = Templates(app, template_folder(root))
    letter = templates.letter(name)
    address = usable_address(letter.channel, to)
    found = providers(section, app=app, root=root, development=True)
    provider = found.of(letter.channel)
    if provider is None:
        setting = "mail.url" if letter.channel == "mail" else "mail.sms_url"
        raise MailSettingsError(f"Nobody takes such messages: {setting} is not set.", hint="docs/mail.md has examples.")
    envelope = Envelope(str(uuid.uuid4()), datetime.now(UTC), found.sender, found.reply_to)
    try:
        await provider.deliver(templates.render(name, address, {}), envelope)
    finally:
        await provider.rest()
    return address


def copy_template(name: str, root: Path) -> tuple[Path, ...]:
    """Howdah's own template of a message is in the project's folder, to be changed; the files that are new there.

    Raises UnknownMessage.
    """
    if name not in LETTERS and name != "layout":
        raise UnknownMessage(f'There is no template "{name}".', hint=f"There are: layout, {', '.join(LETTERS)}.")
    written = []
    for source in sorted(OWN.glob(f"{name}.*")):
        target = root / FOLDER / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("x", encoding="utf-8") as file:
                file.write(source.read_text(encoding="utf-8"))
        except FileExistsError:
            continue
        written.append(target)
    return tuple(written)


def mailbox_of(section: MailSection, *, app: str, root: Path) -> Mailbox | None:
    """Where `howdah dev` puts messages, or one of the two kinds of them; None where all of them are sent.

    Raises MailSettingsError.
    """
    found = providers(section, app=app, root=root, development=True)
    return next((one.mailbox for one in (found.mail, found.text) if isinstance(one, MailboxProvider)), None)


def template_folder(root: Path | None) -> Path | None:
    """Where the project has templates of its own, whether or not it has some."""
    return None if root is None else root / FOLDER
