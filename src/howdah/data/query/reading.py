"""Reading JSON of the request by kind: each function returns what it names or raises Unreadable with the place."""

from __future__ import annotations

from typing import Any

from howdah.data.errors import Path, UnexpectedPayload, Unreadable, wrong_kind
from howdah.data.query.ast import TableName
from howdah.data.query.limits import Limits


class Budget:
    """What is left of a request's limits. Mutable: one per request, handed down while it is read.

    ``references`` says that a value may be ``{"$ref": …}`` here, because a transaction is being read.
    """

    __slots__ = ("_nodes", "limits", "references")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._nodes = limits.nodes
        self.references = False

    def spend(self, path: Path) -> None:
        """One more node. Raises UnexpectedPayload when there are too many."""
        self._nodes -= 1
        if self._nodes < 0:
            raise UnexpectedPayload(f"the request has more than {self.limits.nodes} parts", path=path)

    def check_length(self, values: list[Any], path: Path) -> None:
        """Raises UnexpectedPayload when the list is too long."""
        if len(values) > self.limits.list_length:
            raise UnexpectedPayload(f"a list has at most {self.limits.list_length} elements", path=path)

    def check_nesting(self, nesting: int, path: Path) -> None:
        """Raises UnexpectedPayload when there are too many relationships inside each other."""
        if nesting > self.limits.nesting:
            raise UnexpectedPayload(f"relationships are nested deeper than {self.limits.nesting} levels", path=path)


def expected(kind: str, value: Any, path: Path) -> Unreadable:
    """The error of a value that should be of another kind."""
    return Unreadable(wrong_kind(kind, value), path=path)


def read_object(value: Any, path: Path) -> dict[str, Any]:
    """The value, which is an object."""
    if isinstance(value, dict):
        return value
    raise expected("Object", value, path)


def read_list(value: Any, path: Path, budget: Budget) -> list[Any]:
    """The value, which is a list of bearable length."""
    if isinstance(value, list):
        budget.check_length(value, path)
        return value
    raise expected("Array", value, path)


def read_name(value: Any, path: Path) -> str:
    """The value, which is a string with something in it."""
    if not isinstance(value, str):
        raise expected("String", value, path)
    if not value:
        raise Unreadable("a name cannot be empty", path=path)
    return value


def require(value: dict[str, Any], key: str, path: Path) -> Any:
    """What the object has for the key."""
    try:
        return value[key]
    except KeyError:
        raise Unreadable(f'key "{key}" not found', path=path) from None


def refuse_other_keys(value: dict[str, Any], known: frozenset[str], path: Path) -> None:
    """Raises UnexpectedPayload for a key that means nothing here: it was misspelt, and ignoring it would hide that."""
    if not value.keys() <= known:
        key = next(key for key in value if key not in known)
        raise UnexpectedPayload(f'unexpected key "{key}"', path=(path, key))


def read_table(value: Any, path: Path) -> TableName:
    """A table: its name alone in schema public, or an object of schema and name."""
    if isinstance(value, str):
        return TableName("public", read_name(value, path))
    if not isinstance(value, dict):
        raise expected("a table name (String or Object)", value, path)
    refuse_other_keys(value, _TABLE_KEYS, path)
    name = read_name(require(value, "name", path), (path, "name"))
    schema = value.get("schema")
    return TableName("public" if schema is None else read_name(schema, (path, "schema")), name)


_TABLE_KEYS = frozenset({"schema", "name"})
