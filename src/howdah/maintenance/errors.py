"""What can be wrong with a database as a whole.

::

    MaintenanceError
    ├── DriftFound             E201  the database is not what the files say (exit code 3)
    ├── CannotCreateDatabase   E214  the user may not make or rename databases
    ├── CannotSwap             E217  somebody is connected who cannot be disconnected
    ├── AdoptRefused           E218  the database, or the folder, has migrations already
    └── CannotRestore          E215  the file is no dump that this server takes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from howdah.errors import HowdahError


class MaintenanceError(HowdahError):
    """The database cannot be worked on as a whole."""

    code = "E214"
    status = 409


class DriftFound(MaintenanceError):
    """The database is not what the files say."""

    code = "E201"
    exit_code = 3

    def __init__(
        self, differences: Sequence[Mapping[str, Any]], *, edited: Sequence[str], missing: Sequence[str]
    ) -> None:
        self.differences, self.edited, self.missing = differences, edited, missing
        super().__init__(
            f"{_count(len(differences), 'difference')} between the database and what the files make.",
            hint="Write what is missing into a new migration, or take it back in the database."
            " Where there are no migrations yet: `howdah migration adopt`.",
        )

    def to_json(self) -> dict[str, Any]:
        """As every error, and what was found."""
        return {
            **HowdahError.to_json(self),
            "differences": list(self.differences),
            "edited": list(self.edited),
            "missing": list(self.missing),
        }


class CannotCreateDatabase(MaintenanceError):
    """The user of the database URL may not make databases."""

    code = "E214"


class CannotSwap(MaintenanceError):
    """The database cannot be replaced while somebody is connected."""

    code = "E217"


class AdoptRefused(MaintenanceError):
    """The database cannot be taken over."""

    code = "E218"


class CannotRestore(MaintenanceError):
    """The file is no dump that can be put back here."""

    code = "E215"
    status = 400


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
