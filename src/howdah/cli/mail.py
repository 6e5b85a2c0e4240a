"""``howdah mail``: list, show, send-test, template."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from howdah.cli import databases, running
from howdah.cli.command import Command, Group, console_of
from howdah.cli.errors import UnknownTarget

if TYPE_CHECKING:  # importing them is slow, and a completion does not need them
    from howdah.cli.console import Console
    from howdah.embedded.postgres import Postgres
    from howdah.mail.mailbox import Mailbox, Received

SHORT = 8
"""How much of an id is shown; so much of it is enough to name a message."""


@click.group("mail", cls=Group)
def command_() -> None:
    r"""Mails and text messages: what was sent, whether sending works, and what they say.

    `howdah dev` puts them into a mailbox in .howdah/mail, unless howdah.toml says who shall send them.

    \b
    Examples:
      howdah mail list
      howdah mail show
    """


@command_.command("list", cls=Command)
@click.option("--outbox", is_flag=True, help="What is on its way, was sent, or was given up, and why.")
@click.option("-n", "--last", type=click.IntRange(min=1), default=20, metavar="N", help="The last N (else 20).")
@click.pass_context
def list_(context: click.Context, outbox: bool, last: int) -> None:
    r"""The messages in the mailbox, the newest first; where there is none, those of the outbox.

    \b
    Examples:
      howdah mail list
      howdah mail list --outbox
      howdah mail list --json
    """
    console = console_of(context)
    mailbox = None if outbox else _mailbox(console)
    if mailbox is None:
        _list_outbox(console, last)
        return
    messages = mailbox.messages()[:last]
    if console.json:
        console.data({"messages": [_described(message) for message in messages]}, "")
        return
    rows = [
        (message.id[:SHORT], f"{message.at.astimezone():%Y-%m-%d %H:%M:%S}", message.to, _summary(message))
        for message in messages
    ]
    if rows:
        console.table(("ID", "AT", "TO", "SUBJECT"), rows)
    else:
        console.say("The mailbox is empty.")


@command_.command("show", cls=Command)
@click.argument("name", default="", metavar="[ID]")
@click.option("--html", is_flag=True, help="The HTML of the mail, as it was sent.")
@click.pass_context
def show(context: click.Context, name: str, html: bool) -> None:
    r"""A message in the mailbox, with its codes and links: the newest, or the one whose id begins so.

    \b
    Examples:
      howdah mail show
      howdah mail show --html > mail.html
      howdah mail show --json
    """
    console = console_of(context)
    mailbox = _mailbox(console)
    if mailbox is None:
        raise UnknownTarget(
            "There is no mailbox: messages are sent.", hint="`howdah mail list` shows what became of them."
        )
    message = mailbox.find(name)
    if message is None:
        what = f'There is no message "{name}" in the mailbox.' if name else "The mailbox is empty."
        raise UnknownTarget(what, hint="`howdah mail list` shows what is there.")
    if html and message.html is None:
        raise UnknownTarget("This message has no HTML.", hint="Without --html its text is shown.")
    head = f"To: {message.to}\n" + ("" if message.subject is None else f"Subject: {message.subject}\n")
    text = message.html if html and message.html is not None else f"{head}\n{message.text.rstrip()}"
    console.data(_described(message), text)


@command_.command("send-test", cls=Command)
@click.argument("to", metavar="ADDRESS")
@click.pass_context
def send_test(context: click.Context, to: str) -> None:
    r"""Send a test to an e-mail address, or to a number (+49…), now and without the outbox.

    \b
    Examples:
      howdah mail send-test me@example.com
      howdah mail send-test +491701234567
    """
    from howdah.mail import part

    console = console_of(context)
    project = databases.project_of(console)
    address = asyncio.run(part.send_test(project.mail, to, app=project.name, root=project.root))
    console.data({"sent_to": address}, f"Sent to {address}.")


@command_.command("template", cls=Command)
@click.argument("name", default="", metavar="[NAME]")
@click.pass_context
def template(context: click.Context, name: str) -> None:
    r"""Copy howdah's template of a message into mail/templates, to change it there; without a name, list them.

    Files that are there already stay as they are. `layout` is the frame of every HTML mail.

    \b
    Examples:
      howdah mail template
      howdah mail template verify-email
      howdah mail template layout
    """
    from howdah.mail import part
    from howdah.mail.letters import LETTERS

    console = console_of(context)
    if not name:
        found = [
            {"name": one.name, "channel": one.channel, "purpose": one.purpose, "needs": one.needs, "may": one.may}
            for one in LETTERS.values()
        ]
        if console.json:
            console.data({"templates": found}, "")
        else:
            console.table(("NAME", "PURPOSE"), [(one.name, one.purpose) for one in LETTERS.values()])
        return
    root = running.project_folder(console)
    written = [path.relative_to(root).as_posix() for path in part.copy_template(name, root)]
    console.data({"files": written}, "\n".join(written) or "They are in mail/templates already.")


def _mailbox(console: Console) -> Mailbox | None:
    from howdah.mail.part import mailbox_of

    project = databases.project_of(console)
    assert project.root is not None, "it is the project around here"
    return mailbox_of(project.mail, app=project.name, root=project.root)


def _described(message: Received) -> dict[str, Any]:
    return {
        "id": message.id,
        "at": message.at.isoformat(),
        "channel": message.channel,
        "to": message.to,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
    }


def _summary(message: Received) -> str:
    """The subject, or of a text message what it says."""
    return message.subject or message.text.partition("\n")[0]


def _list_outbox(console: Console, last: int) -> None:
    from howdah.mail import outbox
    from howdah.postgres.connect import connect

    async def asked(postgres: Postgres) -> list[dict[str, Any]]:
        async with await connect(postgres.dsn.reveal()) as connection:
            return await outbox.listed(connection, last)

    rows = databases.with_database(console, databases.project_of(console), asked)
    if console.json:
        console.data({"messages": rows}, "")
        return
    if not rows:
        console.say("Nothing was sent yet.")
        return
    console.table(
        ("ID", "AT", "TEMPLATE", "TO", "STATE", "TRIED", "REASON"),
        [
            (row["id"][:SHORT], row["at"][:19].replace("T", " "), row["template"], row["to"], row["state"],
             str(row["attempts"]), row["reason"] or "")
            for row in rows
        ],
    )  # fmt: skip
