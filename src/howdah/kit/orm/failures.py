"""What an exception of SQLAlchemy means to a service: one of our errors, without a value in it."""

from __future__ import annotations

import psycopg
from sqlalchemy import exc
from sqlalchemy.orm.exc import StaleDataError

from howdah.kit.db.errors import ConnectionLost, DbError, Mistake, PoolExhausted
from howdah.kit.db.refusals import explain_error
from howdah.kit.orm.errors import NotFound, Stale


def explain(error: exc.SQLAlchemyError) -> DbError:
    """The error of ours that ``error`` is."""
    if isinstance(error, exc.DBAPIError):
        if isinstance(error.orig, psycopg.Error):
            return explain_error(error.orig)
        return ConnectionLost() if error.connection_invalidated else Mistake(type(error).__name__)
    if isinstance(error, StaleDataError):
        return Stale(hint="Read it again, and change what is there now.")
    if isinstance(error, exc.NoResultFound):
        return NotFound()
    if isinstance(error, exc.TimeoutError):
        return PoolExhausted()
    if isinstance(error, exc.StatementError):  # a value that its type cannot take; the text has it
        return Mistake(f"A statement cannot be sent: {type(error.orig).__name__}.")
    return Mistake(str(error).partition("\n")[0][:500])
