"""The Catalog: the database, what is tracked of it and who may do what, resolved against each other once.

Whatever is in here holds: every relationship has its target, every rule its columns. What does not hold was left out
and is listed in ``problems``; what is absent is refused. The administrator is a role whose permissions allow all, so
nothing that reads a Catalog asks whether it has one before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from howdah.data.catalog.condition import Condition, Invoked, Operand, Pair
from howdah.data.found.database import ColumnType, DatabaseFunction, DatabaseTable, EnumValue, RelationKind
from howdah.data.query.ast import TableName
from howdah.data.sql.statement import Value
from howdah.data.written.metadata import Exposure, RelationshipKind, TableMetadata, TaskMetadata
from howdah.data.written.problem import Problem


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a tracked table. ``writable`` is false for generated columns.

    ``name`` is the database's, and rules'; ``exposed_name`` is what requests and answers call it.
    """

    name: str
    exposed_name: str
    type: ColumnType
    nullable: bool
    has_default: bool
    writable: bool
    comment: str | None = None
    computed: Invoked | None = None
    """What makes the value, where this is a computed field that stands for a column."""

    @property
    def operand(self) -> Operand:
        """What is compared and sorted by."""
        return self.name if self.computed is None else self.computed


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a function: its name, which may be empty, and the ``key`` that a request gives it by."""

    name: str
    key: str
    type: ColumnType
    has_default: bool
    given_by: Literal["request", "row", "session"]


@dataclass(frozen=True, slots=True)
class Routine:
    """A function of the database that may be called."""

    name: TableName
    arguments: tuple[Argument, ...]
    volatile: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A tracked function, which returns rows of ``target``, one at most when ``single``.

    A query may be called by whoever may read ``target``, a mutation by those of them in ``roles``.
    """

    routine: Routine
    target: TableName
    single: bool
    exposed_as: Exposure
    roles: frozenset[str]
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class ComputedField:
    """What a function makes of each row of a table: rows of ``target`` (one at most when ``single``), or a value.

    A value that needs nothing of a request is a ``column`` in conditions and orders.
    """

    name: str
    routine: Routine
    type: ColumnType
    target: TableName | None
    single: bool
    column: Column | None


@dataclass(frozen=True, slots=True)
class Relationship:
    """Rows of ``target`` whose columns equal ours: ``mapping`` says which of ours equal which of theirs.

    ``unique`` says that a key of the target proves there is at most one such row; ``refers`` that our columns refer to
    theirs, and not theirs to ours, so that their row has to be there first.
    """

    name: str
    kind: RelationshipKind
    target: TableName
    mapping: tuple[Pair, ...]
    unique: bool
    refers: bool


@dataclass(frozen=True, slots=True)
class SelectPermission:
    """Which columns of which rows may be read, and at most how many rows at once.

    Here and in the other permissions ``columns`` is by the names that requests use, ``presets`` by the database's.
    """

    columns: Mapping[str, Column]
    filter: Condition
    limit: int | None = None
    allow_aggregations: bool = False
    computed_fields: Mapping[str, ComputedField] = field(default_factory=dict)
    """Those that are values; one that is rows of another table may be read by whoever may read those."""

    @property
    def comparable(self) -> Mapping[str, Column]:
        """The columns, and the computed fields that can be compared and sorted by like one."""
        return _with_computed(self.columns, self.computed_fields) if self.computed_fields else self.columns


@dataclass(frozen=True, slots=True)
class InsertPermission:
    """Which columns may be given, what a new row must fulfil, and what it gets whatever was given.

    ``allow_upsert`` is the older way to allow ON CONFLICT DO UPDATE to a role without an update permission.
    """

    columns: Mapping[str, Column]
    check: Condition
    presets: Mapping[str, Value]
    allow_upsert: bool = False
    backend_only: bool = False


