"""Planning a page: rows in an order in which no two are equal, from a place in it on (keyset pagination).

An order with ties would show rows twice, or never. So a key of the table is put behind it; of columns that the role may
read, because a cursor has the values of all the order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from howdah.data.catalog.model import Column, SelectPermission, Table
from howdah.data.catalog.values import value_of
from howdah.data.errors import NotSupported, ParseFailed, Path, UnexpectedPayload
from howdah.data.found.database import ColumnType
from howdah.data.plan.order import order_target
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import Cell, OrderTerm, PagePlan, PageTerm, RowsPlan
from howdah.data.query.ast import Cursor, Page, Rows
from howdah.data.sql.statement import Literal

_RANK = ColumnType("real", "real", "number")


def plan_page(
    page: Page, asked: Rows, rows: RowsPlan, table: Table, permission: SelectPermission, scope: Scope
) -> PagePlan:
    """The page of rows that are planned already.

    Raises NotSupported (no certain order, or what a page cannot have) and UnexpectedPayload (a place in another order).
    """
    if asked.distinct_on:
        raise NotSupported("a page cannot have distinct_on", path=asked.distinct_on[0].path)
    at: Path = (page.path, "before" if page.backward else "after")
    if asked.offset is not None and page.position is not None:
        raise NotSupported("a page that begins at a cursor cannot have an offset", path=at)
    named: dict[str, PageTerm] = {}
    if not asked.order_by and rows.order_by:  # by rank, which nobody had to say
        named[str(rows.order_by[0].column)] = _rank_term(rows.order_by[0])
    for item, term in zip(asked.order_by, rows.order_by, strict=False):
        if term.rank is not None:
            named.setdefault(item.column, _rank_term(term))
            continue
        _, column = order_target(item, table, permission, scope)
        named.setdefault(item.column, _page_term(term, column))
    descending = rows.order_by[-1].descending if rows.order_by else False
    for name, column in _key(named.values(), table, permission, scope, page.path):
        named[name] = _page_term(OrderTerm((), column.name, descending, None), column)
    terms = tuple(named.values())
    mark = _mark(table, terms)
    return PagePlan(
        replace(rows, order_by=tuple([term.order for term in terms])),
        terms,
        mark,
        None if page.position is None else _position(page.position, named, mark, at),
        page.backward,
        page.total,
    )


def _page_term(term: OrderTerm, column: Column) -> PageTerm:
    return _term(term, column.type, nullable=bool(term.hops) or column.nullable)


def _rank_term(term: OrderTerm) -> PageTerm:
    return _term(term, _RANK, nullable=False)


def _term(term: OrderTerm, type_: ColumnType, *, nullable: bool) -> PageTerm:
    """The term, with the place of nulls spelt out."""
    nulls_first = term.descending if term.nulls_first is None else term.nulls_first
    return PageTerm(term, type_, nullable, nulls_first)


def _key(
    terms: Iterable[PageTerm], table: Table, permission: SelectPermission, scope: Scope, path: Path
) -> list[tuple[str, Column]]:
    """What the order lacks of a key whose columns the role may all read: nothing, when it has one already."""
    readable = {column.name: (name, column) for name, column in permission.columns.items()}
    ordered = {term.order.column for term in terms if not term.order.hops and term.order.rank is None}
    keys = [
        columns
        for columns in table.unique_constraints.values()
        if all(name in readable and not readable[name][1].nullable for name in columns)
    ]
    if not keys:
        raise NotSupported(
            f'"{table.exposed_name}" has no key that role "{scope.role}" may read, so no order of its rows is certain',
            path=path,
        )
    if any(ordered.issuperset(columns) for columns in keys):
        return []
    return [readable[name] for name in keys[0] if name not in ordered]


def _mark(table: Table, terms: tuple[PageTerm, ...]) -> str:
    """A few letters that another order has not, so that a cursor of that one is refused."""
    order = [
        (hop.table, tuple([(pair.ours, pair.theirs) for pair in hop.mapping]))
        if hop is not None
        else (term.order.column, term.order.descending, term.nulls_first)
        for term in terms
        for hop in (*term.order.hops, None)
    ]
    return hashlib.sha256(repr((table.name, order)).encode()).hexdigest()[:8]


def _position(
    position: Cursor | Mapping[str, Any], named: dict[str, PageTerm], mark: str, path: Path
) -> tuple[Cell | None, ...]:
    """The value of each term at the place."""
    if isinstance(position, Cursor):
        if position.mark != mark or len(position.values) != len(named):
            raise UnexpectedPayload("the cursor is one of another order", path=path)
        return tuple(
            [
                None if value is None else Cell(Literal(value, "text", path), term.type.sql)
                for value, term in zip(position.values, named.values(), strict=True)
            ]
        )
    for name in position:
        if name not in named:
            raise UnexpectedPayload(f'"{name}" is not in the order of the rows', path=(path, name))
    cells: list[Cell | None] = []
    for name, term in named.items():
        if name not in position:
            raise ParseFailed(f'a place in this order has a value for "{name}" as well', path=path)
        value = position[name]
        cells.append(
            None if value is None else Cell(value_of(value, term.type, (path, name), stored=False), term.type.sql)
        )
    return tuple(cells)
