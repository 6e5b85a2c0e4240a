"""Metadata, held against the database → the Catalog, in stages: tables, relationships, permissions.

Nothing is fatal: what does not hold is left out and listed as a Problem. Each stage sees only what the one before left.
A stage is gone through again only by the tables that a change reaches: every look at another table is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from howdah.data.catalog.condition import TRUE, Pair
from howdah.data.catalog.enums import check_enum
from howdah.data.catalog.function import resolve_computed_field, resolve_function
from howdah.data.catalog.model import (
    Catalog,
    Column,
    ComputedField,
    DeletePermission,
    Function,
    InsertPermission,
    Permissions,
    Relationship,
    ResolvedTable,
    SelectPermission,
    Table,
    UpdatePermission,
    catalog_of,
)
from howdah.data.catalog.rule import Rule, resolve_rule
from howdah.data.errors import (
    AlreadyExists,
    ConstraintError,
    DataError,
    InvalidConfiguration,
    NotExists,
    NotSupported,
    Path,
    render_path,
)
from howdah.data.found.database import Database, DatabaseFunction, DatabaseTable
from howdah.data.query.ast import TableName
from howdah.data.written.metadata import (
    ForeignKeyOn,
    ManualMapping,
    Metadata,
    PermissionMetadata,
    RelationshipMetadata,
    TableMetadata,
)
from howdah.data.written.naming import name_columns, name_tables
from howdah.data.written.problem import Problem, ProblemKind
from howdah.session import ADMIN_ROLE

MAX_NAME_BYTES = 63
"""A relationship's name becomes a name in SQL, and Postgres would cut a longer one."""


def resolve(metadata: Metadata, database: Database, version: int, before: Catalog | None = None) -> Catalog:
    """Everything in the metadata that holds in the database, and a Problem for everything else.

    It is the same with ``before``, a Catalog of earlier metadata or an earlier database, only sooner: what no change
    since then has reached is taken from there, the very same values.
    """
    known = {} if before is None else before.resolved
    written, twice = _by_name(metadata)
    names, clashes = name_tables(metadata.tables)
    changed = set(known.keys() - written.keys())
    resolved: dict[TableName, ResolvedTable] = {}
    for name, table in written.items():
        found, exposed_name, old = database.tables.get(name), names.get(name, name), known.get(name)
        functions = tuple([database.functions.get(field.function, ()) for field in table.computed_fields])
        if old is None or twice or not _is_as_before(old, table, found, exposed_name, functions):
            changed.add(name)
            resolved[name] = replace(_with_table(table, found, exposed_name, twice), functions=functions)
        else:
            resolved[name] = old
    bare = {name: one.bare for name, one in resolved.items() if one.bare is not None}
    for name in _reached(resolved, changed, lambda one: one.targets):
        resolved[name] = _with_relationships(resolved[name], database, bare)
        if name not in changed and resolved[name].related is not known[name].related:
            changed.add(name)
    related = {name: one.related for name, one in resolved.items() if one.related is not None}
    for name in _reached(resolved, changed, lambda one: one.reached):
        resolved[name] = _with_permissions(resolved[name], related, known.get(name))
    tables = {name: one.table for name, one in resolved.items() if one.table is not None}
    function_problems: list[Problem] = []
    tracked = _functions(metadata, database, tables, function_problems)
    return catalog_of(
        version,
        tables,
        (
            *(_problem("custom name", name, "", _place(name, "configuration"), error) for name, error in clashes),
            *(problem for one in resolved.values() for problem in one.table_problems),
            *(problem for one in resolved.values() for problem in one.relationship_problems),
            *(problem for one in resolved.values() for problem in one.permission_problems),
            *function_problems,
        ),
        {} if twice else resolved,
        tracked,
        {task.name: task for task in metadata.tasks},
    )


def _by_name(metadata: Metadata) -> tuple[dict[TableName, TableMetadata], set[TableName]]:
    """The tables as written, each once, and which of them are written more than once."""
    written: dict[TableName, TableMetadata] = {}
    twice: set[TableName] = set()
    for table in metadata.tables:
        if table.name in written:
            twice.add(table.name)
        else:
            written[table.name] = table
    return written, twice


def _is_as_before(
    old: ResolvedTable,
    written: TableMetadata,
    found: DatabaseTable | None,
    exposed_name: TableName,
    functions: tuple[tuple[DatabaseFunction, ...], ...],
) -> bool:
    return (
        (old.written is written or old.written == written)
        and (old.found is found or old.found == found)
        and (old.bare is None or old.bare.exposed_name == exposed_name)
        and old.functions == functions
    )


