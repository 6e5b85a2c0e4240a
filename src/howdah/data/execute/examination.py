"""Requests about requests, carried out: tried on the database as the role every query runs as, and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from howdah.data.errors import DataError, render_path
from howdah.data.examine.applied import Applied, applied
from howdah.data.examine.explanation import explain_statement, explanation, permissions_to_json
from howdah.data.execute.known import Known
from howdah.data.execute.nested import Part, Several, insert_nested
from howdah.data.execute.transaction import carry_out, prepare_transaction
from howdah.data.query.ast import (
    Bulk,
    ColumnName,
    Explain,
    MetadataCall,
    PermissionTest,
    Query,
    Request,
    Transaction,
)
from howdah.data.query.limits import Limits
from howdah.data.sql.encode import to_json
from howdah.data.sql.statement import Statement, bind
from howdah.data.written.document_parts import table_to_json
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.postgres.results import Outcome
from howdah.session import Session

Compiled = Callable[[Query, Session, tuple[ColumnName, ...]], Statement | Several]
"""The statement, or statements, of a query, which keep these columns of what they write."""

Refused: TypeAlias = "Callable[[DatabaseError, Query | Part], DataError]"
"""What Postgres's refusal of a query means."""


class Rehearsal:
    """Statements tried within one transaction that is never committed."""

    def __init__(
        self, connection: Connection, known: Known, compiled: Compiled, refused: Refused, limits: Limits
    ) -> None:
        self._connection = connection
        self._known = known
        self._compiled = compiled
        self._refused = refused
        self._limits = limits

    async def explain(self, request: Explain) -> bytes:
        """The explanation of a query, or a list of those of a bulk's queries, each after what came before it.

        A nested insert has a list of ``statements``. Those, and the queries of a transaction, are carried out in any
        case: what comes later depends on what came before.
        """
        return to_json(await self._explained(request.request, request)).encode()

    async def _explained(self, query: Query | Bulk | Transaction, request: Explain) -> Any:
        if isinstance(query, Bulk):
            return [await self._explained(_examined(one), request) for one in query.requests]
        if isinstance(query, Transaction):
            return await self._explained_transaction(query, request)
        compiled = self._compiled(query, request.session, ())
        if isinstance(compiled, Several):
            told, _ = await self._explained_several(compiled, query, request)
            return told
        return await self._explained_statement(compiled, query, self._applied(query, request), request)

    async def _explained_transaction(self, transaction: Transaction, request: Explain) -> list[Any]:
        told: list[Any] = []

        async def submit(query: Query, statement: Statement | Several) -> bytes:
            if isinstance(statement, Several):
                one, answer = await self._explained_several(statement, query, request)
                told.append(one)
                return answer
            places = self._applied(query, request)
            told.append(await self._explained_statement(statement, query, places, request, stays=False))
            return await self._answered(statement, query, request.session)

        prepared = prepare_transaction(transaction, lambda query, kept: self._compiled(query, request.session, kept))
        await carry_out(prepared, submit, self._limits)
        return told

    async def _explained_several(
        self, several: Several, query: Query, request: Explain
    ) -> tuple[dict[str, Any], bytes]:
        """The explanations of the statements, and what they answer together."""
        places = self._applied(query, request)
        told: list[dict[str, Any]] = []

        async def submit(part: Part) -> bytes:
            if part.purpose in ("insert", "check"):
                obeyed = [one for one in places if _is_about(one, part)]
            else:
                obeyed = [one for one in places if one.operation == "select"]
            said = await self._explained_statement(part.statement, part, obeyed, request, stays=False)
            told.append(
                {"purpose": part.purpose, "path": render_path(part.path), "table": table_to_json(part.table), **said}
            )
            return await self._answered(part.statement, part, request.session)

        answer = await insert_nested(several, submit)
        return {"statements": told}, answer

    async def _explained_statement(
        self,
        statement: Statement,
        query: Query | Part,
        obeyed: Sequence[Applied],
        request: Explain,
        *,
        stays: bool = True,
    ) -> dict[str, Any]:
        """The explanation of one statement; what is measured by writing ``stays`` for the statements behind it."""
        session, known = request.session, self._known
        parameters = bind(statement, session)
        try:
            # Twice, because the text is for people, and cannot be had together with the JSON.
            async with self._connection.attempt():
                text = await self._plan(statement, parameters, request, as_json=False)
            if request.analyze and statement.writes and stays:
                plan = await self._plan(statement, parameters, request, as_json=True)
            else:
                async with self._connection.attempt():
                    plan = await self._plan(statement, parameters, request, as_json=True)
        except DatabaseError as error:
            raise self._refused(error, query) from error
        permissions = permissions_to_json(obeyed, session.role, known.metadata, known.catalog)
        lines = [(row[0] or b"").decode() for row in text.rows]
        return explanation(statement, parameters, lines, json.loads(plan.rows[0][0] or b"[{}]")[0], permissions)

    async def _answered(self, statement: Statement, query: Query | Part, session: Session) -> bytes:
        try:
            outcome = await self._connection.fetch(statement.text, bind(statement, session))
        except DatabaseError as error:
            raise self._refused(error, query) from error
        return outcome.rows[0][0] or b"null"

    def _applied(self, query: Query, request: Explain) -> tuple[Applied, ...]:
        return applied(query, self._known.catalog, request.session.role)

    async def _plan(
        self, statement: Statement, parameters: tuple[bytes | None, ...], request: Explain, *, as_json: bool
    ) -> Outcome:
        text = explain_statement(statement, analyze=request.analyze, json=as_json)
        return await self._connection.fetch(text, parameters)


def _is_about(one: Applied, part: Part) -> bool:
    """Whether the permission is for the rows that the statement writes: at its place, or on a conflict there."""
    at_place = one.path == part.path or (one.path is not None and one.path[0] == part.path)
    return one.table == part.table and one.operation != "select" and at_place


def _examined(request: Request) -> Query | Bulk | Transaction:
    assert not isinstance(request, MetadataCall | Explain | PermissionTest), (
        "reading an examination lets no such thing in"
    )
    return request
