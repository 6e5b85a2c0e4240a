"""A Plan → a tree of SQL. Total: a plan is already valid. Knows no roles and looks nothing up.

The shapes are the ones that measured best: json built by Postgres from whole rows, relationships as scalar sub-selects
in the select list, the limit beside the base table's ORDER BY.
"""

from __future__ import annotations

from typing import assert_never

from howdah.data.compile.aggregation import aggregation, count
from howdah.data.compile.aliases import Aliases
from howdah.data.compile.reading import rows_of
from howdah.data.compile.sources import list_of
from howdah.data.compile.writing import delete, insert, update
from howdah.data.plan.values import (
    AggregationPlan,
    CountPlan,
    DeletePlan,
    InsertPlan,
    SelectPlan,
    StatementPlan,
    UpdatePlan,
)
from howdah.data.sql.ast import Effectful, Tree


def compile_plan(plan: StatementPlan) -> Tree:
    """The one statement that does what the plan says; its single cell is the answer as JSON."""
    aliases = Aliases()
    match plan:
        case SelectPlan(rows, writes):
            select = list_of(rows_of(rows, (), aliases), aliases)
            return Effectful(select) if writes else select
        case CountPlan():
            return count(plan, aliases)
        case AggregationPlan():
            return aggregation(plan, (), aliases)
        case InsertPlan():
            return insert(plan, aliases)
        case UpdatePlan():
            return update(plan, aliases)
        case DeletePlan():
            return delete(plan, aliases)
    assert_never(plan)
