"""A Query, the Catalog and the Session → a Plan: what will be done, as data.

Permissions enter here and nowhere else: a role's row filter becomes part of the plan, its columns are the ones there
are, and what it has no permission for is refused. Whatever comes after knows no roles.
"""

from __future__ import annotations

from typing import assert_never

from howdah.data.catalog.model import Catalog
from howdah.data.errors import NotSupported
from howdah.data.plan.aggregation import plan_aggregate
from howdah.data.plan.insert import plan_insert
from howdah.data.plan.nested import is_nested, plan_nested_insert
from howdah.data.plan.rows import plan_count, plan_select
from howdah.data.plan.scope import Scope, Standpoint, standpoint
from howdah.data.plan.update import plan_delete, plan_update
from howdah.data.plan.values import NestedInsertPlan, Plan
from howdah.data.query.ast import Aggregate, ColumnName, Count, Delete, Enqueue, Insert, Query, Select, Update
from howdah.data.query.limits import DEFAULT_LIMITS, Limits
from howdah.session import Session


def plan_nested(
    query: Query,
    catalog: Catalog,
    session: Session,
    limits: Limits = DEFAULT_LIMITS,
    *,
    stringify_numerics: bool = False,
    kept: tuple[ColumnName, ...] = (),
    apart: bool = False,
) -> NestedInsertPlan | None:
    """What an insert means that is of several tables, or returns rows of several; None when the query is none.

    With ``apart`` rows are checked after all of them are there, table by table, as far as they have a key.

    Raises as `plan` does.
    """
    if not isinstance(query, Insert):
        return None
    scope = Scope(catalog, session, limits, stringify_numerics=stringify_numerics)
    return plan_nested_insert(query, scope, kept, apart=apart) if is_nested(query, scope) else None


def plan(
    query: Query,
    catalog: Catalog,
    session: Session,
    limits: Limits = DEFAULT_LIMITS,
    *,
    stringify_numerics: bool = False,
    kept: tuple[ColumnName, ...] = (),
) -> Plan:
    """What the query means for this session; with ``stringify_numerics``, large and fractional numbers leave as text.

    ``kept`` are columns of the rows it writes that later queries of its transaction need.

    The requests of a bulk are planned one after the other by whoever carries them out, because each may change the
    catalog for the next. Raises PermissionDenied, NotExists, NotSupported (a nested insert: that is for `plan_nested`)
    and UnexpectedPayload.
    """
    scope = Scope(catalog, session, limits, stringify_numerics=stringify_numerics)
    match query:
        case Select():
            return plan_select(query, scope)
        case Insert():
            if is_nested(query, scope):
                raise NotSupported("a nested insert is several statements, and this is for one", path=query.path)
            return plan_insert(query, scope, kept)
        case Update():
            return plan_update(query, scope, kept)
        case Delete():
            return plan_delete(query, scope, kept)
        case Count():
            return plan_count(query, scope)
        case Aggregate():
            return plan_aggregate(query, scope)
        case Enqueue():
            raise NotSupported("a task is sent, and not planned", path=query.path)
    assert_never(query)


__all__ = ["NestedInsertPlan", "Plan", "Standpoint", "plan", "plan_nested", "standpoint"]
