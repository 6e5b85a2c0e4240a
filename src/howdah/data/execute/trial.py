"""The permission tester, carried out: what a role would be answered, and the rows and branches that decide it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from howdah.data.catalog.condition import Condition
from howdah.data.compile import compile_plan
from howdah.data.errors import CheckFailed, DataError, MissingSessionVariable, Path, PermissionDenied, render_path
from howdah.data.examine.applied import applied
from howdah.data.examine.branches import Rule
from howdah.data.examine.explanation import permissions_to_json
from howdah.data.examine.statements import nested_statement, rows_statement, written_statement
from howdah.data.examine.subject import Subject, checks_of_new_rows, operation_of, subject_of
from howdah.data.examine.verdict import Verdict, reasons, rows_to_json, rule_to_json, verdict_of
from howdah.data.execute.known import Known
from howdah.data.execute.nested import Part, Several, insert_nested, render_nested
from howdah.data.plan.values import InsertPlan, NestedInsertPlan, Plan, UpdatePlan
from howdah.data.query.ast import Delete, Insert, PermissionTest, Query, Update
from howdah.data.sql.ast import Tree
from howdah.data.sql.encode import to_json
from howdah.data.sql.render import render
from howdah.data.sql.statement import bind
from howdah.data.written.document_parts import table_to_json
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.session import ADMIN, Session

LARGEST_ANSWER: Final = 100_000
"""Bytes of the role's own answer that are shown."""

PlanOf = Callable[[Query, Session], Plan]


@dataclass(frozen=True, slots=True)
class Found:
    """What was tried and came out; ``rows`` and ``written`` are as Postgres gave them.

    ``planned`` is false for what the role was refused before the database was asked.
    """

    rows: dict[str, Any] | None = None
    written: list[dict[str, Any]] | None = None
    answer: bytes | None = None
    error: DataError | None = None
    planned: bool = True


