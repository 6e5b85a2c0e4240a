"""Planning what is read: select with everything nested in it, count, and what a change returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from howdah.data.catalog.access import find_column, find_related, unknown_column, unknown_relationship
from howdah.data.catalog.comparison import refuse_incomparable, searched, subject_of
from howdah.data.catalog.condition import TRUE, both, visible
from howdah.data.catalog.model import Column, Relationship, SelectPermission, Table
from howdah.data.errors import NotExists, Path, PermissionDenied, UnexpectedPayload
from howdah.data.plan.aggregation import plan_aggregation
from howdah.data.plan.order import Ranked, distinct_columns, order_term
from howdah.data.plan.outputs import column_output, refuse_too_many, smaller
from howdah.data.plan.page import plan_page
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import (
    ColumnOutput,
    CountPlan,
    OrderTerm,
    PagePlan,
    RankOutput,
    RelatedAggregateOutput,
    RelatedOutput,
    ReturningPlan,
    RowOutput,
    RowsPlan,
    SelectPlan,
)
from howdah.data.query.ast import (
    EVERYTHING,
    ColumnName,
    Count,
    Entry,
    RelatedAggregation,
    RelatedRows,
    Returning,
    Rows,
    Search,
    Select,
    Wildcard,
)
from howdah.data.sql.statement import Literal


def plan_select(query: Select, scope: Scope) -> SelectPlan | PagePlan:
    """The rows of a select, or a page of them."""
    table, permissions = scope.table(query.table, "select", query.path)
    permission = scope.readable(table, permissions, query.path)
    rows = plan_rows(query.rows, table, permission, scope, query.path)
    if query.page is None:
        return SelectPlan(rows)
    return plan_page(query.page, query.rows, rows, table, permission, scope)


def plan_count(query: Count, scope: Scope) -> CountPlan:
    """The number that a count asks for."""
    table, permissions = scope.table(query.table, "select", query.path)
    permission = scope.readable(table, permissions, query.path)
    condition = visible(permission.filter, scope.condition(query.where, table, permission.columns))
    distinct: dict[str, None] = {}
    for item in query.distinct:
        try:
            column = find_column(permission.columns, item.name, role=scope.role, path=item.path)
        except NotExists as error:
            # The one place where clients know even an administrator's misspelling under this code.
            raise PermissionDenied(error.message, path=item.path) from None
        refuse_incomparable(column, scope.role, item.path)
        distinct[column.name] = None
    return CountPlan(table.name, tuple(distinct), condition)


def plan_returning(
    returning: Returning, permission: SelectPermission | None, table: Table, scope: Scope, path: Path
) -> ReturningPlan | None:
    """What a change tells of its rows. Raises PermissionDenied for what the role may not read."""
    if returning is None:
        return None
    if permission is None:
        raise scope.not_allowed("select", table, path)
    columns: dict[str, Column] = {}
    for entry in returning:
        if isinstance(entry, Wildcard):
            columns.update(permission.columns)
        else:
            columns[entry.name] = _column(entry, table, permission, scope)
    return ReturningPlan(tuple([column_output(column, scope) for column in columns.values()]), permission.filter)


def plan_rows(rows: Rows, table: Table, permission: SelectPermission, scope: Scope, path: Path) -> RowsPlan:
    """Which columns of which rows, for the role. Raises PermissionDenied, NotExists and UnexpectedPayload."""
    outputs = _outputs(rows.columns, table, permission, scope)
    refuse_too_many(outputs, (path, "columns"))
    where = TRUE if rows.where is EVERYTHING else scope.condition(rows.where, table, permission.columns)
    ranked = None
    if rows.search is not None:
        ranked = _ranked(rows.search, permission, scope)
        where = both(where, ranked.search)
        if rows.search.rank is not None:
            if any(output.key == ranked.name for output in outputs) or ranked.name in permission.columns:
                raise UnexpectedPayload(
                    f'"{ranked.name}" is the name of something else', path=(rows.search.path, "rank")
                )
            outputs = (*outputs, RankOutput(ranked.name, ranked.search))
    condition = permission.filter if where == TRUE else visible(permission.filter, where)
    limit = smaller(rows.limit, permission.limit)
    offset = None if rows.offset is None else Literal(rows.offset, "number", (path, "offset"))
    order_by = tuple([order_term(item, table, permission, scope, ranked) for item in rows.order_by])
    if ranked is not None and not order_by:
        order_by = (OrderTerm((), ranked.name, descending=True, nulls_first=None, rank=ranked.search),)
    distinct_on = distinct_columns(rows.distinct_on, order_by, permission, scope) if rows.distinct_on else ()
    return RowsPlan(table.name, outputs, condition, order_by, limit, offset, distinct_on)


def _ranked(search: Search, permission: SelectPermission, scope: Scope) -> Ranked:
    """The search, of columns that the role may read. A rank without a name is called what no column can be asked as."""
    found = [find_column(permission.columns, name.name, role=scope.role, path=name.path) for name in search.columns]
    subjects = tuple([subject_of(column, scope.role) for column in found])
    condition = searched(
        subjects, search.query, search.configuration, (search.path, "query"), columns_at=(search.path, "columns")
    )
    return Ranked(search.rank or "$rank", condition)


def _outputs(
    columns: Iterable[Entry], table: Table, permission: SelectPermission, scope: Scope
) -> tuple[RowOutput, ...]:
    """The outputs in the order of the request; what is named stands where it is named, wildcards bring the rest."""
    named: dict[str, RowOutput] = {}
    deepest: Wildcard | None = None
    place = 0
    for entry in columns:
        if isinstance(entry, ColumnName):
            column = _column(entry, table, permission, scope)
            output: RowOutput = column_output(column, scope)
            key = entry.name
        elif isinstance(entry, RelatedRows):
            output = _related(entry, table, scope)
            key = entry.alias
        elif isinstance(entry, RelatedAggregation):
            output = _related_aggregation(entry, table, scope)
            key = entry.alias
        else:
            if deepest is None:
                place = len(named)
            if deepest is None or entry.depth > deepest.depth:
                deepest = entry
            continue
        if named.get(key, output) != output:
            raise UnexpectedPayload(f'"{key}" is asked for twice', path=entry.path)
        named[key] = output
    if deepest is None:
        return tuple(named.values())
    rest = [output for output in _wildcard(deepest, table, permission, scope) if _key(output) not in named]
    outputs = list(named.values())
    return (*outputs[:place], *rest, *outputs[place:])


def _key(output: RowOutput) -> str:
    return output.key


def _wildcard(
    wildcard: Wildcard, table: Table, permission: SelectPermission, scope: Scope
) -> Iterable[ColumnOutput | RelatedOutput]:
    for column in permission.columns.values():
        scope.budget.spend(wildcard.path)
        yield column_output(column, scope)
    if wildcard.depth == 1:
        return
    below = Rows((Wildcard(wildcard.depth - 1, wildcard.path),), EVERYTHING, (), None, None, restricted=False)
    for relationship in table.relationships.values():
        found = find_related(table, relationship.name, scope.tables, scope.role)
        if found is None:
            continue  # the role may not read it
        scope.budget.spend(wildcard.path)
        rows = plan_rows(below, found[1], found[2], scope, wildcard.path)
        yield _related_output(relationship.name, relationship, rows)


def _column(entry: ColumnName, table: Table, permission: SelectPermission, scope: Scope) -> Column:
    column = permission.columns.get(entry.name)
    if column is None:
        if find_related(table, entry.name, scope.tables, scope.role) is not None:
            raise UnexpectedPayload(
                f'"{entry.name}" is a relationship: expected an object with its columns', path=entry.path
            )
        raise unknown_column(entry.name, scope.role, "select", entry.path)
    return column


def _related(entry: RelatedRows, table: Table, scope: Scope) -> RelatedOutput:
    found = find_related(table, entry.relationship, scope.tables, scope.role)
    if found is None:
        raise unknown_relationship(entry.relationship, scope.role, entry.path)
    relationship, target, permission = found
    if relationship.kind == "object" and entry.rows.restricted:
        raise UnexpectedPayload(
            "where, order_by, limit and offset are for array relationships; this is an object relationship",
            path=entry.path,
        )
    return _related_output(entry.alias, relationship, plan_rows(entry.rows, target, permission, scope, entry.path))


def _related_aggregation(entry: RelatedAggregation, table: Table, scope: Scope) -> RelatedAggregateOutput:
    found = find_related(table, entry.relationship, scope.tables, scope.role)
    if found is None:
        raise unknown_relationship(entry.relationship, scope.role, entry.path)
    relationship, target, permission = found
    if relationship.kind == "object":
        raise UnexpectedPayload(
            "aggregates are for array relationships; this is an object relationship", path=entry.path
        )
    aggregation = plan_aggregation(entry.aggregation, target, permission, scope, entry.path)
    return RelatedAggregateOutput(entry.alias, relationship.mapping, aggregation)


def _related_output(key: str, relationship: Relationship, rows: RowsPlan) -> RelatedOutput:
    single = relationship.kind == "object"
    if single and rows.limit:
        rows = replace(rows, limit=None)  # one row is within any limit but none
    return RelatedOutput(key, relationship.mapping, single, relationship.unique, rows)
