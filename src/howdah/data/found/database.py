"""What is in the database: relations, columns, keys, as introspection found them. Plain values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from howdah.data.query.ast import TableName

RelationKind = Literal["table", "view", "materialized view", "foreign table", "partitioned table"]

TypeCategory = Literal[
    "array", "boolean", "datetime", "geography", "geometry", "json", "number", "raster", "text", "other"
]
"""How JSON of a type is written: ``text`` takes text operators, ``json`` goes inline, ``other`` is text to us.

``geography``, ``geometry`` and ``raster`` are the types of PostGIS, and their schema is that of its functions.
"""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A Postgres type: ``sql`` is its full name, quoted and ready for a cast (``integer``, ``public."mood"[]``)."""

    sql: str
    name: str
    category: TypeCategory
    base: str = ""
    """What a domain is made of; empty for every other type."""
    labels: tuple[str, ...] = ()
    """Every value of an enum, in its order; for an array of an enum every value of an element.

    A column of text that refers to an enum table has those of the table.
    """

    operators: str = ""
    """The schema, quoted, of the operators of an extension's type, where that is not one that Postgres searches."""

    @property
    def of_enum_table(self) -> bool:
        """Whether the labels are those of a table, so that nobody but us refuses other values."""
        return self.category == "text" and bool(self.labels)

    @property
    def geometry(self) -> str:
        """The type geometry beside this type of PostGIS."""
        return self.sql.rpartition(".")[0] + ".geometry"


@dataclass(frozen=True, slots=True)
class DatabaseColumn:
    """A column that exists. ``number`` is its attnum, which a rename does not change."""

    name: str
    number: int
    type: ColumnType
    nullable: bool
    has_default: bool
    generated: bool
    """True for GENERATED ALWAYS columns (stored, virtual or identity) and a view's expressions: none can be written."""
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class UniqueConstraint:
    """A primary key, unique constraint or plain unique index: a name that ON CONFLICT can mean, and its columns."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``columns`` of the table that has it point at ``target_columns`` of ``target``, position by position."""

    name: str
    columns: tuple[str, ...]
    target: TableName
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnumValue:
    """A row of an enum table."""

    value: str
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """A relation that exists. ``oid`` survives a rename. Only of an enum table are the values known."""

    oid: int
    name: TableName
    kind: RelationKind
    columns: tuple[DatabaseColumn, ...]
    primary_key: UniqueConstraint | None
    unique_constraints: tuple[UniqueConstraint, ...]
    """Every unique constraint, the primary key among them."""
    foreign_keys: tuple[ForeignKey, ...]
    insertable: bool
    updatable: bool
    deletable: bool
    comment: str | None = None
    enum_values: tuple[EnumValue, ...] = ()


@dataclass(frozen=True, slots=True)
class DatabaseArgument:
    """What a function is given; the name is empty when it has none. ``relation`` as for what a function returns."""

    name: str
    type: ColumnType
    relation: int
    has_default: bool


FunctionOddity = Literal["variadic", "outputs", "polymorphic"]


@dataclass(frozen=True, slots=True)
class DatabaseFunction:
    """A function that exists. ``relation`` is the oid of the relation whose row type it returns, 0 where none is.

    ``oddity`` is what keeps a request from calling it.
    """

    oid: int
    name: TableName
    arguments: tuple[DatabaseArgument, ...]
    returns: ColumnType
    relation: int
    returns_set: bool
    volatile: bool
    oddity: FunctionOddity | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """Every relation and function outside Postgres's and howdah's own schemas, as one look found them.

    Functions of one name differ in their arguments; trigger functions and those of extensions are left out. ``marks``
    has a number for each relation by its oid, and under 0 one for all functions, which a later look compares to tell
    what has changed since; ``types`` has the types in use, by their oids.
    """

    tables: Mapping[TableName, DatabaseTable]
    functions: Mapping[TableName, tuple[DatabaseFunction, ...]] = field(default_factory=dict)
    marks: Mapping[int, int] = field(default_factory=dict, compare=False, repr=False)
    types: Mapping[int, ColumnType] = field(default_factory=dict, compare=False, repr=False)
