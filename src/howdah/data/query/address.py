"""Addresses of tables: ``/api/1/table/article/select`` asks what ``/v1/query`` does, with the arguments alone as body.

The text before a name's first dot is its schema (``app.note``); without a dot it is ``public``. So everybody reads an
address in the same way, without a look at what tables there are. ``/v1/query/explain`` is of the same kind, for one
type of request about any table, and ``/v1/template/<name>`` for a stored one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, quote

from howdah.data.errors import InvalidJson, UnexpectedPayload
from howdah.data.query.ast import TableName
from howdah.data.query.json import decode
from howdah.data.query.reading import read_object, read_table
from howdah.data.query.template import EXECUTE

OPERATIONS: Final = ("select", "insert", "update", "delete", "count", "aggregate")
"""Every type of query that is about one table."""

PAGE: Final = "page"
"""A select that answers a page: an address of its own, because what is answered has another form."""

_PREFIX: Final = "/api/1/table/"
_TEMPLATES: Final = "/v1/template/"
_MOST_ARGUMENTS: Final = 100
_UNSENDABLE: Final = re.compile(r"[/\\\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")
"""What the gateway lets no path contain, encoded or not."""


@dataclass(frozen=True, slots=True)
class TableAddress:
    """One type of query, about one table."""

    operation: str
    table: TableName


@dataclass(frozen=True, slots=True)
class TemplateAddress:
    """A query template; its arguments may be ``textual``, in the address, and it may be allowed ``only_reading``."""

    name: str
    textual: bool = False
    only_reading: bool = False


Address: TypeAlias = TableAddress | TemplateAddress | Literal["explain"]


def read_address(path: str) -> Address | None:
    """The table and operation that a decoded path names, or another type; None when it is no such address.

    >>> read_address("/api/1/table/app.note/count")
    TableAddress(operation='count', table=TableName(schema='app', name='note'))
    """
    if path == "/v1/query/explain":
        return "explain"
    name, slash, operation = path.removeprefix(_PREFIX).partition("/")
    if not path.startswith(_PREFIX) or not slash or operation not in (*OPERATIONS, PAGE):
        return None
    schema, dot, table = name.partition(".")
    if not dot:
        schema, table = "public", name
    return TableAddress(operation, TableName(schema, table)) if schema and table else None


def read_template_name(path: str) -> str | None:
    """The query template that a decoded path names; None when it names none.

    >>> read_template_name("/v1/template/top articles")
    'top articles'
    """
    name = path.removeprefix(_TEMPLATES)
    return name if path.startswith(_TEMPLATES) and name and "/" not in name else None


def read_arguments(query: bytes) -> bytes:
    """The arguments of an address's query as the JSON object that a body would have.

    An argument is text, unless it reads as one of JSON's ``true``, ``false``, ``null``, a quoted string, an array or an
    object. Numbers are text, which Postgres reads for a column of numbers and of texts alike. Raises InvalidJson for
    what is no UTF-8, and UnexpectedPayload for one that is there twice.

    >>> read_arguments(b"id=7&open=true&tags=[1]")
    b'{"id": "7", "open": true, "tags": [1]}'
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_ARGUMENTS
        )
    except ValueError as error:
        raise InvalidJson("the arguments in the address cannot be read") from error
    written: dict[str, str] = {}
    for name, text in pairs:
        if name in written:
            raise UnexpectedPayload(f'"{name}" is given twice', path=(None, name))
        written[name] = text if _is_json(text) else json.dumps(text)
    return ("{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in written.items()) + "}").encode()


def _is_json(text: str) -> bool:
    if text in ("true", "false", "null"):
        return True
    try:
        decode(text.encode())
    except InvalidJson:
        return False
    return text.lstrip()[:1] in ('"', "[", "{")


def is_sendable(name: str) -> bool:
    """Whether the gateway lets a path contain the name as one segment of it."""
    return not _UNSENDABLE.search(name) and name.split(";", 1)[0] not in (".", "..")


def write_address(address: TableAddress) -> str | None:
    """The path that is read as this address, percent-encoded; None when there is none (a slash in a name).

    >>> write_address(TableAddress("select", TableName("public", "à la carte")))
    '/api/1/table/%C3%A0%20la%20carte/select'
    """
    table = address.table
    name = table.name if table.schema == "public" and "." not in table.name else f"{table.schema}.{table.name}"
    if "." in table.schema or not is_sendable(name):
        return None
    return f"{_PREFIX}{quote(name, safe='')}/{address.operation}"


def with_envelope(address: Address, args: Any) -> dict[str, Any]:
    """The request that arguments sent to the address stand for.

    They may name the table once more. Raises Unreadable when they are no object, UnexpectedPayload for another table.
    """
    if address == "explain":
        return {"type": address, "args": args}
    if isinstance(address, TemplateAddress):
        return {"type": EXECUTE, "args": {"name": address.name, "args": read_object(args, (None, "args"))}}
    given = read_object(args, (None, "args"))
    if "table" in given and read_table(given["table"], ((None, "args"), "table")) != address.table:
        raise UnexpectedPayload("the address names another table", path=((None, "args"), "table"))
    table = {"schema": address.table.schema, "name": address.table.name}
    if address.operation == PAGE:
        page = given.get("page")
        return {"type": "select", "args": {**given, "table": table, "page": {} if page is None else page}}
    return {"type": address.operation, "args": {**given, "table": table}}


def place_in_args(path: str, address: Address) -> str:
    """A place in a request, as seen by someone who sent the arguments alone.

    Of a query template only its arguments were sent; any other place is one in the template.

    >>> [place_in_args(path, "explain") for path in ("$.args.columns[2]", "$.args", "$.limit")]
    ['$.columns[2]', '$', '$.limit']
    """
    rest = path.removeprefix("$.args.args" if isinstance(address, TemplateAddress) else "$.args")
    return "$" + rest if rest != path and rest[:1] in ("", ".", "[") else path
