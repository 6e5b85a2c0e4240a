"""Planning what is read: select with everything nested in it, count, and what a change returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from howdah.data.catalog.access import (
    find_column,
    find_computed_rows,
    find_related,
    unknown_column,
    unknown_relationship,
)
from howdah.data.catalog.comparison import refuse_incomparable, searched, subject_of
from howdah.data.catalog.condition import TRUE, both, visible
from howdah.data.catalog.model import ComputedField, Relationship, SelectPermission, Table
from howdah.data.errors import NotExists, Path, PermissionDenied, UnexpectedPayload
from howdah.data.plan.aggregation import plan_aggregation
from howdah.data.plan.functions import computed_output, plan_source, refuse_arguments, rows_of
from howdah.data.plan.order import Ranked, distinct_columns, order_term
from howdah.data.plan.outputs import column_output, refuse_too_many, smaller
from howdah.data.plan.page import plan_page
from howdah.data.plan.scope import Scope
from howdah.data.plan.values import (
    ColumnOutput,
    ComputedOutput,
    CountPlan,
    OrderTerm,
    PagePlan,
    RankOutput,
    RelatedAggregateOutput,
    RelatedOutput,
    Relation,
    Returned,
    ReturningPlan,
    RowOutput,
    RowsPlan,
    SelectPlan,
)
from howdah.data.query.ast import (
    EVERYTHING,
    ColumnName,
    ComputedName,
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
    source, table, permission, writes = plan_source(query, scope)
    rows = plan_rows(query.rows, table, permission, scope, query.path, source)
    if query.page is None:
        return SelectPlan(rows, writes)
    return plan_page(query.page, query.rows, rows, table, permission, scope)


def plan_count(query: Count, scope: Scope) -> CountPlan:
    """The number that a count asks for."""
    source, table, permission, _ = plan_source(query, scope)
    condition = visible(permission.filter, scope.condition(query.where, table, permission.comparable))
    distinct: dict[str, None] = {}
    for item in query.distinct:
        try:
            column = find_column(permission.columns, item.name, role=scope.role, path=item.path)
        except NotExists as error:
            # The one place where clients know even an administrator's misspelling under this code.
            raise PermissionDenied(error.message, path=item.path) from None
        refuse_incomparable(column, scope.role, item.path)
        distinct[column.name] = None
    return CountPlan(source, tuple(distinct), condition)


def plan_returning(
    returning: Returning, permission: SelectPermission | None, table: Table, scope: Scope, path: Path
) -> ReturningPlan | None:
    """What a change tells of its rows. Raises PermissionDenied for what the role may not read."""
    if returning is None:
        return None
    if permission is None:
        raise scope.not_allowed("select", table, path)
    columns: dict[str, ColumnOutput | ComputedOutput] = {}
    for entry in returning:
        if isinstance(entry, Wildcard):
            columns.update({name: column_output(column, scope) for name, column in permission.columns.items()})
        else:
            columns[entry.name] = _named(entry, table, permission, scope)
    return ReturningPlan(tuple(columns.values()), permission.filter)


def plan_rows(
    rows: Rows,
    table: Table,
    permission: SelectPermission,
    scope: Scope,
    path: Path,
    source: Relation | None = None,
) -> RowsPlan:
    """Which columns of which rows, for the role; ``source`` is what returns them, where that is not the table.

    Raises PermissionDenied, NotExists and UnexpectedPayload.
    """
    outputs = _outputs(rows.columns, table, permission, scope)
    refuse_too_many(outputs, (path, "columns"))
    where = TRUE if rows.where is EVERYTHING else scope.condition(rows.where, table, permission.comparable)
    ranked = None
    if rows.search is not None:
        ranked = _ranked(rows.search, permission, scope)
        where = both(where, ranked.search)
        if rows.search.rank is not None:
            if any(output.key == ranked.name for output in outputs) or ranked.name in permission.comparable:
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
    return RowsPlan(source or table.name, outputs, condition, order_by, limit, offset, distinct_on)


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
            output: RowOutput = _named(entry, table, permission, scope)
            key = entry.name
        elif isinstance(entry, ComputedName):
            output = computed_output(
                _computed(entry, table, permission, scope), entry.alias, entry.arguments, scope, entry.path
            )
            key = entry.alias
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


def _named(
    entry: ColumnName, table: Table, permission: SelectPermission, scope: Scope
) -> ColumnOutput | ComputedOutput:
    column = permission.columns.get(entry.name)
    if column is not None:
        return column_output(column, scope)
    if find_related(table, entry.name, scope.tables, scope.role) is not None:
        raise UnexpectedPayload(
            f'"{entry.name}" is a relationship: expected an object with its columns', path=entry.path
        )
    return computed_output(_computed(entry, table, permission, scope), entry.name, None, scope, entry.path)


def _computed(
    entry: ColumnName | ComputedName, table: Table, permission: SelectPermission, scope: Scope
) -> ComputedField:
    """The computed field of that name, if the role may read it: a value by name, rows if it may read those."""
    field = permission.computed_fields.get(entry.name)
    if field is None:
        found = find_computed_rows(table, entry.name, scope.tables, scope.role)
        if found is None:
            raise unknown_column(entry.name, scope.role, "select", entry.path)
        field = found[0]
    return field


def _related(entry: RelatedRows, table: Table, scope: Scope) -> RelatedOutput:
    found = find_related(table, entry.relationship, scope.tables, scope.role)
    if found is None:
        return _computed_rows(entry, table, scope)
    relationship, target, permission = found
    refuse_arguments(entry)
    if relationship.kind == "object" and entry.rows.restricted:
        raise UnexpectedPayload(
            "where, order_by, limit and offset are for array relationships; this is an object relationship",
            path=entry.path,
        )
    return _related_output(entry.alias, relationship, plan_rows(entry.rows, target, permission, scope, entry.path))


def _computed_rows(entry: RelatedRows, table: Table, scope: Scope) -> RelatedOutput:
    source, target, permission = _computed_source(entry, table, scope)
    rows = plan_rows(entry.rows, target, permission, scope, entry.path, source)
    return RelatedOutput(entry.alias, (), source.single, unique=True, rows=rows)


def _related_aggregation(entry: RelatedAggregation, table: Table, scope: Scope) -> RelatedAggregateOutput:
    found = find_related(table, entry.relationship, scope.tables, scope.role)
    if found is None:
        return _computed_aggregation(entry, table, scope)
    relationship, target, permission = found
    refuse_arguments(entry)
    if relationship.kind == "object":
        raise UnexpectedPayload(
            "aggregates are for array relationships; this is an object relationship", path=entry.path
        )
    aggregation = plan_aggregation(entry.aggregation, target.name, target, permission, scope, entry.path)
    return RelatedAggregateOutput(entry.alias, relationship.mapping, aggregation)


def _computed_aggregation(entry: RelatedAggregation, table: Table, scope: Scope) -> RelatedAggregateOutput:
    source, target, permission = _computed_source(entry, table, scope)
    aggregation = plan_aggregation(entry.aggregation, source, target, permission, scope, entry.path)
    return RelatedAggregateOutput(entry.alias, (), aggregation)


def _computed_source(
    entry: RelatedRows | RelatedAggregation, table: Table, scope: Scope
) -> tuple[Returned, Table, SelectPermission]:
    """What returns the rows of the computed field that the entry names, their table and what may be read of it."""
    found = find_computed_rows(table, entry.relationship, scope.tables, scope.role)
    if found is None:
        raise unknown_relationship(entry.relationship, scope.role, entry.path)
    field, target, permission = found
    return rows_of(field, target, entry.arguments, entry.path), target, permission


def _related_output(key: str, relationship: Relationship, rows: RowsPlan) -> RelatedOutput:
    single = relationship.kind == "object"
    if single and rows.limit:
        rows = replace(rows, limit=None)  # one row is within any limit but none
    return RelatedOutput(key, relationship.mapping, single, relationship.unique, rows)
