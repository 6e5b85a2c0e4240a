"""A statement, executed with whatever the caller's transaction is made of: psycopg, ``howdah.kit.db``, SQLAlchemy."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from howdah.kit.tasks.errors import NotATransaction

if TYPE_CHECKING:
    import psycopg

_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")

Kind = Literal["psycopg", "psycopg-async", "sqlalchemy", "sqlalchemy-async"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of one cell, with its parameters written ``:name``."""

    text: str

    @property
    def psycopg(self) -> str:
        """As psycopg reads it.

        >>> Statement("select :a").psycopg
        'select %(a)s'
        """
        return _PARAMETER.sub(r"%(\1)s", self.text)


def cell(tx: Any, statement: Statement, parameters: Mapping[str, Any]) -> Any:
    """The cell, or with an asynchronous transaction what is to be awaited for it. Raises NotATransaction."""
    kind, connection = _transaction(tx)
    match kind:
        case "psycopg":
            cursor = connection.cursor(row_factory=_rows().tuple_row)
            return cursor.execute(statement.psycopg, parameters).fetchone()[0]
        case "psycopg-async":
            return _psycopg_async(connection, statement, parameters)
        case "sqlalchemy":
            return connection.execute(_text(statement), parameters).scalar_one()
        case "sqlalchemy-async":
            return _sqlalchemy_async(connection, statement, parameters)


async def _psycopg_async(connection: Any, statement: Statement, parameters: Mapping[str, Any]) -> Any:
    cursor = connection.cursor(row_factory=_rows().tuple_row)
    await cursor.execute(statement.psycopg, parameters)
    return (await cursor.fetchone())[0]


async def _sqlalchemy_async(connection: Any, statement: Statement, parameters: Mapping[str, Any]) -> Any:
    return (await connection.execute(_text(statement), parameters)).scalar_one()


def _rows() -> Any:
    from psycopg import rows  # as below: whoever gave us a connection has imported it

    return rows


def _text(statement: Statement) -> Any:
    from sqlalchemy import text  # it is there: the caller has given us something of it

    return text(statement.text)


def is_asynchronous(tx: Any) -> bool:
    """Whether what is done with it is to be awaited. Raises NotATransaction."""
    return _transaction(tx)[0].endswith("-async")


def _transaction(tx: Any) -> tuple[Kind, Any]:
    """What ``tx`` is, and what can execute with it. Nothing is imported: whoever made it has done so."""
    for _ in range(3):
        found = _known(tx)
        if found is not None:
            return found
        # What wraps a connection says where it is: `howdah.kit.db`, cursors.
        tx = next((one for one in (getattr(tx, name, None) for name in ("connection", "raw")) if one is not None), None)
        if tx is None:
            break
    raise NotATransaction(hint="Give a psycopg connection, a transaction of howdah.kit.db, or a SQLAlchemy session.")


def _known(tx: Any) -> tuple[Kind, Any] | None:
    driver = sys.modules.get("psycopg")
    if driver is not None:
        if isinstance(tx, driver.Connection):
            return "psycopg", _with_something_to_roll_back(tx)
        if isinstance(tx, driver.AsyncConnection):
            return "psycopg-async", _with_something_to_roll_back(tx)
    module = next((kind.__module__ for kind in type(tx).__mro__ if kind.__module__.startswith("sqlalchemy.")), None)
    if module is None or not hasattr(tx, "execute"):
        return None
    return ("sqlalchemy-async" if module.startswith("sqlalchemy.ext.asyncio") else "sqlalchemy"), tx


def _with_something_to_roll_back(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> Any:
    if connection.autocommit and connection.info.transaction_status == 0:  # IDLE
        raise NotATransaction(
            "The connection is in no transaction: it commits each statement by itself.",
            hint="Use `with connection.transaction():` around it, or send_now().",
        )
    return connection
