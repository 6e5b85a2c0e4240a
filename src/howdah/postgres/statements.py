"""SQL text → where its statements begin and with which word. Knows just enough of SQL's tokens not to be fooled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")
  | (?P<dollar>\$(?P<tag>[^\W\d]\w*)?\$)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<end>;)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")

TRANSACTION_WORDS = frozenset({"abort", "begin", "commit", "end", "rollback", "start"})
"""What a statement that begins or ends a transaction begins with, in lower case."""


@dataclass(frozen=True, slots=True)
class StatementStart:
    """Where a statement begins: its line, counted from 1, and its first two words in lower case."""

    line: int
    words: tuple[str, ...]

    @property
    def controls_transaction(self) -> bool:
        """Whether the statement begins or ends a transaction. ``ROLLBACK TO`` a savepoint does not."""
        if self.words[:2] in {("rollback", "to"), ("prepare", "transaction")}:
            return self.words[0] == "prepare"
        return bool(self.words) and self.words[0] in TRANSACTION_WORDS


def statement_starts(sql: str) -> tuple[StatementStart, ...]:
    r"""The beginning of each statement that is not empty.

    >>> [(one.line, one.words[0]) for one in statement_starts("select ';';\n\n-- commit;\ndelete from t")]
    [(1, 'select'), (4, 'delete')]
    """
    starts: list[StatementStart] = []
    line: int | None = None
    words: list[str] = []
    for kind, text, offset in _tokens(sql):
        if kind == "end":
            if line is not None:
                starts.append(StatementStart(line, tuple(words[:2])))
            line, words = None, []
        else:
            if line is None:
                line = sql.count("\n", 0, offset) + 1
            if kind == "word" and len(words) < 2:
                words.append(text.lower())
    if line is not None:
        starts.append(StatementStart(line, tuple(words[:2])))
    return tuple(starts)


def split_statements(sql: str) -> tuple[str, ...]:
    r"""Each statement that is not empty, with its semicolon and without the comments before it.

    >>> split_statements("-- one\nselect ';'; ;\n/* two */ select 2")
    ("select ';';", 'select 2')
    """
    statements: list[str] = []
    start: int | None = None
    for kind, _, offset in _tokens(sql):
        if kind != "end":
            start = offset if start is None else start
        elif start is not None:
            statements.append(sql[start : offset + 1])
            start = None
    if start is not None:
        statements.append(sql[start:].rstrip())
    return tuple(statements)


def _tokens(sql: str) -> Iterator[tuple[str, str, int]]:
    """What matters for telling statements apart: words, other characters, and the semicolons that end one."""
    position = 0
    depth = 0  # of BEGIN ATOMIC and the CASEs within it, inside which semicolons end nothing
    previous = ""
    while position < len(sql):
        token = _TOKEN.match(sql, position)
        assert token is not None, "every character is some token"
        start, position = position, token.end()
        kind, text = token.lastgroup or "other", token.group()
        if token["dollar"] is not None:
            closing = sql.find(token["dollar"], position)
            position = len(sql) if closing < 0 else closing + len(token["dollar"])
            kind = "other"
        elif kind == "comment":
            position = _after_comment(sql, position)
            continue
        elif kind == "blank":
            continue
        elif kind == "word":
            word = text.lower()
            if (word == "atomic" and previous == "begin") or (depth and word == "case"):
                depth += 1
            elif depth and word == "end":
                depth -= 1
            previous = word
        elif kind == "end" and depth:
            kind = "other"
        yield kind, text, start


def _after_comment(sql: str, position: int) -> int:
    """Where the block comment ends whose content begins at ``position``; they nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(sql, position):
        depth += 1 if edge.group() == "/*" else -1
        if not depth:
            return edge.end()
    return len(sql)
