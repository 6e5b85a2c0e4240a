"""Addresses of tables: ``/api/1/table/article/select`` asks what ``/v1/query`` does, with the arguments alone as body.

The text before a name's first dot is its schema (``app.note``); without a dot it is ``public``. So everybody reads an
address in the same way, without a look at what tables there are. ``/v1/query/explain`` is of the same kind, for one
type of request about any table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from howdah.data.errors import UnexpectedPayload
from howdah.data.query.ast import TableName
from howdah.data.query.reading import read_object, read_table

OPERATIONS: Final = ("select", "insert", "update", "delete", "count", "aggregate")
"""Every type of query that is about one table."""

_PREFIX: Final = "/api/1/table/"
_UNSENDABLE: Final = re.compile(r"[/\\\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")
"""What the gateway lets no path contain, encoded or not."""


@dataclass(frozen=True, slots=True)
class TableAddress:
    """One type of query, about one table."""

    operation: str
    table: TableName


Address: TypeAlias = TableAddress | Literal["explain"]


def read_address(path: str) -> Address | None:
    """The table and operation that a decoded path names, or another type; None when it is no such address.

    >>> read_address("/api/1/table/app.note/count")
    TableAddress(operation='count', table=TableName(schema='app', name='note'))
    """
    if path == "/v1/query/explain":
        return "explain"
    name, slash, operation = path.removeprefix(_PREFIX).partition("/")
    if not path.startswith(_PREFIX) or not slash or operation not in OPERATIONS:
        return None
    schema, dot, table = name.partition(".")
    if not dot:
        schema, table = "public", name
    return TableAddress(operation, TableName(schema, table)) if schema and table else None


def write_address(address: TableAddress) -> str | None:
    """The path that is read as this address, percent-encoded; None when there is none (a slash in a name).

    >>> write_address(TableAddress("select", TableName("public", "à la carte")))
    '/api/1/table/%C3%A0%20la%20carte/select'
    """
    table = address.table
    name = table.name if table.schema == "public" and "." not in table.name else f"{table.schema}.{table.name}"
    if "." in table.schema or _UNSENDABLE.search(name):
        return None
    return f"{_PREFIX}{quote(name, safe='')}/{address.operation}"


def with_envelope(address: Address, args: Any) -> dict[str, Any]:
    """The request that arguments sent to the address stand for.

    They may name the table once more. Raises Unreadable when they are no object, UnexpectedPayload for another table.
    """
    if address == "explain":
        return {"type": address, "args": args}
    given = read_object(args, (None, "args"))
    if "table" in given and read_table(given["table"], ((None, "args"), "table")) != address.table:
        raise UnexpectedPayload("the address names another table", path=((None, "args"), "table"))
    table = {"schema": address.table.schema, "name": address.table.name}
    return {"type": address.operation, "args": {**given, "table": table}}


def place_in_args(path: str) -> str:
    """A place in a request, as seen by someone who sent the arguments alone.

    >>> place_in_args("$.args.columns[2]"), place_in_args("$.args"), place_in_args("$.limit")
    ('$.columns[2]', '$', '$.limit')
    """
    rest = path.removeprefix("$.args")
    return "$" + rest if rest != path and rest[:1] in ("", ".", "[") else path
