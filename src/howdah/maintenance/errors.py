"""What can be wrong with a database as a whole.

::

    MaintenanceError
    ├── DriftFound             E201  the database is not what the files say (exit code 3)
    ├── CannotCreateDatabase   E214  the user may not make or rename databases
    ├── CannotSwap             E217  somebody is connected who cannot be disconnected
    ├── AdoptRefused           E218  the database, or the folder, has migrations already
    ├── CannotRestore          E215  the file is no dump that this server takes
    ├── UnknownTable           E220  there is no such table, or it is not tracked (exit code 4)
    ├── UnknownRole            E230  the role has no permission there (exit code 4)
    ├── MetadataDiverged       E235  files and database were both changed
    ├── PermissionExists       E236  a permission would be replaced
    ├── RequestRefused         E237  the Data API does not answer the request
    ├── CaseExists             E238  a permission test of this name is there
    ├── NoAccounts             E260  the project has no accounts
    └── UnknownUser            E261  there is no such user (exit code 4)
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


class UnknownTable(MaintenanceError):
    """There is no such table, or it is not tracked."""

    code = "E220"
    exit_code = 4


class UnknownRole(MaintenanceError):
    """The role has no permission there."""

    code = "E230"
    exit_code = 4


class MetadataDiverged(MaintenanceError):
    """Files and database were both changed, or what was changed would be undone."""

    code = "E235"

    def __init__(self, kept: str, *, both: bool) -> None:
        lost = "files" if kept == "database" else "database"
        what = "Both the files and the database were changed" if both else f"The {lost} changed, not the {kept}"
        super().__init__(
            f"{what} since the files were taken over last: what the {lost} {_SAY[lost]} would be lost.",
            hint="`howdah metadata diff` shows what differs; --force gives it up.",
        )


class PermissionExists(MaintenanceError):
    """There is such a permission already."""

    code = "E236"


class RequestRefused(MaintenanceError):
    """The Data API does not answer the request."""

    code = "E237"


class CaseExists(MaintenanceError):
    """There is a permission test of this name already."""

    code = "E238"


_SAY = {"files": "say", "database": "has"}


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


class NoAccounts(MaintenanceError):
    """The project has no accounts."""

    code = "E260"


class UnknownUser(MaintenanceError):
    """There is no such user."""

    code = "E261"
    exit_code = 4
