"""What the tester asks Postgres: rows, and beside each of them what every branch of the rules is for it.

The statements are made of the same parts as those that answer requests, so Postgres evaluates a branch on the row
itself, and nothing here knows what an operator means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from howdah.data.catalog.condition import TRUE, Condition
from howdah.data.catalog.model import Column, Table
from howdah.data.compile import compile_condition, compile_plan
from howdah.data.compile.conditions import joins_of
from howdah.data.compile.nested import written_rows
from howdah.data.examine.branches import Branch, Rule
from howdah.data.plan.values import InsertPlan, UpdatePlan, WrittenRows
from howdah.data.sql.ast import (
    Binary,
    Call,
    Case,
    ColumnOf,
    Connected,
    Expression,
    Order,
    Output,
    RowOf,
    Scalar,
    Select,
    SelectSource,
    TableSource,
    Tree,
    WithSource,
    Word,
    Writing,
)

MOST_ROWS = 20
"""Rows that are shown one by one; all of them are counted."""

MOST_INSIDE = 3
"""Rows of another table that show why none of them is the one that is looked for."""

_TRUE, _FALSE, _EMPTY_LIST = Word("true"), Word("false"), Word("'[]'")


def rows_statement(table: Table, meant: Condition, reached: Condition, rules: Sequence[Rule]) -> Select:
    """How many rows are meant and how many of them reached, and some of both kinds with the branches of the rules.

    One object: ``{"meant", "reached", "all", "shown": [{"row", "reached", "rule0", …}]}``; ``all`` are those reached,
    meant or not.
    """
    alias = "e0"
    is_meant = compile_condition(meant, alias)
    is_reached = Case(compile_condition(reached, alias), _TRUE, _FALSE)
    source = TableSource(table.name.schema, table.name.name, alias)

    def count(where: Expression) -> Scalar:
        return Scalar(Select((Output(Call("count", (Word("*"),)), None),), source, where))

    key = min(table.unique_constraints.values(), key=len, default=())
    shown = Select(
        (Output(_row(table.columns, alias), "row"), Output(is_reached, "reached"), *_rules(rules, alias)),
        source,
        is_meant,
        order_by=(
            Order(is_reached, descending=False, nulls_first=None),  # what is refused is what one wants to see
            *(Order(ColumnOf(alias, column), descending=False, nulls_first=None) for column in key),
        ),
        limit=MOST_ROWS,
    )
    told = Select(
        (
            Output(count(is_meant), "meant"),
            Output(count(Connected("AND", (is_meant, is_reached))), "reached"),
            Output(count(is_reached), "all"),
            Output(_list_of(shown, "shown"), "shown"),
        ),
        None,
    )
    return _object(told, "told")


def written_statement(plan: InsertPlan | UpdatePlan, table: Table, rules: Sequence[Rule]) -> Tree:
    """What the plan writes, without its checks: a list of the rows, each with the branches of the rules.

    They are evaluated where the checks would have been: beside what the statement returns.
    """
    tree = compile_plan(_unchecked(plan))
    assert isinstance(tree, Writing), "an insert or an update is a change"
    alias = tree.change.table.alias
    upsert = isinstance(plan, InsertPlan) and plan.on_conflict is not None and table.kind == "table"
    new = Binary(ColumnOf(alias, "xmax"), "=", Word("0"))

    def passes(rule: Rule) -> Expression:
        holds = compile_condition(rule.branch.condition, alias)
        return Connected("OR", (new, holds)) if upsert and rule.operation == "update" else holds

    passed = tuple([passes(rule) for rule in rules])
    all_passed = Connected("AND", passed) if len(passed) > 1 else passed[0] if passed else _TRUE
    outputs = [
        Output(_row(table.columns, alias), "row"),
        Output(Case(all_passed, _TRUE, _FALSE), "passed"),
        *_rules(rules, alias),
    ]
    if upsert:
        outputs.append(Output(new, "new"))
    written = WithSource(tree.name)
    columns = tuple([Output(ColumnOf(tree.name, output.name or ""), None) for output in outputs])
    order = (Order(ColumnOf(tree.name, "passed"), descending=False, nulls_first=None),)
    shown = Select(columns, written, order_by=order, limit=MOST_ROWS)
    change = replace(tree.change, returning=tuple(outputs))
    return Writing(tree.name, change, Select((Output(_aggregated("shown"), None),), SelectSource(shown, "shown")))


def nested_statement(of: WrittenRows, table: Table, rules: Sequence[Rule]) -> Tree:
    """Rows that a nested insert has written: a list of them, each with the branches of the rules."""
    alias = "e0"
    source, found = written_rows(of, alias)
    passed = tuple([compile_condition(rule.branch.condition, alias) for rule in rules])
    all_passed = Connected("AND", passed) if len(passed) > 1 else passed[0] if passed else _TRUE
    passes = Case(all_passed, _TRUE, _FALSE)
    outputs = (Output(_row(table.columns, alias), "row"), Output(passes, "passed"), *_rules(rules, alias))
    order = (Order(passes, descending=False, nulls_first=None),)
    return _list(Select(outputs, source, found, order_by=order, limit=MOST_ROWS), "shown")


def _unchecked(plan: InsertPlan | UpdatePlan) -> InsertPlan | UpdatePlan:
    plan = replace(plan, check=TRUE, returning=None, kept=None)
    if isinstance(plan, InsertPlan) and plan.on_conflict is not None and plan.on_conflict.update is not None:
        update = replace(plan.on_conflict.update, check=TRUE)
        return replace(plan, on_conflict=replace(plan.on_conflict, update=update))
    return plan


def _rules(rules: Sequence[Rule], alias: str) -> Iterator[Output]:
    for index, rule in enumerate(rules):
        yield Output(_branches(rule.branch, alias, 0), f"rule{index}")


def _branches(branch: Branch, alias: str, depth: int) -> Scalar:
    """An object: ``n0``, ``n1``… what each branch is for the row, in preorder; ``r…`` the rows an EXISTS looked at."""
    outputs: list[Output] = []

    def visit(branch: Branch) -> None:
        number = len(outputs)
        outputs.append(Output(compile_condition(branch.condition, alias), f"n{number}"))
        if branch.inside is not None:
            outputs.append(Output(_looked_at(branch, alias, depth + 1), f"r{number}"))
        for child in branch.children:
            visit(child)

    visit(branch)
    return Scalar(_object(Select(tuple(outputs), None), f"b{depth}"))


def _looked_at(branch: Branch, outside: str, depth: int) -> Scalar:
    """Of the rows an EXISTS looks at one that fulfils it; where there is none, some that do not."""
    inside, alias = branch.inside, f"e{depth}"
    assert inside is not None, "only an EXISTS has something inside"
    table, inner = inside.table, inside.branch
    joins = joins_of(inside.mapping, alias, outside)
    wanted = Case(compile_condition(branch.condition, outside), compile_condition(inner.condition, alias), _TRUE)
    rows = Select(
        (Output(_row(table.columns, alias), "row"), Output(_branches(inner, alias, depth), "rule")),
        TableSource(table.name.schema, table.name.name, alias),
        Connected("AND", (*joins, wanted)) if joins else wanted,
        limit=MOST_INSIDE,
    )
    return Scalar(_list(rows, f"l{depth}"))


def _row(columns: Mapping[str, Column], alias: str) -> Scalar:
    outputs = tuple([Output(ColumnOf(alias, name), None) for name in columns])
    return Scalar(_object(Select(outputs, None), "r"))


def _object(select: Select, alias: str) -> Select:
    return Select((Output(Call("row_to_json", (RowOf(alias),)), None),), SelectSource(select, alias))


def _aggregated(alias: str) -> Call:
    return Call("coalesce", (Call("json_agg", (RowOf(alias),)), _EMPTY_LIST))


def _list(select: Select, alias: str) -> Select:
    return Select((Output(_aggregated(alias), None),), SelectSource(select, alias))


def _list_of(select: Select, alias: str) -> Scalar:
    return Scalar(_list(select, alias))