def _reached(
    resolved: Mapping[TableName, ResolvedTable],
    changed: set[TableName],
    looked_at: Callable[[ResolvedTable], frozenset[TableName]],
) -> list[TableName]:
    """The tables that were changed, or that looked at one that was."""
    return [name for name, one in resolved.items() if name in changed or not changed.isdisjoint(looked_at(one))]


class _Watched(Mapping[TableName, Table]):
    """Tables, and which of them were looked for."""

    def __init__(self, tables: Mapping[TableName, Table]) -> None:
        self._tables = tables
        self.looked_at: set[TableName] = set()

    def __getitem__(self, name: TableName) -> Table:
        self.looked_at.add(name)
        return self._tables[name]

    def __iter__(self) -> Iterator[TableName]:
        raise TypeError("A table is held against those it names, not against all.")

    def __len__(self) -> int:
        return len(self._tables)


def _problem(kind: ProblemKind, table: TableName, name: str, place: Path, error: DataError) -> Problem:
    inner = (error.path or "$").removeprefix("$")
    return Problem(kind, table, name, render_path(place) + inner, inner, error.code, error.message)


def _place(table: TableName, *keys: str) -> Path:
    place: Path = ((None, "tables"), str(table))
    for key in keys:
        place = (place, key)
    return place


# Stage 1: tables.


def _with_table(
    written: TableMetadata, found: DatabaseTable | None, exposed_name: TableName, twice: Container[TableName]
) -> ResolvedTable:
    name = written.name
    problems: list[Problem] = []
    if found is None:
        error: DataError = NotExists(f'no such table/view exists in postgres : "{name}"')
        problems.append(_problem("table", name, str(name), _place(name), error))
    elif name in twice:
        error = AlreadyExists(f'table "{name}" is listed twice')
        problems.append(_problem("table", name, str(name), _place(name), error))
    table = None if found is None else _table(written, found, exposed_name, problems)
    return ResolvedTable(written, found, table, related=None, table=None, table_problems=tuple(problems))


def _table(written: TableMetadata, found: DatabaseTable, exposed_name: TableName, problems: list[Problem]) -> Table:
    relationships = {relationship.name for relationship in written.relationships}
    exposed, errors = name_columns(written.custom_names, [column.name for column in found.columns], relationships)
    for name, error in errors:
        problems.append(_problem("custom name", found.name, name, _place(found.name, "configuration"), error))
    if written.is_enum:
        try:
            check_enum(found)
        except DataError as error:
            problems.append(_problem("enum", found.name, str(found.name), _place(found.name, "is_enum"), error))
    problems += _event_problems(written, found)
    columns = {
        column.name: Column(
            column.name,
            exposed[column.name],
            column.type,
            column.nullable,
            column.has_default,
            writable=not column.generated,
            comment=column.comment,
        )
        for column in found.columns
    }
    exposed_columns = columns
    if any(column.exposed_name != name for name, column in columns.items()):
        exposed_columns = {column.exposed_name: column for column in columns.values()}
    return Table(
        found.name,
        exposed_name,
        found.kind,
        columns,
        exposed_columns,
        relationships={},
        unique_constraints={constraint.name: constraint.columns for constraint in found.unique_constraints},
        insertable=found.insertable,
        updatable=found.updatable,
        deletable=found.deletable,
        permissions={ADMIN_ROLE: _everything(exposed_columns)},
        comment=found.comment,
        enum_values=found.enum_values,
    )


def _event_problems(written: TableMetadata, found: DatabaseTable) -> Iterator[Problem]:
    """What does not hold of the table's event triggers."""
    columns = {column.name for column in found.columns}
    for trigger in written.event_triggers:
        place = _place(found.name, "event_triggers", trigger.name)
        if found.kind not in ("table", "partitioned table"):
            error: DataError = NotSupported(f'only tables have row events, and "{found.name}" is a {found.kind}')
            yield _problem("event trigger", found.name, trigger.name, place, error)
            continue
        for key, names in (("columns", trigger.columns), ("payload", trigger.payload)):
            for index, name in enumerate(names or ()):
                if name not in columns:
                    message = f'column "{name}" does not exist in table "{found.name}"'
                    error = NotExists(message, path=((None, key), index))
                    yield _problem("event trigger", found.name, trigger.name, place, error)


def _everything(columns: Mapping[str, Column]) -> Permissions:
    """The administrator's permissions."""
    writable = {name: column for name, column in columns.items() if column.writable}
    return Permissions(
        SelectPermission(columns, TRUE, allow_aggregations=True),
        InsertPermission(writable, TRUE, presets={}),
        UpdatePermission(writable, TRUE, TRUE, presets={}),
        DeletePermission(TRUE),
    )


# Stage 2: relationships.


