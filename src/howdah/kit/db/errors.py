"""What can go wrong between a service and its databases.

::

    DbError                    db-error            500  Postgres refused a statement of the service's
    ├── Mistake                db-mistake          500  the call itself makes no sense: mend the code
    │   ├── UnfilteredWrite    db-unfiltered       500  an update or delete of a whole table that nobody meant
    │   ├── NoUniqueIndex      db-no-unique-index  500  an upsert by columns that nothing makes unique
    │   ├── UnknownDatabase    db-unknown-database 500  no URL in the environment for this name
    │   └── TransactionOver    db-transaction-over 500  a transaction is used that has ended
    ├── Conflict               db-conflict         409  another row stands in the way
    │   ├── Duplicate          db-duplicate        409  a row with this value exists already
    │   └── BrokenReference    db-broken-reference 409  a row that is referred to is missing, or still referred to
    ├── Refused                db-refused          422  a rule of the database refused the row
    │   ├── ValueMissing       db-value-missing    422  a column that must have a value has none
    │   ├── BadValue           db-bad-value        422  a value is not one of the column's type, or out of its range
    │   └── Raised             db-raised           422  a function or trigger raised an exception of its own
    ├── NotAllowed             db-not-allowed      403  a privilege or a policy for rows refused it
    ├── NotStored              db-not-stored       500  a failed statement was passed over; nothing was stored
    ├── TryAgain               db-try-again        503  it met another transaction; the same again may succeed
    ├── TimedOut               db-timeout          504  the statement took longer than it may
    └── DatabaseAway           db-unavailable      503  no connection, or it broke
        ├── ConnectionLost     db-connection-lost  503  it broke while it was in use
        └── PoolExhausted      db-pool-exhausted   503  every connection is in use for too long

No message holds a value: what Postgres says of values is kept out of messages and logs. No connection at all is a
`howdah.postgres.errors.CannotConnect`, in whichever of its kinds fits.
"""

from __future__ import annotations

from typing import ClassVar

from howdah.errors import HowdahError


class DbError(HowdahError):
    """The database refused a statement.

    ``sqlstate`` is Postgres's code for it; ``table``, ``columns`` and ``constraint`` say where, as far as is known.
    """

    code: ClassVar[str] = "db-error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str | None = None,
        *,
        path: str | None = None,
        hint: str | None = None,
        sqlstate: str | None = None,
        table: str | None = None,
        columns: tuple[str, ...] = (),
        constraint: str | None = None,
    ) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0], path=path, hint=hint)
        self.sqlstate = sqlstate
        self.table = table
        self.columns = columns
        self.constraint = constraint


class Mistake(DbError):
    """The database cannot be asked that: the call makes no sense."""

    code = "db-mistake"


class UnfilteredWrite(Mistake):
    """An update or delete without a filter would reach every row of the table."""

    code = "db-unfiltered"


class NoUniqueIndex(Mistake):
    """An upsert needs a unique index on the columns that identify a row."""

    code = "db-no-unique-index"


class UnknownDatabase(Mistake):
    """Nobody said where the database of this name is."""

    code = "db-unknown-database"


class TransactionOver(Mistake):
    """The transaction has ended."""

    code = "db-transaction-over"


class Conflict(DbError):
    """Another row stands in the way."""

    code = "db-conflict"
    status = 409


class Duplicate(Conflict):
    """A row with this value exists already."""

    code = "db-duplicate"


class BrokenReference(Conflict):
    """A row that is referred to is missing, or is still referred to."""

    code = "db-broken-reference"


class Refused(DbError):
    """A rule of the database refused the row."""

    code = "db-refused"
    status = 422


class ValueMissing(Refused):
    """A value is missing."""

    code = "db-value-missing"


class BadValue(Refused):
    """A value is not of the right type, or out of range."""

    code = "db-bad-value"


class Raised(Refused):
    """A function or trigger of the database raised an exception.

    Its message is what that function says, as whoever wrote it meant it to be read.
    """

    code = "db-raised"


class NotAllowed(DbError):
    """The database does not allow that."""

    code = "db-not-allowed"
    status = 403


class NotStored(DbError):
    """A statement of the transaction failed and was passed over, so nothing was stored."""

    code = "db-not-stored"


class TryAgain(DbError):
    """Another transaction was in the way; try again."""

    code = "db-try-again"
    status = 503


class TimedOut(DbError):
    """The statement took longer than it may."""

    code = "db-timeout"
    status = 504


class DatabaseAway(DbError):
    """The database cannot be reached right now; try again."""

    code = "db-unavailable"
    status = 503


class ConnectionLost(DatabaseAway):
    """The connection to the database was lost while it was in use; what it did last may be stored or not."""

    code = "db-connection-lost"


class PoolExhausted(DatabaseAway):
    """Every connection to the database is in use; try again."""

    code = "db-pool-exhausted"
