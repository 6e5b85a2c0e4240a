"""What is wrong with a request, each thing with its place: the same whoever found it. Pure.

{"code": "invalid-request", "message": "…", "path": "$.title",
 "problems": [{"in": "body", "path": "$.title", "code": "required", "message": "It is missing."}]}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from howdah.kit.errors import KitError

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
LONGEST_MESSAGE: Final = 300


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in which part of the request (body, query, path, header, cookie), where, and what.

    ``code`` is the rule that is broken, in the words of whoever checks: ``required``, ``missing``, ``maxLength``.
    """

    place: str
    path: str
    code: str
    message: str

    def to_json(self) -> dict[str, str]:
        """The problem as it is answered."""
        message = self.message if len(self.message) <= LONGEST_MESSAGE else self.message[: LONGEST_MESSAGE - 1] + "…"
        return {"in": self.place, "path": self.path, "code": self.code, "message": message}


class InvalidRequest(KitError):
    """The request was understood, and is not valid.

    ``problems`` are all that were found, in the order of their places.
    """

    code = "invalid-request"
    status = 422

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        more = len(self.problems) - 1
        message = f"{first.place} {first.path}: {first.to_json()['message']}"
        super().__init__(message + (f" ({more} more)" if more else ""), path=first.path)

    def to_json(self) -> dict[str, Any]:
        """The error with all its problems."""
        return {**super().to_json(), "problems": [problem.to_json() for problem in self.problems]}


def json_path(parts: Sequence[str | int]) -> str:
    """Where something is, from the root of a JSON document.

    >>> json_path(["tags", 0, "name"]), json_path([]), json_path(["a b"])
    ('$.tags[0].name', '$', '$["a b"]')
    """
    written = ["$"]
    for part in parts:
        if isinstance(part, int):
            written.append(f"[{part}]")
        elif _PLAIN.fullmatch(part):
            written.append(f".{part}")
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            written.append(f'["{escaped}"]')
    return "".join(written)
