"""Calls → SQL text and parameters. Pure: it knows no connection, and no value ever gets into a text.

Names are quoted, each part of ``schema.table`` for itself. Placeholders are psycopg's, so a percent sign in a name is
doubled. What was built is a `Work`: statements to run, in one transaction where there are several, and how to read
the answers.
"""
# ruff: noqa: S608 - what gets into a text went through name(), or is a placeholder

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from howdah.kit.db.errors import Mistake, UnfilteredWrite

T = TypeVar("T")

Name = str | Sequence[str]
"""A table or function: ``article``, ``blog.article``, or its parts, where one of them has a dot in it."""

Params = Sequence[Any] | Mapping[str, Any] | None
Where = Mapping[str, Any] | None
Names = str | Sequence[str]
"""One column or several."""

Keep = Literal["all", "first", "none"]

MOST_PARAMETERS: Final = 65_535
"""How many parameters one statement may have: the protocol counts them in two bytes."""


_TYPE: Final = re.compile(r"\w+(?:\.\w+)?(?: \w+)*(?:\(\d+(?:, ?\d+)?\))?(?:\[\])*")


@dataclass(frozen=True, slots=True)
class Statement:
    """A text, its parameters, and how many of its rows are wanted.

    ``unique`` is what an upsert relies on, as ``"table" ("column")``.
    """

    text: str
    params: Params = None
    keep: Keep = "none"
    unique: str | None = None


class Answer(NamedTuple):
    """What came of a statement: the rows that were wanted, and how many it read or changed."""

    rows: list[Any]
    reached: int


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """Statements, and what their answers mean."""

    statements: tuple[Statement, ...]
    read: Callable[[Sequence[Answer]], T]
    as_values: bool = False
    """Rows are needed as plain sequences, whatever rows look like otherwise."""


class Out:
    """Stands for an ``out`` parameter in a call of a procedure. ``type`` is needed where procedures share a name."""

    __slots__ = ("type",)

    def __init__(self, type: str | None = None) -> None:  # noqa: A002 - what it is
        """Raises Mistake: no type is called so."""
        if type is not None and not _TYPE.fullmatch(type):
            raise Mistake(f"No type is called {type!r}.", path="type")
        self.type = type


OUT: Final = Out()
"""An ``out`` parameter: ``db.call("transfer", [1, 2, OUT])``."""


# -- reading -----------------------------------------------------------------------------------------------------------


def all_rows(answers: Sequence[Answer]) -> list[Any]:
    """The rows of every statement."""
    return [row for answer in answers for row in answer.rows]


def first_row(answers: Sequence[Answer]) -> Any:
    """The first row, or None."""
    return next((row for answer in answers for row in answer.rows), None)


def first_value(answers: Sequence[Answer]) -> Any:
    """The first column of the first row, or None."""
    row = first_row(answers)
    return None if row is None else row[0]


def total(answers: Sequence[Answer]) -> int:
    """How many rows all statements reached."""
    return sum(max(answer.reached, 0) for answer in answers)


# -- what somebody wrote -----------------------------------------------------------------------------------------------


def fetch_all(text: str, params: Params) -> Work[list[Any]]:
    """All rows of a query."""
    return Work((Statement(text, params, "all"),), all_rows)


def fetch_one(text: str, params: Params) -> Work[Any]:
    """The first row of a query."""
    return Work((Statement(text, params, "first"),), first_row)


def fetch_value(text: str, params: Params) -> Work[Any]:
    """The first column of the first row of a query."""
    return Work((Statement(text, params, "first"),), first_value, as_values=True)


def execute(text: str, params: Params) -> Work[int]:
    """A statement, and how many rows it reached."""
    return Work((Statement(text, params),), total)


# -- tables ------------------------------------------------------------------------------------------------------------


def select(
    table: Name,
    where: Where,
    *,
    columns: Names,
    order_by: Names,
    limit: int | None,
    offset: int | None,
) -> Work[list[Any]]:
    """The rows of a table that are as ``where`` says."""
    condition, params = _where(where)
    text = f"SELECT {_columns(columns)} FROM {qualified(table)}{condition}{_order(order_by)}"
    for word, number in (("LIMIT", limit), ("OFFSET", offset)):
        if number is not None:
            text += f" {word} %s"
            params.append(number)
    return Work((Statement(text, params, "all"),), all_rows)


def insert(table: Name, data: Mapping[str, Any] | Iterable[Mapping[str, Any]], returning: Names) -> Work[Any]:
    """New rows: their number, or what they are now where ``returning`` names columns.

    Rows may have different keys; a column that a row does not name gets its default.
    """
    single, rows = _rows(data)
    statements = tuple(_insert(table, rows, _returning(returning), "", None))
    return Work(statements, _reader(returning, single=single))


