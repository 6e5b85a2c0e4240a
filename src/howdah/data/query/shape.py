"""A request split into shape and values: two requests of one shape become one statement with other parameters.

The shape is everything that may decide what a statement looks like: tables, columns, operators, nulls, booleans, how
many rows and which keys. The values are what can only end up as a parameter. A shape is a flat tuple, cheap to make and
to look up; in doubt something belongs to the shape, because that costs a statement and never an answer.

Works on the JSON itself, before it is parsed, and knows no database. What is not a query, or is too large to be worth
remembering, has no shape.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from howdah.data.query.cursor import Decoded, decode_cursor
from howdah.data.query.limits import DEFAULT_LIMITS, Limits

LONGEST_SHAPE: Final = 400
"""Tokens. Beyond, a request is rare enough to be compiled each time, and its shape too large to keep."""

LONGEST_LIST: Final = 1000
"""Values of one ``$in`` that count as one value; a longer list is parsed, and checked against the limits, each time."""

Holes = list[tuple[Any, Any]]
"""Where the values are: container and key, in the order of the shape."""

_LOGICAL: Final = frozenset({"$and", "$or", "$not", "_and", "_or", "_not"})
_SHAPING: Final = frozenset(
    prefix + name
    for prefix in "$_"
    for name in ("is_null", "exists", "ceq", "cne", "cneq", "cgt", "clt", "cgte", "clte")
)
"""Operators whose operand decides the statement's text."""
_LISTS: Final = frozenset(
    prefix + name
    for prefix in "$_"
    for name in ("in", "nin", "has_keys_any", "has_keys_all", "ancestor_any", "descendant_any", "matches_any")
)
_WHOLE: Final = frozenset(
    {
        prefix + name
        for prefix in "$_"
        for name in (
            "contains",
            "contained_in",
            "st_contains",
            "st_crosses",
            "st_equals",
            "st_intersects",
            "st_overlaps",
            "st_touches",
            "st_within",
            "st_3d_intersects",
        )
    }
)
"""Operators whose operand, an object or a list, is one value."""
_WITH_FIELDS: Final = frozenset(
    prefix + name
    for prefix in "$_"
    for name in ("st_d_within", "st_3d_d_within", "st_intersects_geom_nband", "st_intersects_nband_geom")
)
"""Operators whose operand is an object of values."""
_SEARCHES: Final = frozenset({"$search", "_search"})
_WRITTEN: Final = frozenset({"$set", "_set", "values", "$inc", "_inc", "$mul", "_mul"})
_QUERIES: Final = frozenset({"select", "count", "aggregate", "insert", "update", "delete"})
_SCALARS: Final = frozenset({str, int, Decimal})


class _TooLarge(Exception):
    """The shape has too many tokens."""


class Tagged:
    """Marks a value of the request by its position among the values. See `tag`."""

    position: int


class _Text(str, Tagged):
    __slots__ = ("position",)


class _Integer(int, Tagged):
    """An int cannot have slots."""


class _Fraction(Decimal, Tagged):
    """A Decimal with a position."""


class _Object(dict[str, Any], Tagged):
    """A JSON object with a position."""


class _Array(list[Any], Tagged):
    """A JSON array with a position."""


_TAGGED: Final[dict[type, type]] = {str: _Text, int: _Integer, Decimal: _Fraction, dict: _Object, list: _Array}


def split(request: Any, limits: Limits = DEFAULT_LIMITS) -> tuple[tuple[Any, ...], Holes] | None:
    """The request's shape and where its values are; None when it has none.

    Whatever ``limits`` refuse is refused in every request of the shape, or has no shape.

    >>> shape, holes = split({"type": "count", "args": {"table": "article", "where": {"id": {"$gt": 7}}}})
    >>> [container[key] for container, key in holes]
    [7]
    >>> shape == split({"type": "count", "args": {"table": "article", "where": {"id": {"$gt": 8}}}})[0]
    True
    """
    if type(request) is not dict:
        return None
    kind = request.get("type")
    if type(kind) is not str or kind not in _QUERIES or type(request.get("args")) is not dict:
        return None
    walk = _Walk(min(LONGEST_LIST, limits.list_length))
    try:
        for key, value in request.items():
            walk.tokens.append(key)
            if key == "args":
                walk.tokens.append(len(value))
                walk.arguments(value)
            else:
                walk.shape(value)
    except _TooLarge:
        return None
    return tuple(walk.tokens), walk.holes


def tag(holes: Holes) -> None:
    """Every value is replaced, in place, by an equal one that knows its position and is still of its kind."""
    for position, (container, key) in enumerate(holes):
        value = container[key]
        tagged = _TAGGED[type(value)](value)
        tagged.position = position
        container[key] = tagged


