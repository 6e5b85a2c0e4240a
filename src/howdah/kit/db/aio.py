"""A database for code that waits in an event loop: FastAPI and other ASGI. `sync` has the same words for threads.

What a call becomes is built in `statements`, what goes wrong is explained in `refusals`; here it is only carried out.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any, Generic, TypeVar, overload

import psycopg
from psycopg import pq
from psycopg.rows import BaseRowFactory, tuple_row

from howdah.kit.db import connecting, refusals, rows, statements, transactions
from howdah.kit.db.async_pool import AsyncConnection, AsyncPool
from howdah.kit.db.errors import BadValue, DbError, NotStored, TransactionOver
from howdah.kit.db.settings import DatabaseSettings
from howdah.kit.db.statements import Answer, Name, Names, Params, Statement, Where, Work
from howdah.kit.db.transactions import PLAIN, Isolation, TransactionOptions
from howdah.session import Session

Row = TypeVar("Row")
T = TypeVar("T")


class AsyncQueries(ABC, Generic[Row]):
    """What can be asked of a database, and of a transaction in it.

    Statements are written with ``%s`` or ``%(name)s`` where values belong; values never become part of a text. Tables
    are named as ``table`` or ``schema.table``, and every name is quoted. Whatever Postgres refuses is a `DbError`.
    """

    def __init__(self, row: BaseRowFactory[Row]) -> None:
        self._row = row

    @abstractmethod
    async def work(self, work: Work[T], row: BaseRowFactory[Any]) -> T:
        """What the work comes to."""

    def into(self, kind: Callable[..., T]) -> AsyncQueries[T]:
        """The same, whose rows are what ``kind`` makes of their columns: ``db.into(Article).select("article")``."""
        return _Rows(self, rows.instances(kind))

    async def _run(self, work: Work[T]) -> T:
        return await self.work(work, tuple_row if work.as_values else self._row)

    # -- statements that somebody wrote

    async def fetch_all(self, text: str, params: Params = None) -> list[Row]:
        """All rows of a query."""
        return await self._run(statements.fetch_all(text, params))

    async def fetch_one(self, text: str, params: Params = None) -> Row | None:
        """The first row of a query, None when it has none."""
        row: Row | None = await self._run(statements.fetch_one(text, params))
        return row

    async def fetch_value(self, text: str, params: Params = None) -> Any:
        """The first column of the first row of a query, None when it has none."""
        return await self._run(statements.fetch_value(text, params))

    async def execute(self, text: str, params: Params = None) -> int:
        """How many rows a statement reached; 0 where rows are not what it is about."""
        return await self._run(statements.execute(text, params))

    # -- tables

    async def select(
        self,
        table: Name,
        where: Where = None,
        *,
        columns: Names = "*",
        order_by: Names = (),
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Row]:
        """The rows that are as ``where`` says in every column: None is null, a list is any of its values.

        ``order_by`` names columns; a minus before one turns it round.
        """
        work = statements.select(table, where, columns=columns, order_by=order_by, limit=limit, offset=offset)
        return await self._run(work)

    @overload
    async def insert(self, table: Name, data: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> int: ...
    @overload
    async def insert(self, table: Name, data: Mapping[str, Any], *, returning: Names) -> Row: ...
    @overload
    async def insert(self, table: Name, data: Iterable[Mapping[str, Any]], *, returning: Names) -> list[Row]: ...
    async def insert(
        self, table: Name, data: Mapping[str, Any] | Iterable[Mapping[str, Any]], *, returning: Names = ()
    ) -> Any:
        """One row or several are inserted, all or none: their number.

        With ``returning`` the columns it names, as the database has them now: a row for a row, a list for several.
        """
        return await self._run(statements.insert(table, data, returning))

    async def insert_batch(self, table: Name, data: Iterable[Mapping[str, Any]]) -> int:
        """However many rows are inserted, all or none: their number."""
        count: int = await self._run(statements.insert(table, list(data), ()))
        return count

    @overload
    async def upsert(
        self, table: Name, data: Mapping[str, Any] | Iterable[Mapping[str, Any]], identifier: Names | Mapping[str, Any]
    ) -> int: ...
    @overload
    async def upsert(
        self, table: Name, data: Mapping[str, Any], identifier: Names | Mapping[str, Any], *, returning: Names
    ) -> Row: ...
    @overload
    async def upsert(
        self, table: Name, data: Iterable[Mapping[str, Any]], identifier: Names | Mapping[str, Any], *, returning: Names
    ) -> list[Row]: ...
    async def upsert(
        self,
        table: Name,
        data: Mapping[str, Any] | Iterable[Mapping[str, Any]],
        identifier: Names | Mapping[str, Any],
        *,
        returning: Names = (),
    ) -> Any:
        """The row is there with these values, whether it was before or not, and whoever does the same at the same time.

        ``identifier`` names the columns by which a row is found, or is a mapping of them with their values. Raises
        NoUniqueIndex: nothing makes them unique.
        """
        return await self._run(statements.upsert(table, data, identifier, returning))

    @overload
    async def update(
        self, table: Name, values: Mapping[str, Any], where: Where = None, *, all_rows: bool = False
    ) -> int: ...
    @overload
    async def update(
        self,
        table: Name,
        values: Mapping[str, Any],
        where: Where = None,
        *,
        all_rows: bool = False,
        returning: Names,
    ) -> list[Row]: ...
    async def update(
        self,
        table: Name,
        values: Mapping[str, Any],
        where: Where = None,
        *,
        all_rows: bool = False,
        returning: Names = (),
    ) -> Any:
        """The rows that are as ``where`` says have these values: their number, or what ``returning`` names of them.

        Raises UnfilteredWrite: ``where`` says nothing, and nobody said ``all_rows=True``.
        """
        return await self._run(statements.update(table, values, where, every=all_rows, returning=returning))

    @overload
    async def delete(self, table: Name, where: Where = None, *, all_rows: bool = False) -> int: ...
    @overload
    async def delete(
        self, table: Name, where: Where = None, *, all_rows: bool = False, returning: Names
    ) -> list[Row]: ...
    async def delete(self, table: Name, where: Where = None, *, all_rows: bool = False, returning: Names = ()) -> Any:
        """The rows that are as ``where`` says are gone: their number, or what ``returning`` names of them.

        Raises UnfilteredWrite: ``where`` says nothing, and nobody said ``all_rows=True``.
        """
        return await self._run(statements.delete(table, where, every=all_rows, returning=returning))

    # -- functions and procedures

    async def sp_fetch_all(self, function: Name, arguments: Params = None) -> list[Row]:
        """The rows of a function; a mapping is arguments by name."""
        return await self._run(statements.function(function, arguments, "all"))

    async def sp_fetch_one(self, function: Name, arguments: Params = None) -> Row | None:
        """The first row of a function, which is that of its ``out`` parameters where it has some."""
        row: Row | None = await self._run(statements.function(function, arguments, "first"))
        return row

    async def call(self, procedure: Name, arguments: Params = None) -> Row | None:
        """A procedure has run: its ``out`` and ``inout`` parameters as a row, None when it has none.

        `OUT` stands where an ``out`` parameter is.
        """
        row: Row | None = await self._run(statements.call(procedure, arguments))
        return row


class _Rows(AsyncQueries[Row]):
    """Another's queries with rows of another kind."""

    def __init__(self, queries: AsyncQueries[Any], row: BaseRowFactory[Row]) -> None:
        super().__init__(row)
        self._queries = queries

    async def work(self, work: Work[T], row: BaseRowFactory[Any]) -> T:
        """What the work comes to, where the other does it."""
        return await self._queries.work(work, row)