def upsert(
    table: Name, data: Mapping[str, Any] | Iterable[Mapping[str, Any]], identifier: Any, returning: Names
) -> Work[Any]:
    """New rows, or new values for those that exist: one statement, so nothing comes between.

    ``identifier`` names the columns that say which row it is, or is a mapping of them with their values. It must be
    those of a unique index. Raises Mistake where a row says nothing, or null, for one of them: null equals nothing,
    so each call would make one row more.
    """
    single, rows = _rows(data)
    if isinstance(identifier, Mapping):
        rows = [{**identifier, **row} for row in rows]
    keys = [identifier] if isinstance(identifier, str) else list(identifier)
    if not keys:
        raise Mistake("An upsert needs to know by which columns a row is found.", path="identifier")
    for row in rows:
        for key in keys:
            if row.get(key) is None:
                raise Mistake(f"An upsert needs a value for {key}, by which its row is found.", path=key)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if any(len(row) != len(columns) for row in rows):
        raise Mistake("The rows of an upsert must name the same columns: whatever one leaves out would be lost.")
    # With nothing but keys, a key is set to itself: DO NOTHING would neither count nor return the row.
    changed = [column for column in columns if column not in keys] or keys
    target = ", ".join(name(key) for key in keys)
    action = ", ".join(f"{name(column)} = EXCLUDED.{name(column)}" for column in changed)
    conflict = f" ON CONFLICT ({target}) DO UPDATE SET {action}"
    unique = f"{qualified(table)} ({target})".replace("%%", "%")
    statements = tuple(_insert(table, rows, _returning(returning), conflict, unique))
    return Work(statements, _reader(returning, single=single))


def update(table: Name, values: Mapping[str, Any], where: Where, *, every: bool, returning: Names) -> Work[Any]:
    """New values for the rows that are as ``where`` says: their number, or the rows.

    Raises UnfilteredWrite where it says nothing and ``every`` is not true, Mistake for no values.
    """
    if not values:
        raise Mistake("An update without values changes nothing.", path="values")
    _refuse_unfiltered("update", where, every)
    condition, params = _where(where)
    changes = ", ".join(f"{name(column)} = %s" for column in values)
    text = f"UPDATE {qualified(table)} SET {changes}{condition}{_returning(returning)}"
    statement = Statement(text, [*values.values(), *params], "all" if returning else "none")
    return Work((statement,), _reader(returning, single=False))


def delete(table: Name, where: Where, *, every: bool, returning: Names) -> Work[Any]:
    """The rows that are as ``where`` says are gone: their number, or the rows.

    Raises UnfilteredWrite where it says nothing and ``every`` is not true.
    """
    _refuse_unfiltered("delete", where, every)
    condition, params = _where(where)
    text = f"DELETE FROM {qualified(table)}{condition}{_returning(returning)}"
    return Work((Statement(text, params, "all" if returning else "none"),), _reader(returning, single=False))


# -- functions and procedures ------------------------------------------------------------------------------------------


def function(name_: Name, arguments: Params, keep: Literal["all", "first"]) -> Work[Any]:
    """The rows of a function, or its first. ``OUT`` among the arguments is left out: functions have no place for it."""
    if isinstance(arguments, Mapping):
        given: Params = {key: value for key, value in arguments.items() if not isinstance(value, Out)}
    else:
        given = [value for value in arguments or () if not isinstance(value, Out)]
    written, params = _arguments(given)
    statement = Statement(f"SELECT * FROM {qualified(name_)}({written})", params, keep)
    return Work((statement,), all_rows if keep == "all" else first_row)


def call(name_: Name, arguments: Params) -> Work[Any]:
    """A procedure was called: its ``out`` and ``inout`` parameters as a row, None when it has none."""
    written, params = _arguments(arguments)
    return Work((Statement(f"CALL {qualified(name_)}({written})", params, "first"),), first_row)


# -- pieces of SQL -----------------------------------------------------------------------------------------------------


def name(text: str) -> str:
    """A name as SQL has it: quoted, whatever is in it.

    >>> print(name('drop "table" 100%'))
    "drop ""table"" 100%%"

    Raises Mistake: it is empty, or has a NUL, which Postgres has no way to write.
    """
    if not text or "\0" in text:
        raise Mistake("A name in the database is a text that is not empty.")
    return '"' + text.replace('"', '""').replace("%", "%%") + '"'


