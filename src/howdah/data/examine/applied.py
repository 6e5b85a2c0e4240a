"""A query, the Catalog and a role → which permission applies at which occurrence of a table.

The query is walked once more, in the order it is planned in. It must have been planned: every name is known to be one
that the role may use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from howdah.data.catalog.access import NO_PERMISSIONS, find_related
from howdah.data.catalog.model import Catalog, Table
from howdah.data.errors import Path
from howdah.data.query.ast import (
    Aggregate,
    Aggregation,
    And,
    BooleanExpression,
    ColumnIs,
    ColumnName,
    ComputedName,
    Count,
    Delete,
    Enqueue,
    Entry,
    Exists,
    Insert,
    Not,
    OnConflict,
    Or,
    OrderBy,
    Query,
    Related,
    RelatedAggregation,
    RelatedRows,
    Rows,
    Select,
    TableName,
    Update,
    Wildcard,
)
from howdah.data.query.conflict import parse_nested
from howdah.data.query.limits import DEFAULT_LIMITS
from howdah.data.query.reading import Budget
from howdah.data.written.metadata import Operation


@dataclass(frozen=True, slots=True)
class Applied:
    """The permission for ``operation`` on ``table`` applies to what the request has at ``path``."""

    table: TableName
    operation: Operation
    path: Path


def applied(query: Query, catalog: Catalog, role: str) -> tuple[Applied, ...]:
    """Every place of the query where a permission of the role applies, each once."""
    return tuple(dict.fromkeys(_Walk(catalog, role).query(query)))


class _Walk:
    """What a walk needs everywhere."""

    def __init__(self, catalog: Catalog, role: str) -> None:
        self._tables = catalog.nameable
        self._functions = catalog.functions
        self._role = role

    def query(self, query: Query) -> Iterator[Applied]:
        if isinstance(query, Enqueue):
            return  # what is permitted of tasks is about no rows
        name, path = query.table, query.path
        if isinstance(query, Select | Count | Aggregate) and query.arguments is not None:
            name = self._functions[name].target
        table = self._tables[name]
        match query:
            case Select(rows=rows):
                yield Applied(table.name, "select", path)
                yield from self._rows(rows, table)
            case Count(where=where):
                yield Applied(table.name, "select", path)
                yield from self._where(where, table)
            case Aggregate(aggregation=aggregation):
                yield Applied(table.name, "select", path)
                yield from self._aggregation(aggregation, table)
            case Insert():
                yield from self._insert(query, table)
            case Update(where=where):
                yield Applied(table.name, "update", path)
                yield Applied(table.name, "select", path)
                yield from self._where(where, table)
            case Delete(where=where):
                yield Applied(table.name, "delete", path)
                yield Applied(table.name, "select", path)
                yield from self._where(where, table)
            case _:
                assert_never(query)

    def _insert(self, query: Insert, table: Table) -> Iterator[Applied]:
        place: Path = (query.path, "objects")
        objects = [(row, (place, index)) for index, row in enumerate(query.objects)]
        yield from self._new_rows(objects, query.on_conflict, table, query.path)
        if query.returning is not None:
            yield Applied(table.name, "select", (query.path, "returning"))
            yield from self._entries(query.returning, table)

    def _new_rows(
        self,
        objects: Iterable[tuple[Mapping[str, Any], Path]],
        conflict: OnConflict | None,
        table: Table,
        path: Path,
    ) -> Iterator[Applied]:
        """Of the rows, and of those nested in them."""
        yield Applied(table.name, "insert", path)
        if conflict is not None and conflict.update:
            permissions = table.permissions.get(self._role, NO_PERMISSIONS)
            # The older rule: what may be inserted may be updated, by the insert permission itself.
            yield Applied(table.name, "insert" if permissions.update is None else "update", conflict.path)
        for row, place in objects:
            for name, value in row.items():
                relationship = table.relationships.get(name)
                if relationship is not None and value is not None:
                    at: Path = (place, name)
                    single = relationship.refers or relationship.kind == "object"
                    nested, nested_conflict = parse_nested(value, at, Budget(DEFAULT_LIMITS), single=single)
                    yield from self._new_rows(nested, nested_conflict, self._tables[relationship.target], at)

    def _rows(self, rows: Rows, table: Table) -> Iterator[Applied]:
        yield from self._entries(rows.columns, table)
        yield from self._where(rows.where, table)
        yield from self._order_by(rows.order_by, table)

    def _entries(self, entries: Iterable[Entry], table: Table) -> Iterator[Applied]:
        for entry in entries:
            match entry:
                case ColumnName() | ComputedName():
                    pass
                case Wildcard():
                    yield from self._wildcard(entry, table)
                case RelatedRows():
                    yield from self._related(entry, table)
                case RelatedAggregation():
                    yield from self._related(entry, table)
                case _:
                    assert_never(entry)

    def _wildcard(self, wildcard: Wildcard, table: Table) -> Iterator[Applied]:
        if wildcard.depth == 1:
            return
        for name in table.relationships:
            found = find_related(table, name, self._tables, self._role)
            if found is not None:
                yield Applied(found[1].name, "select", wildcard.path)
                yield from self._wildcard(Wildcard(wildcard.depth - 1, wildcard.path), found[1])

    def _related(self, entry: RelatedRows | RelatedAggregation, table: Table) -> Iterator[Applied]:
        target = self._target(table, entry.relationship)
        yield Applied(target.name, "select", entry.path)
        if isinstance(entry, RelatedRows):
            yield from self._rows(entry.rows, target)
        else:
            yield from self._aggregation(entry.aggregation, target)

    def _aggregation(self, aggregation: Aggregation, table: Table) -> Iterator[Applied]:
        yield from self._where(aggregation.where, table)

    def _order_by(self, terms: tuple[OrderBy, ...], table: Table) -> Iterator[Applied]:
        for term in terms:
            if term.column not in table.exposed_columns and term.column not in table.computed_fields:
                target = table
                for name in term.column.split(".")[:-1]:
                    target = self._target(target, name)
                    yield Applied(target.name, "select", term.path)

    def _where(self, where: BooleanExpression, table: Table) -> Iterator[Applied]:
        match where:
            case And(expressions) | Or(expressions):
                for expression in expressions:
                    yield from self._where(expression, table)
            case Not(expression):
                yield from self._where(expression, table)
            case ColumnIs():
                pass
            case Related(name, expression, path):
                if name in table.relationships:  # else it is an empty condition on a column
                    target = self._target(table, name)
                    yield Applied(target.name, "select", path)
                    yield from self._where(expression, target)
            case Exists(name, expression, path):
                target = self._tables[name]
                yield Applied(target.name, "select", path)
                yield from self._where(expression, target)
            case _:
                assert_never(where)

    def _target(self, table: Table, relationship: str) -> Table:
        found = table.relationships.get(relationship)
        target = table.computed_fields[relationship].target if found is None else found.target
        assert target is not None, "a computed field that is a value has no columns"
        return self._tables[target]