class AsyncDatabase(AsyncQueries[dict[str, Any]]):
    """A database: one statement after another, each by itself, or those of a transaction together.

    Inside ``async with db.transaction()`` everything the same task asks of ``db`` is part of that transaction.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        super().__init__(rows.dicts)
        self.settings = settings
        self._pool = AsyncPool(settings)
        self._current: ContextVar[AsyncTransaction | None] = ContextVar("howdah_transaction", default=None)

    @asynccontextmanager
    async def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        statement_timeout: float | None = None,
        caller: Session | None = None,
        role: str | None = None,
    ) -> AsyncIterator[AsyncTransaction]:
        """A transaction: stored as a whole at the end of the block, nothing of it where the block raises.

        One inside another is a savepoint. ``caller`` is for whom it is, where policies and triggers look it up
        (`transactions.CALLER_SETTING`); ``role`` is a role of the database that it is limited to.
        """
        options = TransactionOptions(isolation, read_only, statement_timeout, caller, role)
        outer = self._current.get()
        if outer is not None:
            transactions.refuse_inside(options)
            async with outer.savepoint():
                yield outer
            return
        async with self._pool.lend() as connection:
            inner = AsyncTransaction(connection, self.settings)
            begun = self._current.set(inner)
            try:
                async with inner.lasting(options):
                    yield inner
            finally:
                with suppress(ValueError):  # ended in another context than it was begun in, which has no part in it
                    self._current.reset(begun)

    async def attempt(
        self,
        function: Callable[..., Awaitable[T]],
        *arguments: Any,
        retries: int = 3,
        isolation: Isolation = "serializable",
    ) -> T:
        """What ``function`` comes to as a transaction, which is begun anew when another one was in the way.

        So it may run several times: nothing in it should have an effect outside of the database.
        """
        if self._current.get() is not None:  # only the outermost can begin anew
            return await function(*arguments)
        for pause in transactions.pauses(retries):
            try:
                async with self.transaction(isolation=isolation):
                    return await function(*arguments)
            except DbError as error:
                if not transactions.is_worth_retrying(error):
                    raise
            await asyncio.sleep(pause)
        async with self.transaction(isolation=isolation):
            return await function(*arguments)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """The driver's own connection, for what has no word here: COPY, a cursor on the server.

        Give it back as it was.
        """
        current = self._current.get()
        if current is not None:
            yield current.connection
            return
        async with self._pool.lend() as connection:
            yield connection

    async def ping(self) -> None:
        """Nothing, when the database answers: for health checks. Raises DbError, CannotConnect."""
        await self.execute("SELECT 1")

    def close(self) -> None:
        """Its connections are closed, those in use as soon as they are not. It can be used again."""
        self._pool.close()

    async def work(self, work: Work[T], row: BaseRowFactory[Any]) -> T:
        """What the work comes to: in the transaction there is, else by itself."""
        current = self._current.get()
        if current is not None:
            return await current.work(work, row)
        async with self._pool.lend() as connection:
            if len(work.statements) == 1:
                return work.read([await _ask(connection, work.statements[0], row, self.settings)])
            single = AsyncTransaction(connection, self.settings)
            async with single.lasting(PLAIN):
                return await single.work(work, row)


class AsyncTransaction(AsyncQueries[dict[str, Any]]):
    """A transaction that has begun; when its block ends it is stored, or it is not, and cannot be used any more."""

    def __init__(self, connection: AsyncConnection, settings: DatabaseSettings) -> None:
        super().__init__(rows.dicts)
        self._connection = connection
        self._settings = settings
        self._savepoints = 0
        self._over = False

    @property
    def connection(self) -> AsyncConnection:
        """The driver's own connection, in this transaction. Raises TransactionOver."""
        if self._over:
            raise TransactionOver
        return self._connection

    @asynccontextmanager
    async def lasting(self, options: TransactionOptions) -> AsyncIterator[None]:
        """It begins, and ends with the block."""
        await self._control(transactions.begin(options, connecting.name_for_request(self._settings)))
        try:
            yield
        except BaseException:
            self._over = True
            await self._undo("ROLLBACK")
            raise
        self._over = True  # before it is: what another task asks for meanwhile would be stored by itself
        if self._failed():
            await self._undo("ROLLBACK")
            raise NotStored
        await self._control("COMMIT")

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What the block does is undone where the block raises, and the transaction goes on."""
        if self._over:
            raise TransactionOver
        self._savepoints += 1
        name = f"howdah_{self._savepoints}"
        await self._control(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            if not self._over:
                await self._undo(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
            raise
        if self._over:  # it was left to a task that outlived the transaction
            raise TransactionOver
        if self._failed():
            await self._undo(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
            raise NotStored
        await self._control(f"RELEASE SAVEPOINT {name}")

    async def work(self, work: Work[T], row: BaseRowFactory[Any]) -> T:
        """What the work comes to. Raises TransactionOver, DbError."""
        return work.read([await _ask(self.connection, one, row, self._settings) for one in work.statements])

    async def _control(self, text: str) -> None:
        await _ask(self._connection, Statement(text), tuple_row, self._settings, prepare=False)

    def _failed(self) -> bool:
        return self._connection.pgconn.transaction_status == pq.TransactionStatus.INERROR

    async def _undo(self, text: str) -> None:
        """Undo, quietly: what led here is what is told. A connection that cannot is not used again."""
        if self._connection.closed:
            return
        try:
            await self._control(text)
        except DbError:
            self._connection.pgconn.finish()


async def _ask(
    connection: AsyncConnection,
    statement: Statement,
    row: BaseRowFactory[Any],
    settings: DatabaseSettings,
    *,
    prepare: bool | None = None,
) -> Answer:
    """The answer to one statement. Raises DbError."""
    text = connecting.comment() + statement.text if settings.comments else statement.text
    try:
        async with connection.cursor(row_factory=row) as cursor:
            await cursor.execute(text.encode(), statement.params, prepare=prepare)
            if statement.keep == "none" or not rows.has_rows(cursor):
                return Answer([], cursor.rowcount)
            if statement.keep == "all":
                return Answer(await cursor.fetchall(), cursor.rowcount)
            first = await cursor.fetchone()
            return Answer([] if first is None else [first], cursor.rowcount)
    except psycopg.Error as error:
        if not (refusals.is_stale_plan(error) and connection.pgconn.transaction_status == pq.TransactionStatus.IDLE):
            raise refusals.explain_error(error, statement) from None
    except UnicodeEncodeError:
        raise BadValue("A text cannot be sent to the database: it has half a character.") from None
    # A table has changed under a plan that is kept; nothing was run. The driver forgets all plans at a ROLLBACK.
    await _ask(connection, Statement("ROLLBACK"), tuple_row, settings, prepare=False)
    return await _ask(connection, statement, row, settings, prepare=prepare)
