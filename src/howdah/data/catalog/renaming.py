"""New names of tables, columns and relationships, carried into all metadata that has the old ones.

A rule is walked as it is written, with the table that each part of it is about: so a name is changed only where it is
that table's, however deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from howdah.data.catalog.document_parts import table_to_json
from howdah.data.catalog.metadata import (
    ForeignKeyOn,
    ManualMapping,
    Metadata,
    RelationshipMetadata,
    TableMetadata,
)
from howdah.data.catalog.model import Catalog, Problem
from howdah.data.errors import DataError
from howdah.data.query.ast import TableName
from howdah.data.query.predicate import CASTS, COLUMN_OPERATORS, COMPARISONS, CONNECTIVES
from howdah.data.query.reading import read_table

Named = tuple[TableName, str]
"""A column or relationship, by its table and its name."""


@dataclass(frozen=True, slots=True)
class Renames:
    """What is called something else now. The tables of columns and relationships have their old names here."""

    tables: Mapping[TableName, TableName]
    columns: Mapping[Named, str]
    relationships: Mapping[Named, str]

    @property
    def of(self) -> frozenset[TableName]:
        """The tables of which some name is another one now."""
        return frozenset((*self.tables, *(table for table, _ in self.columns), *(one for one, _ in self.relationships)))


def carry(metadata: Metadata, renames: Renames, catalog: Catalog) -> Metadata:
    """The metadata with the new names; ``catalog`` is what it resolved to with the old ones.

    What was wrong already may keep old names: nobody can say what it meant.
    """
    changed = renames.of
    if not changed:
        return metadata
    carrier = _Carrier(renames, catalog)
    old = [table for table in metadata.tables if _concerns(changed, table.name, catalog)]
    return metadata.with_tables(map(carrier.table_metadata, old), without={table.name for table in old})


def renamed_problem(problem: Problem, renames: Renames) -> Problem:
    """The problem, of an object that is called something else now."""
    table, name = renames.tables.get(problem.table, problem.table), problem.name
    if problem.kind in ("table", "enum"):
        name = str(table)
    elif problem.kind == "custom name":
        name = renames.columns.get((problem.table, name), name)
    return replace(problem, table=table, name=name)


def _concerns(changed: frozenset[TableName], name: TableName, catalog: Catalog) -> bool:
    found = catalog.resolved.get(name)
    if found is None or found.relationship_problems or found.permission_problems:
        return True
    return name in changed or not changed.isdisjoint(found.targets | found.reached)


class _Carrier:
    def __init__(self, renames: Renames, catalog: Catalog) -> None:
        self._renames = renames
        self._catalog = catalog

    def table_metadata(self, written: TableMetadata) -> TableMetadata:
        name = written.name
        columns = tuple((self._column(name, column), custom) for column, custom in written.custom_names.columns)
        return replace(
            written,
            name=self._table(name),
            custom_names=replace(written.custom_names, columns=columns),
            relationships=tuple(self._relationship(name, one) for one in written.relationships),
            permissions=tuple(replace(one, rule=self._rule(name, one.rule)) for one in written.permissions),
        )

    def _table(self, name: TableName) -> TableName:
        return self._renames.tables.get(name, name)

    def _column(self, table: TableName, name: str) -> str:
        return self._renames.columns.get((table, name), name)

    def _relationship(self, table: TableName, written: RelationshipMetadata) -> RelationshipMetadata:
        using: ForeignKeyOn | ManualMapping
        match written.using:
            case ForeignKeyOn(column, None):
                using = ForeignKeyOn(self._column(table, column))
            case ForeignKeyOn(column, TableName() as remote):
                using = ForeignKeyOn(self._column(remote, column), self._table(remote))
            case ManualMapping(remote, pairs):
                mapping = ((self._column(table, ours), self._column(remote, theirs)) for ours, theirs in pairs)
                using = ManualMapping(self._table(remote), tuple(mapping))
        name = self._renames.relationships.get((table, written.name), written.name)
        return replace(written, name=name, using=using)

    def _rule(self, table: TableName, rule: Mapping[str, Any]) -> dict[str, Any]:
        carried = dict(rule)
        for key, value in rule.items():
            if key == "columns" and isinstance(value, list | tuple):
                carried[key] = [self._column(table, one) if isinstance(one, str) else one for one in value]
            elif key == "set" and isinstance(value, Mapping):
                carried[key] = {self._column(table, column): preset for column, preset in value.items()}
            elif key in ("filter", "check"):
                carried[key] = self._expression(table, value)
        return carried

    def _expression(self, table: TableName, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        return dict(self._entry(table, key, operand) for key, operand in written.items())

    def _entry(self, table: TableName, key: str, operand: Any) -> tuple[str, Any]:
        match CONNECTIVES.get(key):
            case "and" | "or":
                if isinstance(operand, list):
                    return key, [self._expression(table, one) for one in operand]
                return key, operand
            case "not":
                return key, self._expression(table, operand)
            case "exists":
                return key, self._exists(operand)
        found = self._catalog.tables.get(table)
        relationship = None if found is None else found.relationships.get(key)
        name = self._renames.relationships.get((table, key), key)
        if relationship is not None:
            return name, self._expression(relationship.target, operand)
        return self._column(table, name), self._comparisons(table, operand)

    def _exists(self, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        try:
            name = read_table(written.get("_table"), None)
        except DataError:
            return written
        carried = dict(written)
        if name in self._renames.tables:
            carried["_table"] = table_to_json(self._table(name))
        if "_where" in written:
            carried["_where"] = self._expression(name, written["_where"])
        return carried

    def _comparisons(self, table: TableName, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        carried = dict(written)
        for key, operand in written.items():
            if COMPARISONS.get(key) in COLUMN_OPERATORS and isinstance(operand, str):
                carried[key] = self._column(table, operand)
            elif key in CASTS and isinstance(operand, dict):
                carried[key] = {type_: self._comparisons(table, below) for type_, below in operand.items()}
        return carried
