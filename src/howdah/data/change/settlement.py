"""Judging a change by its effect: the new metadata is resolved, and a problem that was not there before refuses it.

What is wrong with the object that was changed is the call's own error; what is wrong with others are dependents, which
are named, or removed where the change cascades.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from howdah.data import errors
from howdah.data.catalog.model import Catalog
from howdah.data.catalog.resolve import resolve
from howdah.data.change.alteration import bound_to_types, compare, without_columns
from howdah.data.change.inconsistency import inconsistent_objects
from howdah.data.change.renaming import Renames, carry, renamed_problem
from howdah.data.errors import DataError, Path, render_path
from howdah.data.found.database import Database
from howdah.data.query.ast import TableName
from howdah.data.written.metadata import Metadata
from howdah.data.written.problem import Problem, ProblemKind


class DependencyError(DataError):
    """Something else needs what would be removed."""

    code = "dependency-error"


@dataclass(frozen=True, slots=True)
class Change:
    """New metadata, and what it is about: the problems of what is changed are the call's, all others are dependents'.

    ``key`` is where in the arguments the changed object is written.
    """

    metadata: Metadata
    kind: str = ""
    table: TableName | None = None
    name: str = ""
    key: str | None = None
    cascade: bool = False
    renames: Renames | None = None
    """What is called something else now, and is to be in everything that names it."""
    tolerant: bool = False
    """Whether new problems are nothing to refuse it for."""
    mending: bool = False
    """Whether old problems go as well as new ones."""


def settle(
    metadata: Metadata, before: Database, after: Database, catalog: Catalog, path: Path, *, cascade: bool
) -> Metadata:
    """The metadata after the database itself was changed: with its new names, and as long as it holds.

    With ``cascade`` what does not hold any more is removed; of lists of columns only what is gone. Raises
    DependencyError without.
    """
    altered = compare(before, after)
    bound = bound_to_types(catalog, altered.retyped)
    if bound and not cascade:
        (table, column), *_ = (one.column for one in bound)
        names = ", ".join(f"permission {one.table}.{one.role}.{one.operation}" for one in bound)
        message = f'cannot change type of column "{column}" in table "{table}" because of the following dependencies : '
        raise DependencyError(message + names, path=path)
    for one in bound:
        metadata = _without_permission(metadata, one.table, f"{one.role} {one.operation}")
    if cascade:
        metadata = without_columns(metadata, altered.dropped)
    change = Change(carry(metadata, altered.renames, catalog), kind="database", cascade=cascade)
    # What was wrong before is wrong under its new names, too.
    known = [renamed_problem(problem, altered.renames) for problem in catalog.problems]
    return settled(change, after, catalog, path, {(one.kind, one.table, one.name) for one in known})


def with_new_names(metadata: Metadata, before: Database, after: Database, catalog: Catalog) -> Metadata:
    """The metadata with the names that the database has after it was changed."""
    return carry(metadata, compare(before, after).renames, catalog)


def settled(
    change: Change,
    database: Database,
    catalog: Catalog,
    path: Path,
    known: Container[tuple[str, TableName, str]] = (),
) -> Metadata:
    """The metadata, when nothing is wrong with it that was not before, or is ``known``: by kind, table and name."""
    old = set() if change.mending else set(catalog.problems)
    while True:
        problems = resolve(change.metadata, database, catalog.version, catalog).problems
        new = [one for one in problems if one not in old and (one.kind, one.table, one.name) not in known]
        if not new:
            return change.metadata
        for problem in new:
            if _is_own(problem, change):
                raise _as_error(problem, path, change.key if problem.kind == change.kind else _KEYS[problem.kind])
        if not change.cascade:
            names = ", ".join(_describe(problem) for problem in new)
            message = f"cannot drop due to the following dependent objects: {names}"
            if change.kind:
                raise DependencyError(message, path=path)
            error = _as_error(new[0], path, None)
            error.internal = inconsistent_objects(change.metadata, tuple(new))
            raise error
        for problem in new:
            change = replace(change, metadata=_without(problem, change.metadata))


# Where `track_table` has what else the table is to be.
_KEYS: Mapping[ProblemKind, str] = {"custom name": "configuration", "enum": "is_enum"}


def _is_own(problem: Problem, change: Change) -> bool:
    if problem.kind in _KEYS:
        # Of any column: one call names them all. A table that is only now tracked brings its names with it.
        return problem.table == change.table and change.kind in ("table", problem.kind)
    return (problem.kind, problem.table, problem.name) == (change.kind, change.table, change.name)


# Of the errors with a code, the one that a call is refused with: others are about addresses.
_BY_CODE: dict[str, type[DataError]] = {
    kind.code: kind for kind in reversed(DataError.__subclasses__()) if kind.status == DataError.status
}


def _as_error(problem: Problem, path: Path, key: str | None) -> DataError:
    place = render_path(path if key is None else (path, key)) + problem.inner
    return _BY_CODE.get(problem.code, errors.InvalidConfiguration)(problem.message, path=place)


def _describe(problem: Problem) -> str:
    if problem.kind == "table":
        return f"table {problem.table}"
    if problem.kind == "relationship":
        return f"relationship {problem.table}.{problem.name}"
    if problem.kind == "enum":
        return f"enum {problem.table}"
    if problem.kind == "custom name":
        return f"custom name of {problem.table}{problem.name and '.'}{problem.name}"
    if problem.kind == "computed field":
        return f"computed field {problem.table}.{problem.name}"
    if problem.kind == "function":
        return f"function {problem.table}"
    if problem.kind == "event trigger":
        return f"event-trigger {problem.name}"
    role, operation = problem.name.rsplit(" ", 1)
    return f"permission {problem.table}.{role}.{operation}"


def _without(problem: Problem, metadata: Metadata) -> Metadata:
    if problem.kind == "function":
        return metadata.without_function(problem.table)
    table = metadata.table(problem.table)
    if table is None or problem.kind == "table":
        return metadata.without_table(problem.table)
    if problem.kind == "relationship":
        rest = tuple(one for one in table.relationships if one.name != problem.name)
        return metadata.with_table(replace(table, relationships=rest))
    if problem.kind == "computed field":
        fields = tuple(one for one in table.computed_fields if one.name != problem.name)
        return metadata.with_table(replace(table, computed_fields=fields))
    if problem.kind == "event trigger":
        triggers = tuple(one for one in table.event_triggers if one.name != problem.name)
        return metadata.with_table(replace(table, event_triggers=triggers))
    if problem.kind == "enum":
        return metadata.with_table(replace(table, is_enum=False))
    if problem.kind == "custom name":
        names = table.custom_names
        columns = tuple((column, name) for column, name in names.columns if column != problem.name)
        names = replace(names, columns=columns) if problem.name else replace(names, table=None)
        return metadata.with_table(replace(table, custom_names=names))
    return _without_permission(metadata, problem.table, problem.name)


def _without_permission(metadata: Metadata, table: TableName, name: str) -> Metadata:
    found = metadata.table(table)
    if found is None:
        return metadata
    permissions = tuple(one for one in found.permissions if f"{one.role} {one.operation}" != name)
    return metadata.with_table(replace(found, permissions=permissions))
