"""A process that sends what is in the outbox of the database ``argv[1]`` to the SMTP server at port ``argv[2]``."""

from __future__ import annotations

import asyncio
import sys

from howdah.mail import relay
from howdah.mail.outbox import Seal
from howdah.mail.part import build_mail
from howdah.observe.secret import Secret
from howdah.project.sections import DatabaseSection, MailSection


async def main(dsn: str, port: str) -> None:
    section = MailSection(
        url=Secret(f"smtp://127.0.0.1:{port}?tls=none"), sender="Shop <no-reply@shop.example>", timeout=1.0
    )
    part = build_mail(
        section, Secret(dsn), app="Shop", root=None, database=DatabaseSection(), seal=Seal(), development=False
    )
    await part.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    relay._GRACE = 0.5  # so that the test need not wait for half a minute
    asyncio.run(main(*sys.argv[1:]))
