"""The machinery of the data tests: the fixture's catalog, and the case folders.

A case is a folder under ``cases/``: ``request.json`` and ``session.json`` go in; ``statement.sql`` and
``parameters.json`` come out, or ``error.json``. ``pytest --update-cases`` rewrites what comes out; read the diff.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from typing import Literal as OneOf

from howdah.data.catalog.enums import with_enum_values
from howdah.data.catalog.model import Catalog
from howdah.data.catalog.resolve import resolve
from howdah.data.compile import compile_plan
from howdah.data.errors import DataError
from howdah.data.execute.answers import body_of
from howdah.data.execute.nested import Several, render_nested
from howdah.data.execute.transaction import Operation, prepare_transaction
from howdah.data.found.database import (
    ColumnType,
    Database,
    DatabaseArgument,
    DatabaseColumn,
    DatabaseFunction,
    DatabaseTable,
    EnumValue,
    ForeignKey,
    UniqueConstraint,
)
from howdah.data.plan import plan, plan_nested
from howdah.data.query.ast import Bulk, ColumnName, Explain, MetadataCall, PermissionTest, Query, TableName, Transaction
from howdah.data.query.json import decode
from howdah.data.query.parse import parse_request
from howdah.data.query.references import Reference
from howdah.data.sql.render import render
from howdah.data.sql.statement import Literal, Statement, Written, bind
from howdah.data.written.metadata import (
    OPERATIONS,
    ComputedFieldMetadata,
    CustomNames,
    ForeignKeyOn,
    FunctionMetadata,
    ManualMapping,
    Metadata,
    PermissionMetadata,
    RelationshipMetadata,
    TableMetadata,
)
from howdah.session import Session

FIXTURE = Path(__file__).parent / "fixture"
CASES = Path(__file__).parent / "cases"


# -- the fixture -------------------------------------------------------------------------------------------------------


@cache
def fixture_database(*, enums: bool = True) -> Database:
    """What ``fixture/database.json`` describes, and ``fixture/database.sql`` creates; with its enum tables' values."""
    tables = [database_table(number, table) for number, table in enumerate(_read(FIXTURE / "database.json"), start=1)]
    oids = {table.name: table.oid for table in tables}
    functions = [_database_function(number, one, oids) for number, one in enumerate(_read(FIXTURE / "functions.json"))]
    database = Database({table.name: table for table in tables}, {one.name: (one,) for one in functions})
    return with_enum_values(database, _enum_values()) if enums else database


def _database_function(number: int, function: dict[str, Any], oids: dict[TableName, int]) -> DatabaseFunction:
    def row_or_value(written: Any) -> tuple[ColumnType, int]:
        if isinstance(written, list):
            return ColumnType(written[0], written[0], written[1]), 0
        name = table_name(written)
        return ColumnType(f"{name.schema}.{name.name}", name.name, "other"), oids[name]

    def argument(name: str, type_: str, category: str = "", has_default: bool = False) -> DatabaseArgument:
        described, relation = row_or_value([type_, category] if category else type_)
        return DatabaseArgument(name, described, relation, has_default)

    returns, relation = row_or_value(function["returns"])
    return DatabaseFunction(
        oid=number,
        name=table_name(function["name"]),
        arguments=tuple(argument(*written) for written in function["arguments"]),
        returns=returns,
        relation=relation,
        returns_set=function["set"],
        volatile=function["volatile"],
    )


def _enum_values() -> dict[TableName, tuple[EnumValue, ...]]:
    enums = (table for table in _read(FIXTURE / "database.json") if "enum_values" in table)
    return {table_name(table): tuple(EnumValue(*row) for row in table["enum_values"]) for table in enums}


@cache
def fixture_metadata() -> Metadata:
    """What ``fixture/metadata.json`` describes, in the form of an export."""
    return read_metadata(_read(FIXTURE / "metadata.json"))


@cache
def fixture_catalog() -> Catalog:
    """The fixture's metadata and database, resolved."""
    return resolve(fixture_metadata(), fixture_database(), version=1)


