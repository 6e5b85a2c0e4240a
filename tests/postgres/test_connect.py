"""Connecting: options that hold, and errors that say what to do without saying a secret."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import Cluster, private_cluster, run

from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import (
    CannotConnect,
    DatabaseMissing,
    DatabaseUnreachable,
    InvalidDatabaseUrl,
    LoginRefused,
    TooManyConnections,
)
from howdah.postgres.queries import parse

if TYPE_CHECKING:
    from howdah.postgres.connection import Connection


async def setting(connection: Connection, name: str) -> str:
    return str(json.loads(await connection.submit("select to_json(current_setting($1))", [name.encode()])))


def test_options_become_settings_of_the_session(database: str) -> None:
    """Limits, name, encoding and JIT are set by the time the first statement runs (R65)."""

    async def scenario() -> dict[str, str]:
        options = ConnectOptions(
            application_name="howdah data",
            statement_timeout=1.5,
            lock_timeout=0.25,
            idle_in_transaction_timeout=7,
        )
        names = ["application_name", "statement_timeout", "lock_timeout", "jit", "client_encoding"]
        async with await connect(database, options) as connection:
            return {name: await setting(connection, name) for name in names}

    assert run(scenario()) == {
        "application_name": "howdah data",
        "statement_timeout": "1500ms",
        "lock_timeout": "250ms",
        "jit": "off",
        "client_encoding": "UTF8",
    }


def test_options_of_the_url_are_kept_beside_ours(database: str) -> None:
    """What the database URL itself sets stays set."""

    async def scenario() -> tuple[str, str]:
        dsn = f"{database} options='-c search_path=elsewhere -c statement_timeout=1' application_name=mine"
        async with await connect(dsn) as connection:
            return await setting(connection, "search_path"), await setting(connection, "application_name")

    assert run(scenario()) == ("elsewhere", "mine")


@pytest.mark.parametrize("role", ["plain", "Two Words", 'quo"te', "back\\slash", "ünïcode"])
def test_the_role_is_assumed_before_the_first_statement(cluster: Cluster, database: str, role: str) -> None:
    """A connection with a role acts as that role from the start, however odd its name, and RESET does not leave it."""
    quoted = '"' + role.replace('"', '""') + '"'
    cluster.execute(
        f"do $do$ begin create role {quoted} nologin;"
        " exception when duplicate_object or unique_violation then null; end $do$"
    )

    async def scenario() -> list[str]:
        async with await connect(database, ConnectOptions(role=role)) as connection:
            before = json.loads(await connection.submit("select to_json(current_user::text)"))
            await connection.script("RESET ROLE")
            return [before, json.loads(await connection.submit("select to_json(current_user::text)"))]

    assert run(scenario()) == [role, role]


def refused(dsn: str, kind: type[CannotConnect], *, connect_timeout: float = 5.0) -> CannotConnect:
    async def scenario() -> CannotConnect:
        with pytest.raises(CannotConnect) as caught:
            await connect(dsn, ConnectOptions(connect_timeout=connect_timeout))
        return caught.value

    error = run(scenario())
    assert type(error) is kind, error
    assert error.hint
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert "s3cret" not in repr(error) + str(error) + str(error.hint)
    return error


def test_a_missing_database_is_named(cluster: Cluster) -> None:
    """A database that does not exist is said to be missing, by name."""
    assert '"nowhere"' in refused(cluster.dsn("nowhere", password="s3cret"), DatabaseMissing).message


def test_an_unknown_user_is_named(cluster: Cluster) -> None:
    """A user that does not exist is said to be unknown, by name."""
    assert '"nobody_here"' in refused(cluster.dsn(user="nobody_here", password="s3cret"), LoginRefused).message


def test_an_address_where_nothing_listens_is_named() -> None:
    """A port where nothing listens is unreachable, and the message says which."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    error = refused(f"postgresql://ann:s3cret@127.0.0.1:{port}/shop", DatabaseUnreachable)
    assert f"127.0.0.1:{port}" in error.message


def test_a_server_that_never_answers_is_given_up() -> None:
    """A port that accepts and says nothing is given up after the connect timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        error = refused(f"postgresql://ann:s3cret@127.0.0.1:{port}/shop", DatabaseUnreachable, connect_timeout=0.2)
    assert "within 0.2 s" in error.message


@pytest.mark.parametrize(
    "dsn",
    [
        "postgres//ann:s3cret@host/db",  # the colon forgotten
        "postgresql://ann:s3cret@host:port/db",  # not a number
        "postgresql://ann:s3cret@host/db?nonsense=1",  # no such option
        "host=localhost password='s3cret",  # an open quote
    ],
)
def test_a_malformed_url_is_refused_without_quoting_it(dsn: str) -> None:
    """A URL that cannot be read is refused; the text, which may hold a password, is in no message."""
    error = refused(dsn, (DatabaseUnreachable if ":port" in dsn else InvalidDatabaseUrl))
    assert "ann:" not in error.message


def test_a_wrong_password_is_refused_without_showing_it() -> None:
    """A wrong password is refused as such; the password is in no message."""
    with private_cluster() as (cluster, _):
        cluster.execute("create role ann login password 'right'; create role full_up login connection limit 0")
        (cluster.directory / "data" / "pg_hba.conf").write_text("local all ann scram-sha-256\nlocal all all trust\n")
        cluster.execute("select pg_reload_conf()")
        refused(cluster.dsn(user="ann", password="s3cret"), LoginRefused)
        refused(cluster.dsn(user="ann"), LoginRefused)
        refused(cluster.dsn(user="full_up"), TooManyConnections)


@given(
    st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True), st.from_regex(r"[a-z \n;]*", fullmatch=True))
)
def test_queries_are_found_by_their_names(queries: dict[str, str]) -> None:
    """Each block of a .sql file is found by the name that heads it."""
    text = "".join(f"-- {name} --\n{body}\n" for name, body in queries.items())
    assert parse(text) == {name: body.strip() for name, body in queries.items()}


def test_two_queries_of_one_name_are_a_mistake() -> None:
    """A name that heads two blocks is refused."""
    with pytest.raises(ValueError, match="one name"):
        parse("-- a --\nselect 1\n-- a --\nselect 2")
