"""The outbox: a message is written in the caller's transaction, or not at all."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.support import Cluster, run

from howdah.mail import outbox
from howdah.mail.errors import MailError, MissingValue, UnusableAddress
from howdah.mail.outbox import Outbox, Seal
from howdah.mail.rendering import Templates
from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import DatabaseError

CODE = {"code": "934211", "valid_for": 900}
TURN = Seal(lambda body: body[::-1], lambda body: body[::-1])


def rows(dsn: str, columns: str = "recipient, template, channel, state") -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(f"select {columns} from howdah.mail order by created_at").fetchall()  # type: ignore[call-overload]


def test_a_message_is_there_after_the_commit_and_not_after_a_rollback(database: str) -> None:
    """What is sent is what happened."""

    async def scenario() -> None:
        async with await connect(database) as connection:
            await outbox.install(connection)
            box = Outbox(Templates("Shop", None))
            async with connection.transaction():
                await box.enqueue(connection, template="login-code", to="bob@example.com", values=CODE)
            async with connection.rehearsal():
                await box.enqueue(connection, template="sms-code", to="+491701234567", values=CODE)
            async with connection.transaction():
                await box.enqueue(connection, template="sms-code", to=None, values={**CODE, "ip": None})

    run(scenario())
    assert rows(database) == [
        ("bob@example.com", "login-code", "mail", "waiting"),
        (None, "sms-code", "text", "waiting"),
    ]
    assert rows(database, "extract(epoch from expires_at - created_at)::int") == [(900,), (900,)]


def test_a_mistake_is_refused_before_anything_is_written(database: str) -> None:
    """The caller's transaction goes on as if nothing had been said."""

    async def scenario() -> None:
        async with await connect(database) as connection:
            await outbox.install(connection)
            box = Outbox(Templates("Shop", None))
            async with connection.transaction():
                with pytest.raises(MissingValue):
                    await box.enqueue(connection, template="login-code", to="bob@example.com", values={})
                with pytest.raises(UnusableAddress):
                    await box.enqueue(connection, template="login-code", to="bob@example.com\nx", values=CODE)
                await box.enqueue(connection, template="login-code", to="ann@example.com", values=CODE)

    run(scenario())
    assert rows(database) == [("ann@example.com", "login-code", "mail", "waiting")]


def test_with_a_key_the_table_shows_no_code(database: str) -> None:
    """Who reads the table cannot sign in; the key opens it, and another key is a clear error. Without: plain."""

    async def scenario() -> tuple[bytes, bytes]:
        async with await connect(database) as connection:
            await outbox.install(connection)
            for seal in (None, TURN):
                box = Outbox(Templates("Shop", None), seal)
                await box.enqueue(connection, template="login-code", to="b@example.com", values=CODE, locale="de")
        plain, sealed = (bytes(row[0]) for row in rows(database, "body"))  # type: ignore[call-overload]
        return plain, sealed

    plain, sealed = run(scenario())
    assert json.loads(plain) == {"values": CODE, "locale": "de"}
    assert b"934211" not in sealed
    assert outbox.read_body(sealed, TURN) == (CODE, "de")
    with pytest.raises(MailError, match="another key"):
        outbox.read_body(sealed, Seal())


def test_many_install_at_once_and_again(database: str) -> None:
    """Twenty at the same moment, and once more, are as good as one."""

    async def scenario() -> None:
        connections = [await connect(database) for _ in range(20)]
        await asyncio.gather(*(outbox.install(connection) for connection in connections))
        await outbox.install(connections[0])
        for connection in connections:
            connection.close()

    run(scenario())
    assert rows(database) == []


def test_a_role_that_is_allowed_writes_and_cannot_read(cluster: Cluster, database: str) -> None:
    """Accounts' role puts messages in; neither it nor anybody else sees one that is not the owner."""
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    role = f"Role {secrets.token_hex(4)}"
    cluster.execute(sql.SQL("create role {}").format(sql.Identifier(role)))

    async def scenario() -> None:
        box = Outbox(Templates("Shop", None))
        async with await connect(database) as owner:
            await outbox.install(owner)
            async with await connect(database, ConnectOptions(role=role)) as connection:
                with pytest.raises(DatabaseError, match="permission denied"):
                    await box.enqueue(connection, template="login-code", to="b@example.com", values=CODE)
            await outbox.allow(owner, role)
            async with await connect(database, ConnectOptions(role=role)) as connection:
                await box.enqueue(connection, template="login-code", to="b@example.com", values=CODE)
                with pytest.raises(DatabaseError, match="permission denied"):
                    await connection.fetch("select * from howdah.mail")

    try:
        run(scenario())
        assert len(rows(database)) == 1
    finally:
        drop = sql.SQL("drop owned by {0} cascade; drop role {0}").format(sql.Identifier(role))
        cluster.execute(drop, database=name)


def test_the_table_belongs_to_howdah_and_is_no_drift(database: str) -> None:
    """Neither the Data API nor the comparison of databases sees it."""
    source = Path(outbox.__file__).parents[1]
    for file in ("data/found/introspect.sql", "migrations/snapshot.sql"):
        assert "'information_schema', 'howdah'" in (source / file).read_text()
    assert "howdah.mail " in (source / "mail" / "install.sql").read_text()
