"""Names for the relations of one statement."""

from __future__ import annotations


class Aliases:
    """Names for the relations of one statement, each given once. Short, so that Postgres never has to cut one."""

    __slots__ = ("_prefix", "_rows", "_tables")

    def __init__(self, prefix: str = "t") -> None:
        self._prefix = prefix
        self._tables = 0
        self._rows = 0

    def table(self) -> str:
        """A name that no relation has yet."""
        self._tables += 1
        return f"{self._prefix}{self._tables}"

    def row(self) -> str:
        """A name that no row of an answer has yet."""
        self._rows += 1
        return f"r{self._rows}"
