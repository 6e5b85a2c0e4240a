"""What one role may know and do: the tables it may use at all, what for, and what they are called in the document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from howdah.data.catalog.access import (
    NO_PERMISSIONS,
    Tables,
    find_computed_rows,
    find_related,
    labels_of,
    may_call,
    may_read_values,
)
from howdah.data.catalog.model import (
    Catalog,
    Column,
    ComputedField,
    Function,
    Permissions,
    Relationship,
    SelectPermission,
    Table,
)
from howdah.data.plan.scope import Standpoint
from howdah.data.query.address import PAGE
from howdah.data.query.ast import TableName
from howdah.data.query.limits import Limits
from howdah.session import ADMIN_ROLE

_SHARED: Final = frozenset(
    {
        *("aggregated", "alias", "answer", "counted", "error", "exists", "explain", "function", "limit", "metadata"),
        *("offset", "order_of_groups", "page", "query", "refusal", "search_configuration", "some_columns"),
        *("some_values", "table", "transaction", "value", "value_of_an_enum", "where", "words", "written"),
    }
)
"""What components that are no table's begin with."""
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class UsableTable:
    """A table that the role may do something with. ``key`` is the first part of its components' names."""

    table: Table
    key: str
    permissions: Permissions
    operations: frozenset[str]

    @property
    def name(self) -> TableName:
        """What requests call the table."""
        return self.table.exposed_name

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns that the role may read."""
        return {} if self.permissions.select is None else self.permissions.select.columns

    @property
    def computed(self) -> Mapping[str, ComputedField]:
        """The computed fields that are values, and that the role may read."""
        return {} if self.permissions.select is None else self.permissions.select.computed_fields

    @property
    def named(self) -> Mapping[str, Column]:
        """The columns, and the computed fields that are asked for, compared and sorted by like one."""
        return {} if self.permissions.select is None else self.permissions.select.comparable


@dataclass(frozen=True, slots=True)
class UsableFunction:
    """A function that the role may call, and the table whose rows it returns; ``key`` as for a table."""

    function: Function
    key: str
    target: UsableTable
    operations: frozenset[str]


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """From where the document is written.

    ``tables`` and ``functions`` are those the role may use, ``all_tables`` the catalog's, by the database's names;
    ``hidden`` are the names of the others.
    """

    standpoint: Standpoint
    tables: Mapping[TableName, UsableTable]
    functions: Mapping[TableName, UsableFunction]
    all_tables: Tables
    hidden: frozenset[str]
    limits: Limits
    stringify_numerics: bool
    labels: frozenset[tuple[str, ...]]
    """The values of the enum tables that the role may read whole."""

    @property
    def is_admin(self) -> bool:
        """Whether nothing is hidden."""
        return self.standpoint.role == ADMIN_ROLE

    def related(self, usable: UsableTable) -> Iterable[tuple[Relationship, UsableTable, SelectPermission]]:
        """The relationships whose rows the role may read."""
        for name in usable.table.relationships:
            found = find_related(usable.table, name, self.all_tables, self.standpoint.role)
            if found is not None:
                yield found[0], self.tables[found[1].name], found[2]

    def computed_rows(self, usable: UsableTable) -> Iterable[tuple[ComputedField, UsableTable, SelectPermission]]:
        """The computed fields that are rows which the role may read."""
        for name in usable.table.computed_fields:
            found = find_computed_rows(usable.table, name, self.all_tables, self.standpoint.role)
            if found is not None:
                yield found[0], self.tables[found[1].name], found[2]

    def told(self, comment: str | None, usable: UsableTable) -> str | None:
        """The comment, unless a word of it is the name of something that the role may not know (R59)."""
        if comment is None or self.is_admin:
            return comment
        table = usable.table
        visible = table.visible_columns(self.standpoint.role).values()
        hidden = table.columns.keys() | table.exposed_columns.keys()
        words = set(_WORD.findall(comment))
        return None if words & (hidden - set(visible)) or words & self.hidden else comment


def look(catalog: Catalog, standpoint: Standpoint, limits: Limits, *, stringify_numerics: bool) -> Viewpoint:
    """What there is to see from the standpoint."""
    usable: dict[TableName, UsableTable] = {}
    names: set[str] = set()
    taken: set[str] = set()
    for name, table in sorted(catalog.tables.items(), key=lambda item: item[1].exposed_name):
        names |= {name.name, table.exposed_name.name}
        permissions = table.permissions.get(standpoint.role, NO_PERMISSIONS)
        operations = _operations(table, permissions, backend=standpoint.backend)
        if operations:
            usable[name] = UsableTable(table, _key_of(table.exposed_name, taken), permissions, operations)
    functions = {
        name: _usable_function(function, unused_key(f"function.{name}", taken), usable[function.target])
        for name, function in sorted(catalog.functions.items())
        if may_call(function, catalog.tables, standpoint.role)
    }
    names |= {name.name for name in catalog.functions}
    hidden = frozenset(names - {one.name.name for one in usable.values()} - {name.name for name in functions})
    labels = frozenset(labels_of(table) for table in catalog.tables.values() if may_read_values(table, standpoint.role))
    return Viewpoint(standpoint, usable, functions, catalog.tables, hidden, limits, stringify_numerics, labels)


def _usable_function(function: Function, key: str, target: UsableTable) -> UsableFunction:
    """A function that may change something is selected from, and nothing else."""
    reading = {"select"} if function.routine.volatile else {"select", "count", "aggregate"}
    return UsableFunction(function, key, target, target.operations & reading)


def _key_of(name: TableName, taken: set[str]) -> str:
    """The key of a table, which begins like no component that all tables share."""
    written = str(name)
    return unused_key(f"table.{written}" if written.partition(".")[0] in _SHARED else written, taken)


def unused_key(name: str, taken: set[str]) -> str:
    """The name, made of what the keys of components may be made of, and unlike those that are ``taken``."""
    key = plain = ".".join(_ODD.sub("_", part) for part in name.split(".", 1))
    number = 2
    while key in taken:
        key = f"{plain}-{number}"
        number += 1
    taken.add(key)
    return key


def _operations(table: Table, permissions: Permissions, *, backend: bool) -> frozenset[str]:
    operations: set[str] = set()
    select, insert = permissions.select, permissions.insert
    if insert is not None and table.insertable and (backend or not insert.backend_only):
        operations.add("insert")
    if select is not None:
        operations |= {"select", "count"}
        if any(_is_certain(columns, select) for columns in table.unique_constraints.values()):
            operations.add(PAGE)
        if select.allow_aggregations:
            operations.add("aggregate")
        update = permissions.update
        if table.updatable and update is not None and (update.columns or update.presets):
            operations.add("update")
        if table.deletable and permissions.delete is not None:
            operations.add("delete")
    return frozenset(operations)


def _is_certain(columns: tuple[str, ...], permission: SelectPermission) -> bool:
    """Whether these columns of a key, by the database's names, leave no tie in an order that the role may read."""
    never_null = {column.name for column in permission.columns.values() if not column.nullable}
    return never_null.issuperset(columns)
