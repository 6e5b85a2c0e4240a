"""Queries as values, for those that are written most often. docs/query-language.md has the whole language. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Query = dict[str, Any]
Row = Mapping[str, Any]
Table = str | Mapping[str, str]
Columns = Sequence[Any]


def select(table: Table, columns: Columns = ("*",), *, where: Row | None = None, **more: Any) -> Query:
    """Rows. ``more`` are the other arguments of a select, such as ``order_by``, ``limit`` and ``page``.

    >>> select("article", ["id"], where={"id": 7}, limit=1)
    {'type': 'select', 'args': {'table': 'article', 'columns': ['id'], 'where': {'id': 7}, 'limit': 1}}
    """
    return _query("select", table, columns=list(columns), where=where, **more)


def count(table: Table, *, where: Row | None = None, **more: Any) -> Query:
    """How many rows."""
    return _query("count", table, where=where, **more)


def insert(table: Table, rows: Row | Iterable[Row], *, returning: Columns | None = None, **more: Any) -> Query:
    """One new row, or several."""
    return _query("insert", table, objects=_rows(rows), returning=_listed(returning), **more)


def upsert(
    table: Table,
    rows: Row | Iterable[Row],
    *,
    key: Sequence[str] | str,
    returning: Columns | None = None,
    **more: Any,
) -> Query:
    """New rows, or new values for those that are there under the same ``key``: the columns of a unique constraint.

    >>> upsert("visit", {"path": "/", "times": 1}, key="path")["args"]["on_conflict"]
    {'action': 'update', 'constraint_on': ['path']}
    """
    columns = [key] if isinstance(key, str) else list(key)
    conflict = {"action": "update", "constraint_on": columns}
    return insert(table, rows, returning=returning, on_conflict=conflict, **more)


def update(
    table: Table,
    values: Row | None = None,
    *,
    where: Row,
    returning: Columns | None = None,
    increase: Row | None = None,
    **more: Any,
) -> Query:
    """New values in the rows that ``where`` fits (``{}``: all of them), or ``increase`` what is there.

    >>> update("visit", where={"path": "/"}, increase={"times": 1})["args"]
    {'table': 'visit', 'where': {'path': '/'}, '$inc': {'times': 1}}
    """
    changes = {"$set": values, "$inc": increase}
    return _query("update", table, where=where, **changes, returning=_listed(returning), **more)


def delete(table: Table, *, where: Row, returning: Columns | None = None, **more: Any) -> Query:
    """The rows that ``where`` fits (``{}``: all of them) are gone."""
    return _query("delete", table, where=where, returning=_listed(returning), **more)


def transaction(*queries: Query) -> Query:
    """All of these or none; a later one may use what an earlier one answered: ``{"$ref": "0.id"}``."""
    return {"type": "transaction", "args": list(queries)}


def _query(type_: str, table: Table, **args: Any) -> Query:
    return {
        "type": type_,
        "args": {"table": table, **{name: value for name, value in args.items() if value is not None}},
    }


def _rows(rows: Row | Iterable[Row]) -> list[Row]:
    return [rows] if isinstance(rows, Mapping) else list(rows)


def _listed(columns: Columns | None) -> list[Any] | None:
    return None if columns is None else list(columns)
