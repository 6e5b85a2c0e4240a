"""A Plan → a tree of SQL. Total: a plan is already valid. Knows no roles and looks nothing up."""

from howdah.data.compile.statements import compile_condition, compile_plan

__all__ = ["compile_condition", "compile_plan"]