@dataclass(frozen=True, slots=True)
class UpdatePermission:
    """Which columns of which rows may be changed, what the changed row must fulfil, and what it gets in any case."""

    columns: Mapping[str, Column]
    filter: Condition
    check: Condition
    presets: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class DeletePermission:
    """Which rows may be deleted."""

    filter: Condition


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one role may do with one table; None is refusal."""

    select: SelectPermission | None = None
    insert: InsertPermission | None = None
    update: UpdatePermission | None = None
    delete: DeletePermission | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A tracked table, view or other relation. ``exposed_name`` is what requests call it."""

    name: TableName
    exposed_name: TableName
    kind: RelationKind
    columns: Mapping[str, Column]
    """By the database's names."""
    exposed_columns: Mapping[str, Column]
    """By the names that requests use; the same object where no column has another."""
    relationships: Mapping[str, Relationship]
    unique_constraints: Mapping[str, tuple[str, ...]]
    insertable: bool
    updatable: bool
    deletable: bool
    permissions: Mapping[str, Permissions]
    """By role, the administrator's among them."""
    comment: str | None = None
    enum_values: tuple[EnumValue, ...] = ()
    """Of an enum table, the rows; a column that refers to one has the values as labels of its type."""
    computed_fields: Mapping[str, ComputedField] = field(default_factory=dict)

    @property
    def comparable(self) -> Mapping[str, Column]:
        """The columns by the database's names, and the computed fields that are like one: what a rule may name."""
        return _with_computed(self.columns, self.computed_fields) if self.computed_fields else self.columns

    @property
    def customized(self) -> bool:
        """Whether requests call the table, or one of its columns, something else than the database does."""
        return self.exposed_name != self.name or self.exposed_columns is not self.columns

    def can(self, operation: Literal["insert", "update", "delete"]) -> bool:
        """Whether Postgres can do this to its rows: of a view perhaps not, of a materialized one never."""
        return {"insert": self.insertable, "update": self.updatable, "delete": self.deletable}[operation]

    def visible_columns(self, role: str) -> dict[str, str]:
        """The columns the role may know of because it may read or write them, and what requests call them."""
        permissions = self.permissions.get(role)
        if permissions is None:
            return {}
        return {
            column.name: column.exposed_name
            for part in (permissions.select, permissions.insert, permissions.update)
            if part is not None
            for column in part.columns.values()
        }


def _with_computed(columns: Mapping[str, Column], fields: Mapping[str, ComputedField]) -> Mapping[str, Column]:
    return {**columns, **{name: one.column for name, one in fields.items() if one.column is not None}}


@dataclass(frozen=True, slots=True)
class ResolvedTable:
    """What became of one tracked table, stage by stage: from it the next Catalog takes what no change has reached.

    ``targets`` are the tables that its relationships were held against, ``reached`` those that its rules were, and
    ``functions`` what its computed fields were.
    """

    written: TableMetadata
    found: DatabaseTable | None
    bare: Table | None
    related: Table | None
    table: Table | None
    targets: frozenset[TableName] = frozenset()
    reached: frozenset[TableName] = frozenset()
    table_problems: tuple[Problem, ...] = ()
    relationship_problems: tuple[Problem, ...] = ()
    permission_problems: tuple[Problem, ...] = ()
    functions: tuple[tuple[DatabaseFunction, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that is known when a request comes: the tracked tables that exist, and what is wrong with the rest."""

    version: int
    tables: Mapping[TableName, Table]
    nameable: Mapping[TableName, Table]
    """The tables by every name, the database's and requests'. `access.find_table` knows who may use which."""
    functions: Mapping[TableName, Function]
    problems: tuple[Problem, ...]
    tasks: Mapping[str, TaskMetadata] = field(default_factory=dict)
    """What requests may send, by name."""
    resolved: Mapping[TableName, ResolvedTable] = field(default_factory=dict, compare=False, repr=False)
    """How each table came to be; empty where that is of no use to the next Catalog."""


def catalog_of(
    version: int,
    tables: Mapping[TableName, Table],
    problems: tuple[Problem, ...] = (),
    resolved: Mapping[TableName, ResolvedTable] = MappingProxyType({}),
    functions: Mapping[TableName, Function] = MappingProxyType({}),
    tasks: Mapping[str, TaskMetadata] = MappingProxyType({}),
) -> Catalog:
    """The catalog of these tables, functions and tasks."""
    custom = {table.exposed_name: table for table in tables.values() if table.exposed_name != table.name}
    return Catalog(version, tables, {**tables, **custom} if custom else tables, functions, problems, tasks, resolved)


EMPTY_CATALOG = catalog_of(0, MappingProxyType({}))
