"""The Engine: one process's way from a request's bytes to an answer's, and its connections to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Any

from howdah.data.catalog.enums import enum_values
from howdah.data.catalog.model import Catalog
from howdah.data.errors import AccessDenied, DataError, MethodNotAllowed
from howdah.data.execute.administration import Administration
from howdah.data.execute.answers import Answer, body_of, mapped_error, refusal, refused, unavailable
from howdah.data.execute.compiler import Compiler
from howdah.data.execute.documents import Document, Documents
from howdah.data.execute.enums import EnumsNotRefreshed, may_write, names_of_enums
from howdah.data.execute.event_triggers import tables_with_events, transaction_of
from howdah.data.execute.examination import Rehearsal
from howdah.data.execute.known import NOTHING, Known, LeastPrivilegeMissing, load, share, share_changes
from howdah.data.execute.remembered import Remembered, Shape, Statements
from howdah.data.execute.runner import Runner
from howdah.data.execute.trial import Trial
from howdah.data.plan import Standpoint, standpoint
from howdah.data.plan.functions import changes_something
from howdah.data.query.address import Address, TemplateAddress, place_in_args, with_envelope
from howdah.data.query.ast import (
    Bulk,
    Explain,
    MetadataCall,
    PermissionTest,
    Query,
    Request,
    TableName,
    Transaction,
)
from howdah.data.query.json import decode
from howdah.data.query.limits import Limits
from howdah.data.query.parse import parse_request
from howdah.data.query.shape import Holes, split
from howdah.data.query.template import Templates, expand
from howdah.data.sql.statement import Statement, bind
from howdah.data.written import store
from howdah.observe import events
from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.connection import Connection
from howdah.postgres.errors import CannotConnect, DatabaseError, DatabaseUnavailable, PostgresError
from howdah.postgres.install import Installation, install, with_effect
from howdah.postgres.lane import Lane
from howdah.postgres.listen import Listener
from howdah.postgres.pool import Pool
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import Session

READINESS_SECONDS = 2.0

_PIPELINED = 4  # connections: more gain nothing for fast reads, and slow ones have their own
_CONTROL = 2
_GRACE_SECONDS = 3.0  # for the server's word that it ended a statement to arrive

Shaped = tuple[Shape, Holes]
Examined = Explain | PermissionTest


class Engine:
    """Answers requests of the query language from the database at ``dsn``.

    Three kinds of connections: reads, pipelined; writes; and a few as the owner, for metadata. The first two act as a
    role that owns nothing, where the database lets us have one (R66).
    """

    def __init__(self, dsn: str, *, database: DatabaseSection, data: DataSection) -> None:
        self._dsn = dsn
        self._section = database
        self._limits = Limits(data.max_depth, data.max_nodes, data.max_list, data.max_nesting)
        self._compiler = Compiler(self._limits, data.stringify_numerics)
        self._owner = ConnectOptions(
            application_name="howdah metadata",
            connect_timeout=database.connect_timeout,
            statement_timeout=database.statement_timeout,
            lock_timeout=database.lock_timeout,
        )
        self._control = Pool(partial(connect, dsn, self._owner), name="metadata", size=_CONTROL)
        self._run = self._runner(None)
        self._listener = Listener(
            partial(connect, dsn, replace(self._owner, application_name="howdah listener")),
            channel=store.CHANNEL,
            woken=self._reload_if_new,
        )
        self._installation = Installation(None, None)
        self._known = NOTHING
        self._templates: Templates = {}
        self._enums: frozenset[TableName] = frozenset()
        self._events: frozenset[TableName] = frozenset()
        self._statements = Statements()
        self._documents = self._documents_of(NOTHING)
        self._running = False

    def _runner(self, role: str | None) -> Runner:
        options = replace(self._owner, application_name="howdah data", role=role)
        if options.statement_timeout:
            options = replace(options, answer_timeout=options.statement_timeout + _GRACE_SECONDS)
        dial = partial(connect, self._dsn, options)
        size = self._section.pool_size
        fast = min(size, _PIPELINED)
        reads = Lane(dial, name="reads", size=fast, slow_size=max(1, size - fast))
        return Runner(self._compiler, reads, Pool(dial, name="writes", size=self._section.write_pool_size))

    # -- life ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connected, installed, the catalog loaded, listening for changes. Does nothing when it is started already.

        Problems of the metadata do not stop it: they are in ``catalog.problems``. Raises CannotConnect and
        CannotInstall.
        """
        if self._running:
            return
        self._running = True
        try:
            await self._control.start()
            async with self._control.connection() as connection:
                self._installation = await with_effect(
                    await install(connection), lambda role: connect(self._dsn, replace(self._owner, role=role))
                )
                if self._installation.problem is not None:
                    events.emit(LeastPrivilegeMissing(self._installation.problem))
                await self._start_knowing(connection)
            self._run = self._runner(self._installation.role)
            await asyncio.gather(self._run.reads.start(), self._run.writes.start())
        except BaseException:
            await self.stop()
            raise
        self._listener.start()

    async def stop(self) -> None:
        """Every connection is closed. Does nothing when it is stopped already."""
        self._running = False
        await self._listener.stop()
        await asyncio.gather(self._run.reads.close(), self._run.writes.close(), self._control.close())

    @property
    def catalog(self) -> Catalog:
        """What is known now; ``catalog.problems`` is what was left out."""
        return self._known.catalog

    @property
    def installation(self) -> Installation:
        """The role queries run as, and what is not as it should be there."""
        return self._installation

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests can be answered, and numbers about it that anybody may read."""
        try:
            async with asyncio.timeout(READINESS_SECONDS):
                reachable = await self._run.reads.submit("select to_json(true)") == b"true"
        except (TimeoutError, PostgresError):
            reachable = False
        return reachable, {
            "database": "reachable" if reachable else "unreachable",
            "least_privilege": self._installation.role is not None and self._installation.problem is None,
            "catalog": {
                "version": self.catalog.version,
                "tables": len(self.catalog.tables),
                "problems": len(self.catalog.problems),
            },
        }

    async def document(self, session: Session, role: str | None = None) -> Document:
        """The OpenAPI document of the session, or to an administrator that of another ``role``. Raises AccessDenied."""
        viewpoint = standpoint(session)
        if role is not None and role != viewpoint.role:
            if not session.is_admin:
                raise AccessDenied
            viewpoint = viewpoint._replace(role=role)
        return await self._documents.document(viewpoint)

    async def _reload_if_new(self) -> None:
        """The catalog is that of the version in the database."""
        known = self._known
        async with self._control.connection() as connection:
            if await store.read_position(connection) == (known.stored.history, known.catalog.version):
                return
            now = await load(connection, known)
            while not await self._share_if_current(connection, known, now):
                now = await load(connection, known)
        self._swap_if_newer(now)

    async def _share_if_current(self, connection: Connection, before: Known, now: Known) -> bool:
        """Whether ``now`` is the version in the database; then it is shared with the API's role.

        Locked: what a call takes from the role meanwhile must not be given back by us, who do not know of it yet.
        """
        async with connection.transaction():
            await store.lock(connection)
            if await store.read_position(connection) != (now.stored.history, now.catalog.version):
                return False
            # Whoever wrote this version has shared what it had changed; this is for what was changed since then.
            await share_changes(connection, self._installation.role, before, now)
        return True

    async def _start_knowing(self, connection: Connection) -> None:
        """What is stored and found now is known, and shared with the API's role."""
        async with connection.transaction():
            # Locked, because processes that start at the same moment would get in each other's way when granting.
            await store.lock(connection)
            self._swap(await load(connection))
            await share(connection, self._installation.role, self._known.metadata)

    def _swap_if_newer(self, known: Known) -> None:
        """What a call or the listener found is known, unless the other one was quicker with something newer."""
        if known.catalog.version >= self.catalog.version:
            self._swap(known)

    def _swap(self, known: Known) -> None:
        self._known = known
        self._templates = {template.name: template.query for template in known.metadata.query_templates}
        self._enums = names_of_enums(known.metadata, known.catalog)
        self._events = tables_with_events(known.metadata)
        self._statements = Statements()
        self._documents = self._documents_of(known)

    def _documents_of(self, known: Known) -> Documents:
        return Documents(known, self._limits, stringify_numerics=self._compiler.stringify_numerics)

    # -- answers -------------------------------------------------------------------------------------------------------

    def submit(self, body: bytes, session: Session) -> asyncio.Future[bytes] | None:
        """A future of the answer, if the request has a known shape; else None.

        What the future fails with is for `explain`.
        """
        asking = standpoint(session)
        try:
            recalled = self._statements.recall(asking, body) or self._read(asking, body)
            if recalled is None:
                return None
            statement = recalled[0].statement
            parameters = bind(statement, session, recalled[1])
            if statement.writes:
                table = recalled[0].table
                if (self._enums or self._events) and (table is None or table in self._enums or table in self._events):
                    return None  # there is more to do than to write
                return self._run.writes.submit_now(statement.text, parameters)
            return self._run.reads.submit(statement.text, parameters)
        except (DataError, DatabaseError):
            return None

    def _read(self, asking: Standpoint, body: bytes) -> tuple[Remembered, Sequence[Any]] | None:
        """What is remembered for the shape of the body, with its values; the next of this wording is recalled."""
        value = decode(body, self._limits)
        shaped, known = self._look_up(value, asking)
        if shaped is None or known is None:
            return None
        self._statements.learn(asking, body, value, shaped[1], known)
        return known, _values(shaped)

    def explain(self, error: BaseException | None, body: bytes, session: Session) -> Answer | None:
        """What to answer when the future of `submit` failed with the error; None when `answer` is to be asked."""
        if isinstance(error, DatabaseUnavailable):
            return unavailable(error)
        _, found = self._look_up(decode(body, self._limits), standpoint(session))
        if found is None or not isinstance(error, DatabaseError):
            return None
        told = refused(error, found, session, self.catalog)
        return refusal(told, told.to_body(admin=session.is_admin))

    def _look_up(self, value: Any, asking: Standpoint) -> tuple[Shaped | None, Remembered | None]:
        """A request's shape with its values, if it has one, and the statement that is remembered for it, if one is."""
        shaped = split(value, self._limits)
        return shaped, None if shaped is None else self._statements.find(asking, shaped[0])

    async def answer(self, body: bytes, session: Session, address: Address | None = None) -> Answer:
        """The answer to a request's body on behalf of the session. Raises nothing of ours: errors are answers, too.

        What was sent to an ``address`` is arguments alone, and the places in errors are places in those.
        """
        try:
            return Answer(200, await self._answer(body, session, address))
        except DataError as error:
            told = body_of(error, session, self.catalog)
            return refusal(error, told if address is None else {**told, "path": place_in_args(told["path"], address)})
        except (DatabaseUnavailable, CannotConnect) as error:
            return unavailable(error)
        except DatabaseError as error:
            mapped = mapped_error(error, path="$", admin=session.is_admin)
            return refusal(mapped, mapped.to_body(admin=session.is_admin))

    async def _answer(self, body: bytes, session: Session, address: Address | None) -> bytes:
        value = decode(body, self._limits)
        if address is not None:
            value = with_envelope(address, value)
        textual, only_reading = False, False
        if isinstance(address, TemplateAddress):
            textual, only_reading = address.textual, address.only_reading
        value = expand(value, self._templates, textual=textual, only_reading=only_reading)
        shaped, remembered = self._look_up(value, standpoint(session))
        if shaped is not None and remembered is not None:
            if only_reading and remembered.statement.writes:
                raise _changes_something()
            statement, values = remembered.statement, _values(shaped)
            if statement.writes and self._events:
                async with self._transaction(session) as transaction:
                    answer = await self._run.submit(
                        remembered, statement, session, self.catalog, values=values, within=transaction
                    )
            else:
                answer = await self._run.submit(remembered, statement, session, self.catalog, values=values)
            if remembered.statement.writes and (remembered.table is None or remembered.table in self._enums):
                await self._refresh_enums()
            return answer
        request = parse_request(value, self._limits, self._templates)
        if only_reading and changes_something(request, self.catalog.functions):
            raise _changes_something()
        answer = await self._carry_out(request, value, shaped, session)
        if may_write(request, self._enums, self.catalog):
            await self._refresh_enums()
        return answer

    async def _carry_out(self, request: Request, value: Any, shaped: Shaped | None, session: Session) -> bytes:
        """The answer to the request that ``value`` stands for."""
        match request:
            case MetadataCall():
                return await self._administer(request, session)
            case Explain() | PermissionTest():
                return await self._examine(request, session)
            case Bulk():
                call = _first_call(request)
                if call is not None:
                    return await self._administer(request, session, call)
                async with self._transaction(session) as transaction:
                    return await self._run.bulk(request, session, transaction, self.catalog)
            case Transaction():
                async with self._transaction(session) as transaction:
                    return await self._run.transaction(request, session, transaction, self.catalog)
            case _:
                statement = self._compiler.compiled(request, session, self.catalog)
                if shaped is not None and isinstance(statement, Statement):
                    self._remember(session, value, *shaped, statement)
                if self._events and (not isinstance(statement, Statement) or statement.writes):
                    async with self._transaction(session) as transaction:
                        return await self._run.submit(request, statement, session, self.catalog, within=transaction)
                return await self._run.submit(request, statement, session, self.catalog)

    def _transaction(self, session: Session) -> AbstractAsyncContextManager[Connection]:
        """A transaction for writes; where there are row events, one that says who writes."""
        return transaction_of(self._run.writes, session) if self._events else self._run.writes.transaction()

    def _remember(self, session: Session, value: Any, shape: Shape, holes: Holes, statement: Statement) -> None:
        def compile_again() -> tuple[Query, Statement]:
            query = parse_request(value, self._limits)
            assert not isinstance(query, Bulk | Transaction | MetadataCall | Examined), "only queries have a shape"
            return query, self._compiler.statement(query, session, self.catalog)

        self._statements.remember(standpoint(session), shape, holes, statement, compile_again)

    async def _refresh_enums(self) -> None:
        """Every process knows the values that enum tables have now. What fails is left for the next reload."""
        try:
            async with self._control.transaction() as connection:
                administration = await Administration.begin(connection, self._installation.role, self._known)
                if enum_values(administration.known.database) == enum_values(self._known.database):
                    return
                await administration.call(MetadataCall("reload_metadata", {}, None))
                known = await administration.finish()
        except (DataError, PostgresError) as error:
            events.emit(EnumsNotRefreshed(str(error)))
        else:
            self._swap_if_newer(known)

    # -- metadata ------------------------------------------------------------------------------------------------------

    async def _examine(self, request: Examined, session: Session) -> bytes:
        """What is told of the request inside: tried where writes are done, never committed (R64)."""
        if not session.is_admin:
            raise AccessDenied(path=request.path)
        known = self._known
        async with self._run.writes.connection() as connection, connection.rehearsal():
            if isinstance(request, PermissionTest):
                asking = request.session
                trial = Trial(
                    connection,
                    known,
                    lambda query, asking: self._compiler.plan(query, asking, known.catalog),
                    lambda query, asking, apart: self._compiler.nested_plan(query, asking, known.catalog, apart=apart),
                    lambda error, query: refused(error, query, asking, known.catalog),
                )
                return await trial.run(request)
            rehearsal = Rehearsal(
                connection,
                known,
                lambda query, asking, kept: self._compiler.compiled(query, asking, known.catalog, kept),
                lambda error, query: refused(error, query, session, known.catalog),
                self._limits,
            )
            return await rehearsal.explain(request)

    async def _administer(self, request: Request, session: Session, call: MetadataCall | None = None) -> bytes:
        """The answer to a metadata call, or a bulk with one in it: in one transaction as the owner (R64)."""
        if not session.is_admin:
            first = call or request
            raise AccessDenied(path=first.path)
        async with self._control.transaction() as connection:
            administration = await Administration.begin(connection, self._installation.role, self._known)
            answer = await self._one(request, session, administration)
            known = await administration.finish()
        administration.tell()
        self._swap_if_newer(known)
        return answer

    async def _one(self, request: Request, session: Session, administration: Administration) -> bytes:
        match request:
            case MetadataCall():
                return await administration.call(request)
            case Bulk():
                answers = [await self._one(one, session, administration) for one in request.requests]
                return b"[" + b",".join(answers) + b"]"
            case Explain() | PermissionTest():
                raise AssertionError("an examination stands alone: reading one inside a bulk is refused")
            case Transaction():
                catalog = administration.known.catalog
                return await administration.as_role(
                    lambda connection: self._run.transaction(request, session, connection, catalog)
                )
            case _:
                catalog = administration.known.catalog
                statement = self._compiler.compiled(request, session, catalog)

                async def submit(connection: Connection) -> bytes:
                    return await self._run.submit(request, statement, session, catalog, within=connection)

                return await administration.as_role(submit)


def _changes_something() -> MethodNotAllowed:
    return MethodNotAllowed("the query template calls a function that may change something: send it with POST")


def _values(shaped: Shaped) -> list[Any]:
    """The values of a request, in the order of its shape."""
    return [container[key] for container, key in shaped[1]]


def _first_call(bulk: Bulk) -> MetadataCall | None:
    """The first metadata call in the bulk, however deep (R64)."""
    for request in bulk.requests:
        found = _first_call(request) if isinstance(request, Bulk) else request
        if isinstance(found, MetadataCall):
            return found
    return None
