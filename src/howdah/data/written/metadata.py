"""Metadata as written: which tables are tracked, what relates them, who may do what. Not yet held against a database.

Rules stay the JSON they were written as, so that an export gives back what was put in; ``resolve`` parses them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from howdah.data.query.ast import TableName

Operation = Literal["insert", "select", "update", "delete"]
OPERATIONS: tuple[Operation, ...] = ("insert", "select", "update", "delete")

RelationshipKind = Literal["object", "array"]


@dataclass(frozen=True, slots=True)
class ForeignKeyOn:
    """Through a foreign key: ``column`` of the tracked table itself, or of ``table`` when that is given (array)."""

    column: str
    table: TableName | None = None


@dataclass(frozen=True, slots=True)
class ManualMapping:
    """Through equal columns, for views: tracked table's column → ``remote_table``'s column."""

    remote_table: TableName
    column_mapping: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RelationshipMetadata:
    """A relationship as written."""

    name: str
    kind: RelationshipKind
    using: ForeignKeyOn | ManualMapping
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class PermissionMetadata:
    """What ``role`` may do with ``operation``; ``rule`` is the permission object of the query language, as written."""

    role: str
    operation: Operation
    rule: Mapping[str, Any]
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class CustomNames:
    """What requests and answers call the table, and some of its columns: pairs of a column and its name there."""

    table: str | None = None
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ComputedFieldMetadata:
    """A field of every row of the tracked table that ``function`` makes of it.

    ``table_argument`` is the argument that is given the row, without it the first; ``session_argument`` the one that
    is given the session's variables.
    """

    name: str
    function: TableName
    table_argument: str | None = None
    session_argument: str | None = None
    comment: str | None = None


RowOperation = Literal["insert", "update", "delete"]
ROW_OPERATIONS: tuple[RowOperation, ...] = ("insert", "update", "delete")


@dataclass(frozen=True, slots=True)
class EventTriggerMetadata:
    """A task that is sent when rows of the tracked table are changed, by whomever, in the transaction that does so.

    With ``columns``, an update counts only where one of them changed; with ``payload``, these alone are told of a row.
    """

    name: str
    task: str
    operations: tuple[RowOperation, ...]
    columns: tuple[str, ...] | None = None
    payload: tuple[str, ...] | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """A tracked table. Where ``is_enum``, its rows are the only values that columns referring to it may have."""

    name: TableName
    relationships: tuple[RelationshipMetadata, ...] = ()
    permissions: tuple[PermissionMetadata, ...] = ()
    custom_names: CustomNames = CustomNames()
    is_enum: bool = False
    computed_fields: tuple[ComputedFieldMetadata, ...] = ()
    event_triggers: tuple[EventTriggerMetadata, ...] = ()


Exposure = Literal["query", "mutation"]


@dataclass(frozen=True, slots=True)
class FunctionMetadata:
    """A tracked function. ``roles`` have been given permission to call it; ``exposed_as`` None is as it is declared."""

    name: TableName
    session_argument: str | None = None
    exposed_as: Exposure | None = None
    roles: tuple[str, ...] = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class QueryTemplate:
    """A stored request with parameters, as written. It is carried out on behalf of whoever executes it."""

    name: str
    query: Mapping[str, Any]
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class TaskPermission:
    """What ``role`` may give a task (None: anything); ``presets`` are what it is given in any case."""

    role: str
    arguments: tuple[str, ...] | None = ()
    presets: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskMetadata:
    """A task that requests may send, by the roles that may. Whether a worker does it is not known here."""

    name: str
    permissions: tuple[TaskPermission, ...] = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """Every tracked table, query template, tracked function and permitted task, sorted by name."""

    tables: tuple[TableMetadata, ...] = ()
    query_templates: tuple[QueryTemplate, ...] = ()
    functions: tuple[FunctionMetadata, ...] = ()
    tasks: tuple[TaskMetadata, ...] = ()

    def task(self, name: str) -> TaskMetadata | None:
        """What is written of the task of this name, if anything is."""
        return next((task for task in self.tasks if task.name == name), None)

    def with_task(self, task: TaskMetadata) -> Metadata:
        """The same with ``task`` in the place of the one of its name, or added; without it where nobody may send it."""
        others = tuple(other for other in self.tasks if other.name != task.name)
        return arranged(replace(self, tasks=(*others, task) if task.permissions else others))

    def table(self, name: TableName) -> TableMetadata | None:
        """The tracked table of this name, if it is tracked."""
        return next((table for table in self.tables if table.name == name), None)

    def with_table(self, table: TableMetadata) -> Metadata:
        """The same with ``table`` in the place of the one of its name, or added."""
        return self.with_tables([table])

    def with_tables(self, tables: Iterable[TableMetadata], without: Container[TableName] = ()) -> Metadata:
        """The same with each of ``tables`` in the place of the one of its name or added, and not those ``without``."""
        new = {table.name: _arranged_table(table) for table in tables}
        rest = [table for table in self.tables if table.name not in new and table.name not in without]
        return replace(self, tables=tuple(sorted((*rest, *new.values()), key=lambda table: table.name)))

    def function(self, name: TableName) -> FunctionMetadata | None:
        """The tracked function of this name, if it is tracked."""
        return next((function for function in self.functions if function.name == name), None)

    def with_function(self, function: FunctionMetadata) -> Metadata:
        """The same with ``function`` in the place of the one of its name, or added."""
        others = [other for other in self.functions if other.name != function.name]
        return replace(self, functions=_arranged_functions((*others, function)))

    def without_function(self, name: TableName) -> Metadata:
        """The same without the function of this name."""
        return replace(self, functions=tuple(function for function in self.functions if function.name != name))

    def without_table(self, name: TableName) -> Metadata:
        """The same without the table of this name."""
        return replace(self, tables=tuple(table for table in self.tables if table.name != name))

    def query_template(self, name: str) -> QueryTemplate | None:
        """The query template of this name, if there is one."""
        return next((template for template in self.query_templates if template.name == name), None)

    def with_query_template(self, template: QueryTemplate) -> Metadata:
        """The same with ``template`` in the place of the one of its name, or added."""
        others = self.without_query_template(template.name).query_templates
        return arranged(replace(self, query_templates=(*others, template)))

    def without_query_template(self, name: str) -> Metadata:
        """The same without the query template of this name."""
        rest = tuple(template for template in self.query_templates if template.name != name)
        return replace(self, query_templates=rest)


def called_functions(metadata: Metadata) -> tuple[TableName, ...]:
    """The functions that requests may lead to: the tracked ones, and those that fields are computed with."""
    computed = (field.function for table in metadata.tables for field in table.computed_fields)
    return tuple(dict.fromkeys([*(function.name for function in metadata.functions), *computed]))


def arranged(metadata: Metadata) -> Metadata:
    """The same in the one order that every form of metadata has, so that equal metadata are equal values.

    Tables by name; object relationships before array relationships, by name; permissions by operation and role;
    custom names by column; query templates, functions, computed fields and event triggers by name.
    """
    templates = tuple(sorted(metadata.query_templates, key=lambda template: template.name))
    tables = tuple(sorted((_arranged_table(table) for table in metadata.tables), key=lambda table: table.name))
    functions = _arranged_functions(metadata.functions)
    tasks = tuple(sorted((_arranged_task(task) for task in metadata.tasks), key=lambda task: task.name))
    return replace(metadata, tables=tables, query_templates=templates, functions=functions, tasks=tasks)


def _arranged_task(task: TaskMetadata) -> TaskMetadata:
    return replace(task, permissions=tuple(sorted(task.permissions, key=lambda one: one.role)))


def _arranged_functions(functions: Iterable[FunctionMetadata]) -> tuple[FunctionMetadata, ...]:
    arranged_each = (replace(function, roles=tuple(sorted(set(function.roles)))) for function in functions)
    return tuple(sorted(arranged_each, key=lambda function: function.name))


def _arranged_table(table: TableMetadata) -> TableMetadata:
    return replace(
        table,
        relationships=tuple(sorted(table.relationships, key=lambda one: (one.kind != "object", one.name))),
        permissions=tuple(sorted(table.permissions, key=lambda one: (OPERATIONS.index(one.operation), one.role))),
        custom_names=replace(table.custom_names, columns=tuple(sorted(table.custom_names.columns))),
        computed_fields=tuple(sorted(table.computed_fields, key=lambda one: one.name)),
        event_triggers=tuple(sorted(table.event_triggers, key=lambda one: one.name)),
    )