class Trial:
    """One permission test within a transaction that is never committed."""

    def __init__(
        self,
        connection: Connection,
        known: Known,
        plan_of: PlanOf,
        nested_of: Callable[[Query, Session, bool], NestedInsertPlan | None],
        refused: Callable[[DatabaseError, Query | Part], DataError],
    ) -> None:
        self._connection = connection
        self._known = known
        self._plan_of = plan_of
        self._nested_of = nested_of
        self._refused = refused

    async def run(self, test: PermissionTest) -> bytes:
        """The verdict as JSON. Raises DataError for a test that makes no sense whoever asks."""
        try:
            several = self._several_of(test.query, test.session)
            subject = None if several is not None else self._subject(test)
        except DataError as denied:
            if self._several_of(test.query, ADMIN) is None:
                self._subject(replace(test, session=ADMIN))  # what the administrator is refused, too, is no denial
            return self._told(test, None, Found(error=denied, planned=False))
        if several is not None:
            answer, error = await self._answered_nested(several, test)
            return self._told(test, None, Found(answer=answer, error=error), await self._written_nested(test))
        assert subject is not None, "what is not several statements is planned as one"
        try:
            rows = None if subject.meant is None else await self._rows(subject, subject.meant, test)
            written = await self._written(subject, test)
            answer, error = await self._answered(subject, test)
        except MissingSessionVariable as missing:
            return self._told(test, subject, Found(error=missing))
        return self._told(test, subject, Found(rows, written, answer, error))

    def _subject(self, test: PermissionTest) -> Subject:
        return subject_of(test, self._plan_of, self._known.catalog, self._known.metadata)

    async def _rows(self, subject: Subject, meant: Condition, test: PermissionTest) -> dict[str, Any]:
        """How many rows are meant and reached, and some of them; without the rules where those cannot be evaluated.

        A branch may fail on its own that Postgres never comes to within the whole rule.
        """
        for rules in (subject.rules, ()):
            try:
                found: dict[str, Any] = await self._tried(
                    rows_statement(subject.table, meant, subject.reached, rules), test
                )
            except DatabaseError as error:
                if not rules:
                    raise self._refused(error, test.query) from error
            else:
                return found
        raise AssertionError("the last of them returns or raises")

    async def _written(self, subject: Subject, test: PermissionTest) -> list[dict[str, Any]] | None:
        """The rows as they would be written, if nothing was checked; None where the database does not write them."""
        if not isinstance(subject.plan, InsertPlan | UpdatePlan):
            return None
        for rules in (subject.checks, ()):
            with contextlib.suppress(DatabaseError):
                written: list[dict[str, Any]] = await self._tried(
                    written_statement(subject.plan, subject.table, rules), test
                )
                return written
        return None

    async def _answered(self, subject: Subject, test: PermissionTest) -> tuple[bytes | None, DataError | None]:
        """What the role is answered, or refused with; deferred constraints have their say, too."""
        if subject.plan is None:
            return None, None
        try:
            async with self._connection.attempt():
                answer = await self._submit(compile_plan(subject.plan), test)
                await self._connection.script("SET CONSTRAINTS ALL IMMEDIATE")
                return answer, None
        except DatabaseError as error:
            return None, self._refused(error, test.query)

    async def _tried(self, tree: Tree, test: PermissionTest) -> Any:
        async with self._connection.attempt():
            return _read(await self._submit(tree, test))

    async def _answered_nested(self, several: Several, test: PermissionTest) -> tuple[bytes | None, DataError | None]:
        """What the role is answered to a nested insert; the place in an error says which row was refused."""

        async def submit(part: Part) -> bytes:
            parameters = bind(part.statement, test.session)
            try:
                outcome = await self._connection.fetch(part.statement.text, parameters)
            except DatabaseError as error:
                raise self._refused(error, part) from error
            return outcome.rows[0][0] or b"null" if outcome.rows else b"null"

        try:
            async with self._connection.attempt():
                answer = await insert_nested(several, submit)
                await self._connection.script("SET CONSTRAINTS ALL IMMEDIATE")
                return answer, None
        except DatabaseError as error:
            return None, self._refused(error, test.query)
        except DataError as error:
            return None, error

    def _several_of(self, query: Query, session: Session) -> Several | None:
        plan = self._nested_of(query, session, False)
        return None if plan is None else render_nested(plan)

    async def _written_nested(self, test: PermissionTest) -> list[dict[str, Any]]:
        """The rows of a nested insert as they would be written, if nothing was checked, with their rules.

        They are looked at when all are there, as the checks are. None where the database does not write them.
        """
        plan, session, known = self._nested_of(test.query, test.session, True), test.session, self._known
        assert plan is not None, "it was one without the checks apart"
        parts: list[Part] = []
        rules: dict[Path, tuple[Rule, ...]] = {}
        for step in plan.checks:
            table = known.catalog.tables[step.of.table]
            rules[step.path] = checks_of_new_rows(table, session.role, known.catalog, known.metadata)
            statement = render(nested_statement(step.of, table, rules[step.path]))
            parts.append(Part("check", table.name, step.path, statement))
        told: list[dict[str, Any]] = []

        async def submit(part: Part) -> bytes:
            outcome = await self._connection.fetch(part.statement.text, bind(part.statement, session))
            answer = outcome.rows[0][0] or b"null"
            if part.purpose == "check":
                place = {"table": table_to_json(part.table), "path": render_path(part.path)}
                told.extend({**place, **row} for row in rows_to_json(_read(answer), rules[part.path], session))
            return answer

        unchecked = replace(render_nested(plan), checks=tuple(parts), returning=None, kept=None)
        with contextlib.suppress(DatabaseError, DataError):
            async with self._connection.attempt():
                await insert_nested(unchecked, submit)
        return sorted(told, key=lambda row: row["allowed"])

    async def _submit(self, tree: Tree, test: PermissionTest) -> bytes:
        statement = render(tree)
        outcome = await self._connection.fetch(statement.text, bind(statement, test.session))
        return outcome.rows[0][0] or b"null"

    # -- telling -------------------------------------------------------------------------------------------------------

    def _told(
        self,
        test: PermissionTest,
        subject: Subject | None,
        found: Found,
        nested: list[dict[str, Any]] | None = None,
    ) -> bytes:
        session, query = test.session, test.query
        told: dict[str, Any] = {
            "verdict": _verdict(test, found),
            "role": session.role,
            "variables": dict(session.variables),
            "table": table_to_json(query.table),
            "operation": operation_of(query),
        }
        rules = () if subject is None else subject.rules
        checks = () if subject is None else subject.checks
        rows = [] if found.rows is None else rows_to_json(found.rows["shown"], rules, session)
        written = nested or ([] if found.written is None else rows_to_json(found.written, checks, session))
        told["because"] = _because(told["verdict"], found.error, rows, written, str(query.table))
        if found.error is not None:
            told["error"] = found.error.to_body(admin=True)
        if found.rows is not None:
            told["rows"] = {"meant": found.rows["meant"], "reached": found.rows["reached"], "shown": rows}
            beyond = found.rows["all"] - found.rows["reached"]
            if test.rows is None and operation_of(query) != "insert" and beyond:
                told["rows"]["beyond"] = beyond
        if found.written is not None or nested is not None:
            told["written"] = written
        if isinstance(found.error, MissingSessionVariable):
            told["rules"] = [rule_to_json(rule, session) for rule in (*rules, *checks)]
        if found.answer is not None and len(found.answer) <= LARGEST_ANSWER:
            told["answer"] = _read(found.answer)
        if subject is not None or nested is not None:
            places = applied(query, self._known.catalog, session.role)
            told["permissions"] = permissions_to_json(places, session.role, self._known.metadata, self._known.catalog)
        return to_json(told).encode()


