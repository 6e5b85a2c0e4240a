"""What planning one request may use: the tables, the role, and what is left of the limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from howdah.data.catalog.access import NO_PERMISSIONS, Tables, find_table, not_allowed
from howdah.data.catalog.condition import Condition
from howdah.data.catalog.model import Catalog, Column, Permissions, SelectPermission, Table
from howdah.data.catalog.predicate import resolve_predicate
from howdah.data.errors import Path, PermissionDenied
from howdah.data.query.ast import BooleanExpression, TableName
from howdah.data.query.limits import Limits
from howdah.data.query.reading import Budget
from howdah.data.written.metadata import Operation
from howdah.session import Session

BACKEND_VARIABLE = "x-hasura-use-backend-only-permissions"
"""Set to "true" by a trusted backend; the gateway lets no client set it."""


class Standpoint(NamedTuple):
    """All that planning may know of a session: sessions with the same standpoint share statements."""

    role: str
    backend: bool


def standpoint(session: Session) -> Standpoint:
    """From where the session looks at the catalog."""
    return Standpoint(session.role, session.variables.get(BACKEND_VARIABLE, "").lower() == "true")


class Scope:
    """The same for a whole request. Mutable only in the budget, which wildcards spend."""

    __slots__ = ("backend", "budget", "functions", "role", "stringify_numerics", "tables")

    def __init__(self, catalog: Catalog, session: Session, limits: Limits, *, stringify_numerics: bool) -> None:
        self.tables: Tables = catalog.nameable
        self.functions = catalog.functions
        self.role, self.backend = standpoint(session)
        self.budget = Budget(limits)
        self.stringify_numerics = stringify_numerics

    def table(self, name: TableName, operation: Operation, path: Path) -> tuple[Table, Permissions]:
        """The table, and what the role may do with it. Raises NotExists, PermissionDenied."""
        table = find_table(self.tables, name, operation, self.role, path)
        return table, table.permissions.get(self.role, NO_PERMISSIONS)

    def readable(self, table: Table, permissions: Permissions, path: Path) -> SelectPermission:
        """What the role may read of the table. Raises PermissionDenied when that is nothing."""
        if permissions.select is None:
            raise self.not_allowed("select", table, path)
        return permissions.select

    def not_allowed(self, operation: Operation, table: Table, path: Path) -> PermissionDenied:
        """The error of a missing permission."""
        return not_allowed(operation, table.exposed_name, self.role, path)

    def condition(self, where: BooleanExpression, table: Table, columns: Mapping[str, Column]) -> Condition:
        """What the request's ``where`` means, for this role."""
        return resolve_predicate(where, table, columns, self.tables, self.role)
