"""What can be wrong with a project's folder and settings.

::

    ProjectError
    ├── ProjectNotFound     E100  no howdah.toml here or above
    ├── InvalidSettings     E310  unknown, mistyped or impossible settings: every one of them, with file and line
    ├── BrokenToml          E311  not TOML at all
    ├── UnreadableFile      E312  a file is there and cannot be read
    ├── UnwritableFile      E313  a file cannot be written
    ├── ExposedSecrets      E320  others on this machine can read the secrets
    └── UnusableSecret      E321  an empty, short or sample secret
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from howdah.errors import HowdahError


class ProjectError(HowdahError):
    """The project cannot be loaded."""

    code: ClassVar[str] = "E310"


class ProjectNotFound(ProjectError):
    """There is no howdah.toml in this folder or in any folder above it."""

    code = "E100"
    status = 404
    exit_code = 4

    def __init__(self, message: str | None = None, *, path: str | None = None, hint: str | None = None) -> None:
        super().__init__(
            message,
            path=path,
            hint=hint or "Make a project with `howdah quickstart hello`, or name one with `--project DIR`.",
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the settings: where it was written, what is wrong, what to do."""

    place: str
    message: str
    hint: str | None = None

    def to_json(self) -> dict[str, str]:
        """The problem as ``--json`` shows it."""
        body = {"place": self.place, "message": self.message}
        if self.hint is not None:
            body["hint"] = self.hint
        return body


class InvalidSettings(ProjectError):
    """The project has settings that howdah cannot use."""

    code = "E310"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        if len(self.problems) == 1:
            super().__init__(f"{first.place}: {first.message}", path=first.place, hint=first.hint)
            return
        lines = [f"{len(self.problems)} settings cannot be used:"]
        for problem in self.problems:
            hint = f" {problem.hint}" if problem.hint else ""
            lines.append(f"  {problem.place}: {problem.message}{hint}")
        super().__init__("\n".join(lines), path=first.place, hint="docs/configuration.md lists every setting.")

    def to_json(self) -> dict[str, Any]:
        """The error with each of its problems apart."""
        return {**super().to_json(), "problems": [problem.to_json() for problem in self.problems]}


class BrokenToml(ProjectError):
    """The file is not TOML."""

    code = "E311"


class UnreadableFile(ProjectError):
    """A file of the project cannot be read."""

    code = "E312"


class UnwritableFile(ProjectError):
    """A file of the project cannot be written."""

    code = "E313"


class ExposedSecrets(ProjectError):
    """Other users of this machine can read the project's secrets."""

    code = "E320"
    exit_code = 5


class UnusableSecret(ProjectError):
    """An empty, short or sample secret protects nothing, so nothing starts with it (R7)."""

    code = "E321"
    exit_code = 5
