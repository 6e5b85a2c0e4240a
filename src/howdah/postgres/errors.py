"""What can go wrong between us and Postgres.

PostgresError
├── CannotConnect
│   ├── InvalidDatabaseUrl
│   ├── DatabaseUnreachable
│   ├── LoginRefused
│   ├── DatabaseMissing
│   └── TooManyConnections
├── DatabaseUnavailable      what a caller of a pool sees when it cannot be served in time
│   ├── ConnectionLost
│   └── PoolExhausted
└── DatabaseError            Postgres refused a statement

No message holds a password: text from libpq is shown only where it cannot quote the connection string.
"""

from __future__ import annotations

from howdah.errors import HowdahError


class PostgresError(HowdahError):
    """Postgres could not do what it was asked to."""

    code = "E140"
    status = 500


class CannotConnect(PostgresError):
    """No connection to the database could be made."""

    code = "E140"
    status = 503


class InvalidDatabaseUrl(CannotConnect):
    """The database URL cannot be understood."""

    code = "E141"


class DatabaseUnreachable(CannotConnect):
    """No Postgres answers at the address of the database URL."""

    code = "E142"


class LoginRefused(CannotConnect):
    """Postgres refused the user or the password of the database URL."""

    code = "E143"


class DatabaseMissing(CannotConnect):
    """The database of the database URL does not exist."""

    code = "E144"


class TooManyConnections(CannotConnect):
    """Postgres has no connection left to give."""

    code = "E145"


class DatabaseUnavailable(PostgresError):
    """The database cannot be reached right now; try again."""

    code = "E146"
    status = 503


class ConnectionLost(DatabaseUnavailable):
    """The connection to the database was lost while it was in use; try again."""

    code = "E147"


class PoolExhausted(DatabaseUnavailable):
    """Every connection to the database is busy; try again."""

    code = "E148"


class DatabaseError(PostgresError):
    """Postgres refused a statement: what its error report says, field by field, for whoever may see it.

    ``position`` is the 1-based character of the text that was sent; ``routine`` the C function that complained, which
    unlike the message is not translated; ``statement`` how many statements of the same script went well before.
    """

    code = "E149"

    def __init__(
        self,
        sqlstate: str,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        schema: str | None = None,
        table: str | None = None,
        column: str | None = None,
        constraint: str | None = None,
        position: int | None = None,
        context: str | None = None,
        routine: str | None = None,
        statement: int = 0,
    ) -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate
        self.detail = detail
        self.schema = schema
        self.table = table
        self.column = column
        self.constraint = constraint
        self.position = position
        self.context = context
        self.routine = routine
        self.statement = statement
