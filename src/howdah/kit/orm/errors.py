"""What can go wrong between a service and its models; what Postgres refuses is in `howdah.kit.db.errors`.

::

    DbError
    ├── NotFound          db-not-found        404  there is no such row, or it was deleted
    ├── Stale             db-stale            409  somebody else changed the row since it was read
    └── Mistake
        ├── UnknownColumn   db-unknown-column   400  the model has no such column, or it is not for whoever asks
        ├── NoModels        db-no-models        500  nobody said where the models are, or there are none
        └── MigrationFailed db-migration        500  Alembic cannot do that
"""

from __future__ import annotations

from howdah.kit.db.errors import Conflict, DbError, Mistake


class NotFound(DbError):
    """There is no such row."""

    code = "db-not-found"
    status = 404


class Stale(Conflict):
    """Somebody else changed the row since it was read."""

    code = "db-stale"


class UnknownColumn(Mistake):
    """There is no such column, or it cannot be set."""

    code = "db-unknown-column"
    status = 400


class NoModels(Mistake):
    """The models of the service were not found."""

    code = "db-no-models"


class MigrationFailed(Mistake):
    """The tables of the service cannot be brought there."""

    code = "db-migration"
