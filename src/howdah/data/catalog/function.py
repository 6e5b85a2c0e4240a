"""Functions of the database that may be called: tracked ones, and those that computed fields are made with.

Held against the database: there is one of that name, what it returns can be shown, and every argument is given by
somebody: the request, the session, or the row that a computed field belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from howdah.data.catalog.condition import Given, Invoked
from howdah.data.catalog.model import Argument, Column, ComputedField, Function, Routine, Table
from howdah.data.catalog.values import value_of
from howdah.data.errors import InvalidConfiguration, NotExists, NotSupported, ParseFailed, Path, UnexpectedPayload
from howdah.data.found.database import ColumnType, Database, DatabaseFunction
from howdah.data.query.ast import TableName
from howdah.data.sql.statement import SessionVariables
from howdah.data.written.metadata import ComputedFieldMetadata, FunctionMetadata
from howdah.session import ADMIN_ROLE

_ODDITIES = {
    "variadic": "has VARIADIC parameters",
    "outputs": "has OUT parameters, or columns of its own instead of a table's",
    "polymorphic": "has polymorphic or other pseudo-types",
}

_SESSION_TYPES = frozenset({"json", "jsonb"})


def resolve_function(written: FunctionMetadata, database: Database, tables: Mapping[TableName, Table]) -> Function:
    """The tracked function. Raises NotExists, NotSupported and InvalidConfiguration."""
    found = _one(written.name, database)
    if not found.relation:
        raise NotSupported(f'function "{found.name}" returns {found.returns.sql}: it has to return rows of a table')
    target = _tracked(found, database, tables)
    exposed_as = written.exposed_as or ("mutation" if found.volatile else "query")
    if exposed_as == "mutation" and not found.volatile:
        message = f'function "{found.name}" changes nothing (it is not VOLATILE) and cannot be exposed as a mutation'
        raise NotSupported(message, path=((None, "configuration"), "exposed_as"))
    if ADMIN_ROLE in written.roles:
        raise NotSupported('permissions cannot be defined for the role "admin", which may do everything')
    routine = _routine(found, None, written.session_argument, (None, "configuration"))
    return Function(routine, target.name, not found.returns_set, exposed_as, frozenset(written.roles), found.comment)


def resolve_computed_field(
    written: ComputedFieldMetadata, table: Table, database: Database, tables: Mapping[TableName, Table]
) -> ComputedField:
    """The computed field of the table. Raises NotExists, NotSupported and InvalidConfiguration."""
    path: Path = (None, "definition")
    row_type = database.tables[table.name].oid
    # Functions of one name are told apart by the row that they take.
    found = _one(written.function, database, row_type)
    if found.volatile:
        message = (
            f'function "{found.name}" is VOLATILE: a field that is only read must be made without changing anything'
        )
        raise NotSupported(message, path=(path, "function"))
    row_argument = _row_argument(found, written.table_argument, table, row_type, path)
    routine = _routine(found, row_argument, written.session_argument, path)
    if found.relation:
        target = _tracked(found, database, tables)
        return ComputedField(written.name, routine, found.returns, target.name, not found.returns_set, None)
    if found.returns_set or found.returns.name in {"void", "record"}:
        what = f"{'SETOF ' if found.returns_set else ''}{found.returns.sql}"
        message = f'function "{found.name}" returns {what}: a computed field is one value, or rows of a table'
        raise NotSupported(message, path=(path, "function"))
    column = None
    if all(argument.has_default or argument.given_by != "request" for argument in routine.arguments):
        column = _as_column(written.name, found.returns, invoke(routine, {}, None))
    return ComputedField(written.name, routine, found.returns, None, True, column)


def invoke(routine: Routine, values: Mapping[str, Any] | Sequence[Any], path: Path) -> Invoked:
    """The routine, given these values by name or in the order of its arguments; the rest is up to defaults.

    Raises UnexpectedPayload (an argument it has not) and ParseFailed (one that it needs is missing).
    """
    asked = [argument.key for argument in routine.arguments if argument.given_by == "request"]
    places: dict[str, Path] = {}
    if isinstance(values, Mapping):
        for key in values:
            if key not in asked:
                raise UnexpectedPayload(f'function "{routine.name}" has no argument "{key}"', path=(path, key))
            places[key] = (path, key)
    else:
        if len(values) > len(asked):
            message = f'function "{routine.name}" has {len(asked)} arguments'
            raise UnexpectedPayload(message, path=(path, len(asked)))
        places = {key: (path, index) for index, key in enumerate(asked[: len(values)])}
        values = dict(zip(asked, values, strict=False))
    given: list[Given] = []
    by_name = False
    for argument in routine.arguments:
        name = (argument.name or None) if by_name else None
        type_ = argument.type.sql
        if argument.given_by == "row":
            given.append(Given(name, None, type_))
        elif argument.given_by == "session":
            given.append(Given(name, SessionVariables(), type_))
        elif argument.key in values:
            if by_name and name is None:
                message = f'"{argument.key}" has no name of its own: give the arguments before it as well'
                raise UnexpectedPayload(message, path=places[argument.key])
            value = value_of(values[argument.key], argument.type, places[argument.key], stored=False)
            given.append(Given(name, value, type_))
        elif argument.has_default:
            by_name = True
        else:
            raise ParseFailed(f'function "{routine.name}" needs its argument "{argument.key}"', path=path)
    return Invoked(routine.name, tuple(given))


def _one(name: TableName, database: Database, row_type: int | None = None) -> DatabaseFunction:
    """The function of that name; of several the one that takes such a row."""
    found = database.functions.get(name, ())
    if not found:
        raise NotExists(f'no such function exists in postgres : "{name}"')
    if len(found) > 1 and row_type is not None:
        of_row = tuple(one for one in found if any(argument.relation == row_type for argument in one.arguments))
        found = of_row if len(of_row) == 1 else found
    if len(found) > 1:
        raise NotSupported(f'function "{name}" is overloaded: there is more than one of that name')
    if found[0].oddity is not None:
        raise NotSupported(f'function "{name}" {_ODDITIES[found[0].oddity]}, and cannot be called by a request')
    return found[0]


def _tracked(found: DatabaseFunction, database: Database, tables: Mapping[TableName, Table]) -> Table:
    """The tracked table whose rows the function returns."""
    name = next((table.name for table in database.tables.values() if table.oid == found.relation), None)
    if name is None:
        raise NotSupported(f'function "{found.name}" returns {found.returns.sql}, which is no table')
    try:
        return tables[name]
    except KeyError:
        raise NotExists(f'table "{name}", whose rows function "{found.name}" returns, is not tracked') from None


def _row_argument(found: DatabaseFunction, name: str | None, table: Table, row_type: int, path: Path) -> int:
    """The place of the argument that is given the row: the one of that name, or the first."""
    place = 0
    if name is not None:
        place = _place(found, name, (path, "table_argument"))
    if not found.arguments or found.arguments[place].relation != row_type:
        what = "first argument" if name is None else f'argument "{name}"'
        message = f'the {what} of function "{found.name}" is not a row of table "{table.name}"'
        raise InvalidConfiguration(message, path=path if name is None else (path, "table_argument"))
    return place


def _place(found: DatabaseFunction, name: str, path: Path) -> int:
    for place, argument in enumerate(found.arguments):
        if argument.name == name:
            return place
    raise NotExists(f'function "{found.name}" has no argument "{name}"', path=path)


def _routine(found: DatabaseFunction, row: int | None, session_argument: str | None, path: Path) -> Routine:
    session = None
    if session_argument is not None:
        place: Path = (path, "session_argument")
        session = _place(found, session_argument, place)
        if session == row or found.arguments[session].type.sql not in _SESSION_TYPES:
            message = f'argument "{session_argument}" is given the session as JSON, and has to be of type json or jsonb'
            raise InvalidConfiguration(message, path=place)
    return Routine(
        found.name,
        tuple(
            Argument(
                argument.name,
                argument.name or f"arg_{place + 1}",
                argument.type,
                argument.has_default,
                "row" if place == row else "session" if place == session else "request",
            )
            for place, argument in enumerate(found.arguments)
        ),
        found.volatile,
    )


def _as_column(name: str, type_: ColumnType, invoked: Invoked) -> Column:
    return Column(name, name, type_, nullable=True, has_default=False, writable=False, computed=invoked)