def read_metadata(exported: dict[str, Any]) -> Metadata:
    """Metadata in the form of an export, as values."""
    return Metadata(
        tuple(_table_metadata(table) for table in exported["tables"]),
        functions=tuple(
            FunctionMetadata(
                table_name(function["function"]),
                **function.get("configuration", {}),
                roles=tuple(entry["role"] for entry in function.get("permissions", ())),
            )
            for function in exported.get("functions", ())
        ),
    )


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def table_name(written: Any) -> TableName:
    """A table name as it is written in JSON."""
    if isinstance(written, str):
        return TableName("public", written)
    return TableName(written.get("schema", "public"), written["name"])


def database_table(number: int, table: dict[str, Any]) -> DatabaseTable:
    """A table as ``fixture/database.json`` describes one."""
    key = table.get("primary_key")
    primary_key = None if key is None else UniqueConstraint(key["name"], tuple(key["columns"]))
    everything = ["insert", "update", "delete"] if table.get("kind", "table").endswith("table") else []
    written = table.get("written", everything)
    other_keys = [UniqueConstraint(key["name"], tuple(key["columns"])) for key in table.get("unique_constraints", ())]
    return DatabaseTable(
        oid=number,
        name=table_name(table),
        kind=table.get("kind", "table"),
        columns=tuple(
            DatabaseColumn(
                column["name"],
                position,
                ColumnType(
                    column["type"],
                    column["type"],
                    column["category"],
                    labels=tuple(column.get("labels", ())),
                    operators=column.get("operators", ""),
                ),
                nullable=column.get("nullable", True),
                has_default=column.get("has_default", False),
                generated=column.get("generated", False),
                comment=column.get("comment"),
            )
            for position, column in enumerate(table["columns"], start=1)
        ),
        primary_key=primary_key,
        unique_constraints=(*([primary_key] if primary_key else []), *other_keys),
        foreign_keys=tuple(
            ForeignKey(key["name"], tuple(key["columns"]), table_name(key["target"]), tuple(key["target_columns"]))
            for key in table.get("foreign_keys", ())
        ),
        insertable="insert" in written,
        updatable="update" in written,
        deletable="delete" in written,
        comment=table.get("comment"),
    )


def _table_metadata(table: dict[str, Any]) -> TableMetadata:
    return TableMetadata(
        table_name(table["table"]),
        tuple(
            RelationshipMetadata(entry["name"], kind, _using(entry["using"]))
            for kind in ("object", "array")
            for entry in table.get(f"{kind}_relationships", ())
        ),
        tuple(
            PermissionMetadata(entry["role"], operation, entry["permission"])
            for operation in OPERATIONS
            for entry in table.get(f"{operation}_permissions", ())
        ),
        _custom_names(table.get("configuration", {})),
        table.get("is_enum", False),
        computed_fields=tuple(_computed_field(**entry) for entry in table.get("computed_fields", ())),
    )


def _computed_field(name: str, definition: dict[str, Any]) -> ComputedFieldMetadata:
    return ComputedFieldMetadata(name, **{**definition, "function": table_name(definition["function"])})


def _custom_names(configuration: dict[str, Any]) -> CustomNames:
    names = configuration.get("custom_column_names", {})
    return CustomNames(configuration.get("custom_name"), tuple(names.items()))


def _using(using: dict[str, Any]) -> ForeignKeyOn | ManualMapping:
    if "manual_configuration" in using:
        manual = using["manual_configuration"]
        return ManualMapping(table_name(manual["remote_table"]), tuple(manual["column_mapping"].items()))
    on = using["foreign_key_constraint_on"]
    return ForeignKeyOn(on) if isinstance(on, str) else ForeignKeyOn(on["column"], table_name(on["table"]))


