"""The root of every error howdah raises on purpose.

An error is a class. Its docstring is its default message, its ``code`` is API and never changes, its ``status`` is what
HTTP answers and its ``exit_code`` is what the command line exits with. Each part draws its tree in its ``errors.py``.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class HowdahError(Exception):
    """Something went wrong in a way howdah can explain."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None, *, path: str | None = None, hint: str | None = None) -> None:
        self.message = message or " ".join(inspect.cleandoc(type(self).__doc__ or "").split())
        self.path = path
        self.hint = hint
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def to_json(self) -> dict[str, Any]:
        """The error as every surface shows it: code, message and, where known, path and hint."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.path is not None:
            body["path"] = self.path
        if self.hint is not None:
            body["hint"] = self.hint
        return body
