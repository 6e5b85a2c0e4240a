"""Statements of queries, run: each in its lane, or several within one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from howdah.data.catalog.model import Catalog
from howdah.data.execute.answers import refused
from howdah.data.execute.compiler import Compiler
from howdah.data.execute.nested import Part, Several, insert_nested
from howdah.data.execute.remembered import Remembered
from howdah.data.execute.transaction import carry_out, prepare_transaction
from howdah.data.query.ast import Bulk, Explain, MetadataCall, PermissionTest, Query, Transaction
from howdah.data.sql.statement import Statement, bind
from howdah.postgres.errors import DatabaseError
from howdah.postgres.lane import Lane
from howdah.postgres.pool import Pool
from howdah.session import Session


class Submitter(Protocol):
    """Whatever runs a statement: the read lane, the write pool, a transaction."""

    def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> Awaitable[bytes]:
        """The only cell of the statement."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs what the compiler makes of queries, in the lanes of one process."""

    compiler: Compiler
    reads: Lane
    writes: Pool

    async def submit(
        self,
        query: Query | Remembered | Part,
        statement: Statement | Several,
        session: Session,
        catalog: Catalog,
        *,
        values: Sequence[Any] = (),
        within: Submitter | None = None,
    ) -> bytes:
        """The answer to a planned query, from its lane or ``within`` a transaction. Raises DataError."""
        if isinstance(statement, Several):
            return await self._nested(statement, session, within, catalog)
        parameters = bind(statement, session, values)
        submitter = within or (self.writes if statement.writes else self.reads)
        try:
            return await submitter.submit(statement.text, parameters)
        except DatabaseError as error:
            raise refused(error, query, session, catalog) from error

    async def _nested(self, several: Several, session: Session, within: Submitter | None, catalog: Catalog) -> bytes:
        if within is None:
            async with self.writes.transaction() as transaction:
                return await self._nested(several, session, transaction, catalog)
        place: Submitter = within

        async def submit(part: Part) -> bytes:
            return await self.submit(part, part.statement, session, catalog, within=place)

        return await insert_nested(several, submit)

    async def bulk(self, bulk: Bulk, session: Session, submitter: Submitter, catalog: Catalog) -> bytes:
        """The answers to all requests of the bulk, as a list. Raises DataError."""
        answers: list[bytes] = []
        for request in bulk.requests:
            if isinstance(request, Bulk):
                answers.append(await self.bulk(request, session, submitter, catalog))
            elif isinstance(request, Transaction):
                answers.append(await self.transaction(request, session, submitter, catalog))
            else:
                assert not isinstance(request, MetadataCall | Explain | PermissionTest), (
                    "a bulk with calls is administered"
                )
                statement = self.compiler.compiled(request, session, catalog)
                answers.append(await self.submit(request, statement, session, catalog, within=submitter))
        return b"[" + b",".join(answers) + b"]"

    async def transaction(
        self, transaction: Transaction, session: Session, submitter: Submitter, catalog: Catalog
    ) -> bytes:
        """The answers to the queries of the transaction, which use each other's. Raises DataError."""

        async def submit(query: Query, statement: Statement | Several) -> bytes:
            return await self.submit(query, statement, session, catalog, within=submitter)

        prepared = prepare_transaction(
            transaction, lambda query, kept: self.compiler.compiled(query, session, catalog, kept)
        )
        return await carry_out(prepared, submit, self.compiler.limits)