class _Walk:
    """One walk through a request."""

    __slots__ = ("holes", "longest_list", "tokens")

    def __init__(self, longest_list: int) -> None:
        self.longest_list = longest_list
        self.tokens: list[Any] = []
        self.holes: Holes = []

    def arguments(self, args: dict[str, Any]) -> None:
        """The arguments of a query."""
        tokens = self.tokens
        for key, value in args.items():
            tokens.append(key)
            if key == "where":
                self.condition(value)
            elif key == "columns":
                self.columns(value)
            elif key == "objects":
                self.rows(value)
            elif key in _WRITTEN or (key == "arguments" and type(value) is dict):
                self.row(value)
            elif key == "page":
                self.page(value)
            elif key == "search":
                self.search(value)
            else:
                self.shape(value)
        if len(tokens) > LONGEST_SHAPE:
            raise _TooLarge

    def columns(self, columns: Any) -> None:
        """The columns of a selection; relationships among them have arguments of their own."""
        if type(columns) is not list:
            self.shape(columns)
            return
        tokens = self.tokens
        tokens.append(len(columns))
        for column in columns:
            if type(column) is str:
                tokens.append(column)
            elif type(column) is dict:
                tokens.append(dict)
                tokens.append(len(column))
                self.arguments(column)
            else:
                self.shape(column)

    def condition(self, condition: Any) -> None:
        """A boolean expression: keys and logic are shape, operands are values."""
        if type(condition) is not dict:
            self.shape(condition)
            return
        tokens = self.tokens
        tokens.append(dict)
        tokens.append(len(condition))
        for key, value in condition.items():
            tokens.append(key)
            kind = type(value)
            if key in _SHAPING:
                self.shape(value)
            elif kind is dict:
                if key in _WHOLE:
                    tokens.append(kind)
                    self.holes.append((condition, key))
                elif key in _WITH_FIELDS:
                    self.row(value)
                elif key in _SEARCHES:
                    self.search(value)
                else:
                    self.condition(value)
            elif kind is list:
                if key in _LOGICAL:
                    tokens.append(list)
                    tokens.append(len(value))
                    for item in value:
                        self.condition(item)
                elif key in _LISTS:
                    self.members(condition, key, value)
                elif key in _WHOLE:
                    tokens.append(kind)
                    self.holes.append((condition, key))
                else:
                    self.shape(value)
            elif kind in _SCALARS:
                tokens.append(kind)
                self.holes.append((condition, key))
            else:
                self.shape(value)
        if len(tokens) > LONGEST_SHAPE:
            raise _TooLarge

    def members(self, container: dict[str, Any], key: str, members: list[Any]) -> None:
        """The list of an ``$in``: one value, when it has members and all are plain."""
        if 0 < len(members) <= self.longest_list and all(type(member) in _SCALARS for member in members):
            self.tokens.append("[…]")
            self.holes.append((container, key))
        else:
            self.shape(members)

    def search(self, search: Any) -> None:
        """What to look for: the words are a value, all else is shape."""
        if type(search) is not dict:
            self.shape(search)
            return
        tokens = self.tokens
        tokens.append(dict)
        tokens.append(len(search))
        for key, value in search.items():
            tokens.append(key)
            if key == "query" and type(value) is str:
                tokens.append(str)
                self.holes.append((search, key))
            else:
                self.shape(value)

    def page(self, page: Any) -> None:
        """A page: of its place, what is null is shape. A cursor is decoded, in the request itself."""
        if type(page) is not dict:
            self.shape(page)
            return
        tokens = self.tokens
        tokens.append(dict)
        tokens.append(len(page))
        for key, value in page.items():
            tokens.append(key)
            position = value
            if type(value) is str and key in ("after", "before"):
                position = decode_cursor(value)
            if isinstance(position, Decoded):
                page[key] = position
                tokens.append(Decoded)
                tokens.append(len(position))
                tokens.append(position[0])
                for index in range(1, len(position)):
                    if position[index] is None:
                        tokens.append(None)
                    else:
                        tokens.append(str)
                        self.holes.append((position, index))
            elif type(value) is dict:
                self.row(value)
            else:
                self.shape(value)

    def rows(self, rows: Any) -> None:
        """The objects of an insert."""
        if type(rows) is not list:
            self.shape(rows)
            return
        self.tokens.append(len(rows))
        for row in rows:
            self.row(row)
            if len(self.tokens) > LONGEST_SHAPE:
                raise _TooLarge

    def row(self, row: Any) -> None:
        """Columns and their values: all that is not null or a boolean is a value, whatever is inside it."""
        if type(row) is not dict:
            self.shape(row)
            return
        tokens = self.tokens
        tokens.append(dict)
        tokens.append(len(row))
        for key, value in row.items():
            tokens.append(key)
            kind = type(value)
            if kind in _TAGGED:
                tokens.append(kind)
                self.holes.append((row, key))
            else:
                self.shape(value)

    def shape(self, value: Any) -> None:
        """All of it is shape."""
        tokens = self.tokens
        kind = type(value)
        tokens.append(kind)
        if kind is dict:
            tokens.append(len(value))
            for key, item in value.items():
                tokens.append(key)
                self.shape(item)
        elif kind is list:
            tokens.append(len(value))
            for item in value:
                self.shape(item)
        elif kind is Decimal:
            tokens.append(str(value))  # 1.0 equals 1.00, and is another text
        else:
            tokens.append(value)
        if len(tokens) > LONGEST_SHAPE:
            raise _TooLarge
