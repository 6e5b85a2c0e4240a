"""What accounts send: written as their own role, sealed with the secret key, in the mailbox in the end."""

from __future__ import annotations

import pytest
from tests.auth.support import Platform
from tests.gateway.support import eventually

from howdah.postgres.errors import DatabaseError

VALUES = {"code": "934211", "valid_for": 900}


def test_what_a_flow_sends_arrives_and_cannot_be_read_on_the_way(platform: Platform) -> None:
    """In the flow's transaction, by the role of accounts, which sees no message; the table never has the code."""
    auth = platform.served.application.auth
    assert auth is not None

    async def flow() -> str:
        async with auth.store.transaction() as transaction:
            await auth.send(transaction, template="login-code", to="ann@example.com", values=VALUES)
            with pytest.raises(DatabaseError, match="permission denied"):
                async with transaction.attempt():
                    await transaction.submit("select to_json(m) from howdah.mail m limit 1")
            role = await transaction.submit("select to_json(current_user)")
        return role.decode()

    assert platform.served.run(flow()) == f'"{auth.store.role}"'
    message = platform.mail("ann@example.com")
    assert message.subject == "934211 is your code for served"
    query = "select state, body from howdah.mail where recipient = 'ann@example.com'"
    eventually(lambda: platform.rows(query) == [{"state": "sent", "body": None}])


def test_a_message_that_waits_shows_nothing(platform: Platform) -> None:
    """What is in a row before it is sent, seen from inside the transaction that wrote it by who may see all."""
    auth, mail = platform.served.application.auth, platform.served.application.mail
    assert auth is not None
    assert mail is not None

    async def flow() -> bytes:
        async with await auth.store.dial() as owner, owner.rehearsal():
            await mail.outbox.enqueue(owner, template="sms-code", to="+491701234567", values=VALUES)
            return await owner.submit("select to_json(encode(body, 'escape')) from howdah.mail where channel = 'text'")

    found = platform.served.run(flow())
    assert len(found) > 50
    assert b"934211" not in found
    assert platform.mails("+491701234567") == []
