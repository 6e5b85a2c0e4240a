"""A query on behalf of a session → its plan, and the statement or statements it becomes; pure."""

from __future__ import annotations

from dataclasses import dataclass

from howdah.data.catalog.model import Catalog
from howdah.data.compile import compile_plan
from howdah.data.execute.enqueue import enqueue_statement
from howdah.data.execute.nested import Several, render_nested
from howdah.data.plan import NestedInsertPlan, Plan, plan, plan_nested
from howdah.data.query.ast import ColumnName, Enqueue, Query
from howdah.data.query.limits import Limits
from howdah.data.sql.render import render
from howdah.data.sql.statement import Statement
from howdah.kit import context
from howdah.session import Session


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles queries within the limits. Each of these raises DataError; rows that are written keep ``kept``."""

    limits: Limits
    stringify_numerics: bool

    def compiled(
        self, query: Query, session: Session, catalog: Catalog, kept: tuple[ColumnName, ...] = ()
    ) -> Statement | Several:
        """The statement of the query, or the several ones of a nested insert."""
        if isinstance(query, Enqueue):
            return enqueue_statement(query, session, catalog, context.request_id.get())
        nested = self.nested_plan(query, session, catalog, kept)
        return self.statement(query, session, catalog, kept) if nested is None else render_nested(nested)

    def statement(
        self, query: Query, session: Session, catalog: Catalog, kept: tuple[ColumnName, ...] = ()
    ) -> Statement:
        """The one statement of a query that is no nested insert."""
        return render(compile_plan(self.plan(query, session, catalog, kept)))

    def plan(self, query: Query, session: Session, catalog: Catalog, kept: tuple[ColumnName, ...] = ()) -> Plan:
        """What will be done for such a query."""
        stringify = self.stringify_numerics
        return plan(query, catalog, session, self.limits, stringify_numerics=stringify, kept=kept)

    def nested_plan(
        self,
        query: Query,
        session: Session,
        catalog: Catalog,
        kept: tuple[ColumnName, ...] = (),
        *,
        apart: bool = False,
    ) -> NestedInsertPlan | None:
        """What will be done for a nested insert, None for any other query. ``apart``: no rows in one statement."""
        stringify = self.stringify_numerics
        return plan_nested(query, catalog, session, self.limits, stringify_numerics=stringify, kept=kept, apart=apart)
