"""What can be wrong with migrations and seeds.

::

    MigrationError
    ├── InvalidMigrations      E204  folders that are no migrations; every one of them
    ├── EditedAfterApply       E202  an applied migration is not what it was
    ├── NoDown                 E203  a migration does not say how to take it back
    ├── MigrationMissing       E205  an applied migration has no folder any more
    ├── MigrationFailed        E206  Postgres refused a statement of a file
    ├── TransactionControl     E207  a file begins or ends transactions itself
    ├── UnknownMigration       E208  there is no migration of this version or name
    ├── InvalidMigrationName   E209  a migration cannot be called so
    ├── PartlyReplaced         E213  some that one replaces are applied, and some are not
    └── NothingToSquash        E216  fewer than two migrations to make one of
"""

from __future__ import annotations

from collections.abc import Iterable

from howdah.errors import HowdahError


class MigrationError(HowdahError):
    """The migrations cannot be applied."""

    code = "E204"
    status = 409


class InvalidMigrations(MigrationError):
    """The folder has something in it that is no migration."""

    code = "E204"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        message = self.problems[0] if len(self.problems) == 1 else "\n  ".join(("Not migrations:", *self.problems))
        super().__init__(
            message, hint="A migration is a folder like 0001_create_author with an up.sql, and if you like a down.sql."
        )


class EditedAfterApply(MigrationError):
    """A migration was edited after it had been applied."""

    code = "E202"


class NoDown(MigrationError):
    """A migration does not say how to take it back."""

    code = "E203"


class MigrationMissing(MigrationError):
    """The database has a migration that is not in the folder."""

    code = "E205"


class MigrationFailed(MigrationError):
    """Postgres refused a statement."""

    code = "E206"


class TransactionControl(MigrationError):
    """A file must not begin or end transactions: all files are applied in one."""

    code = "E207"


class UnknownMigration(MigrationError):
    """There is no migration of this version or name."""

    code = "E208"
    status = 404
    exit_code = 4


class InvalidMigrationName(MigrationError):
    """A migration's name needs a letter or a digit in it."""

    code = "E209"
    status = 400
    exit_code = 2


class PartlyReplaced(MigrationError):
    """The database has applied some of the migrations that one replaces, and not all of them."""

    code = "E213"


class NothingToSquash(MigrationError):
    """There are not two migrations to make one of."""

    code = "E216"
    status = 400
    exit_code = 2
