"""What several parts of the document are made of: a table's name, comments, flags, lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from howdah.data.errors import Path
from howdah.data.query.ast import TableName
from howdah.data.query.reading import expected

T = TypeVar("T")


def table_to_json(name: TableName) -> Any:
    """The name of a table or function as the language writes it: alone in schema public, else as an object.

    >>> table_to_json(TableName("public", "article")), table_to_json(TableName("app", "article"))
    ('article', {'schema': 'app', 'name': 'article'})
    """
    return name.name if name.schema == "public" else {"schema": name.schema, "name": name.name}


def with_comment(body: dict[str, Any], comment: str | None) -> dict[str, Any]:
    """The object, with its comment where there is one."""
    return body if comment is None else {**body, "comment": comment}


def read_comment(value: Any, path: Path) -> str | None:
    """A comment, if there is one."""
    if value is None or isinstance(value, str):
        return value or None
    raise expected("String", value, path)


def read_flag(fields: dict[str, Any], key: str, path: Path) -> bool:
    """The boolean that the object has for the key; false when it has none."""
    value = fields.get(key, False)
    if isinstance(value, bool):
        return value
    raise expected("Boolean", value, (path, key))


def read_each(fields: dict[str, Any], key: str, path: Path, read: Callable[[Any, Path], T]) -> tuple[T, ...]:
    """What ``read`` makes of each item of the list that the object has for the key; nothing when it has none."""
    place = (path, key)
    items = fields.get(key, [])
    if not isinstance(items, list):
        raise expected("Array", items, place)
    return tuple(read(item, (place, index)) for index, item in enumerate(items))
