"""What the owner of an account is told by mail of what happened to it (V6.3.7)."""

from __future__ import annotations

from datetime import UTC, datetime

from howdah.auth.part import Auth, MailValue
from howdah.auth.sessions import Origin
from howdah.auth.users import User
from howdah.postgres.connection import Connection


async def notify(
    auth: Auth, connection: Connection, user: User, template: str, origin: Origin, **values: MailValue
) -> None:
    """The notice goes to the user's confirmed address once the transaction has committed; nowhere if there is none."""
    address = user.identity("email")
    if address is None or not address.verified:
        return
    circumstances = {"when": _moment(datetime.now(UTC)), "ip": origin.ip or "", "device": origin.user_agent or ""}
    known = {name: value for name, value in circumstances.items() if value}
    await auth.send(connection, template=template, to=address.shown, values={**known, **values})


def _moment(now: datetime) -> str:
    return f"{now.day} {now:%B %Y, %H:%M} UTC"
