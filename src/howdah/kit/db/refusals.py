"""What an error of Postgres means to a service: from psycopg's exception to one of ours, without a value in it. Pure.

psycopg's text quotes what was sent (``Key (email)=(ann@example.com) already exists``), so neither it nor the exception
goes on. What stays are names: of table, columns, constraint.
"""

from __future__ import annotations

import re
from typing import Final

import psycopg

from howdah.kit.db.errors import (
    BadValue,
    BrokenReference,
    Conflict,
    ConnectionLost,
    DatabaseAway,
    DbError,
    Duplicate,
    Mistake,
    NotAllowed,
    NoUniqueIndex,
    Raised,
    Refused,
    TimedOut,
    TryAgain,
    ValueMissing,
)
from howdah.kit.db.statements import Statement

# By SQLSTATE, or by its class (the first two characters): https://www.postgresql.org/docs/current/errcodes-appendix.html
_MEANINGS: Final[dict[str, type[DbError]]] = {
    "08": ConnectionLost,
    "0A": Mistake,
    "21": Mistake,
    "22": BadValue,
    "23": Refused,
    "23001": BrokenReference,
    "23502": ValueMissing,
    "23503": BrokenReference,
    "23505": Duplicate,
    "23P01": Conflict,
    "25": Mistake,
    "3D": Mistake,
    "3F": Mistake,
    "40": TryAgain,
    "42": Mistake,
    "42501": NotAllowed,
    "42P10": NoUniqueIndex,
    "44": NotAllowed,
    "53": DatabaseAway,
    "54": Mistake,
    "55": TryAgain,
    "57014": TimedOut,
    "57P01": ConnectionLost,
    "57P02": ConnectionLost,
    "57P03": ConnectionLost,
    "57P05": ConnectionLost,
    "25P03": ConnectionLost,
    "25P04": ConnectionLost,
    "P0001": Raised,
}
# Only of these does the message hold names and no values: a missing column, a full disk.
_TOLD: Final = (Mistake, TryAgain, DatabaseAway)
# The classes of the standard and of Postgres; any other was made up by whoever wrote a function.
_KNOWN: Final = re.compile("0[0-3]|0[89ABFLPZ]|1[0]|2[0-8BDF]|3[489BDF]|4[024]|5[34578]|72|F0|HV|P0|XX")
_KEY: Final = re.compile(r"\(((?:\"(?:[^\"]|\"\")+\"|\w+)(?:, (?:\"(?:[^\"]|\"\")+\"|\w+))*)\)=\(")
_LONGEST: Final = 500


def explain_error(error: psycopg.Error, statement: Statement | None = None) -> DbError:
    """The error of ours that ``error`` is, said of ``statement``."""
    state = error.sqlstate
    if state is None:
        return _without_state(error)
    found = error.diag
    if is_stale_plan(error):
        return TryAgain(sqlstate=state)
    kind = _MEANINGS.get(state) or _MEANINGS.get(state[:2]) or (DbError if _KNOWN.fullmatch(state[:2]) else Raised)
    columns = (found.column_name,) if found.column_name else _columns(found.message_detail)
    message = None
    if issubclass(kind, _TOLD) or kind is Raised or kind is DbError:
        message = (found.message_primary or "")[:_LONGEST]
    if kind is NoUniqueIndex and statement is not None and statement.unique is not None:
        message = f"Nothing makes the columns of an upsert unique: CREATE UNIQUE INDEX ON {statement.unique}."
    return kind(
        message or None,
        path=".".join(columns) if len(columns) == 1 else ", ".join(columns) or None,
        hint=_hint(kind, found.message_hint),
        sqlstate=state,
        table=found.table_name,
        columns=columns,
        constraint=found.constraint_name,
    )


def is_stale_plan(error: psycopg.Error) -> bool:
    """Whether a statement was refused because its plan is older than the table, or gone."""
    return error.sqlstate == "26000" or (
        error.sqlstate == "0A000" and error.diag.source_function == "RevalidateCachedQuery"
    )


def _without_state(error: psycopg.Error) -> DbError:
    """An error that Postgres did not make: libpq lost the connection, or psycopg could not send what it was given."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return ConnectionLost()
    if isinstance(error, psycopg.DataError):
        return BadValue("A value cannot be sent to the database: it has a character that no text may have.")
    return Mistake(str(error)[:_LONGEST])  # psycopg's words about the call: placeholders, types that it cannot send


def _columns(detail: str | None) -> tuple[str, ...]:
    """The columns in ``Key (a, b)=(1, 2) already exists``, whatever language that is in; none of an expression.

    >>> _columns('Key (email, "Last, name")=(ann@example.com, x) already exists.')
    ('email', 'Last, name')
    >>> _columns("Key (lower(email))=(a) already exists.")
    ()
    """
    found = _KEY.search(detail or "")
    if found is None:
        return ()
    names: list[str] = re.findall(r"\"(?:[^\"]|\"\")+\"|\w+", found[1])
    return tuple(name[1:-1].replace('""', '"') if name.startswith('"') else name for name in names)


def _hint(kind: type[DbError], hint: str | None) -> str | None:
    """Postgres's hint where it is about names or was written by a function's author."""
    return hint if hint and (issubclass(kind, Mistake) or kind is Raised) else None
