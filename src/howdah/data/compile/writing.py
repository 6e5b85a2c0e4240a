"""An InsertPlan, UpdatePlan or DeletePlan → a tree of SQL."""

from __future__ import annotations

from typing import TypeAlias

from howdah.data.compile.aliases import Aliases
from howdah.data.compile.conditions import ONE, TRUE, all_of, condition_of, table_source, where_of
from howdah.data.compile.sources import COUNT, EMPTY_LIST, column_output
from howdah.data.plan.values import (
    AssignmentPlan,
    Cell,
    ConflictPlan,
    DeletePlan,
    InsertPlan,
    ReturningPlan,
    UpdatePlan,
)
from howdah.data.sql.ast import (
    Assignment,
    Binary,
    Call,
    Case,
    ColumnOf,
    Connected,
    Delete,
    Expression,
    Insert,
    OnConflict,
    Output,
    Parameter,
    RowOf,
    Scalar,
    Select,
    SelectSource,
    Update,
    WithSource,
    Word,
    Writing,
)

_WRITTEN = "written"

Change: TypeAlias = "InsertPlan | UpdatePlan | DeletePlan"


def insert(plan: InsertPlan, aliases: Aliases) -> Writing:
    """The rows are there, or are as a conflict leaves them; every one of them is checked."""
    alias = aliases.table()
    conflict = None if plan.on_conflict is None else _on_conflict(plan.on_conflict, alias, aliases)
    checks = [condition_of(plan.check, alias, aliases)]
    if plan.on_conflict is not None and plan.on_conflict.update is not None:
        update = plan.on_conflict.update
        check = condition_of(update.check, alias, aliases)
        if update.tells_updated and check != TRUE:
            # A new row has no xmax; an updated one has, from the lock that ON CONFLICT took on it.
            check = Connected("OR", (Binary(ColumnOf(alias, "xmax"), "=", Word("0")), check))
        checks.append(check)
    change = Insert(
        table_source(plan.table, alias),
        plan.columns,
        tuple([tuple([Word("DEFAULT") if cell is None else _cell(cell) for cell in row]) for row in plan.rows]),
        conflict,
        _returning(plan, all_of(checks), alias, aliases),
    )
    return _answer(change, plan, aliases)


def _on_conflict(plan: ConflictPlan, alias: str, aliases: Aliases) -> OnConflict:
    if plan.update is None:
        return OnConflict(plan.key, (), None)
    update = plan.update
    assignments = [Assignment(column, ColumnOf("excluded", column)) for column in update.columns]
    assignments += [Assignment(column, _cell(cell)) for column, cell in update.presets]
    return OnConflict(plan.key, tuple(assignments), where_of(update.condition, alias, aliases))


def update(plan: UpdatePlan, aliases: Aliases) -> Writing:
    """The rows have their new values, and every one of them is checked."""
    alias = aliases.table()
    change = Update(
        table_source(plan.table, alias),
        tuple([_assignment(assignment, alias) for assignment in plan.assignments]),
        where_of(plan.condition, alias, aliases),
        _returning(plan, condition_of(plan.check, alias, aliases), alias, aliases),
    )
    return _answer(change, plan, aliases)


def _assignment(plan: AssignmentPlan, alias: str) -> Assignment:
    if plan.cell is None:
        return Assignment(plan.column, Word("DEFAULT"))
    value = _cell(plan.cell)
    if plan.operator == "inc":
        return Assignment(plan.column, Binary(ColumnOf(alias, plan.column), "+", value))
    if plan.operator == "mul":
        return Assignment(plan.column, Binary(ColumnOf(alias, plan.column), "*", value))
    return Assignment(plan.column, value)


def delete(plan: DeletePlan, aliases: Aliases) -> Writing:
    """The rows are gone."""
    alias = aliases.table()
    change = Delete(
        table_source(plan.table, alias),
        where_of(plan.condition, alias, aliases),
        _returning(plan, TRUE, alias, aliases),
    )
    return _answer(change, plan, aliases)


def _returning(plan: Change, check: Expression, alias: str, aliases: Aliases) -> tuple[Output, ...]:
    """The changed row as JSON, whether it may be shown, and the check, which ends the statement when it fails."""
    outputs: list[Output] = []
    if plan.returning is not None:
        outputs.append(Output(_row_of(plan.returning, alias, aliases), "row"))
    if plan.kept is not None:
        outputs.append(Output(_row_of(plan.kept, alias, aliases), "kept"))
    shown = plan.returning or plan.kept
    visible = TRUE if shown is None else condition_of(shown.visible, alias, aliases)
    if visible != TRUE:
        outputs.append(Output(visible, "visible"))
    if check != TRUE:
        outputs.append(Output(Case(check, TRUE, Call("howdah.check_violation", ())), "checked"))
    return tuple(outputs) or (ONE,)


def _row_of(plan: ReturningPlan, alias: str, aliases: Aliases) -> Scalar:
    row = aliases.row()
    columns = tuple([column_output(output, alias) for output in plan.columns])
    return Scalar(Select((Output(Call("row_to_json", (RowOf(row),)), None),), SelectSource(Select(columns, None), row)))


def _answer(change: Insert | Update | Delete, plan: Change, aliases: Aliases) -> Writing:
    """How many rows there are, and what is returned of them; before it, in a list, what is kept."""
    filtered = any(output.name == "visible" for output in change.returning)
    only = ColumnOf(_WRITTEN, "visible") if filtered else None
    outputs = [Output(COUNT, "affected_rows")]
    if plan.returning is not None:
        outputs.append(Output(_written("row", only), "returning"))
    row = aliases.row()
    answer = SelectSource(Select(tuple(outputs), WithSource(_WRITTEN)), row)
    select = Select((Output(Call("row_to_json", (RowOf(row),)), None),), answer)
    if plan.kept is not None:
        kept = Select((Output(_written("kept", only), None),), WithSource(_WRITTEN))
        select = Select((Output(Call("json_build_array", (Scalar(kept), Scalar(select))), None),), None)
    return Writing(_WRITTEN, change, select)


def _written(column: str, only: Expression | None) -> Expression:
    return Call("coalesce", (Call("json_agg", (ColumnOf(_WRITTEN, column),), only), EMPTY_LIST))


def _cell(cell: Cell) -> Parameter:
    return Parameter(cell.value, cell.type)