# -- the cases ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A request, asked by its session."""

    folder: Path

    def __str__(self) -> str:
        return self.folder.name

    @property
    def request(self) -> bytes:
        """The body of the request."""
        return (self.folder / "request.json").read_bytes()

    @property
    def session(self) -> Session:
        """On whose behalf."""
        session = _read(self.folder / "session.json")
        return Session(session["role"], session.get("variables", {}))

    @property
    def allowed(self) -> bool:
        """Whether the request is answered, and not refused."""
        return not (self.folder / "error.json").exists()

    def expected(self) -> dict[str, str]:
        """What the case expects, by file name."""
        return {name: text for name in OUTCOMES if (text := self._text(name)) is not None}

    def _text(self, name: str) -> str | None:
        path = self.folder / name
        return path.read_text() if path.exists() else None

    def update(self, outcome: dict[str, str]) -> None:
        """Let the case expect this outcome from now on."""
        for name in OUTCOMES:
            if name in outcome:
                (self.folder / name).write_text(outcome[name])
            else:
                (self.folder / name).unlink(missing_ok=True)


OUTCOMES = ("statement.sql", "parameters.json", "error.json")


def cases(kind: OneOf["all", "allowed", "refused"] = "all") -> list[Case]:
    """The cases of ``cases/``, by name."""
    found = [Case(folder) for folder in sorted(CASES.iterdir()) if (folder / "request.json").exists()]
    return [case for case in found if kind == "all" or case.allowed == (kind == "allowed")]


def compiled(body: bytes, session: Session, catalog: Catalog) -> Statement:
    """The statement that a request becomes."""
    request = parse_request(decode(body))
    assert not isinstance(request, Bulk | Transaction | MetadataCall)
    return render(compile_plan(plan(request, catalog, session)))


def operations(transaction: Transaction, session: Session, catalog: Catalog) -> tuple[Operation, ...]:
    """The operations of a transaction, whose parameters have not been looked up."""
    return prepare_transaction(transaction, lambda query, kept: _statement(query, session, catalog, kept))


def _statement(
    query: Query, session: Session, catalog: Catalog, kept: tuple[ColumnName, ...] = ()
) -> Statement | Several:
    nested = plan_nested(query, catalog, session, kept=kept)
    return render(compile_plan(plan(query, catalog, session, kept=kept))) if nested is None else render_nested(nested)


def outcome_of(case: Case) -> dict[str, str]:
    """What becomes of the case without a database: a statement and its parameters, or an error; by file name."""
    try:
        request = parse_request(decode(case.request))
        if isinstance(request, Transaction):
            statements = [operation.statement for operation in operations(request, case.session, fixture_catalog())]
        else:
            assert not isinstance(request, Bulk | MetadataCall | Explain | PermissionTest)
            statements = [_statement(request, case.session, fixture_catalog())]
        flat = [one for found in statements for one in (found.statements if isinstance(found, Several) else (found,))]
        return {
            "statement.sql": "\n\n".join([pretty(statement.text) for statement in flat]) + "\n",
            "parameters.json": "".join([_shown(statement, case.session) for statement in flat]),
        }
    except DataError as error:
        told = body_of(error, case.session, fixture_catalog())
        told.pop("internal", None)
        return {"error.json": json.dumps(told, indent=2) + "\n"}


def _shown(statement: Statement, session: Session) -> str:
    """The parameters as Postgres reads them; what is only known once other statements were answered as what it is."""
    shown: list[str | None] = []
    for parameter in statement.parameters:
        if isinstance(parameter, Literal) and (late := _late(parameter)) is not None:
            shown.append(late)
            continue
        (value,) = bind(replace(statement, parameters=(parameter,)), session)
        shown.append(None if value is None else value.decode())
    return json.dumps(shown, ensure_ascii=False) + "\n"


def _late(parameter: Literal) -> str | None:
    values = parameter.value if isinstance(parameter.value, list) else [parameter.value]
    if not any(isinstance(value, Reference | Written) for value in values):
        return None
    return ", ".join([_named(value) for value in values])


def _named(value: Any) -> str:
    if isinstance(value, Written):
        return f"<{value.column} of {', '.join(map(str, value.steps))}>"
    return f"<{value}>" if isinstance(value, Reference) else str(value)


def pretty(text: str) -> str:
    """A statement on lines of bearable length. Blanks inside names are left alone only if they are single."""
    return "\n".join(textwrap.wrap(text, width=110, break_long_words=False, break_on_hyphens=False))
