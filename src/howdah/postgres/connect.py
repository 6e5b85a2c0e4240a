"""From a database URL and options to a Connection, or to an error that says what to do. No error shows a password."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from howdah.postgres.connection import PREPARED_STATEMENTS, Connection
from howdah.postgres.errors import (
    CannotConnect,
    DatabaseMissing,
    DatabaseUnreachable,
    InvalidDatabaseUrl,
    LoginRefused,
    TooManyConnections,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


SCHEMA = "howdah"
"""Where howdah keeps its own tables."""


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """How to connect; times in seconds, zero for no limit. ``role`` is assumed from the first statement on.

    ``answer_timeout`` is how long a statement may go without any answer before its connection counts as lost: the
    server ends statements by itself, unless nothing of it reaches us any more.
    """

    application_name: str = "howdah"
    role: str | None = None
    connect_timeout: float = 10.0
    statement_timeout: float = 30.0
    lock_timeout: float = 10.0
    idle_in_transaction_timeout: float = 60.0
    answer_timeout: float = 0.0
    prepared_statements: int = PREPARED_STATEMENTS


async def connect(dsn: str, options: ConnectOptions | None = None) -> Connection:
    """A connection to the database at ``dsn``, a URL or a libpq ``key=value`` string.

    The session prints UTF-8, has JIT compilation off (it costs more than it gives on short statements) and is limited
    as ``options`` say. Raises CannotConnect, in whichever of its kinds fits.
    """
    options = options or ConnectOptions()
    parameters = connection_parameters(dsn, options)
    try:
        async with asyncio.timeout(options.connect_timeout or None):
            raw = await psycopg.AsyncConnection.connect(parameters, autocommit=True, prepare_threshold=None)
    except (psycopg.Error, OSError) as error:
        raise explain_refusal(error, dsn, options) from None
    return Connection(raw, prepared_statements=options.prepared_statements, answer_timeout=options.answer_timeout)


def connection_parameters(dsn: str, options: ConnectOptions) -> str:
    """What libpq is told, out of a database's URL and ``options``. Raises InvalidDatabaseUrl."""
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.Error:
        # libpq quotes the string it could not parse, password and all: neither its text nor its error goes on.
        raise InvalidDatabaseUrl(hint="It should look like postgresql://user:password@host:5432/database.") from None
    return make_conninfo(
        dsn,
        **{name: value for name, value in _KEEPALIVES.items() if name not in given},
        application_name=given.get("application_name") or options.application_name,
        client_encoding="utf8",
        options=f"{given.get('options') or ''} {_server_settings(options, _user(given))}".strip(),
    )


def explain_refusal(error: Exception, dsn: str, options: ConnectOptions) -> CannotConnect:
    """What it means that no connection was made: the error to raise, which shows no password."""
    given = conninfo_to_dict(dsn)
    if isinstance(error, TimeoutError | psycopg.errors.ConnectionTimeout):
        return DatabaseUnreachable(
            f"Postgres at {_address(given)} did not answer within {options.connect_timeout:g} s.", hint=_REACH_HINT
        )
    return _explain(str(error), given)


# A host that vanished is noticed within half a minute, where the system would take hours; the URL may say otherwise.
_KEEPALIVES = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

# What libpq says around the reason: an address, which we say ourselves, and a question, which is our hint.
_PREAMBLE = re.compile(r"connection failed: |connection to server at .*? failed: |\s*Is the server running .*?\?")
_REACH_HINT = "Is Postgres running there, and does a firewall let you through? Check the database URL."


def _user(given: Mapping[str, object]) -> str:
    """The user libpq will connect as: the given one, or what the environment and the system say."""
    defaults = {option.keyword: option.val for option in pq.Conninfo.get_defaults()}
    return str(given.get("user") or (defaults.get(b"user") or b"").decode("utf-8", "replace"))


def _server_settings(options: ConnectOptions, user: str) -> str:
    settings = {
        "statement_timeout": f"{options.statement_timeout * 1000:.0f}",
        "lock_timeout": f"{options.lock_timeout * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{options.idle_in_transaction_timeout * 1000:.0f}",
        "jit": "off",
    }
    if options.role is not None:
        settings["role"] = options.role
    if user == SCHEMA:
        # Postgres looks for tables first in a schema of the user's name, and that one is not for tables of the user's.
        settings["search_path"] = "public"
    return " ".join(f"-c {name}={_escape(value)}" for name, value in settings.items())


def _escape(value: str) -> str:
    r"""A value inside libpq's ``options``, where space separates and backslash escapes.

    >>> _escape(r"my role\x")
    'my\\ role\\\\x'
    """
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _explain(text: str, given: Mapping[str, object]) -> CannotConnect:
    """What a failed connection means: libpq gives no SQLSTATE for it, so its (English) words are read."""
    address, user, database = _address(given), given.get("user"), given.get("dbname") or given.get("user")
    lowered = text.lower()
    if "password" in lowered or "authentication" in lowered or "pg_hba.conf" in lowered:
        return LoginRefused(
            f'Postgres at {address} refused the login of user "{user}".',
            hint="Check user and password in the database URL.",
        )
    if "role" in lowered and "does not exist" in lowered:
        return LoginRefused(
            f'Postgres at {address} knows no user "{user}".', hint="Check the user in the database URL, or create it."
        )
    if "database" in lowered and "does not exist" in lowered:
        return DatabaseMissing(
            f'Postgres at {address} has no database "{database}".',
            hint="Create it (createdb), or check the name in the database URL.",
        )
    if "too many clients" in lowered or "remaining connection slots" in lowered or "too many connections" in lowered:
        return TooManyConnections(
            f"Postgres at {address} has no connection left to give.",
            hint="Lower pool_size and write_pool_size, or raise max_connections in Postgres.",
        )
    hint = _REACH_HINT
    if "unsupported startup parameter" in lowered:
        hint = (
            "That is a connection pooler. Give the address of Postgres itself: howdah pools its connections. Or set "
            "ignore_startup_parameters = options in the pooler, and howdah works without a role of its own."
        )
    return DatabaseUnreachable(f"Postgres at {address} cannot be reached: {_without_password(text, given)}", hint=hint)


def _address(given: Mapping[str, object]) -> str:
    host = str(given.get("host") or given.get("hostaddr") or "the local socket")
    return host if host.startswith("/") or "port" not in given else f"{host}:{given['port']}"


def _without_password(text: str, given: Mapping[str, object]) -> str:
    password = given.get("password")
    line = _PREAMBLE.sub("", " ".join(text.split()))
    return line.replace(str(password), "***") if password else line
