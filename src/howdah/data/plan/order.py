"""Planning an order: by columns of a row, or of the one row that object relationships lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from howdah.data.catalog.access import find_column, find_related, unknown_relationship
from howdah.data.catalog.comparison import refuse_incomparable
from howdah.data.catalog.condition import Searched
from howdah.data.catalog.model import Column, SelectPermission, Table
from howdah.data.errors import UnexpectedPayload
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import Hop, OrderTerm
from howdah.data.query.ast import ColumnName, OrderBy


@dataclass(frozen=True, slots=True)
class Ranked:
    """A search of the rows, whose rank they may be ordered by under ``name``."""

    name: str
    search: Searched


def order_target(
    item: OrderBy, table: Table, permission: SelectPermission, scope: Scope
) -> tuple[tuple[Hop, ...], Column]:
    """The column to order by, and the way to its row.

    Raises PermissionDenied, NotExists and UnexpectedPayload (many rows to order by, a type that has no order).
    """
    hops: list[Hop] = []
    columns: Mapping[str, Column] = permission.comparable
    name = item.column
    if name not in columns and "." in name:
        *relationships, name = name.split(".")
        for relationship_name in relationships:
            found = find_related(table, relationship_name, scope.tables, scope.role)
            if found is None:
                raise unknown_relationship(relationship_name, scope.role, item.path)
            relationship, table, target_permission = found
            if relationship.kind != "object":
                raise UnexpectedPayload(
                    f'"{relationship_name}" is an array relationship: rows can be ordered by one row only',
                    path=item.path,
                )
            hops.append(Hop(table.name, relationship.mapping, relationship.unique, target_permission.filter))
            columns = target_permission.comparable
    column = find_column(columns, name, role=scope.role, path=item.path)
    refuse_incomparable(column, scope.role, item.path)
    return tuple(hops), column


def order_term(
    item: OrderBy, table: Table, permission: SelectPermission, scope: Scope, ranked: Ranked | None = None
) -> OrderTerm:
    """The order by one item, which may be the rank of a search. Raises as `order_target` does."""
    if ranked is not None and item.column == ranked.name:
        return OrderTerm((), ranked.name, item.descending, item.nulls_first, ranked.search)
    hops, column = order_target(item, table, permission, scope)
    return OrderTerm(hops, column.operand, item.descending, item.nulls_first)


def distinct_columns(
    names: tuple[ColumnName, ...], order_by: tuple[OrderTerm, ...], permission: SelectPermission, scope: Scope
) -> tuple[str, ...]:
    """The columns by which rows are told apart; which row stays is the order's choice, so it begins with them.

    Raises PermissionDenied, NotExists and UnexpectedPayload.
    """
    columns: dict[str, None] = {}
    for name in names:
        column = find_column(permission.columns, name.name, role=scope.role, path=name.path)
        refuse_incomparable(column, scope.role, name.path)
        columns[column.name] = None
    leading = order_by[: len(columns)]
    if leading and (any(term.hops for term in leading) or {term.column for term in leading} != columns.keys()):
        raise UnexpectedPayload("order_by has to begin with the columns of distinct_on", path=names[0].path)
    return tuple(columns)