def _with_relationships(so_far: ResolvedTable, database: Database, tables: Mapping[TableName, Table]) -> ResolvedTable:
    table = so_far.bare
    if table is None:
        return so_far
    watched, problems = _Watched(tables), []
    relationships: dict[str, Relationship] = {}
    for relationship in so_far.written.relationships:
        try:
            _refuse_name(relationship.name, table, relationships)
            relationships[relationship.name] = _relationship(relationship, table, database, watched)
        except DataError as error:
            place = _place(table.name, "relationships", relationship.name)
            problems.append(_problem("relationship", table.name, relationship.name, place, error))
    related = replace(table, relationships=relationships)
    related = _with_computed_fields(so_far.written, related, database, watched, problems)
    return replace(
        so_far,
        related=so_far.related if related == so_far.related else related,
        targets=frozenset(watched.looked_at),
        relationship_problems=tuple(problems),
    )


def _refuse_name(
    name: str,
    table: Table,
    relationships: Mapping[str, Relationship],
    computed_fields: Mapping[str, ComputedField] = MappingProxyType({}),
    *,
    what: str = "relationship",
) -> None:
    if not name or len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidConfiguration(f"the name of a {what} has 1 to {MAX_NAME_BYTES} bytes")
    if name.startswith(("$", "*")):
        raise InvalidConfiguration(f'the name of a {what} cannot start with "$" or "*"')
    if name in computed_fields:
        raise AlreadyExists(f'computed field with name "{name}" already exists in table "{table.name}"')
    if name in table.exposed_columns or (what != "relationship" and name in table.columns):
        raise AlreadyExists(f'column with name "{name}" already exists in table "{table.name}"')
    if name in relationships:
        raise AlreadyExists(f'relationship with name "{name}" already exists in table "{table.name}"')


def _relationship(
    written: RelationshipMetadata, table: Table, database: Database, tables: Mapping[TableName, Table]
) -> Relationship:
    match written.using:
        case ManualMapping(remote_table, column_mapping):
            target = _target(remote_table, tables, ((None, "using"), "manual_configuration"), "remote_table")
            pairs = _manual_mapping(column_mapping, table, target)
            theirs_refer = any(
                key.target == table.name and set(key.columns) == {their for _, their in pairs}
                for key in database.tables[target.name].foreign_keys
            )
            refers = written.kind == "object" and not theirs_refer
        case ForeignKeyOn(column, None):
            if written.kind == "array":
                raise InvalidConfiguration(
                    "an array relationship is through the foreign key of another table: give its table and column",
                    path=_FOREIGN_KEY_PATH,
                )
            keys = [key for key in database.tables[table.name].foreign_keys if key.columns == (column,)]
            _refuse_unless_one(len(keys), column, table)
            target = _target(keys[0].target, tables, _FOREIGN_KEY_PATH, None)
            pairs, refers = tuple(zip(keys[0].columns, keys[0].target_columns, strict=True)), True
        case ForeignKeyOn(column, TableName() as remote_table):
            target = _target(remote_table, tables, _FOREIGN_KEY_PATH, "table")
            keys = [
                key
                for key in database.tables[remote_table].foreign_keys
                if key.columns == (column,) and key.target == table.name
            ]
            _refuse_unless_one(len(keys), column, target)
            pairs, refers = tuple(zip(keys[0].target_columns, keys[0].columns, strict=True)), False
    mapping = tuple([Pair(ours, their, _operator_schema(table, ours, target, their)) for ours, their in pairs])
    theirs = {pair.theirs for pair in mapping}
    unique = any(theirs.issuperset(columns) for columns in target.unique_constraints.values())
    return Relationship(written.name, written.kind, target.name, mapping, unique, refers)


def _operator_schema(table: Table, ours: str, target: Table, theirs: str) -> str | None:
    """Where the operator is that makes both equal: with the type, for a type of an extension's on both sides."""
    our_type, their_type = table.columns[ours].type, target.columns[theirs].type
    return our_type.operators or None if our_type.sql == their_type.sql else None


_FOREIGN_KEY_PATH: Path = ((None, "using"), "foreign_key_constraint_on")
_MAPPING_PATH: Path = (((None, "using"), "manual_configuration"), "column_mapping")


def _target(name: TableName, tables: Mapping[TableName, Table], path: Path, key: str | None) -> Table:
    target = tables.get(name)
    if target is None:
        raise NotExists(f'table "{name}" does not exist or is not tracked', path=path if key is None else (path, key))
    return target


def _refuse_unless_one(found: int, column: str, table: Table) -> None:
    if column not in table.columns:
        raise NotExists(f'column "{column}" does not exist', path=_FOREIGN_KEY_PATH)
    if found == 0:
        raise ConstraintError("no foreign constraint exists on the given column", path=_FOREIGN_KEY_PATH)
    if found > 1:
        raise ConstraintError("more than one foreign key constraint exists on the given column", path=_FOREIGN_KEY_PATH)


