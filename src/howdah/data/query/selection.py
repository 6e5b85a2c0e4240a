"""JSON → Rows: which columns, relationships, order and slice; or an Aggregation, what is made of rows.

For ``select`` and ``aggregate``, and for the relationships inside a select.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

from howdah.data.errors import NotSupported, Path, UnexpectedPayload, Unreadable
from howdah.data.query.ast import (
    EVERYTHING,
    AggregateFunction,
    AggregateOf,
    Aggregation,
    Arguments,
    ColumnName,
    ComputedName,
    Entry,
    OrderBy,
    RelatedAggregation,
    RelatedRows,
    Rows,
    Wildcard,
)
from howdah.data.query.names import check_alias, parse_column_names
from howdah.data.query.predicate import parse_predicate
from howdah.data.query.reading import (
    Budget,
    expected,
    read_list,
    read_name,
    read_object,
    refuse_other_keys,
    require,
)
from howdah.data.query.search import parse_search

ROWS_KEYS = frozenset({"columns", "where", "order_by", "limit", "offset", "distinct_on", "search"})
AGGREGATION_KEYS = frozenset({"aggregates", "group_by", "where", "order_by", "limit", "offset"})
_RELATED_KEYS = ROWS_KEYS | {"name", "alias", "arguments"}
_RELATED_AGGREGATION_KEYS = AGGREGATION_KEYS | {"name", "alias", "arguments"}
_COMPUTED_KEYS = frozenset({"name", "alias", "arguments"})
_FUNCTIONS: dict[str, AggregateFunction] = {name: name for name in get_args(AggregateFunction)}
_ORDER_KEYS = frozenset({"column", "type", "order", "nulls"})


def parse_rows(fields: dict[str, Any], path: Path, budget: Budget, nesting: int = 0) -> Rows:
    """The rows an object with ``columns`` and perhaps ``where``, ``order_by``, ``limit`` and so on asks for.

    A key with null is a key that is not there. Raises Unreadable, UnexpectedPayload and NotSupported.
    """
    columns = parse_columns(require(fields, "columns", path), (path, "columns"), budget, nesting)
    where, order_by = fields.get("where"), fields.get("order_by")
    limit, offset = fields.get("limit"), fields.get("offset")
    distinct_on, search = fields.get("distinct_on"), fields.get("search")
    return Rows(
        columns,
        EVERYTHING if where is None else parse_predicate(where, (path, "where"), budget, nesting),
        () if order_by is None else _order_by(order_by, (path, "order_by"), budget),
        None if limit is None else _natural_number(limit, (path, "limit")),
        None if offset is None else _natural_number(offset, (path, "offset")),
        any(value is not None for value in (where, order_by, limit, offset, distinct_on, search)),
        () if distinct_on is None else _distinct_on(distinct_on, (path, "distinct_on"), budget),
        None if search is None else parse_search(search, (path, "search"), budget),
    )


def _distinct_on(value: Any, path: Path, budget: Budget) -> tuple[ColumnName, ...]:
    columns = parse_column_names([value] if isinstance(value, str) else value, path, budget)
    if not columns:
        raise UnexpectedPayload("distinct_on cannot be an empty list", path=path)
    for column in columns:
        budget.spend(column.path)
    return columns


def parse_aggregation(fields: dict[str, Any], path: Path, budget: Budget, nesting: int = 0) -> Aggregation:
    """What an object with ``aggregates`` and perhaps ``group_by``, ``where`` and a slice of the groups asks for.

    A key with null is a key that is not there. Raises Unreadable, UnexpectedPayload and NotSupported.
    """
    place: Path = (path, "aggregates")
    aggregates = read_object(require(fields, "aggregates", path), place)
    if not aggregates:
        raise UnexpectedPayload("aggregates cannot be empty", path=place)
    group_by, where, order_by = fields.get("group_by"), fields.get("where"), fields.get("order_by")
    limit, offset = fields.get("limit"), fields.get("offset")
    groups: tuple[ColumnName, ...] = ()
    if group_by is not None:
        groups = parse_column_names([group_by] if isinstance(group_by, str) else group_by, (path, "group_by"), budget)
        if not groups:
            raise UnexpectedPayload("group_by cannot be an empty list", path=(path, "group_by"))
    elif not (order_by is None and limit is None and offset is None):
        raise UnexpectedPayload("order_by, limit and offset are for groups: give group_by", path=path)
    return Aggregation(
        tuple([_aggregate(name, value, (place, name), budget) for name, value in aggregates.items()]),
        groups,
        EVERYTHING if where is None else parse_predicate(where, (path, "where"), budget, nesting),
        () if order_by is None else _order_by(order_by, (path, "order_by"), budget),
        None if limit is None else _natural_number(limit, (path, "limit")),
        None if offset is None else _natural_number(offset, (path, "offset")),
        path,
    )


def _aggregate(name: str, value: Any, path: Path, budget: Budget) -> AggregateOf:
    """``{"avg": "rating"}``, ``{"count": "*"}`` or ``{"count": {"distinct": [columns]}}`` under its name."""
    budget.spend(path)
    check_alias(name, path)
    fields = read_object(value, path)
    if len(fields) != 1:
        raise Unreadable('expected one function and what it is of, like {"count": "*"}', path=path)
    ((key, operand),) = fields.items()
    function = _FUNCTIONS.get(key)
    if function is None:
        raise UnexpectedPayload(f'unknown aggregate function "{key}"', path=(path, key))
    if function == "count" and isinstance(operand, dict):
        refuse_other_keys(operand, frozenset({"distinct"}), (path, key))
        place = ((path, key), "distinct")
        distinct = parse_column_names(require(operand, "distinct", (path, key)), place, budget)
        if not distinct:
            raise UnexpectedPayload("distinct cannot be an empty list", path=place)
        return AggregateOf(name, function, distinct, True, path)
    if function == "count" and operand == "*":
        return AggregateOf(name, function, (), False, path)
    return AggregateOf(name, function, (ColumnName(read_name(operand, (path, key)), (path, key)),), False, path)


def parse_columns(value: Any, path: Path, budget: Budget, nesting: int = 0) -> tuple[Entry, ...]:
    """The entries of ``columns``; an empty list is ``*``, every column that may be read (R59)."""
    if value == "*":
        value = ["*"]
    entries = read_list(value, path, budget)
    if not entries:
        return (Wildcard(1, path),)
    return tuple([_column(entry, (path, index), budget, nesting) for index, entry in enumerate(entries)])


def parse_plain_columns(value: Any, path: Path, budget: Budget) -> tuple[ColumnName | Wildcard, ...]:
    """The entries of ``returning``: columns and ``*``. Raises UnexpectedPayload for a relationship."""
    return tuple([plain_column(entry) for entry in parse_columns(value, path, budget)])


def plain_column(entry: Entry) -> ColumnName | Wildcard:
    """The entry, which is a column or ``*``. Raises UnexpectedPayload for a relationship."""
    wide = isinstance(entry, Wildcard) and entry.depth > 1
    if wide or isinstance(entry, RelatedRows | RelatedAggregation | ComputedName):
        raise UnexpectedPayload("relationships cannot be returned", path=entry.path)
    assert isinstance(entry, ColumnName | Wildcard)
    return entry


def _column(value: Any, path: Path, budget: Budget, nesting: int) -> Entry:
    budget.spend(path)
    if isinstance(value, str):
        if not value.startswith("*"):
            return ColumnName(read_name(value, path), path)
        stars = value.split(".")
        if any(star != "*" for star in stars):
            raise Unreadable('a wildcard is "*", "*.*" and so on', path=path)
        budget.check_nesting(nesting + len(stars) - 1, path)
        return Wildcard(len(stars), path)
    if not isinstance(value, dict):
        raise expected("a column (String or Object)", value, path)
    aggregated = "aggregates" in value and "columns" not in value
    refuse_other_keys(value, _RELATED_AGGREGATION_KEYS if aggregated else _RELATED_KEYS, path)
    budget.check_nesting(nesting + 1, path)
    name = read_name(require(value, "name", path), (path, "name"))
    alias = value.get("alias")
    alias = name if alias is None else check_alias(alias, (path, "alias"))
    arguments = None
    if "arguments" in value:
        arguments = parse_arguments(value["arguments"], (path, "arguments"), budget)
        if not aggregated and "columns" not in value:
            refuse_other_keys(value, _COMPUTED_KEYS, path)
            return ComputedName(name, alias, arguments, path)
    if aggregated:
        return RelatedAggregation(name, alias, parse_aggregation(value, path, budget, nesting + 1), path, arguments)
    return RelatedRows(name, alias, parse_rows(value, path, budget, nesting + 1), path, arguments)


def parse_arguments(value: Any, path: Path, budget: Budget) -> Arguments:
    """What a function is given: an object, or a list in the order of its arguments; nothing for null."""
    if value is None:
        value = {}
    if not isinstance(value, dict | list):
        raise expected("Object or Array", value, path)
    for _ in value:
        budget.spend(path)
    return Arguments(value, path)


def _order_by(value: Any, path: Path, budget: Budget) -> tuple[OrderBy, ...]:
    if not isinstance(value, list):
        return (_order_item(value, path, budget),)
    if not value:
        raise Unreadable("order_by cannot be an empty list", path=path)
    budget.check_length(value, path)
    return tuple([_order_item(item, (path, index), budget) for index, item in enumerate(value)])


def _order_item(value: Any, path: Path, budget: Budget) -> OrderBy:
    budget.spend(path)
    if isinstance(value, str):
        descending = value.startswith("-")
        return OrderBy(
            read_name(value[1:] if descending or value.startswith("+") else value, path), descending, None, path
        )
    fields = read_object(value, path)
    refuse_other_keys(fields, _ORDER_KEYS, path)
    if "type" in fields and "order" in fields:
        raise UnexpectedPayload('"type" and "order" mean the same: give one of them', path=path)
    key = "type" if "type" in fields else "order"
    descending = _choice(fields, key, "asc", "desc", path) is False
    nulls_first = _choice(fields, "nulls", "first", "last", path)
    return OrderBy(read_name(require(fields, "column", path), (path, "column")), descending, nulls_first, path)


def _choice(fields: dict[str, Any], key: str, yes: str, no: str, path: Path) -> bool | None:
    value = fields.get(key)
    if value is None:
        return None
    if value not in (yes, no):
        raise Unreadable(f'expected "{yes}" or "{no}"', path=(path, key))
    return bool(value == yes)


def _natural_number(value: Any, path: Path) -> int:
    if isinstance(value, Decimal) and value == int(value):
        value = int(value)  # 2.0 is an integer to JSON
    if not isinstance(value, int) or isinstance(value, bool):
        raise expected("Integer", value, path)
    if value < 0:
        raise NotSupported("unexpected negative value", path=path)
    return value
