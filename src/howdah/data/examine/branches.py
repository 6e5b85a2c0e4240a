"""A rule as it is written, held against the Catalog → the tree of its branches, each with what it means for a row.

The condition of a branch is made by the one function that makes the conditions of rules and requests, so a branch is
true for a row exactly when that part of the rule is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, assert_never, get_args

from howdah.data.catalog.access import Tables, find_select_permission
from howdah.data.catalog.condition import AllOf, Condition, Pair
from howdah.data.catalog.model import Column, Table
from howdah.data.catalog.predicate import resolve_predicate
from howdah.data.errors import Path
from howdah.data.query.ast import (
    And,
    BooleanExpression,
    CastIs,
    ColumnIs,
    ColumnOperator,
    Comparison,
    Exists,
    Not,
    Or,
    Related,
    TableName,
)
from howdah.data.query.predicate import parse_predicate
from howdah.data.written.metadata import Operation

MOST_BRANCHES = 500
"""Branches of one rule that are told apart; of a larger one only the whole is."""

Kind = Literal["and", "or", "not", "comparison", "exists", "whole"]
_COLUMN_OPERATORS = frozenset(get_args(ColumnOperator))

StoredPart = Literal["filter", "check"]
Part = Literal[StoredPart, "where"]


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison is between: a column, by the name it is written with, and the operand as it is written.

    ``source`` is the database's name of the column, ``other`` that of the one it is compared with, if it is one;
    ``cast`` is the type it is compared in, if that is another.
    """

    column: str
    comparison: Comparison
    source: str
    other: str | None
    cast: str | None


@dataclass(frozen=True, slots=True)
class Inside:
    """What an EXISTS looks at: rows of ``table`` that equal ours in ``mapping``, and what each must fulfil."""

    table: Table
    mapping: tuple[Pair, ...]
    branch: Branch


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of a rule and what it means for a row. A ``whole`` is not taken apart."""

    kind: Kind
    path: Path
    condition: Condition
    children: tuple[Branch, ...] = ()
    compared: Compared | None = None
    inside: Inside | None = None

    def size(self) -> int:
        """How many branches there are in all."""
        inner = 0 if self.inside is None else self.inside.branch.size()
        return 1 + inner + sum(child.size() for child in self.children)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that decides over a row: part of a permission on ``table``, or the request's own."""

    table: TableName
    operation: Operation
    part: Part
    stored: bool
    branch: Branch


def written_rule(table: Table, operation: Operation, part: StoredPart, rule: Mapping[str, Any], tables: Tables) -> Rule:
    """The tree of a permission's filter or check, which is known to hold in the catalog."""
    expression = parse_predicate(rule.get(part) or {}, (None, part))
    reading = _Reading(tables, None)
    return Rule(table.name, operation, part, True, reading.rule(expression, table, table.columns, (None, part)))


def asked_rule(
    table: Table,
    operation: Operation,
    where: BooleanExpression,
    columns: Mapping[str, Column],
    tables: Tables,
    role: str,
    path: Path,
) -> Rule:
    """The tree of a request's ``where``, as it is for the role."""
    return Rule(table.name, operation, "where", False, _Reading(tables, role).rule(where, table, columns, path))


class _Reading:
    """What reading a rule needs everywhere; the role is None for a stored one."""

    def __init__(self, tables: Tables, role: str | None) -> None:
        self._tables = tables
        self._role = role

    def rule(self, expression: BooleanExpression, table: Table, columns: Mapping[str, Column], path: Path) -> Branch:
        branch = self.branch(expression, table, columns, path)
        return branch if branch.size() <= MOST_BRANCHES else Branch("whole", path, branch.condition)

    def branch(self, expression: BooleanExpression, table: Table, columns: Mapping[str, Column], path: Path) -> Branch:
        condition = resolve_predicate(expression, table, columns, self._tables, self._role)
        match expression:
            case And(expressions) | Or(expressions):
                kind: Kind = "and" if isinstance(expression, And) else "or"
                children = tuple([self.branch(one, table, columns, path) for one in expressions])
                return Branch(kind, path, condition, children)
            case Not(inner):
                return Branch("not", path, condition, (self.branch(inner, table, columns, path),))
            case ColumnIs(_, comparisons, place):
                leaves = self._leaves(expression, comparisons, table, columns, ())
                return leaves[0] if len(leaves) == 1 else Branch("and", place, condition, leaves)
            case Related(name, inner, place):
                if name not in table.relationships:  # an empty condition on a column
                    return Branch("and", place, condition)
                relationship = table.relationships[name]
                inside = self._inside(inner, self._tables[relationship.target], relationship.mapping, place)
                return Branch("exists", place, condition, inside=inside)
            case Exists(name, inner, place):
                return Branch("exists", place, condition, inside=self._inside(inner, self._tables[name], (), place))
        assert_never(expression)

    def _leaves(
        self,
        column: ColumnIs,
        comparisons: Sequence[Comparison | CastIs],
        table: Table,
        columns: Mapping[str, Column],
        casts: tuple[CastIs, ...],
    ) -> tuple[Branch, ...]:
        """Each comparison by itself, also of what the column is in another type."""
        leaves: list[Branch] = []
        for one in comparisons:
            if isinstance(one, CastIs):
                leaves += self._leaves(column, one.comparisons, table, columns, (*casts, one))
                continue
            alone: Comparison | CastIs = one
            for cast in reversed(casts):
                alone = CastIs(cast.type, (alone,), cast.path)
            expression = ColumnIs(column.column, (alone,), column.path)
            condition = resolve_predicate(expression, table, columns, self._tables, self._role)
            other = columns.get(one.operand) if one.operator in _COLUMN_OPERATORS else None
            compared = Compared(
                column.column,
                one,
                columns[column.column].name,
                None if other is None else other.name,
                casts[-1].type if casts else None,
            )
            leaves.append(Branch("comparison", one.path, condition, compared=compared))
        return tuple(leaves)

    def _inside(self, expression: BooleanExpression, target: Table, mapping: tuple[Pair, ...], path: Path) -> Inside:
        """A role sees of another table's rows only those its permission to select lets through."""
        if self._role is None:
            return Inside(target, mapping, self.branch(expression, target, target.columns, path))
        permission = find_select_permission(target, self._role, path)
        asked = self.branch(expression, target, permission.columns, path)
        seen = Branch("whole", path, permission.filter)
        return Inside(target, mapping, Branch("and", path, AllOf((seen.condition, asked.condition)), (seen, asked)))
