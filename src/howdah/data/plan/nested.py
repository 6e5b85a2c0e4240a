"""Planning a nested insert: rows of several tables, through relationships, as inserts one after the other.

Each insert is planned like any other, with the permissions, presets and checks of its table. A row that is referred to
goes before the rows that refer to it, and hands its key on; rows that nobody needs the key of go together. A statement
sees what those before it wrote, so a check that looks at related rows is put off when there are statements after its.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from howdah.data.catalog.access import NO_PERMISSIONS, is_told_the_truth
from howdah.data.catalog.condition import (
    TRUE,
    AllOf,
    Among,
    AmongArray,
    AnyOf,
    Behind,
    Cast,
    ColumnsCompared,
    Compared,
    Condition,
    Flagged,
    Invoked,
    IsNull,
    Negation,
    Operand,
    RowExists,
)
from howdah.data.catalog.model import Relationship, Table
from howdah.data.errors import NotSupported, Path, UnexpectedPayload
from howdah.data.plan.insert import plan_insert
from howdah.data.plan.rows import plan_rows
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import (
    CheckStep,
    ColumnOutput,
    InsertPlan,
    InsertStep,
    NestedInsertPlan,
    ReadStep,
    ReturningPlan,
    WrittenRows,
)
from howdah.data.query.ast import (
    EVERYTHING,
    ColumnName,
    Entry,
    Insert,
    OnConflict,
    RelatedAggregation,
    RelatedRows,
    Rows,
    TableName,
    Wildcard,
)
from howdah.data.query.conflict import parse_nested
from howdah.data.sql.statement import Written

Object = tuple[Mapping[str, Any], Path]
"""A row to insert, with what is nested in it, and its place in the request."""


def is_nested(query: Insert, scope: Scope) -> bool:
    """Whether the insert is of more than one table, or returns more than its own."""
    table = scope.tables.get(query.table)
    if table is None or not table.relationships:
        return False
    if query.returning is not None and any(_is_of_relationship(entry) for entry in query.returning):
        return True
    return any(_relationship(name, table, scope) is not None for row in query.objects for name in row)


def plan_nested_insert(
    query: Insert, scope: Scope, kept: tuple[ColumnName, ...] = (), *, apart: bool = False
) -> NestedInsertPlan:
    """The inserts that a nested one is made of; ``apart`` from every check of rows that can be found again.

    Raises what planning any of them does, NotSupported (a relationship that leads to no key, rows without a key) and
    UnexpectedPayload (a column that a relationship sets already, too deep).
    """
    place: Path = (query.path, "objects")
    objects = [(row, (place, index)) for index, row in enumerate(query.objects)]
    building = _Building(scope)
    rows = building.insert(query.table, objects, query.on_conflict, query.path, 0)
    table, permissions = scope.table(query.table, "insert", query.path)
    answers: list[ReadStep | None] = []
    for entries, path in (
        (query.returning, (query.path, "returning")),
        (kept or None, kept[0].path if kept else None),
    ):
        if entries is None:
            answers.append(None)
            continue
        permission = scope.readable(table, permissions, query.path if entries is query.returning else path)
        asked = Rows(tuple(entries), EVERYTHING, (), None, None, restricted=False)
        # The role's limit is for questions; what one wrote is as long as what one sent.
        read = replace(plan_rows(asked, table, permission, scope, path), limit=None)
        answers.append(ReadStep(read, building.written(table, rows, query.path)))
    returning, kept_rows = answers
    return NestedInsertPlan(*building.finished(apart=apart), returning, kept_rows, query.path)


@dataclass(slots=True)
class _Step:
    """An insert that is planned, and the columns of its rows that others need."""

    plan: InsertPlan
    table: Table
    path: Path
    needed: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Building:
    """The inserts so far, in their order."""

    scope: Scope
    steps: list[_Step] = field(default_factory=list)

    def insert(
        self, name: TableName, objects: Sequence[Object], on_conflict: OnConflict | None, path: Path, nesting: int
    ) -> list[int]:
        """Plan the objects with all that is nested in them; the steps that write them, in the order of the objects."""
        table, _ = self.scope.table(name, "insert", path)
        rows: list[Object] = []
        behind: list[dict[str, Any]] = []
        for row, place in objects:
            columns: dict[str, Any] = {}
            later: dict[str, Any] = {}
            before: list[tuple[Relationship, Any]] = []
            for key, value in row.items():
                relationship = _relationship(key, table, self.scope)
                if relationship is None:
                    columns[key] = value
                elif value is not None:
                    self.scope.budget.spend((place, key))
                    self.scope.budget.check_nesting(nesting + 1, (place, key))
                    if relationship.refers:
                        before.append((relationship, value))
                    else:
                        later[key] = value
            for relationship, value in before:
                columns |= self._before(relationship, value, table, columns, place, nesting)
            rows.append((columns, place))
            behind.append(later)
        steps = self._own_rows(name, table, rows, behind, on_conflict, path)
        self._behind(table, rows, behind, steps, nesting)
        return list(dict.fromkeys(steps))

    def _before(
        self,
        relationship: Relationship,
        value: Any,
        table: Table,
        columns: Mapping[str, Any],
        place: Path,
        nesting: int,
    ) -> dict[str, Any]:
        """Insert the row that ours refers to; our columns, which get its key."""
        at: Path = (place, relationship.name)
        target = self.scope.tables[relationship.target]
        if not relationship.unique:
            raise NotSupported(f'"{relationship.name}" does not lead to a key of "{target.exposed_name}"', path=at)
        objects, on_conflict = parse_nested(value, at, self.scope.budget, single=True)
        (step,) = self.insert(target.exposed_name, objects, on_conflict, at, nesting + 1)
        return self._handed_on(
            step, [(pair.theirs, pair.ours) for pair in relationship.mapping], table, columns, relationship, at
        )

    def _behind(
        self, table: Table, rows: list[Object], behind: list[dict[str, Any]], steps: list[int], nesting: int
    ) -> None:
        """Insert the rows that refer to ours: those of one relationship together."""
        groups: dict[str, list[tuple[OnConflict | None, list[Object], Path]]] = {}
        for (_, place), later, step in zip(rows, behind, steps, strict=True):
            for name, value in later.items():
                at: Path = (place, name)
                relationship = table.relationships[name]
                target = self.scope.tables[relationship.target]
                single = relationship.kind == "object"
                nested, on_conflict = parse_nested(value, at, self.scope.budget, single=single)
                referring: list[Object] = []
                for row, inner in nested:
                    key = self._handed_on(
                        step,
                        [(pair.ours, pair.theirs) for pair in relationship.mapping],
                        target,
                        row,
                        relationship,
                        inner,
                    )
                    referring.append(({**row, **key}, inner))
                alike = groups.setdefault(name, [])
                if alike and on_conflict is None and alike[-1][0] is None:
                    alike[-1][1].extend(referring)
                elif referring:
                    alike.append((on_conflict, referring, at))
        for name, group in groups.items():
            target = self.scope.tables[table.relationships[name].target]
            for on_conflict, objects, at in group:
                self.insert(target.exposed_name, objects, on_conflict, at, nesting + 1)

    def _own_rows(
        self,
        name: TableName,
        table: Table,
        rows: list[Object],
        behind: list[dict[str, Any]],
        on_conflict: OnConflict | None,
        path: Path,
    ) -> list[int]:
        """Plan the rows themselves; for each the step that writes it. One that others refer to has a step alone."""
        steps: list[int] = []
        together: list[Object] = []
        for row, later in zip(rows, behind, strict=True):
            if later:
                if together:
                    self._step(name, table, together, on_conflict, path)
                    together = []
                steps.append(self._step(name, table, [row], on_conflict, path))
                continue
            together.append(row)
            steps.append(len(self.steps))
        if together:
            self._step(name, table, together, on_conflict, path)
        return steps

    def _step(
        self, name: TableName, table: Table, rows: list[Object], on_conflict: OnConflict | None, path: Path
    ) -> int:
        objects, places = tuple([row for row, _ in rows]), tuple([place for _, place in rows])
        flat = Insert(name, objects, on_conflict, None, path, places)
        self.steps.append(_Step(plan_insert(flat, self.scope), table, path))
        return len(self.steps) - 1

    def _handed_on(
        self,
        step: int,
        pairs: Sequence[tuple[str, str]],
        table: Table,
        given: Mapping[str, Any],
        relationship: Relationship,
        path: Path,
    ) -> dict[str, Any]:
        """Columns of ``table``, which get the values of the columns that the step's row has."""
        values: dict[str, Any] = {}
        for source, name in pairs:
            column = table.columns[name]
            if column.exposed_name in given:
                raise UnexpectedPayload(
                    f'column "{column.exposed_name}" is set by the relationship "{relationship.name}"',
                    path=(path, column.exposed_name) if not relationship.refers else path,
                )
            self.steps[step].needed[source] = None
            values[column.exposed_name] = Written((step,), source, path)
        return values

    def written(self, table: Table, steps: list[int], path: Path) -> WrittenRows:
        """The rows that the steps write into the table, by a key, which they keep. Raises NotSupported without one."""
        for key in table.unique_constraints.values():
            if not any(table.columns[name].nullable for name in key):
                for step in steps:
                    self.steps[step].needed.update(dict.fromkeys(key))
                return WrittenRows(
                    table.name,
                    tuple([(name, table.columns[name].type.sql, Written(tuple(steps), name, path)) for name in key]),
                )
        raise NotSupported(f'rows of "{table.exposed_name}" have no key to find them again by', path=path)

    def finished(self, *, apart: bool) -> tuple[tuple[InsertStep, ...], tuple[CheckStep, ...]]:
        """All inserts, and the checks that look at other rows, which wait until those are there."""
        checks: list[CheckStep] = []
        for number, step in enumerate(self.steps):
            waits = number < len(self.steps) - 1 and _looks_further(step.plan.check)
            if waits or (apart and _has_key(step.table)):
                checks.append(CheckStep(self.written(step.table, [number], step.path), step.plan.check, step.path))
                step.plan = replace(step.plan, check=TRUE)
        inserts = []
        for step in self.steps:
            columns = tuple([ColumnOutput(name, name, "text") for name in step.needed])
            kept = ReturningPlan(columns, TRUE) if columns else None
            inserts.append(InsertStep(replace(step.plan, kept=kept), step.path))
        return tuple(inserts), tuple(checks)


