"""A permission test, planned: which rows it is about, which of them the role reaches, and the rules that decide so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from howdah.data.catalog.access import NO_PERMISSIONS, Tables, find_table, not_allowed
from howdah.data.catalog.condition import AllOf, AnyOf, Compared, Condition, both
from howdah.data.catalog.model import Catalog, Permissions, Table
from howdah.data.catalog.predicate import resolve_predicate
from howdah.data.errors import Path
from howdah.data.examine.branches import Rule, StoredPart, asked_rule, written_rule
from howdah.data.plan.values import (
    AggregationPlan,
    CountPlan,
    DeletePlan,
    InsertPlan,
    PagePlan,
    Plan,
    SelectPlan,
    UpdatePlan,
)
from howdah.data.query.ast import (
    EVERYTHING,
    Aggregate,
    BooleanExpression,
    Count,
    Delete,
    Insert,
    PermissionTest,
    Query,
    Select,
    Update,
)
from howdah.data.written.metadata import Metadata, Operation, TableMetadata
from howdah.session import ADMIN_ROLE, Session


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tried.

    ``plan`` is what the role asks for, of the rows it is asked about; None for an update of nothing. ``meant`` and
    ``reached`` are about rows that are there; an insert means none unless it may update. ``rules`` decide over those,
    ``checks`` over rows as they are written.
    """

    table: Table
    operation: Operation
    plan: Plan | None
    meant: Condition | None
    reached: Condition
    rules: tuple[Rule, ...]
    checks: tuple[Rule, ...]


def operation_of(query: Query) -> Operation:
    """The operation that the query needs a permission for first."""
    match query:
        case Insert():
            return "insert"
        case Update():
            return "update"
        case Delete():
            return "delete"
        case _:
            return "select"


def subject_of(
    test: PermissionTest, plan_of: Callable[[Query, Session], Plan], catalog: Catalog, metadata: Metadata
) -> Subject:
    """What the test tries. Raises what planning raises for the role, and DataError for rows that cannot be meant."""
    query, role = test.query, test.session.role
    tables = catalog.nameable
    table = find_table(tables, query.table, operation_of(query), role, query.path)
    permissions = table.permissions.get(role, NO_PERMISSIONS)
    idle = test.rows is not None and _writes_nothing(query, permissions)
    plan = None if idle else plan_of(query, test.session)
    rules = _Rules(table, permissions, tables, metadata, test)
    if isinstance(query, Insert):
        assert isinstance(plan, InsertPlan), "an insert is planned as one"
        return _of_insert(plan, table, rules)
    reached = _updatable(permissions, table, role, query.path) if plan is None else condition_of(plan)
    where, place = _where_of(query)
    seen = table.permissions[ADMIN_ROLE].select
    assert seen is not None, "the administrator sees every table"
    meant = resolve_predicate(where if test.rows is None else test.rows, table, seen.columns, tables, ADMIN_ROLE)
    if plan is not None and test.rows is not None:
        plan = _narrowed(plan, meant)
    operation = operation_of(query)
    decide = [*rules.stored(operation, "filter")]
    if operation != "select":
        decide += rules.stored("select", "filter")
    if test.rows is None and where is not EVERYTHING:
        decide += rules.asked(operation, where, place)
    checks = tuple(rules.stored("update", "check")) if operation == "update" else ()
    return Subject(table, operation, plan, meant, reached, tuple(decide), checks)


def checks_of_new_rows(table: Table, role: str, catalog: Catalog, metadata: Metadata) -> tuple[Rule, ...]:
    """The trees of what the role's new rows of the table must fulfil."""
    written = metadata.table(table.name)
    return tuple(_stored(table, written, role, "insert", "check", catalog.nameable))


def condition_of(plan: Plan) -> Condition:
    """Which rows a plan is about."""
    match plan:
        case SelectPlan(rows) | PagePlan(rows):
            return rows.condition
        case CountPlan() | AggregationPlan() | UpdatePlan() | DeletePlan():
            return plan.condition
        case InsertPlan():
            raise AssertionError("an insert is about no rows that are there")


