"""A database for code that waits in threads: Flask, tasks, scripts. `aio` has the same words for event loops.

What a call becomes is built in `statements`, what goes wrong is explained in `refusals`; here it is only carried out.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Generic, TypeVar, overload

import psycopg
from psycopg import pq
from psycopg.rows import BaseRowFactory, tuple_row

from howdah.kit.db import connecting, refusals, rows, statements, transactions
from howdah.kit.db.errors import BadValue, DbError, NotStored, TransactionOver
from howdah.kit.db.pool import Connection, Pool
from howdah.kit.db.settings import DatabaseSettings
from howdah.kit.db.statements import Answer, Name, Names, Params, Statement, Where, Work
from howdah.kit.db.transactions import PLAIN, Isolation, TransactionOptions
from howdah.session import Session

Row = TypeVar("Row")
T = TypeVar("T")


class Queries(ABC, Generic[Row]):
    """What can be asked of a database, and of a transaction in it.

    Statements are written with ``%s`` or ``%(name)s`` where values belong; values never become part of a text. Tables
    are named as ``table`` or ``schema.table``, and every name is quoted. Whatever Postgres refuses is a `DbError`.
    """

    def __init__(self, row: BaseRowFactory[Row]) -> None:
        self._row = row

    @abstractmethod
    def work(self, work: Work[T], row: BaseRowFactory[Any]) -> T:
        """What the work comes to."""

    def into(self, kind: Callable[..., T]) -> Queries[T]:
        """The same, whose rows are what ``kind`` makes of their columns: ``db.into(Article).select("article")``."""
        return _Rows(self, rows.instances(kind))

    def _run(self, work: Work[T]) -> T:
        return self.work(work, tuple_row if work.as_values else self._row)

    # -- statements that somebody wrote

    def fetch_all(self, text: str, params: Params = None) -> list[Row]:
        """All rows of a query."""
        return self._run(statements.fetch_all(text, params))

    def fetch_one(self, text: str, params: Params = None) -> Row | None:
        """The first row of a query, None when it has none."""
        row: Row | None = self._run(statements.fetch_one(text, params))
        return row

    def fetch_value(self, text: str, params: Params = None) -> Any:
        """The first column of the first row of a query, None when it has none."""
        return self._run(statements.fetch_value(text, params))

    def execute(self, text: str, params: Params = None) -> int:
        """How many rows a statement reached; 0 where rows are not what it is about."""
        return self._run(statements.execute(text, params))

    # -- tables

    def select(
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
        return self._run(work)

    @overload
    def insert(self, table: Name, data: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> int: ...
    @overload
    def insert(self, table: Name, data: Mapping[str, Any], *, returning: Names) -> Row: ...
    @overload
    def insert(self, table: Name, data: Iterable[Mapping[str, Any]], *, returning: Names) -> list[Row]: ...
    def insert(
        self, table: Name, data: Mapping[str, Any] | Iterable[Mapping[str, Any]], *, returning: Names = ()
    ) -> Any:
        """One row or several are inserted, all or none: their number.

        With ``returning`` the columns it names, as the database has them now: a row for a row, a list for several.
        """
        return self._run(statements.insert(table, data, returning))

    def insert_batch(self, table: Name, data: Iterable[Mapping[str, Any]]) -> int:
        """However many rows are inserted, all or none: their number."""
        count: int = self._run(statements.insert(table, list(data), ()))
        return count

    @overload
    def upsert(
        self, table: Name, data: Mapping[str, Any] | Iterable[Mapping[str, Any]], identifier: Names | Mapping[str, Any]
    ) -> int: ...
    @overload
    def upsert(
        self, table: Name, data: Mapping[str, Any], identifier: Names | Mapping[str, Any], *, returning: Names
    ) -> Row: ...
    @overload
    def upsert(
        self, table: Name, data: Iterable[Mapping[str, Any]], identifier: Names | Mapping[str, Any], *, returning: Names
    ) -> list[Row]: ...
    def upsert(
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
        return self._run(statements.upsert(table, data, identifier, returning))

    @overload
    def update(self, table: Name, values: Mapping[str, Any], where: Where = None, *, all_rows: bool = False) -> int: ...
    @overload
    def update(
        self,
        table: Name,
        values: Mapping[str, Any],
        where: Where = None,
        *,
        all_rows: bool = False,
        returning: Names,
    ) -> list[Row]: ...
    def update(
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
        return self._run(statements.update(table, values, where, every=all_rows, returning=returning))

    @overload
    def delete(self, table: Name, where: Where = None, *, all_rows: bool = False) -> int: ...
    @overload
    def delete(self, table: Name, where: Where = None, *, all_rows: bool = False, returning: Names) -> list[Row]: ...
    def delete(self, table: Name, where: Where = None, *, all_rows: bool = False, returning: Names = ()) -> Any:
        """The rows that are as ``where`` says are gone: their number, or what ``returning`` names of them.

        Raises UnfilteredWrite: ``where`` says nothing, and nobody said ``all_rows=True``.
        """
        return self._run(statements.delete(table, where, every=all_rows, returning=returning))

    # -- functions and procedures

    def sp_fetch_all(self, function: Name, arguments: Params = None) -> list[Row]:
        """The rows of a function; a mapping is arguments by name."""
        return self._run(statements.function(function, arguments, "all"))

    def sp_fetch_one(self, function: Name, arguments: Params = None) -> Row | None:
        """The first row of a function, which is that of its ``out`` parameters where it has some."""
        row: Row | None = self._run(statements.function(function, arguments, "first"))
        return row

    def call(self, procedure: Name, arguments: Params = None) -> Row | None:
        """A procedure has run: its ``out`` and ``inout`` parameters as a row, None when it has none.

        `OUT` stands where an ``out`` parameter is.
        """
        row: Row | None = self._run(statements.call(procedure, arguments))
        return row


class _Rows(Queries[Row]):
    """Another's queries with rows of another kind."""

    def __init__(self, queries: Queries[Any], row: BaseRowFactory[Row]) -> None:
        super().__init__(row)
        self._queries = queries

    def work(self, work: Work[T], row: BaseRowFactory[Any]) -> T:
        """What the work comes to, where the other does it."""
        return self._queries.work(work, row)


