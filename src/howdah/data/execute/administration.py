"""What an administrator does to metadata and database: any number of requests in one transaction as the owner."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from howdah.data.catalog.model import Catalog
from howdah.data.catalog.resolve import resolve
from howdah.data.change.alteration import compare
from howdah.data.change.calls import apply_call, may_tolerate, proposed, renames_of
from howdah.data.change.inconsistency import consistency
from howdah.data.change.renamed_templates import with_renamed_templates
from howdah.data.change.settlement import DependencyError, settle, with_new_names
from howdah.data.change.state import internal_state
from howdah.data.errors import DatabaseRefused, DataError, NotSupported, Path
from howdah.data.execute.enums import with_enums
from howdah.data.execute.event_triggers import apply_event_triggers, tables_with_events
from howdah.data.execute.known import NOTHING, Known, MetadataFilesOutdated, share_changes
from howdah.data.found.introspect import introspect
from howdah.data.plan import plan, plan_nested
from howdah.data.query.ast import MetadataCall
from howdah.data.query.parse import check_template
from howdah.data.query.reading import expected, read_object, refuse_other_keys, require
from howdah.data.sql.encode import to_json
from howdah.data.written import store
from howdah.data.written.document import to_document
from howdah.data.written.metadata import Metadata
from howdah.observe import events
from howdah.postgres.connection import Connection
from howdah.postgres.errors import DatabaseError
from howdah.postgres.results import Outcome
from howdah.postgres.statements import statement_starts
from howdah.session import ADMIN

SUCCESS = b'{"message":"success"}'

_RUN_SQL_KEYS = frozenset({"sql", "cascade", "check_metadata_consistency", "read_only"})


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
        database = self.known.database
        if _may_change_enums(call, self.known.metadata):
            database = await with_enums(self._connection, proposed(call, self.known.metadata), database)
        metadata = apply_call(call, self.known.metadata, database, self.known.catalog)
        if call.type == "create_query_template":
            _check_template(call.args["template"], self.known.catalog, (call.path, "template"))
        if call.type == "reload_metadata":
            self._announce = True
        if metadata != self.known.metadata:
            before, known = self.known, self.known.with_metadata(metadata, database)
            if metadata.query_templates == before.metadata.query_templates:
                renames = renames_of(call, before.metadata)
                metadata = with_renamed_templates(metadata, renames, before.catalog, known.catalog)
            self.known = replace(known, stored=replace(known.stored, metadata=metadata))
        if call.type == "replace_metadata" and may_tolerate(call.args):
            return to_json(consistency(self.known.metadata, self.known.catalog)).encode()
        answer = _ANSWERS.get(call.type)
        return SUCCESS if answer is None else to_json(answer(self.known.metadata, self.known.catalog)).encode()

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
        if tables_with_events(self.known.metadata) or tables_with_events(self._stored.metadata):
            known = self.known
            await apply_event_triggers(self._connection, known.metadata, known.database, known.catalog)
        if self._announce or self.known.metadata != self._stored.metadata:
            stored = await store.write(
                self._connection, self.known.metadata, over=self._stored, source=self._stored.source
            )
            self.known = self.known.with_stored(stored)
        return self.known

    def tell(self) -> None:
        """Say of which tables the project's files do not have what is stored now; for when it is committed."""
        if self._stored.source is None:
            return
        before = {table.name: table for table in self._stored.metadata.tables}
        after = {table.name: table for table in self.known.metadata.tables}
        changed = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
        if changed:
            names = ", ".join(map(str, changed))
            message = (
                "calls changed what files say of these tables: write it into metadata/, or the next edit undoes it"
            )
            events.emit(MetadataFilesOutdated(names, message))

    async def _share(self) -> None:
        if self.known is not self._shared:
            await share_changes(self._connection, self._role, self._shared, self.known)
            self._shared = self.known

    async def _run_sql(self, call: MetadataCall) -> bytes:
        """Run SQL as the owner. What is tracked must still hold afterwards, or goes too when ``cascade`` says so.

        New names are carried into the metadata. When its consistency is not to be checked it stays as it is.
        """
        fields = read_object(call.args, call.path)
        refuse_other_keys(fields, _RUN_SQL_KEYS, call.path)
        sql = require(fields, "sql", call.path)
        if not isinstance(sql, str):
            raise expected("String", sql, (call.path, "sql"))
        cascade, read_only = (_flag(fields, key, call.path) for key in ("cascade", "read_only"))
        unchecked = fields.get("check_metadata_consistency") is not None and not _flag(
            fields, "check_metadata_consistency", call.path
        )
        for statement in statement_starts(sql):
            if statement.controls_transaction:
                words = " ".join(statement.words).upper()
                raise NotSupported(f"{words}: run_sql is one transaction already", path=(call.path, "sql"))
        try:
            if read_only:
                await self._connection.script("savepoint read_only; set transaction read only")
            outcomes = await self._connection.foreign_script(sql)
            if read_only:
                # Only the end of a savepoint makes the transaction writable again, and there is nothing to lose.
                await self._connection.script("rollback to read_only")
        except DatabaseError as error:
            raise _refused(error, sql, call.path) from error
        known = self.known
        database = await introspect(self._connection, known.database)
        metadata = known.metadata
        if not unchecked:
            metadata = with_new_names(metadata, known.database, database, known.catalog)
        database = await with_enums(self._connection, metadata, database)
        if database is not known.database:
            metadata = known.metadata
            if not unchecked:
                metadata = settle(metadata, known.database, database, known.catalog, call.path, cascade=cascade)
            catalog = resolve(metadata, database, known.catalog.version, known.catalog)
            if not unchecked:
                renames = compare(known.database, database).renames
                metadata = with_renamed_templates(metadata, renames, known.catalog, catalog)
                metadata = _with_templates_that_hold(metadata, known.catalog, catalog, call.path, cascade=cascade)
            self.known = Known(replace(known.stored, metadata=metadata), database, catalog)
            self._announce = True
        return _as_psql_prints(outcomes[-1] if outcomes else Outcome("", None, ()))


