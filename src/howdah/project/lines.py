"""TOML text → the line each of its keys is written on.

The standard library's parser gives values without places. This walk over the same text gives places without values,
so that an error can say ``howdah.toml:12``. It expects text that has already been parsed: it finds, it does not judge.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

Key = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED_KEY = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'  # up to two quotes may touch the closing three (TOML 1.0, String)
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]*")


def key_lines(text: str) -> Mapping[Key, int]:
    r"""The line, counted from 1, of every table, key and list element of valid TOML, by its path.

    A table that is only implied by a longer name has the line of the first key that implies it.

    >>> key_lines('[server]\nport = 1\n\n[[service]]\nroutes = [\n  "/",\n]\n')[("service", 0, "routes", 0)]
    6
    """
    return _Walk(text.replace("\r\n", "\n")).document()


class _Walk:
    """The state of one pass: where it is, what it has found, and how long each array of tables has become."""

    __slots__ = ("lengths", "lines", "position", "starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.lines: dict[Key, int] = {}
        self.lengths: dict[Key, int] = {}

    def document(self) -> Mapping[Key, int]:
        """Every key from here to the end of the text."""
        table: Key = ()
        while self._skip_blank() < len(self.text):
            if self.text.startswith("[[", self.position):
                table = self._array_table_header()
            elif self.text[self.position] == "[":
                table = self._table_header()
            else:
                self._pair(table)
        return self.lines

    def _skip_blank(self) -> int:
        self.position = self._match(_BLANK)[1]
        return self.position

    def _match(self, pattern: re.Pattern[str]) -> tuple[str, int]:
        found = pattern.match(self.text, self.position)
        if found is None:
            raise ValueError(f"not TOML at offset {self.position}")
        return found.group(), found.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        taken, self.position = self._match(pattern)
        return taken

    def _record(self, path: Key) -> None:
        self.lines.setdefault(path, bisect_right(self.starts, self.position))

    def _dotted_key(self, table: Key) -> Key:
        """The path of the dotted key that starts here, below ``table``; each step of it is recorded."""
        path = table
        while True:
            self._skip_blank()
            if self.text[self.position] in "\"'":
                at, quoted = self.position, self._take(_QUOTED_KEY)
                name = next(iter(tomllib.loads(f"{quoted} = 0")))
            else:
                at, name = self.position, self._take(_BARE_KEY)
            after, self.position = self.position, at
            path = (*path, name)
            self._record(path)
            self.position = after
            self._skip_blank()
            if not self.text.startswith(".", self.position):
                return path
            self.position += 1
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)

    def _table_header(self) -> Key:
        self.position += 1
        path = self._dotted_key(())
        self.position += 1
        return path

    def _array_table_header(self) -> Key:
        at = self.position
        self.position += 2
        path = self._dotted_key(())
        index = self.lengths.get(path, 0)
        self.lengths[path] = index + 1
        after, self.position = self.position, at
        self._record((*path, index))
        self.position = after + 2
        return (*path, index)

    def _pair(self, table: Key) -> None:
        path = self._dotted_key(table)
        self.position += 1  # the equals sign
        self._skip_blank()
        self._value(path)

    def _value(self, path: Key) -> None:
        match self.text[self.position]:
            case '"' | "'":
                self._take(_STRING)
            case "[":
                self._elements(path)
            case "{":
                self._inline_table(path)
            case _:
                self._take(_SCALAR)

    def _elements(self, path: Key) -> None:
        self.position += 1
        index = 0
        while self._next_item("]"):
            self._record((*path, index))
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: Key) -> None:
        self.position += 1
        while self._next_item("}"):
            self._pair(path)

    def _next_item(self, closing: str) -> bool:
        """Whether there is another item before ``closing``; stands on it, or behind the closing bracket."""
        self._skip_blank()
        if self.text[self.position] == ",":
            self.position += 1
            self._skip_blank()
        if self.text[self.position] == closing:
            self.position += 1
            return False
        return True