class Database(Queries[dict[str, Any]]):
    """A database: one statement after another, each by itself, or those of a transaction together.

    Inside ``with db.transaction()`` everything the same thread asks of ``db`` is part of that transaction.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        super().__init__(rows.dicts)
        self.settings = settings
        self._pool = Pool(settings)
        self._current: ContextVar[Transaction | None] = ContextVar("howdah_transaction", default=None)

    @contextmanager
    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        statement_timeout: float | None = None,
        caller: Session | None = None,
        role: str | None = None,
    ) -> Iterator[Transaction]:
        """A transaction: stored as a whole at the end of the block, nothing of it where the block raises.

        One inside another is a savepoint. ``caller`` is for whom it is, where policies and triggers look it up
        (`transactions.CALLER_SETTING`); ``role`` is a role of the database that it is limited to.
        """
        options = TransactionOptions(isolation, read_only, statement_timeout, caller, role)
        outer = self._current.get()
        if outer is not None:
            transactions.refuse_inside(options)
            with outer.savepoint():
                yield outer
            return
        with self._pool.lend() as connection:
            inner = Transaction(connection, self.settings)
            begun = self._current.set(inner)
            try:
                with inner.lasting(options):
                    yield inner
            finally:
                with suppress(ValueError):  # ended in another context than it was begun in, which has no part in it
                    self._current.reset(begun)

    def attempt(
        self, function: Callable[..., T], *arguments: Any, retries: int = 3, isolation: Isolation = "serializable"
    ) -> T:
        """What ``function`` comes to as a transaction, which is begun anew when another one was in the way.

        So it may run several times: nothing in it should have an effect outside of the database.
        """
        if self._current.get() is not None:  # only the outermost can begin anew
            return function(*arguments)
        for pause in transactions.pauses(retries):
            try:
                with self.transaction(isolation=isolation):
                    return function(*arguments)
            except DbError as error:
                if not transactions.is_worth_retrying(error):
                    raise
            time.sleep(pause)
        with self.transaction(isolation=isolation):
            return function(*arguments)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The driver's own connection, for what has no word here: COPY, a cursor on the server.

        Give it back as it was.
        """
        current = self._current.get()
        if current is not None:
            yield current.connection
            return
        with self._pool.lend() as connection:
            yield connection

    def ping(self) -> None:
        """Nothing, when the database answers: for health checks. Raises DbError, CannotConnect."""
        self.execute("SELECT 1")

    def close(self) -> None:
        """Its connections are closed, those in use as soon as they are not. It can be used again."""
        self._pool.close()

    def work(self, work: Work[T], row: BaseRowFactory[Any]) -> T:
        """What the work comes to: in the transaction there is, else by itself."""
        current = self._current.get()
        if current is not None:
            return current.work(work, row)
        with self._pool.lend() as connection:
            if len(work.statements) == 1:
                return work.read([_ask(connection, work.statements[0], row, self.settings)])
            single = Transaction(connection, self.settings)
            with single.lasting(PLAIN):
                return single.work(work, row)


