"""A nested insert: its statements one after the other, in one transaction, each with what earlier ones wrote."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from howdah.data.compile.nested import compile_check, compile_insert, compile_read
from howdah.data.errors import NotSupported, Path
from howdah.data.plan.values import NestedInsertPlan, ReadStep
from howdah.data.query.ast import TableName
from howdah.data.sql import statement
from howdah.data.sql.render import render
from howdah.data.sql.statement import Statement, Value, Written

Purpose: TypeAlias = Literal["insert", "check", "returning", "kept"]
"""``kept`` is what later queries of a transaction need of the rows."""


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of several, what it is for, and what errors need to know of it."""

    purpose: Purpose
    table: TableName
    path: Path
    statement: Statement


@dataclass(frozen=True, slots=True)
class Several:
    """The statements of a nested insert. ``kept`` and ``returning`` read what was written."""

    inserts: tuple[Part, ...]
    checks: tuple[Part, ...]
    returning: Part | None
    kept: Part | None

    def with_parameters(self, change: Callable[[Value], Value]) -> Several:
        """The same with other values."""

        def changed(part: Part) -> Part:
            parameters = tuple([change(parameter) for parameter in part.statement.parameters])
            return replace(part, statement=replace(part.statement, parameters=parameters))

        return Several(
            tuple([changed(part) for part in self.inserts]),
            tuple([changed(part) for part in self.checks]),
            None if self.returning is None else changed(self.returning),
            None if self.kept is None else changed(self.kept),
        )

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All of them, in their order."""
        reads = [part for part in (self.returning, self.kept) if part is not None]
        return tuple([part.statement for part in (*self.inserts, *self.checks, *reads)])

    @property
    def parameters(self) -> tuple[Value, ...]:
        """The values of all statements."""
        return tuple([parameter for statement in self.statements for parameter in statement.parameters])


Submit: TypeAlias = Callable[[Part], Awaitable[bytes]]
"""What a statement answers. Raises DataError."""


def render_nested(plan: NestedInsertPlan) -> Several:
    """The statements of the plan."""
    reads = [
        None if step is None else Part(purpose, step.of.table, plan.path, render(compile_read(step)))
        for purpose, step in _reads(plan)
    ]
    return Several(
        tuple([Part("insert", step.plan.table, step.path, render(compile_insert(step))) for step in plan.inserts]),
        tuple([Part("check", step.of.table, step.path, render(compile_check(step))) for step in plan.checks]),
        *reads,
    )


def _reads(plan: NestedInsertPlan) -> tuple[tuple[Purpose, ReadStep | None], ...]:
    return ("returning", plan.returning), ("kept", plan.kept)


async def insert_nested(several: Several, submit: Submit) -> bytes:
    """The answer of an insert, of which ``affected_rows`` counts the rows of all tables; in a list behind what is kept.

    Raises DataError, and NotSupported when a row that others refer to was not written.
    """
    affected = 0
    written: list[list[dict[str, str]]] = []

    def fill(parameter: Value) -> Value:
        if not isinstance(parameter, statement.Literal) or not isinstance(parameter.value, Written):
            return parameter
        rows = [row for step in parameter.value.steps for row in written[step]]
        if parameter.many:
            return replace(parameter, value=[row[parameter.value.column] for row in rows])
        if not rows:
            raise NotSupported(
                "the row that this one belongs to was not written, because one like it is there", path=parameter.path
            )
        return replace(parameter, value=rows[0][parameter.value.column])

    def filled(part: Part) -> Part:
        parameters = tuple([fill(parameter) for parameter in part.statement.parameters])
        return replace(part, statement=replace(part.statement, parameters=parameters))

    for part in several.inserts:
        answer: Any = json.loads(await submit(filled(part)))
        rows, counted = answer if isinstance(answer, list) else ([], answer)
        written.append(rows)
        affected += counted["affected_rows"]
    for part in several.checks:
        await submit(filled(part))
    whole = b'{"affected_rows":%d' % affected
    if several.returning is not None:
        whole += b',"returning":' + await submit(filled(several.returning))
    whole += b"}"
    if several.kept is not None:
        return b"[" + await submit(filled(several.kept)) + b"," + whole + b"]"
    return whole
