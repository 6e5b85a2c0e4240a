"""References: values of a transaction that stand in the answers of its earlier queries.

A value that is an object with the one key ``$ref`` is a reference; one with the one key ``$value`` is what is inside,
for who wants to store an object like the former. Only whole values are looked at: what is inside of a JSON value is
never a reference, and outside of a transaction nothing is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from howdah.data.errors import Path, ReferenceFailed, UnexpectedPayload
from howdah.data.query.ast import ColumnName, Delete, Insert, Query, Update
from howdah.data.query.reading import expected

_TEXT: Final = re.compile(r"([0-9]{1,9})((?:\.[^.\[\]]+|\[(?:[0-9]{1,9}|\*)\])+)\Z")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[([0-9]+|\*)\]")

Step: TypeAlias = "str | int | None"
"""A key, an index, or every element of a list (None)."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the steps lead to in the answer of the query with this index."""

    index: int
    steps: tuple[Step, ...]
    path: Path

    def __str__(self) -> str:
        steps = ["[*]" if step is None else f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps]
        return f"{self.index}{''.join(steps)}"


def stands_for_another(value: Any) -> bool:
    """Whether the value is an object with ``$ref`` or ``$value`` alone."""
    return isinstance(value, dict) and len(value) == 1 and ("$ref" in value or "$value" in value)


def read_value(value: Any, path: Path) -> Any:
    """The Reference that the value is, what it stands for, or the value itself.

    Raises Unreadable and UnexpectedPayload.
    """
    if not stands_for_another(value):
        return value
    return value["$value"] if "$value" in value else _reference(value["$ref"], (path, "$ref"))


def _reference(value: Any, path: Path) -> Reference:
    """``"0.returning[2].id"``, or as a list, in which names may have dots: ``[0, "returning", 2, "id"]``."""
    if isinstance(value, str):
        found = _TEXT.match(value)
        if found is None:
            message = f'"{value}" is no reference: write the index of a query and what of its answer, like "0.id"'
            raise UnexpectedPayload(message, path=path)
        steps: list[Step] = []
        for name, number in _STEP.findall(found[2]):
            steps.append(name or (None if number == "*" else int(number)))
        return Reference(int(found[1]), tuple(steps), path)
    if not isinstance(value, list):
        raise expected("a reference (String or Array)", value, path)
    plain = all(isinstance(item, str | int) and not isinstance(item, bool) and item != "" for item in value)
    if len(value) < 2 or not plain or isinstance(value[0], str):
        raise UnexpectedPayload('expected the index of a query and what of its answer, like [0, "id"]', path=path)
    return Reference(value[0], tuple([None if item == "*" else item for item in value[1:]]), path)


def needed_column(reference: Reference, query: Query) -> ColumnName | None:
    """The column of the written rows that the reference needs, whether or not they are returned."""
    if not isinstance(query, Insert | Update | Delete) or reference.steps == ("affected_rows",):
        return None
    for step in _of_rows(reference.steps):
        if isinstance(step, str):
            return ColumnName(step, reference.path)
    raise ReferenceFailed(f'the reference "{reference}" names no column', path=reference.path)


def resolve_reference(reference: Reference, answer: Any, query: Query) -> Any:
    """The value in the answer; of a query that writes, ``answer`` is ``[the rows' needed columns, the answer]``.

    A list of one row stands for its row. Raises ReferenceFailed.
    """
    if not isinstance(query, Insert | Update | Delete):
        return _follow(answer, reference.steps, reference)
    rows, written = answer
    if reference.steps == ("affected_rows",):
        return written["affected_rows"]
    return _follow(rows, _of_rows(reference.steps), reference)


def _of_rows(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """``returning[2].id`` and ``id`` are both of the written rows."""
    if len(steps) > 1 and steps[0] == "returning" and not isinstance(steps[1], str):
        return steps[1:]
    return steps


def _follow(value: Any, steps: tuple[Step, ...], reference: Reference) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if value is None:
        return None  # an object relationship that leads to no row
    if isinstance(step, str):
        if isinstance(value, list):
            return _follow(_only(value, reference), steps, reference)
        if not isinstance(value, dict) or step not in value:
            raise ReferenceFailed(f'query {reference.index} answers no "{step}"', path=reference.path)
        return _follow(value[step], rest, reference)
    if not isinstance(value, list):
        raise ReferenceFailed(f'the reference "{reference}" does not lead to a list', path=reference.path)
    if step is None:
        return [_follow(item, rest, reference) for item in value]
    if step < 0 or step >= len(value):
        raise ReferenceFailed(f"query {reference.index} has no row {step}, only {len(value)}", path=reference.path)
    return _follow(value[step], rest, reference)


def _only(rows: list[Any], reference: Reference) -> Any:
    if len(rows) != 1:
        many = "no row" if not rows else f"{len(rows)} rows: name one by its index, or all by [*]"
        raise ReferenceFailed(f'the reference "{reference}" is to one row, and there is {many}', path=reference.path)
    return rows[0]