def _relationship(name: str, table: Table, scope: Scope) -> Relationship | None:
    """The relationship, if the role may insert what it leads to and give the columns that it sets.

    To others it is a column that does not exist: an error about those columns would tell their names (R59).
    """
    relationship = table.relationships.get(name)
    if relationship is None:
        return None
    target = scope.tables[relationship.target]
    permission = target.permissions.get(scope.role, NO_PERMISSIONS).insert
    if permission is None or (permission.backend_only and not scope.backend):
        return None
    if is_told_the_truth(scope.role):
        return relationship
    given = {pair.theirs for pair in relationship.mapping}
    if relationship.refers:
        own = table.permissions.get(scope.role, NO_PERMISSIONS).insert
        if own is None:
            return None
        permission, given = own, {pair.ours for pair in relationship.mapping}
    writable = {column.name for column in permission.columns.values()}
    return relationship if writable >= given else None


def _has_key(table: Table) -> bool:
    """Whether its rows can be found again."""
    return any(not any(table.columns[name].nullable for name in key) for key in table.unique_constraints.values())


def _is_of_relationship(entry: Entry) -> bool:
    return isinstance(entry, RelatedRows | RelatedAggregation) or (isinstance(entry, Wildcard) and entry.depth > 1)


def _looks_further(condition: Condition) -> bool:
    """Whether it depends on more than the row itself."""
    match condition:
        case RowExists():
            return True
        case AllOf(conditions) | AnyOf(conditions):
            return any(_looks_further(part) for part in conditions)
        case Negation(inner):
            return _looks_further(inner)
        case Behind(filter_, inner):
            return _looks_further(filter_) or _looks_further(inner)
        case Compared(operand, _, _, _) | Flagged(operand) | Among(operand) | AmongArray(operand) | IsNull(operand):
            return _calls(operand)
        case ColumnsCompared(left, _, right):
            return _calls(left) or _calls(right)
        case _:
            return False


def _calls(operand: Operand) -> bool:
    """Whether it is what a function makes of the row, which may look anywhere."""
    while isinstance(operand, Cast):
        operand = operand.operand
    return isinstance(operand, Invoked)
