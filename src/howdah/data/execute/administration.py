"""What an administrator does to metadata and database: any number of requests in one transaction as the owner."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from howdah.data.catalog import store
from howdah.data.catalog.calls import apply_call, proposed, settle
from howdah.data.catalog.document import to_document
from howdah.data.catalog.introspect import introspect
from howdah.data.catalog.metadata import Metadata
from howdah.data.catalog.resolve import resolve
from howdah.data.errors import DatabaseRefused, NotSupported, Path
from howdah.data.execute.enums import with_enums
from howdah.data.execute.known import NOTHING, Known, share_changes
from howdah.data.plan import plan
from howdah.data.query.ast import MetadataCall
from howdah.data.query.parse import check_template
from howdah.data.query.reading import expected, read_object, refuse_other_keys, require
from howdah.data.sql.encode import to_json
from howdah.postgres.connection import Connection, Outcome
from howdah.postgres.errors import DatabaseError
from howdah.postgres.statements import statement_starts
from howdah.session import ADMIN

SUCCESS = b'{"message":"success"}'

_RUN_SQL_KEYS = frozenset({"sql", "cascade", "check_metadata_consistency", "read_only"})

# What a script set for its session is not meant for the statements after it.
_RESET = "reset session authorization; reset role; reset all"


class Administration:
    """The state of one transaction: what is known changes from call to call, and is stored once at its end."""

    def __init__(self, connection: Connection, role: str | None, known: Known, shared: Known) -> None:
        self.known = known
        self._connection = connection
        self._role = role
        self._stored = known.stored
        # Granting is left until somebody needs it, because hundreds of tables are usually tracked in one go.
        self._shared = shared
        self._announce = False

    @classmethod
    async def begin(cls, connection: Connection, role: str | None, before: Known = NOTHING) -> Administration:
        """The state at the beginning of the transaction that is open on ``connection``; nobody else can change it.

        What a process knew ``before`` is not read again. Raises DataError when what is stored cannot be read.
        """
        await store.lock(connection)
        database = await introspect(connection, before.database)
        stored = await store.read_changes(connection, before.stored)
        database = await with_enums(connection, stored.metadata, database)
        catalog = resolve(stored.metadata, database, stored.version, before.catalog)
        return cls(connection, role, Known(stored, database, catalog), before)

    async def call(self, call: MetadataCall) -> bytes:
        """Carry out one call; its answer."""
        if call.type == "run_sql":
            return await self._run_sql(call)
        if call.type == "export_metadata":
            apply_call(call, self.known.metadata, self.known.database, self.known.catalog)
            return to_json(to_document(self.known.metadata)).encode()
        database = self.known.database
        if _may_change_enums(call, self.known.metadata):
            database = await with_enums(self._connection, proposed(call, self.known.metadata), database)
        metadata = apply_call(call, self.known.metadata, database, self.known.catalog)
        if call.type == "create_query_template":
            for query in check_template(call.args["template"], (call.path, "template")):
                plan(query, self.known.catalog, ADMIN)  # for what it raises: a template names what there is
        if call.type == "reload_metadata":
            self._announce = True
        if metadata != self.known.metadata:
            self.known = self.known.with_metadata(metadata, database)
        return SUCCESS

    async def as_role(self, work: Callable[[Connection], Awaitable[bytes]]) -> bytes:
        """The answer of a query of the same transaction, run as the role every other query runs as."""
        if self._role is None:
            return await work(self._connection)
        await self._share()
        await self._connection.submit("select to_json(set_config('role', $1, true))", [self._role.encode()])
        answer = await work(self._connection)
        await self._connection.script("reset role")
        return answer

    async def finish(self) -> Known:
        """Store what has changed; what is known from now on, once the transaction is committed."""
        await self._share()
        if self._announce or self.known.metadata != self._stored.metadata:
            stored = await store.write(
                self._connection, self.known.metadata, over=self._stored, source=self._stored.source
            )
            self.known = self.known.with_stored(stored)
        return self.known

    async def _share(self) -> None:
        if self.known is not self._shared:
            await share_changes(self._connection, self._role, self._shared, self.known)
            self._shared = self.known

    async def _run_sql(self, call: MetadataCall) -> bytes:
        """Run SQL as the owner. What is tracked must still hold afterwards, or goes too when ``cascade`` says so."""
        fields = read_object(call.args, call.path)
        refuse_other_keys(fields, _RUN_SQL_KEYS, call.path)
        sql = require(fields, "sql", call.path)
        if not isinstance(sql, str):
            raise expected("String", sql, (call.path, "sql"))
        cascade, read_only = (_flag(fields, key, call.path) for key in ("cascade", "read_only"))
        for statement in statement_starts(sql):
            if statement.controls_transaction:
                words = " ".join(statement.words).upper()
                raise NotSupported(f"{words}: run_sql is one transaction already", path=(call.path, "sql"))
        try:
            if read_only:
                await self._connection.script("savepoint read_only; set transaction read only")
            outcomes = await self._connection.script(sql)
            await self._connection.script(_RESET)
            if read_only:
                # Only the end of a savepoint makes the transaction writable again, and there is nothing to lose.
                await self._connection.script("rollback to read_only")
        except DatabaseError as error:
            raise _refused(error, sql, call.path) from error
        database = await introspect(self._connection, self.known.database)
        database = await with_enums(self._connection, self.known.metadata, database)
        if database is not self.known.database:
            metadata = settle(self.known.metadata, database, self.known.catalog, call.path, cascade=cascade)
            catalog = resolve(metadata, database, self._stored.version, self.known.catalog)
            self.known = Known(replace(self.known.stored, metadata=metadata), database, catalog)
            self._announce = True
        return _as_psql_prints(outcomes[-1] if outcomes else Outcome("", None, ()))


def _may_change_enums(call: MetadataCall, metadata: Metadata) -> bool:
    """Whether other tables may be enums after the call. Only then is it looked: hundreds may be tracked in a row."""
    if call.type in ("track_table", "add_existing_table_or_view"):
        return isinstance(call.args, dict) and bool(call.args.get("is_enum"))
    if call.type == "untrack_table":
        return any(table.is_enum for table in metadata.tables)
    return call.type in ("set_table_is_enum", "replace_metadata", "clear_metadata")


def _flag(fields: dict[str, Any], key: str, path: Path) -> bool:
    value = fields.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise expected("Boolean", value, (path, key))


def _refused(error: DatabaseError, sql: str, path: Path) -> DatabaseRefused:
    internal = {
        "statement": sql,
        "prepared": False,
        "error": {
            "message": error.message,
            "status_code": error.sqlstate,
            "description": error.detail,
            "hint": error.hint,
            "exec_status": "FatalError",
        },
        "arguments": [],
    }
    return DatabaseRefused("query execution failed", path=path, internal=internal)


def _as_psql_prints(outcome: Outcome) -> bytes:
    """What the last statement returned: a header and rows of text, or nothing."""
    if outcome.columns is None:
        return b'{"result_type":"CommandOk","result":null}'
    rows = [["NULL" if cell is None else cell.decode() for cell in row] for row in outcome.rows]
    result = {"result_type": "TuplesOk", "result": [list(outcome.columns), *rows]}
    return json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode()