def _manual_mapping(pairs: tuple[tuple[str, str], ...], table: Table, target: Table) -> tuple[tuple[str, str], ...]:
    if not pairs:
        raise InvalidConfiguration("a relationship needs at least one pair of columns", path=_MAPPING_PATH)
    for ours, theirs in pairs:
        path = (_MAPPING_PATH, ours)
        our_column, their_column = table.columns.get(ours), target.columns.get(theirs)
        if our_column is None or their_column is None:
            raise NotExists(f'column "{ours if our_column is None else theirs}" does not exist', path=path)
        same = our_column.type.sql == their_column.type.sql
        if not same and (
            our_column.type.category != their_column.type.category
            or our_column.type.category not in {"boolean", "datetime", "number", "text"}
        ):
            raise InvalidConfiguration(
                f'columns "{ours}" and "{theirs}" are of types that cannot be compared', path=path
            )
    return pairs


def _with_computed_fields(
    written: TableMetadata,
    table: Table,
    database: Database,
    tables: Mapping[TableName, Table],
    problems: list[Problem],
) -> Table:
    fields: dict[str, ComputedField] = {}
    for field in written.computed_fields:
        try:
            _refuse_name(field.name, table, table.relationships, fields, what="computed field")
            fields[field.name] = resolve_computed_field(field, table, database, tables)
        except DataError as error:
            place = _place(table.name, "computed_fields", field.name)
            problems.append(_problem("computed field", table.name, field.name, place, error))
    if not fields:
        return table
    admin = table.permissions[ADMIN_ROLE]
    assert admin.select is not None, "the administrator may read every table"
    values = {name: field for name, field in fields.items() if field.target is None}
    permissions = replace(admin, select=replace(admin.select, computed_fields=values))
    return replace(table, computed_fields=fields, permissions={**table.permissions, ADMIN_ROLE: permissions})


# Stage 3: permissions.


def _with_permissions(
    so_far: ResolvedTable, tables: Mapping[TableName, Table], before: ResolvedTable | None
) -> ResolvedTable:
    table = so_far.related
    if table is None:
        return so_far
    watched, problems = _Watched(tables), []
    permissions = dict(table.permissions)
    for permission in so_far.written.permissions:
        for error in _add_permission(permission, table, watched, permissions):
            place = _place(table.name, "permissions", permission.role, permission.operation)
            name = f"{permission.role} {permission.operation}"
            problems.append(_problem("permission", table.name, name, place, error))
    permitted = replace(table, permissions=permissions)
    return replace(
        so_far,
        table=before.table if before is not None and permitted == before.table else permitted,
        reached=frozenset(watched.looked_at),
        permission_problems=tuple(problems),
    )


def _add_permission(
    written: PermissionMetadata,
    table: Table,
    tables: Mapping[TableName, Table],
    permissions: dict[str, Permissions],
) -> tuple[DataError, ...]:
    """Put the permission where it belongs, or say everything that is wrong with it."""
    if written.role == ADMIN_ROLE:
        return (NotSupported('permissions cannot be defined for the role "admin", which may do everything'),)
    if not written.role:
        return (InvalidConfiguration("a role has a name"),)
    existing = permissions.get(written.role, Permissions())
    if getattr(existing, written.operation) is not None:
        clash = f'{written.operation} permission for role "{written.role}" on table "{table.name}" already exists'
        return (AlreadyExists(clash),)
    if written.operation != "select" and not table.can(written.operation):
        return (NotSupported(f'"{table.name}" is a {table.kind} that Postgres cannot {written.operation}'),)
    rule, errors = resolve_rule(written.operation, written.rule, table, tables)
    if rule is not None:
        permissions[written.role] = _with_rule(existing, rule)
    return errors


def _with_rule(permissions: Permissions, rule: Rule) -> Permissions:
    match rule:
        case SelectPermission():
            return replace(permissions, select=rule)
        case InsertPermission():
            return replace(permissions, insert=rule)
        case UpdatePermission():
            return replace(permissions, update=rule)
        case DeletePermission():
            return replace(permissions, delete=rule)


# Stage 4: functions.


def _functions(
    metadata: Metadata, database: Database, tables: Mapping[TableName, Table], problems: list[Problem]
) -> dict[TableName, Function]:
    functions: dict[TableName, Function] = {}
    for written in metadata.functions:
        try:
            if written.name in functions:
                raise AlreadyExists(f'function "{written.name}" is listed twice')
            functions[written.name] = resolve_function(written, database, tables)
        except DataError as error:
            place: Path = ((None, "functions"), str(written.name))
            problems.append(_problem("function", written.name, str(written.name), place, error))
    return functions