def _read(cell: bytes) -> Any:
    return json.loads(cell, parse_float=Decimal)


def _verdict(test: PermissionTest, found: Found) -> Verdict:
    if found.error is not None:
        return "denied" if not found.planned or isinstance(found.error, _DENIALS) else "failed"
    query, affected = test.query, _affected(found.answer)
    if isinstance(query, Insert):
        ignoring = query.on_conflict is not None and not query.on_conflict.update
        if ignoring and affected < len(query.objects):
            return "untested" if affected == 0 else "allowed"
        return verdict_of(len(query.objects), affected)
    assert found.rows is not None, "only an insert is about no rows that are there"
    changes = isinstance(query, Update | Delete) and found.answer is not None
    # A trigger may keep rows that every rule lets through.
    return verdict_of(found.rows["meant"], min(found.rows["reached"], affected) if changes else found.rows["reached"])


_DENIALS = (PermissionDenied, CheckFailed, MissingSessionVariable)


def _affected(answer: bytes | None) -> int:
    """How many rows a change was about.

    >>> _affected(b'{"affected_rows":2}'), _affected(b"[]")
    (2, 0)
    """
    value = None if answer is None else json.loads(answer)
    return int(value.get("affected_rows", 0)) if isinstance(value, dict) else 0


def _because(
    verdict: Verdict, error: DataError | None, rows: list[dict[str, Any]], written: list[dict[str, Any]], table: str
) -> list[str]:
    """In words: what refused, and the comparisons that decided over the first row that shows it."""
    said = [] if error is None else [error.message.strip()]
    if verdict == "untested":
        return [*said, f'no row of "{table}" is meant: nothing was tried']
    shown = next(iter(rows), None)
    if isinstance(error, CheckFailed) or not rows:
        shown = next(iter(written), None)
    if shown is not None and (error is None or isinstance(error, CheckFailed)):
        said += reasons(shown["rules"])
    return said