class Transaction(Queries[dict[str, Any]]):
    """A transaction that has begun; when its block ends it is stored, or it is not, and cannot be used any more."""

    def __init__(self, connection: Connection, settings: DatabaseSettings) -> None:
        super().__init__(rows.dicts)
        self._connection = connection
        self._settings = settings
        self._savepoints = 0
        self._over = False

    @property
    def connection(self) -> Connection:
        """The driver's own connection, in this transaction. Raises TransactionOver."""
        if self._over:
            raise TransactionOver
        return self._connection

    @contextmanager
    def lasting(self, options: TransactionOptions) -> Iterator[None]:
        """It begins, and ends with the block."""
        self._control(transactions.begin(options, connecting.name_for_request(self._settings)))
        try:
            yield
        except BaseException:
            self._over = True
            self._undo("ROLLBACK")
            raise
        self._over = True  # before it is: what another task asks for meanwhile would be stored by itself
        if self._failed():
            self._undo("ROLLBACK")
            raise NotStored
        self._control("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What the block does is undone where the block raises, and the transaction goes on."""
        if self._over:
            raise TransactionOver
        self._savepoints += 1
        name = f"howdah_{self._savepoints}"
        self._control(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            if not self._over:
                self._undo(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
            raise
        if self._over:  # it was left to a task that outlived the transaction
            raise TransactionOver
        if self._failed():
            self._undo(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
            raise NotStored
        self._control(f"RELEASE SAVEPOINT {name}")

    def work(self, work: Work[T], row: BaseRowFactory[Any]) -> T:
        """What the work comes to. Raises TransactionOver, DbError."""
        return work.read([_ask(self.connection, one, row, self._settings) for one in work.statements])

    def _control(self, text: str) -> None:
        _ask(self._connection, Statement(text), tuple_row, self._settings, prepare=False)

    def _failed(self) -> bool:
        return self._connection.pgconn.transaction_status == pq.TransactionStatus.INERROR

    def _undo(self, text: str) -> None:
        """Undo, quietly: what led here is what is told. A connection that cannot is not used again."""
        if self._connection.closed:
            return
        try:
            self._control(text)
        except DbError:
            self._connection.pgconn.finish()


def _ask(
    connection: Connection,
    statement: Statement,
    row: BaseRowFactory[Any],
    settings: DatabaseSettings,
    *,
    prepare: bool | None = None,
) -> Answer:
    """The answer to one statement. Raises DbError."""
    text = connecting.comment() + statement.text if settings.comments else statement.text
    try:
        with connection.cursor(row_factory=row) as cursor:
            cursor.execute(text.encode(), statement.params, prepare=prepare)
            if statement.keep == "none" or not rows.has_rows(cursor):
                return Answer([], cursor.rowcount)
            if statement.keep == "all":
                return Answer(cursor.fetchall(), cursor.rowcount)
            first = cursor.fetchone()
            return Answer([] if first is None else [first], cursor.rowcount)
    except psycopg.Error as error:
        if not (refusals.is_stale_plan(error) and connection.pgconn.transaction_status == pq.TransactionStatus.IDLE):
            raise refusals.explain_error(error, statement) from None
    except UnicodeEncodeError:
        raise BadValue("A text cannot be sent to the database: it has half a character.") from None
    # A table has changed under a plan that is kept; nothing was run. The driver forgets all plans at a ROLLBACK.
    _ask(connection, Statement("ROLLBACK"), tuple_row, settings, prepare=False)
    return _ask(connection, statement, row, settings, prepare=prepare)