def _may_change_enums(call: MetadataCall, metadata: Metadata) -> bool:
    """Whether other tables may be enums after the call. Only then is it looked: hundreds may be tracked in a row."""
    if call.type in ("track_table", "add_existing_table_or_view"):
        return isinstance(call.args, dict) and bool(call.args.get("is_enum"))
    if call.type == "untrack_table":
        return any(table.is_enum for table in metadata.tables)
    return call.type in ("set_table_is_enum", "replace_metadata", "clear_metadata")


def _check_template(template: Any, catalog: Catalog, path: Path) -> None:
    """Raises DataError: a template names what there is."""
    for query in check_template(template, path):
        if plan_nested(query, catalog, ADMIN) is None:
            plan(query, catalog, ADMIN)


def _with_templates_that_hold(
    metadata: Metadata, before: Catalog, after: Catalog, path: Path, *, cascade: bool
) -> Metadata:
    """The metadata without the templates that the change broke. Raises DependencyError for these without cascade."""
    broken = [
        template.name
        for template in metadata.query_templates
        if _holds(template.query, before) and not _holds(template.query, after)
    ]
    if broken and not cascade:
        names = ", ".join(f"query-template {name}" for name in broken)
        raise DependencyError(f"cannot drop due to the following dependent objects: {names}", path=path)
    for name in broken:
        metadata = metadata.without_query_template(name)
    return metadata


def _holds(template: Any, catalog: Catalog) -> bool:
    try:
        _check_template(template, catalog, None)
    except DataError:
        return False
    return True


_ANSWERS: Mapping[str, Callable[[Metadata, Catalog], Any]] = {
    "export_metadata": lambda metadata, _: to_document(metadata),
    "get_inconsistent_metadata": consistency,
    "dump_internal_state": internal_state,
}
"""The calls that are questions."""


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
    rows = [["NULL" if cell is None else cell.decode("utf-8", "replace") for cell in row] for row in outcome.rows]
    result = {"result_type": "TuplesOk", "result": [list(outcome.columns), *rows]}
    return json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode()
