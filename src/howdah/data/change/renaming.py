"""New names of tables, columns and relationships, carried into all metadata that has the old ones.

A rule is walked as it is written, with the table that each part of it is about: so a name is changed only where it is
that table's, however deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from howdah.data.catalog.access import Tables
from howdah.data.catalog.model import Catalog, Relationship
from howdah.data.errors import DataError
from howdah.data.query.ast import TableName
from howdah.data.query.predicate import CASTS, COLUMN_OPERATORS, COMPARISONS, CONNECTIVES
from howdah.data.query.reading import read_table
from howdah.data.written.document_parts import table_to_json
from howdah.data.written.metadata import (
    ForeignKeyOn,
    ManualMapping,
    Metadata,
    RelationshipMetadata,
    TableMetadata,
    arranged,
)
from howdah.data.written.problem import Problem

Named = tuple[TableName, str]
"""A column or relationship, by its table and its name."""


@dataclass(frozen=True, slots=True)
class Renames:
    """What is called something else now. The tables of columns and relationships have their old names here."""

    tables: Mapping[TableName, TableName]
    columns: Mapping[Named, str]
    relationships: Mapping[Named, str]
    functions: Mapping[TableName, TableName] = field(default_factory=dict)

    @property
    def of(self) -> frozenset[TableName]:
        """The tables of which some name is another one now."""
        return frozenset((*self.tables, *(table for table, _ in self.columns), *(one for one, _ in self.relationships)))


def carry(metadata: Metadata, renames: Renames, catalog: Catalog) -> Metadata:
    """The metadata with the new names; ``catalog`` is what it resolved to with the old ones.

    What was wrong already may keep old names: nobody can say what it meant.
    """
    changed = renames.of
    if not changed and not renames.functions:
        return metadata
    carrier = _Carrier(renames, catalog)
    old = [
        table
        for table in metadata.tables
        if _concerns(changed, table.name, catalog)
        or any(one.function in renames.functions for one in table.computed_fields)
    ]
    if renames.functions:
        functions = tuple(replace(one, name=renames.functions.get(one.name, one.name)) for one in metadata.functions)
        metadata = arranged(replace(metadata, functions=functions))
    return metadata.with_tables(map(carrier.table_metadata, old), without={table.name for table in old})


def renamed_problem(problem: Problem, renames: Renames) -> Problem:
    """The problem, of an object that is called something else now."""
    table, name = renames.tables.get(problem.table, problem.table), problem.name
    if problem.kind == "function":
        table = renames.functions.get(problem.table, problem.table)
        name = str(table)
    elif problem.kind in ("table", "enum"):
        name = str(table)
    elif problem.kind == "custom name":
        name = renames.columns.get((problem.table, name), name)
    return replace(problem, table=table, name=name)


def _concerns(changed: frozenset[TableName], name: TableName, catalog: Catalog) -> bool:
    found = catalog.resolved.get(name)
    if found is None or found.relationship_problems or found.permission_problems:
        return True
    return name in changed or not changed.isdisjoint(found.targets | found.reached)


class Renaming:
    """Conditions with new names; which table is meant by a name ``tables`` say."""

    def __init__(self, renames: Renames, tables: Tables) -> None:
        self.renames = renames
        self.tables = tables

    def target(self, relationship: Relationship) -> TableName:
        """The table that the relationship leads to, by the name it has here."""
        return relationship.target

    def table(self, name: TableName) -> TableName:
        """What the table is called now."""
        return self.renames.tables.get(name, name)

    def column(self, table: TableName, name: str) -> str:
        """What the table's column is called now."""
        return self.renames.columns.get((table, name), name)

    def relationship(self, table: TableName, name: str) -> str:
        """What the table's relationship is called now."""
        return self.renames.relationships.get((table, name), name)

    def expression(self, table: TableName, written: Any) -> Any:
        """The condition about rows of the table."""
        if not isinstance(written, dict):
            return written
        return dict(self._entry(table, key, operand) for key, operand in written.items())

    def _entry(self, table: TableName, key: str, operand: Any) -> tuple[str, Any]:
        match CONNECTIVES.get(key):
            case "and" | "or":
                if isinstance(operand, list):
                    return key, [self.expression(table, one) for one in operand]
                return key, operand
            case "not":
                return key, self.expression(table, operand)
            case "exists":
                return key, self._exists(operand)
        found = self.tables.get(table)
        relationship = None if found is None else found.relationships.get(key)
        name = self.relationship(table, key)
        if relationship is not None:
            return name, self.expression(self.target(relationship), operand)
        return self.column(table, name), self._comparisons(table, operand)

    def _exists(self, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        try:
            name = read_table(written.get("_table"), None)
        except DataError:
            return written
        carried = dict(written)
        if name in self.renames.tables:
            carried["_table"] = table_to_json(self.table(name))
        if "_where" in written:
            carried["_where"] = self.expression(name, written["_where"])
        return carried

    def _comparisons(self, table: TableName, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        carried = dict(written)
        for key, operand in written.items():
            if COMPARISONS.get(key) in COLUMN_OPERATORS and isinstance(operand, str):
                carried[key] = self.column(table, operand)
            elif key in CASTS and isinstance(operand, dict):
                carried[key] = {type_: self._comparisons(table, below) for type_, below in operand.items()}
        return carried


class _Carrier(Renaming):
    def __init__(self, renames: Renames, catalog: Catalog) -> None:
        super().__init__(renames, catalog.tables)

    def table_metadata(self, written: TableMetadata) -> TableMetadata:
        name = written.name
        columns = tuple((self.column(name, column), custom) for column, custom in written.custom_names.columns)
        return replace(
            written,
            name=self.table(name),
            custom_names=replace(written.custom_names, columns=columns),
            relationships=tuple(self._relationship(name, one) for one in written.relationships),
            permissions=tuple(replace(one, rule=self._rule(name, one.rule)) for one in written.permissions),
            computed_fields=tuple(
                replace(one, function=self.renames.functions.get(one.function, one.function))
                for one in written.computed_fields
            ),
            event_triggers=tuple(
                replace(one, columns=self._columns(name, one.columns), payload=self._columns(name, one.payload))
                for one in written.event_triggers
            ),
        )

    def _columns(self, table: TableName, columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if columns is None else tuple(self.column(table, column) for column in columns)

    def _relationship(self, table: TableName, written: RelationshipMetadata) -> RelationshipMetadata:
        using: ForeignKeyOn | ManualMapping
        match written.using:
            case ForeignKeyOn(column, None):
                using = ForeignKeyOn(self.column(table, column))
            case ForeignKeyOn(column, TableName() as remote):
                using = ForeignKeyOn(self.column(remote, column), self.table(remote))
            case ManualMapping(remote, pairs):
                mapping = ((self.column(table, ours), self.column(remote, theirs)) for ours, theirs in pairs)
                using = ManualMapping(self.table(remote), tuple(mapping))
        return replace(written, name=self.relationship(table, written.name), using=using)

    def _rule(self, table: TableName, rule: Mapping[str, Any]) -> dict[str, Any]:
        carried = dict(rule)
        for key, value in rule.items():
            if key == "columns" and isinstance(value, list | tuple):
                carried[key] = [self.column(table, one) if isinstance(one, str) else one for one in value]
            elif key == "set" and isinstance(value, Mapping):
                carried[key] = {self.column(table, column): preset for column, preset in value.items()}
            elif key in ("filter", "check"):
                carried[key] = self.expression(table, value)
        return carried
