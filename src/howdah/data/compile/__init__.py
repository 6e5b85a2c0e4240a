"""A Plan → a tree of SQL. Total: a plan is already valid. Knows no roles and looks nothing up."""

from howdah.data.compile.aliases import Aliases
from howdah.data.compile.conditions import compile_condition
from howdah.data.compile.pages import compile_page
from howdah.data.compile.statements import compile_plan as _compile_statement
from howdah.data.plan.values import PagePlan, Plan
from howdah.data.sql.ast import Tree


def compile_plan(plan: Plan) -> Tree:
    """The one statement that does what the plan says; its single cell is the answer as JSON."""
    if isinstance(plan, PagePlan):
        return compile_page(plan, Aliases())
    return _compile_statement(plan)


__all__ = ["compile_condition", "compile_plan"]
