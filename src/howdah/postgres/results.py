"""What libpq returns → cells, outcomes and errors; and the one thing its C strings cannot carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import pq

from howdah.postgres.errors import ConnectionLost, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq.abc import PGresult

FAILED = (int(pq.ExecStatus.FATAL_ERROR), int(pq.ExecStatus.BAD_RESPONSE))
"""The statuses of a result that is an error: plain numbers, because comparing those with an enumeration's is slow."""

NULL = b"null"
"""The cell of a statement that returned NULL, or no row at all."""

_CACHED_PLAN_CHANGED = "0A000"
_NO_SUCH_PREPARED_STATEMENT = "26000"
_SESSION_ENDED = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"})
"""The server's last words on a connection: shutdown, crash, dropped database, idle or transaction timeout."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one statement of a script did: its command tag and, if it returned any, columns and rows in text format."""

    command: str
    columns: tuple[str, ...] | None
    rows: tuple[tuple[bytes | None, ...], ...]


def to_cell(result: PGresult) -> bytes:
    """The only cell of a result; ``null`` for NULL or no row."""
    cell = result.get_value(0, 0) if result.ntuples else None
    return NULL if cell is None else cell


def to_outcome(result: PGresult) -> Outcome:
    """What a result that is no error tells of its statement."""
    command = (result.command_status or b"").decode()
    if result.status != pq.ExecStatus.TUPLES_OK:
        return Outcome(command, None, ())
    width = range(result.nfields)
    columns = tuple((result.fname(number) or b"").decode() for number in width)
    rows = tuple(tuple(result.get_value(row, number) for number in width) for row in range(result.ntuples))
    return Outcome(command, columns, rows)


def to_error(result: PGresult) -> DatabaseError | ConnectionLost:
    """What a failed result reports; ConnectionLost when it is the server's reason to end the session."""

    def field(code: pq.DiagnosticField) -> str | None:
        value = result.error_field(code)
        return None if value is None else value.decode("utf-8", "replace")

    sqlstate = field(pq.DiagnosticField.SQLSTATE) or "XX000"
    if sqlstate in _SESSION_ENDED:
        return ConnectionLost()
    position = field(pq.DiagnosticField.STATEMENT_POSITION)
    return DatabaseError(
        sqlstate,
        field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message.decode("utf-8", "replace").strip(),
        detail=field(pq.DiagnosticField.MESSAGE_DETAIL),
        hint=field(pq.DiagnosticField.MESSAGE_HINT),
        schema=field(pq.DiagnosticField.SCHEMA_NAME),
        table=field(pq.DiagnosticField.TABLE_NAME),
        column=field(pq.DiagnosticField.COLUMN_NAME),
        constraint=field(pq.DiagnosticField.CONSTRAINT_NAME),
        position=None if position is None else int(position),
        context=field(pq.DiagnosticField.CONTEXT),
        routine=field(pq.DiagnosticField.SOURCE_FUNCTION),
    )


def is_stale_plan(error: DatabaseError) -> bool:
    """Whether a prepared statement failed because it is gone, or because the schema changed what it returns."""
    if error.sqlstate == _NO_SUCH_PREPARED_STATEMENT:
        return True
    return error.sqlstate == _CACHED_PLAN_CHANGED and error.routine == "RevalidateCachedQuery"


def refuse_nul(parameters: Sequence[bytes | None]) -> None:
    """Raise DatabaseError for a parameter with a NUL byte: libpq takes C strings and would silently cut it there."""
    for parameter in parameters:
        if parameter and b"\0" in parameter:
            raise DatabaseError("22021", "A value contains the character U+0000, which Postgres cannot store.")
