"""Queries that use each other's answers, one after the other in one transaction.

All of them are planned before the first is carried out, so what can be refused is refused before anything is done.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, TypeAlias

from howdah.data.errors import ReferenceFailed
from howdah.data.execute.nested import Several
from howdah.data.query.ast import ColumnName, Delete, Insert, Query, Transaction, Update
from howdah.data.query.limits import DEFAULT_LIMITS, Limits
from howdah.data.query.references import Reference, needed_column, read_value, resolve_reference
from howdah.data.sql.statement import Literal, Statement, Value

Prepare: TypeAlias = Callable[[Query, tuple[ColumnName, ...]], Statement | Several]
"""The statement, or statements, of a query, and of the rows it writes keep these columns. Raises DataError."""

Submit: TypeAlias = Callable[[Query, Statement | Several], Awaitable[bytes]]
"""What the statement of a query answers. Raises DataError."""

MOST_REFERRED: Final = 2**20
"""Characters that the references of one query may lead to: about what a body may have."""

_DECODER: Final = json.JSONDecoder(parse_float=Decimal)
_WRITTEN: Final = frozenset({"objects", "$set", "values", "$inc", "$mul", "arguments"})
"""Where a value is written: it may be null there."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A query of a transaction, whose parameters may have references for values."""

    query: Query
    statement: Statement | Several
    referred: bool
    """Whether a later query refers to its answer."""
    keeps: bool
    """Whether its answer comes in a list, behind what is kept."""


def prepare_transaction(transaction: Transaction, prepare: Prepare) -> tuple[Operation, ...]:
    """The operations of the transaction. Raises DataError, ReferenceFailed among them."""
    queries = transaction.queries
    statements = [_with_references(prepare(query, ()), query) for query in queries]
    kept: dict[int, dict[str, ColumnName]] = {}
    for place, statement in enumerate(statements):
        for reference in _references(statement):
            if not 0 <= reference.index < place:
                message = f'the reference "{reference}" is to none of the queries before this one, which is {place}'
                raise ReferenceFailed(message, path=reference.path)
            column = needed_column(reference, queries[reference.index])
            needed = kept.setdefault(reference.index, {})
            if column is not None:
                needed.setdefault(column.name, column)
    operations = []
    for place, (query, statement) in enumerate(zip(queries, statements, strict=True)):
        columns = kept.get(place, {})
        if columns:
            statement = _with_references(prepare(query, tuple(columns.values())), query)
        operations.append(Operation(query, statement, place in kept, bool(columns)))
    return tuple(operations)


async def carry_out(operations: tuple[Operation, ...], submit: Submit, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The answers of the operations, as a list. Raises DataError."""
    answers: list[bytes] = []
    results: dict[int, Any] = {}

    found: dict[tuple[Any, ...], tuple[Any, int]] = {}

    def look_up(reference: Reference) -> tuple[Any, int]:
        key = (reference.index, reference.steps)
        if key not in found:
            value = resolve_reference(reference, results[reference.index], operations[reference.index].query)
            found[key] = value, _weight(value)
        return found[key]

    for place, operation in enumerate(operations):
        answer = await submit(operation.query, _filled(operation, look_up, limits.list_length))
        if operation.referred:
            text = answer.decode()
            if operation.keeps:
                # `[kept, answer]`: the answer leaves as Postgres made it.
                rows, end = _DECODER.raw_decode(text, 1)
                text = text[end:].strip()[1:-1].strip()
                answer = text.encode()
                results[place] = (rows, _DECODER.decode(text))
            elif isinstance(operation.query, Insert | Update | Delete):
                results[place] = ([], _DECODER.decode(text))
            else:
                results[place] = _DECODER.decode(text)
        answers.append(answer)
    return b"[" + b",".join(answers) + b"]"


def _with_parameters(statement: Statement | Several, change: Callable[[Value], Value]) -> Statement | Several:
    if isinstance(statement, Several):
        return statement.with_parameters(change)
    return replace(statement, parameters=tuple([change(parameter) for parameter in statement.parameters]))


def _with_references(statement: Statement | Several, query: Query) -> Statement | Several:
    """The statement with References for those of the query's own values that are some: a rule's never are."""
    return _with_parameters(statement, lambda parameter: _read(parameter, query))


def _read(parameter: Value, query: Query) -> Value:
    if not isinstance(parameter, Literal) or _key_above(parameter, query) is None:
        return parameter
    if parameter.many and isinstance(parameter.value, list):
        members = [read_value(item, (parameter.path, index)) for index, item in enumerate(parameter.value)]
        return replace(parameter, value=members)
    return replace(parameter, value=read_value(parameter.value, parameter.path))


def _references(statement: Statement | Several) -> list[Reference]:
    found: list[Reference] = []
    for parameter in statement.parameters:
        if isinstance(parameter, Literal):
            values = parameter.value if parameter.many and isinstance(parameter.value, list) else [parameter.value]
            found.extend([value for value in values if isinstance(value, Reference)])
    return found


def _weight(value: Any) -> int:
    """About how many characters the value has as text."""
    if isinstance(value, str):
        return len(value) + 1
    if isinstance(value, dict):
        return sum([len(key) + _weight(item) for key, item in value.items()], 1)
    return sum(map(_weight, value), 1) if isinstance(value, list) else 8


def _filled(
    operation: Operation, look_up: Callable[[Reference], tuple[Any, int]], longest_list: int
) -> Statement | Several:
    """The operation's statement with what its references lead to. Raises ReferenceFailed, for too much of it as well.

    Otherwise a short request could have as many long lists as it has room for references (R65).
    """
    taken = 0

    def take(reference: Reference) -> Any:
        nonlocal taken
        value, weight = look_up(reference)
        if isinstance(value, list) and len(value) > longest_list:
            raise ReferenceFailed(
                f'the reference "{reference}" leads to a list of {len(value)}; a list has at most'
                f" {longest_list} elements",
                path=reference.path,
            )
        taken += weight
        if taken > MOST_REFERRED:
            raise ReferenceFailed(
                f"the references of one query lead to more than {MOST_REFERRED} characters", path=reference.path
            )
        return value

    def fill(parameter: Value) -> Value:
        if not isinstance(parameter, Literal):
            return parameter
        if isinstance(parameter.value, Reference):
            reference = parameter.value
            value = take(reference)
            if value is None and not _is_written(parameter, operation.query):
                raise ReferenceFailed(
                    f'the reference "{reference}" leads to null, which cannot be compared with', path=reference.path
                )
            if parameter.many and not isinstance(value, list):
                raise ReferenceFailed(f'the reference "{reference}" does not lead to a list', path=reference.path)
            return replace(parameter, value=value)
        if parameter.many and isinstance(parameter.value, list):
            members = [take(item) if isinstance(item, Reference) else item for item in parameter.value]
            return replace(parameter, value=members)
        return parameter

    return _with_parameters(operation.statement, fill)


def _is_written(parameter: Literal, query: Query) -> bool:
    """Whether the value is written and not compared with."""
    return _key_above(parameter, query) in _WRITTEN


def _key_above(parameter: Literal, query: Query) -> str | int | None:
    """The key of the query's arguments that the value stands below; None for a value that is not the query's."""
    path = parameter.path
    while path is not None and path[0] != query.path:
        path = path[0]
    return None if path is None else path[1]