def qualified(table: Name) -> str:
    """The name of a table or function, each part quoted.

    >>> print(qualified("blog.article"), qualified(("blog", "a.b")))
    "blog"."article" "blog"."a.b"
    """
    parts = table.split(".") if isinstance(table, str) else tuple(table)
    if not 1 <= len(parts) <= 2:
        raise Mistake("A table is named as table, schema.table, or by those two in a tuple.", path=str(table))
    return ".".join(name(part) for part in parts)


def literal(text: str) -> str:
    r"""A text as SQL has it, for the few statements that take no parameters.

    >>> print(literal("it's"), literal("\\"))
    'it''s' E'\\'
    """
    if "\0" in text:
        raise Mistake("A text in the database has no NUL.")
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def _rows(data: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> tuple[bool, list[Mapping[str, Any]]]:
    """Whether it is a single row, and all of them."""
    return (True, [data]) if isinstance(data, Mapping) else (False, list(data))


def _columns(columns: Names) -> str:
    names = [columns] if isinstance(columns, str) else list(columns)
    if not names:
        raise Mistake("No columns are asked for.", path="columns")
    return ", ".join("*" if column == "*" else name(column) for column in names)


def _order(order_by: Names) -> str:
    names = [order_by] if isinstance(order_by, str) and order_by else list(order_by)
    terms = [f"{name(one[1:])} DESC" if one.startswith("-") else name(one) for one in names]
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def _returning(returning: Names) -> str:
    return f" RETURNING {_columns(returning)}" if returning else ""


def _reader(returning: Names, *, single: bool) -> Callable[[Sequence[Answer]], Any]:
    if not returning:
        return total
    return first_row if single else all_rows


def _where(where: Where) -> tuple[str, list[Any]]:
    """The condition that all of it is so, and its parameters."""
    terms, params = [], []
    for column, value in (where or {}).items():
        term, values = _equals(name(column), value)
        terms.append(term)
        params.extend(values)
    return (f" WHERE {' AND '.join(terms)}" if terms else ""), params


def _equals(column: str, value: Any) -> tuple[str, list[Any]]:
    """That a column is this value: null matches null, a list whatever is in it."""
    if value is None:
        return f"{column} IS NULL", []
    if not isinstance(value, list | tuple | AbstractSet | range):
        return f"{column} = %s", [value]
    among = [one for one in value if one is not None]
    texts = [one for one in among if type(one) is str]
    # Texts go as the text of an array, so that it is one of the column's type: of uuids, enums, dates.
    given = _array(texts) if texts and len(texts) == len(among) else among
    term = f"{column} = ANY (%s)"
    return (term if len(among) == len(value) else f"({term} OR {column} IS NULL)"), [given]


def _array(texts: Iterable[str]) -> str:
    r"""Texts as Postgres writes an array of them.

    >>> print(_array(["a", 'say "hi"', "\\", "NULL"]))
    {"a","say \"hi\"","\\","NULL"}
    """
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


def _refuse_unfiltered(verb: str, where: Where, every: bool) -> None:
    if not where and not every:
        raise UnfilteredWrite(
            f"This {verb} says nothing about which rows, and would reach all of them.",
            path="where",
            hint=f"Give where, or all_rows=True if every row of the table is meant: {verb}(…, all_rows=True).",
        )


def _arguments(arguments: Params) -> tuple[str, list[Any]]:
    """What stands in the parentheses of a call; a mapping is arguments by name."""
    named = isinstance(arguments, Mapping)
    pairs = list(arguments.items()) if isinstance(arguments, Mapping) else [("", one) for one in arguments or ()]
    written, params = [], []
    for key, value in pairs:
        if isinstance(value, Out):
            place = "NULL" if value.type is None else f"NULL::{value.type}"
        else:
            place = "%s"
            params.append(value)
        written.append(f"{name(key)} => {place}" if named else place)
    return ", ".join(written), params


def _insert(
    table: Name, rows: Sequence[Mapping[str, Any]], returning: str, conflict: str, unique: str | None
) -> Iterator[Statement]:
    """Statements that insert all rows, each of as many as a statement can take."""
    keep: Keep = "all" if returning else "none"
    columns = list(dict.fromkeys(key for row in rows for key in row))
    into = f"INSERT INTO {qualified(table)}"
    if not columns:
        yield from [Statement(f"{into} DEFAULT VALUES{returning}", (), keep)] * len(rows)
        return
    into += f" ({', '.join(name(column) for column in columns)}) VALUES "
    size = max(1, MOST_PARAMETERS // len(columns))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        places = ", ".join(
            "(" + ", ".join("%s" if column in row else "DEFAULT" for column in columns) + ")" for row in part
        )
        params = [row[column] for row in part for column in columns if column in row]
        yield Statement(into + places + conflict + returning, params, keep, unique)
