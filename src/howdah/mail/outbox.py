"""The transactional outbox: a message is a row, written in the transaction of whoever has something to say.

Where that transaction commits, the message is sent at least once; where it does not, never. It leaves after the commit,
by whichever process is first to take it (`relay.py`). How accounts send one, which this part does not know of:

    # given by server.py: send = outbox.enqueue
    class Send(Protocol):
        async def __call__(
            self, connection: Connection, *, template: str, to: str | None, values: Mapping[str, str | int | None],
            locale: str | None = None,
        ) -> None: ...

    async with pool.transaction() as transaction:
        ...
        await send(transaction, template="verify-email", to=user.email, values={"link": link, "valid_for": 3600})

``template`` is a name of `letters.py`, which says what ``values`` it needs; ``to`` is an address or a number in E.164
form, as the template's kind is. With ``to=None`` the same work is done and nobody gets anything: so the answer to a
stranger takes as long as the one to a user (R8). The role of the transaction must be allowed: see `allow`.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from howdah.errors import HowdahError
from howdah.mail.errors import MailError
from howdah.mail.letters import Value
from howdah.mail.message import usable_address
from howdah.mail.rendering import Templates, check_values
from howdah.postgres import queries
from howdah.postgres.connection import Connection

CHANNEL = "howdah_mail"
"""Where a new message is announced."""

LONGEST_WAIT = 24 * 3600
"""Seconds after which a message is given up that says nothing of how long it is worth something."""

_NOBODY = {"mail": "nobody.at.all@example.com", "text": "+15005550006"}
"""What is looked at in place of an address that is not there: to look at one takes its time (R8)."""

_INSTALL = queries.load(Path(__file__).with_name("install.sql"))
_QUERIES = queries.load(Path(__file__).with_name("outbox.sql"))
_INSTALLED = "howdah mail 1"

# The number beside the one of `postgres/install.py`: both make the schema howdah, so they may not at the same moment.
_LOCK = "set local lock_timeout = 0; set local statement_timeout = 0; select pg_advisory_xact_lock(7473, 1)"


class Submitter(Protocol):
    """A connection in a transaction."""

    async def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> bytes:
        """The only cell of the statement."""


Change = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Seal:
    """How what messages say is kept from who reads the table.

    ``open`` undoes ``close``; for what it did not close it raises HowdahError or ValueError.
    """

    close: Change = bytes
    open: Change = bytes


async def install(connection: Connection) -> None:
    """The table is there. Safe to call at any time by many; only the first needs to own the schema howdah."""
    async with connection.transaction():
        if await _is_installed(connection):
            return
        await connection.script(_LOCK)
        if not await _is_installed(connection):
            await connection.script(_INSTALL["install"])


async def _is_installed(connection: Connection) -> bool:
    return bool(json.loads(await connection.submit(_INSTALL["installed_version"])) == _INSTALLED)


async def listed(connection: Connection, count: int) -> list[dict[str, Any]]:
    """The newest messages, without what they say: what waits, what was sent, what was given up and why."""
    if not await _is_installed(connection):
        return []
    found: list[dict[str, Any]] = json.loads(await connection.submit(_QUERIES["list"], [b"%d" % count]))
    return found


async def allow(connection: Connection, role: str) -> None:
    """The role may put messages into the outbox, and read none. Safe to call at any time by many."""
    async with connection.transaction():
        await connection.script(_LOCK)  # two that grant at the same moment get in each other's way
        await connection.submit("select to_json(set_config('howdah.mail_role', $1::text, true))", [role.encode()])
        await connection.script(_INSTALL["allow"])


class Outbox:
    """Writes messages down. ``templates`` says which there are, ``seal`` hides what they say."""

    def __init__(self, templates: Templates, seal: Seal | None = None) -> None:
        self._templates = templates
        self._seal = seal or Seal()

    async def enqueue(
        self,
        connection: Submitter,
        *,
        template: str,
        to: str | None,
        values: Mapping[str, Value | None],
        locale: str | None = None,
    ) -> None:
        """The message is on its way once the transaction of ``connection`` has committed; to nobody without ``to``.

        A value that is None is not there; ``valid_for`` is also how many seconds there are to deliver the message in.
        Raises UnknownMessage and MissingValue, which are mistakes in the code, and UnusableAddress: before anything is
        written.
        """
        letter = self._templates.letter(template)
        known = {name: value for name, value in values.items() if value is not None}
        check_values(letter, known)
        address = usable_address(letter.channel, _NOBODY[letter.channel] if to is None else to)
        recipient = None if to is None else address
        body = self._seal.close(json.dumps({"values": known, "locale": locale}).encode())
        seconds = min(int(known.get("valid_for", LONGEST_WAIT)), LONGEST_WAIT)
        await connection.submit(
            _QUERIES["enqueue"],
            [
                str(uuid.uuid4()).encode(),
                letter.channel.encode(),
                template.encode(),
                None if recipient is None else recipient.encode(),
                base64.b64encode(body),
                b"%d" % seconds,
            ],
        )


def read_body(body: bytes, seal: Seal) -> tuple[dict[str, Value], str | None]:
    """The values and the locale of a row. Raises MailError when it was sealed with a key that is not here."""
    try:
        found = json.loads(seal.open(body))
    except (HowdahError, ValueError) as error:
        raise MailError("What the message says cannot be opened: it was sealed with another key.") from error
    return found["values"], found["locale"]