def _narrowed(plan: Plan, meant: Condition) -> Plan:
    match plan:
        case SelectPlan(rows):
            return SelectPlan(replace(rows, condition=both(rows.condition, meant)))
        case PagePlan(rows):
            return replace(plan, rows=replace(rows, condition=both(rows.condition, meant)))
        case UpdatePlan() | DeletePlan():
            return replace(plan, condition=both(plan.condition, meant))
        case _:
            raise AssertionError("only these are asked about rows that the administrator picks")


def _of_insert(plan: InsertPlan, table: Table, rules: _Rules) -> Subject:
    checks, decide = [*rules.stored("insert", "check")], []
    meant, conflict = None, plan.on_conflict
    reached: Condition = AllOf(())
    if conflict is not None and conflict.update is not None:
        reached = conflict.update.condition
        meant = _same_key(plan, conflict.key)
        older = rules.permissions.update is None  # then the insert permission's check is the filter as well
        decide = [*(rules.stored("insert", "check") if older else rules.stored("update", "filter"))]
        checks += [] if older else rules.stored("update", "check")
    return Subject(table, "insert", plan, meant, reached, tuple(decide), tuple(checks))


def _same_key(plan: InsertPlan, key: tuple[str, ...] | None) -> Condition | None:
    """The rows that have a new row's key already, as far as the request gives keys."""
    if key is None or not set(key) <= set(plan.columns):
        return None
    places = [(name, plan.columns.index(name)) for name in key]
    rows: list[Condition] = []
    for row in plan.rows:
        cells = [(name, row[place]) for name, place in places]
        same = [Compared(name, "eq", cell.value, cell.type) for name, cell in cells if cell is not None]
        if len(same) == len(cells):
            rows.append(AllOf(tuple(same)))
    return AnyOf(tuple(rows)) if rows else None


def _writes_nothing(query: Query, permissions: Permissions) -> bool:
    presets = permissions.update is not None and permissions.update.presets
    return isinstance(query, Update) and not query.assignments and not presets


def _updatable(permissions: Permissions, table: Table, role: str, path: Path) -> Condition:
    """Which rows the role may update, whatever it writes. Raises PermissionDenied."""
    if permissions.update is None:
        raise not_allowed("update", table.exposed_name, role, path)
    if permissions.select is None:
        raise not_allowed("select", table.exposed_name, role, path)
    return both(permissions.update.filter, permissions.select.filter)


def _where_of(query: Query) -> tuple[BooleanExpression, Path]:
    match query:
        case Select(rows=rows):
            where = rows.where
        case Aggregate(aggregation=aggregation):
            where = aggregation.where
        case Count() | Update() | Delete():
            where = query.where
        case Insert():
            raise AssertionError("an insert has no where")
    return where, (query.path, "where")


class _Rules:
    """The trees of one role's rules on one table."""

    def __init__(
        self, table: Table, permissions: Permissions, tables: Tables, metadata: Metadata, test: PermissionTest
    ) -> None:
        self.permissions = permissions
        self._table = table
        self._tables = tables
        self._written = metadata.table(table.name)
        self._role = test.session.role

    def stored(self, operation: Operation, part: StoredPart) -> Iterator[Rule]:
        """The rule as it is written; none for the administrator, nor where there is nothing to check."""
        return _stored(self._table, self._written, self._role, operation, part, self._tables)

    def asked(self, operation: Operation, where: BooleanExpression, path: Path) -> Iterator[Rule]:
        """The request's own condition, as it is for the role."""
        permission = self.permissions.select
        assert permission is not None, "a request with a condition was planned, so its columns may be read"
        yield asked_rule(self._table, operation, where, permission.columns, self._tables, self._role, path)


def _stored(
    table: Table, written: TableMetadata | None, role: str, operation: Operation, part: StoredPart, tables: Tables
) -> Iterator[Rule]:
    for one in () if written is None else written.permissions:
        if (one.role, one.operation) == (role, operation) and one.rule.get(part) is not None:
            yield written_rule(table, operation, part, one.rule, tables)
