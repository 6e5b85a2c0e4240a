"""One permission rule, as written → what the role may do. Says everything that is wrong with it, not only the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from howdah.data.catalog.access import Tables
from howdah.data.catalog.condition import TRUE, Condition
from howdah.data.catalog.model import (
    Column,
    ComputedField,
    DeletePermission,
    InsertPermission,
    SelectPermission,
    Table,
    UpdatePermission,
)
from howdah.data.catalog.predicate import resolve_predicate
from howdah.data.catalog.values import value_of
from howdah.data.errors import DataError, NotExists, NotSupported, Path, Unreadable
from howdah.data.query.predicate import parse_predicate
from howdah.data.query.reading import expected, refuse_other_keys
from howdah.data.sql.statement import Value
from howdah.data.written.metadata import Operation

Rule: TypeAlias = SelectPermission | InsertPermission | UpdatePermission | DeletePermission

_KEYS = {
    "select": frozenset({"columns", "filter", "limit", "allow_aggregations", "computed_fields"}),
    "insert": frozenset({"check", "columns", "set", "allow_upsert", "allow_conflict_update", "backend_only"}),
    "update": frozenset({"columns", "filter", "check", "set"}),
    "delete": frozenset({"filter"}),
}


def resolve_rule(
    operation: Operation, written: Mapping[str, Any], table: Table, tables: Tables
) -> tuple[Rule | None, tuple[DataError, ...]]:
    """The permission the rule stands for, or None and everything that is wrong with it."""
    reading = _Reading(operation, dict(written), table, tables)
    rule = reading.rule()
    return (None if reading.errors else rule), tuple(reading.errors)


class _Reading:
    """One rule being read. What is wrong is gathered in ``errors``; while there are any, the result is of no use."""

    def __init__(self, operation: Operation, written: dict[str, Any], table: Table, tables: Tables) -> None:
        self.operation = operation
        self.written = written
        self.table = table
        self.tables = tables
        self.errors: list[DataError] = []

    def rule(self) -> Rule:
        try:
            refuse_other_keys(self.written, _KEYS[self.operation], None)
        except DataError as error:
            self.errors.append(error)
        match self.operation:
            case "select":
                return SelectPermission(
                    self._columns(),
                    self._condition("filter"),
                    self._limit(),
                    self._flag("allow_aggregations"),
                    self._computed_fields(),
                )
            case "insert":
                return InsertPermission(
                    self._columns(),
                    self._condition("check"),
                    self._presets(),
                    self._flag("allow_upsert") or self._flag("allow_conflict_update"),
                    self._flag("backend_only"),
                )
            case "update":
                check = self._condition("check") if self.written.get("check") is not None else TRUE
                return UpdatePermission(self._columns(), self._condition("filter"), check, self._presets())
            case "delete":
                return DeletePermission(self._condition("filter"))

    def _columns(self) -> dict[str, Column]:
        """The columns of the list, in the order of the table. Without a list an insert may give every column."""
        path: Path = (None, "columns")
        usable = {
            name: column
            for name, column in self.table.exposed_columns.items()
            if self.operation == "select" or column.writable
        }
        if "columns" not in self.written and self.operation != "insert":
            self.errors.append(Unreadable('key "columns" not found'))
        names = self.written.get("columns", "*")
        if names == "*":
            return usable
        if not isinstance(names, list | tuple):
            self.errors.append(expected('Array or "*"', names, path))
            return {}
        for index, name in enumerate(names):
            if not isinstance(name, str):
                self.errors.append(expected("String", name, (path, index)))
            elif name not in self.table.columns:
                self.errors.append(NotExists(f'column "{name}" does not exist', path=(path, index)))
        return {name: column for name, column in usable.items() if column.name in names}

    def _computed_fields(self) -> dict[str, ComputedField]:
        """The computed fields of the list that are values; the others need no permission of their own."""
        path: Path = (None, "computed_fields")
        names = self.written.get("computed_fields") or []
        if not isinstance(names, list | tuple):
            self.errors.append(expected("Array", names, path))
            return {}
        fields = self.table.computed_fields
        for index, name in enumerate(names):
            if not isinstance(name, str):
                self.errors.append(expected("String", name, (path, index)))
            elif name not in fields:
                self.errors.append(NotExists(f'computed field "{name}" does not exist', path=(path, index)))
        return {name: field for name, field in fields.items() if name in names and field.target is None}

    def _condition(self, key: str) -> Condition:
        if key not in self.written:
            self.errors.append(Unreadable(f'key "{key}" not found'))
            return TRUE
        try:
            expression = parse_predicate(self.written[key], (None, key))
            return resolve_predicate(expression, self.table, self.table.comparable, self.tables, None)
        except DataError as error:
            self.errors.append(error)
            return TRUE

    def _presets(self) -> dict[str, Value]:
        written = self.written.get("set")
        if written is None:
            return {}
        if not isinstance(written, Mapping):
            self.errors.append(expected("Object", written, (None, "set")))
            return {}
        presets: dict[str, Value] = {}
        for name, value in written.items():
            try:
                presets[name] = self._preset(name, value, ((None, "set"), name))
            except DataError as error:
                self.errors.append(error)
        return presets

    def _preset(self, name: str, value: Any, path: Path) -> Value:
        column = self.table.columns.get(name)
        if column is None:
            raise NotExists(f'column "{name}" does not exist', path=path)
        if not column.writable:
            raise NotSupported(f'column "{name}" is generated and cannot be written', path=path)
        return value_of(value, column.type, path, stored=True)

    def _flag(self, key: str) -> bool:
        value = self.written.get(key, False)
        if isinstance(value, bool):
            return value
        self.errors.append(expected("Boolean", value, (None, key)))
        return False

    def _limit(self) -> int | None:
        value = self.written.get("limit")
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
            return value
        self.errors.append(Unreadable("expected an Integer that is not negative", path=(None, "limit")))
        return None
