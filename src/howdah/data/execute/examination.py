"""Requests about requests, carried out: tried on the database as the role every query runs as, and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from howdah.data.errors import DataError
from howdah.data.examine.applied import applied
from howdah.data.examine.explanation import explain_statement, explanation, permissions_to_json
from howdah.data.execute.known import Known
from howdah.data.query.ast import Bulk, Explain, MetadataCall, PermissionTest, Query, Request, Transaction
from howdah.data.sql.encode import to_json
from howdah.data.sql.statement import Statement, bind
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.postgres.results import Outcome
from howdah.session import Session

Refused = Callable[[DatabaseError, Query], DataError]
"""What Postgres's refusal of a query means."""


class Rehearsal:
    """Statements tried within one transaction that is never committed."""

    def __init__(
        self,
        connection: Connection,
        known: Known,
        statement_of: Callable[[Query, Session], Statement],
        refused: Refused,
    ) -> None:
        self._connection = connection
        self._known = known
        self._statement_of = statement_of
        self._refused = refused

    async def explain(self, request: Explain) -> bytes:
        """The explanation of a query, or a list of those of a bulk's queries, each after what came before it."""
        return to_json(await self._explained(request.request, request)).encode()

    async def _explained(self, query: Query | Bulk, request: Explain) -> Any:
        if isinstance(query, Bulk):
            return [await self._explained(_examined(one), request) for one in query.requests]
        session, known = request.session, self._known
        statement = self._statement_of(query, session)
        parameters = bind(statement, session)
        try:
            # Twice, because the text is for people, and cannot be had together with the JSON.
            async with self._connection.attempt():
                text = await self._plan(statement, parameters, request, as_json=False)
            if request.analyze and statement.writes:
                plan = await self._plan(statement, parameters, request, as_json=True)
            else:
                async with self._connection.attempt():
                    plan = await self._plan(statement, parameters, request, as_json=True)
        except DatabaseError as error:
            raise self._refused(error, query) from error
        permissions = permissions_to_json(
            applied(query, known.catalog, session.role), session.role, known.metadata, known.catalog
        )
        lines = [(row[0] or b"").decode() for row in text.rows]
        return explanation(statement, parameters, lines, json.loads(plan.rows[0][0] or b"[{}]")[0], permissions)

    async def _plan(
        self, statement: Statement, parameters: tuple[bytes | None, ...], request: Explain, *, as_json: bool
    ) -> Outcome:
        text = explain_statement(statement, analyze=request.analyze, json=as_json)
        return await self._connection.fetch(text, parameters)


def _examined(request: Request) -> Query | Bulk:
    assert not isinstance(request, MetadataCall | Transaction | Explain | PermissionTest), (
        "reading an examination lets no such thing in"
    )
    return request
