"""Permission tests as files: TOML, one file for each table, read with every mistake in it and where it is.

::

    table = "article"

    [[case]]
    name = "nobody deletes what somebody else wrote"
    role = "user"
    variables = { X-Hasura-User-Id = "7" }
    operation = "delete"
    where = { author_id = 3 }
    expect = "denied"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, get_args

from howdah.data.examine.verdict import Verdict
from howdah.data.query.ast import TableName
from howdah.data.written.document_parts import table_to_json
from howdah.data.written.files import Mistake, as_json
from howdah.data.written.write_files import toml_value, without_null
from howdah.errors import HowdahError
from howdah.project.lines import Key, key_lines
from howdah.project.schema import nearest

FOLDER: Final = "tests/permissions"
"""Where the files are in a project."""


class InvalidPermissionTests(HowdahError):
    """The permission tests cannot be read: every mistake in them, with file and line."""

    code = "E234"

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        first = self.mistakes[0]
        lines = [f"{one.place}: {one.message}{f'. {one.hint}' if one.hint else ''}" for one in self.mistakes]
        message = (
            lines[0] if len(lines) == 1 else f"{len(lines)} mistakes in permission tests:\n  " + "\n  ".join(lines)
        )
        super().__init__(message, path=first.place)


@dataclass(frozen=True, slots=True)
class Case:
    """A test: what ``test_permission`` is asked, and what it has to answer.

    ``rows`` are the rows the role must get (or write), each as far as it is given; None asks nothing of them.
    """

    place: str
    name: str
    request: Mapping[str, Any]
    expect: Verdict
    rows: tuple[Mapping[str, Any], ...] | None


def from_files(files: Mapping[str, str], *, folder: str = FOLDER) -> tuple[Case, ...]:
    """The tests of all files, in order. Raises InvalidPermissionTests."""
    mistakes: list[Mistake] = []
    cases = [case for name in sorted(files) for case in _Reading(f"{folder}/{name}", files[name], mistakes).cases()]
    if mistakes:
        raise InvalidPermissionTests(mistakes)
    return tuple(cases)


_FILE_KEYS = ("schema", "table", "case")
_WHAT: Final[Mapping[str, tuple[str, ...]]] = {
    "select": ("where", "columns"),
    "insert": ("object", "on_conflict"),
    "update": ("where", "set"),
    "delete": ("where",),
}
_CASE_KEYS = ("name", "role", "variables", "expect", "rows")
_EXPECTED: Final = tuple(one for one in get_args(Verdict) if one != "untested")


class _Reading:
    """One file being read. What is wrong goes to ``mistakes``, and the case it is in is left out."""

    def __init__(self, place: str, text: str, mistakes: list[Mistake]) -> None:
        self.place = place
        self.text = text
        self.mistakes = mistakes
        self.lines: Mapping[Key, int] = {}

    def refuse(self, keys: Key, message: str, hint: str | None = None) -> None:
        self.mistakes.append(Mistake(self.at(keys), message, hint))

    def at(self, keys: Key) -> str:
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return f"{self.place}:{self.lines.get(keys, 1)}"

    def cases(self) -> list[Case]:
        try:
            found = tomllib.loads(self.text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"at line (\d+)", str(error))
            self.mistakes.append(Mistake(f"{self.place}:{line[1] if line else 1}", f"this is not TOML: {error}"))
            return []
        self.lines = key_lines(self.text)
        self.unknown(found, (), _FILE_KEYS)
        table, schema, written = found.get("table"), found.get("schema", "public"), found.get("case", [])
        if not isinstance(table, str) or not isinstance(schema, str):
            self.refuse(("table",), 'a file says which "table" (and "schema") its tests are about')
            return []
        if not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
            self.refuse(("case",), "tests are written as [[case]]")
            return []
        read = [self.case(one, ("case", index), TableName(schema, table)) for index, one in enumerate(written)]
        names = [case.name for case in read if case is not None]
        for index, name in enumerate(names):
            if name in names[:index]:
                self.refuse(("case", index, "name"), f'"{name}" is the name of two tests')
        return [case for case in read if case is not None]

    def case(self, found: dict[str, Any], keys: Key, table: TableName) -> Case | None:
        before = len(self.mistakes)
        name, role = (self.text_of(found, (*keys, key)) for key in ("name", "role"))
        expect: Any = found.get("expect")
        if expect not in _EXPECTED:
            self.refuse((*keys, "expect"), f'"expect" is one of {", ".join(_EXPECTED)}')
        request: dict[str, Any] = {"role": role, "variables": as_json(found.get("variables", {}))}
        if "query" in found:
            self.unknown(found, keys, (*_CASE_KEYS, "query"))
            request["query"] = as_json(found["query"])
        else:
            operation: Any = found.get("operation")
            if operation not in _WHAT:
                self.refuse((*keys, "operation"), f'"operation" is one of {", ".join(_WHAT)}')
            else:
                self.unknown(found, keys, (*_CASE_KEYS, "operation", *_WHAT[operation]))
                request |= {"table": table_to_json(table), "operation": operation}
                request |= {key: as_json(found[key]) for key in _WHAT[operation] if key in found}
        rows = found.get("rows")
        if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            self.refuse((*keys, "rows"), '"rows" is a list of tables like { id = 1 }')
        if len(self.mistakes) > before or name is None:
            return None
        expected = None if rows is None else tuple(as_json(row) for row in rows)
        return Case(self.at(keys), name, request, expect, expected)

    def text_of(self, found: Mapping[str, Any], keys: Key) -> str | None:
        value = found.get(str(keys[-1]))
        if isinstance(value, str) and value:
            return value
        self.refuse(keys, f'a test has a "{keys[-1]}"')
        return None

    def unknown(self, found: Mapping[str, Any], keys: Key, known: tuple[str, ...]) -> None:
        for key in found:
            if key not in known:
                near = nearest(key, known)
                self.refuse((*keys, key), f'unknown key "{key}"', f"Did you mean {near}?" if near else None)


def mismatch(case: Case, told: Mapping[str, Any]) -> str | None:
    """Why what the tester told is not what the test expects; None when it is."""
    verdict = told["verdict"]
    if verdict != case.expect:
        return f"expected {case.expect}, but it is {verdict}"
    if case.rows is None:
        return None
    if isinstance(told.get("answer"), list):
        there = told["answer"]
    else:
        there = [one["row"] for one in told.get("written", told.get("rows", {}).get("shown", ())) if one.get("allowed")]
    rest = list(there)
    for wanted in case.rows:
        found = next((row for row in rest if all(key in row and row[key] == wanted[key] for key in wanted)), None)
        if found is None:
            return f"expected a row {dict(wanted)}, and there is none"
        rest.remove(found)
    return f"expected {len(case.rows)} rows, and there are {len(there)}" if rest else None


def with_case(text: str | None, schema: str, table: str, name: str, args: Mapping[str, Any], expect: Verdict) -> str:
    """The text of a file with one more test at its end; what was there stays as it is. Raises NotWritableAsToml."""
    head = text
    if head is None:
        head = ("" if schema == "public" else f"schema = {toml_value(schema)}\n") + f"table = {toml_value(table)}\n"
    said = {"name": name, **{key: value for key, value in args.items() if key != "table" and value}, "expect": expect}
    lines = [f"{key} = {toml_value(without_null(value, name))}" for key, value in said.items()]
    return "\n".join([head.rstrip("\n"), "", "[[case]]", *lines, ""])
