"""Errors → answers: what a caller is told of a refusal, and who is told more."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from howdah.data.catalog.access import labels_of, may_read_values
from howdah.data.catalog.model import Catalog, Table
from howdah.data.errors import DataError, NotInEnum, map_database_error
from howdah.data.execute.nested import Part
from howdah.data.execute.remembered import Remembered
from howdah.data.query.ast import Query, reads_function
from howdah.errors import HowdahError
from howdah.observe import events
from howdah.postgres.errors import CannotConnect, DatabaseError, DatabaseUnavailable
from howdah.session import Session

_FAULT = 500  # the first status that is not the caller's doing


@dataclass(frozen=True, slots=True)
class StatementFailed:
    """Postgres could not do what should have been possible: the reason a client was answered with 500 or more."""

    level: ClassVar[str] = "error"
    table: str
    sqlstate: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer: an HTTP status, and JSON."""

    status: int
    body: bytes


def refused(error: DatabaseError, query: Query | Remembered | Part, session: Session, catalog: Catalog) -> DataError:
    """What the caller is told of Postgres's refusal; what is no fault of the caller's is in the log, in full."""
    name = query.table if isinstance(query, Remembered | Part) or not reads_function(query) else None
    table = None if name is None else catalog.nameable.get(name)
    mapped = mapped_error(
        error,
        path=query.path,
        admin=session.is_admin,
        own_table=_may_name(table, error),
        visible_columns={} if table is None else table.visible_columns(session.role),
    )
    if mapped.status >= _FAULT:
        events.emit(StatementFailed(str(query.table or "a function"), error.sqlstate, error.message))
    return mapped


def _may_name(table: Table | None, error: DatabaseError) -> bool:
    """Whether a constraint may be named: it is the table's own, and does not tell a name that is hidden by another."""
    if table is None or table.customized:
        return False
    return (error.schema, error.table) == (table.name.schema, table.name.name)


def mapped_error(error: DatabaseError, *, admin: bool, **known: Any) -> DataError:
    """What Postgres's refusal means to the caller; ``known`` is what `map_database_error` asks besides."""
    return map_database_error(
        error.sqlstate,
        error.message,
        admin=admin,
        detail=error.detail,
        hint=error.hint,
        constraint=error.constraint,
        column=error.column,
        routine=error.routine,
        **known,
    )


def body_of(error: DataError, session: Session, catalog: Catalog) -> dict[str, Any]:
    """What the caller is told: the values of an enum only if they may be read."""
    if isinstance(error, NotInEnum) and not session.is_admin:
        tables = (table for table in catalog.tables.values() if may_read_values(table, session.role))
        return error.to_body(admin=any(labels_of(table) == error.labels for table in tables))
    return error.to_body(admin=session.is_admin)


def unavailable(error: DatabaseUnavailable | CannotConnect) -> Answer:
    """503; the words of a CannotConnect may name hosts and users, and are for the log and not for a client."""
    message = "the database cannot be reached right now: try again"
    if isinstance(error, DatabaseUnavailable):
        message = error.message
    return refusal(error, {"path": "$", "error": message, "code": "postgres-error"})


def refusal(error: HowdahError, body: dict[str, Any]) -> Answer:
    """The error's status, with what is told of it."""
    return Answer(error.status, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
