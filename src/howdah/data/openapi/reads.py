"""What can be read of a table: rows with what is nested in them, counts, aggregates; and what they leave as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from howdah.data.catalog.model import Column
from howdah.data.found.database import ColumnType
from howdah.data.openapi.arguments import write_arguments
from howdah.data.openapi.conditions import table_name
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import (
    ANY_OBJECT,
    NULL,
    Schema,
    any_of,
    closed,
    const,
    list_of,
    nullable,
    one_of_these,
    ref,
)
from howdah.data.openapi.search import has_words, write_search
from howdah.data.openapi.values import made_of
from howdah.data.openapi.viewpoint import UsableTable
from howdah.data.plan.aggregation import SORTED
from howdah.data.query.names import MAX_ALIAS_BYTES

_WILDCARDS: Final = ("*", "*.*", "*.*.*")
_NATURAL: Final[Schema] = {"type": ["integer", "null"], "minimum": 0, "maximum": 2**63 - 1}
_NULLS: Final = nullable(one_of_these(("first", "last")))
_DIRECTION: Final = nullable(one_of_these(("asc", "desc")))
_ALIAS: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": MAX_ALIAS_BYTES}

_PLACE: Final[Schema] = {"type": ["string", "object", "null"], "additionalProperties": True}


def _ordered(column: Schema) -> list[Schema]:
    """The two spellings of a column with its direction."""
    return [closed({"column": column, key: _DIRECTION, "nulls": _NULLS}, ["column"]) for key in ("order", "type")]


SHARED: Final[dict[str, Schema]] = {
    "alias": {
        **nullable(_ALIAS),
        "description": "Another name in the answer. It takes the place of a column of the same name.",
    },
    "value_of_an_enum": {"type": "string", "description": "One of the values of a table that is an enum."},
    "limit": {**_NATURAL, "description": "At most so many."},
    "offset": {**_NATURAL, "description": "So many are left out first."},
    "order_of_groups": any_of(
        [
            {"type": "string", "minLength": 1, "description": "A column of group_by, or the name of an aggregate."},
            *_ordered({"type": "string", "minLength": 1}),
        ]
    ),
    "page": {
        **nullable({"type": "object"}),
        "description": "Which page. A place is a cursor out of an answer, or the values of the order and of the key.",
        "properties": {"after": _PLACE, "before": _PLACE, "total": {"type": ["boolean", "null"]}},
        "additionalProperties": False,
    },
    "counted": closed({"count": {"type": "integer"}}, ["count"]),
    "aggregated": {
        "description": "One object; with group_by an array of them, each with the group's columns as well.",
        "anyOf": [ANY_OBJECT, list_of(ANY_OBJECT)],
    },
}
"""Components that are the same for every table."""


def write_rows(usable: UsableTable, draft: Draft) -> None:
    """The components of what is selected from a table, and of the rows that are answered."""
    related = list(draft.viewpoint.related(usable))
    columns = {name: _leaves(column.type, draft, nullable_=column.nullable) for name, column in usable.named.items()}
    told = {
        name: _described(schema, draft.viewpoint.told(usable.named[name].comment, usable))
        for name, schema in columns.items()
    }
    draft.components[usable.key] = _described(closed(told), draft.viewpoint.told(usable.table.comment, usable))
    if has_more(usable, draft):
        draft.components[f"{usable.key}.row"] = _row(columns, usable, draft)
    names = [name for name in usable.named if not name.startswith("*")]
    draft.components[f"{usable.key}.column"] = one_of_these([*names, *_WILDCARDS])
    entries = [ref(f"{usable.key}.column")]
    for relationship, target, permission in related:
        key = f"{usable.key}.columns.{draft.name_key(relationship.name)}"
        named = _named(relationship.name)
        rows = {"columns": ref(f"{target.key}.columns")} if relationship.kind == "object" else slices(target, draft)
        draft.components[key] = closed({**named, **rows}, ["name", "columns"])
        entries.append(ref(key))
        if relationship.kind == "array" and permission.allow_aggregations:
            entries += write_aggregations(key, target, draft, named, required=("name",))
    entries += _computed_entries(usable, draft)
    draft.components[f"{usable.key}.columns"] = any_of(
        [one_of_these(["*"]), list_of(any_of(entries), most=draft.longest_list)]
    )
    _write_order(usable, draft)
    draft.components[f"{usable.key}.select"] = closed(
        {"table": table_name(usable.name), **slices(usable, draft)}, ["columns"]
    )


def write_page(usable: UsableTable, draft: Draft) -> None:
    """The components of a select that answers a page, and of the answer."""
    rows = slices(usable, draft)
    rows.pop("distinct_on", None)
    draft.components[f"{usable.key}.page"] = closed(
        {"table": table_name(usable.name), **rows, "page": ref("page")}, ["columns"]
    )
    cursor: Schema = {"type": ["string", "null"], "description": "Where the page beside this one begins."}
    beside = closed({"next": cursor, "previous": cursor, "total": {"type": "integer"}}, ["next", "previous"])
    answered = {"rows": list_of(row(usable, draft)), "page": beside}
    draft.components[f"{usable.key}.rows"] = closed(answered, ["rows", "page"])


def _computed_entries(usable: UsableTable, draft: Draft) -> Iterator[Schema]:
    """The entries of ``columns`` for computed fields, each with what its function is given."""
    for field in usable.computed.values():
        key, named = f"{usable.key}.columns.{draft.name_key(field.name)}", _named(field.name)
        write_arguments(key, field.routine, draft)
        draft.components[key] = closed({**named, "arguments": ref(f"{key}.arguments")}, ["name", "arguments"])
        yield ref(key)
    for field, target, permission in draft.viewpoint.computed_rows(usable):
        key, named = f"{usable.key}.columns.{draft.name_key(field.name)}", _named(field.name)
        needed = ["name", "arguments"] if write_arguments(key, field.routine, draft) else ["name"]
        named["arguments"] = ref(f"{key}.arguments")
        draft.components[key] = closed({**named, **slices(target, draft)}, [*needed, "columns"])
        yield ref(key)
        if permission.allow_aggregations:
            yield from write_aggregations(key, target, draft, named, required=tuple(needed))


def _named(name: str) -> dict[str, Schema]:
    return {"name": const(name), "alias": ref("alias")}


def row(usable: UsableTable, draft: Draft) -> Schema:
    """A row as a select answers it."""
    return ref(f"{usable.key}.row" if has_more(usable, draft) else usable.key)


def has_more(usable: UsableTable, draft: Draft) -> bool:
    """Whether a row may be answered with more than what is asked for by a name alone."""
    return bool(
        usable.computed
        or any(True for _ in draft.viewpoint.related(usable))
        or any(True for _ in draft.viewpoint.computed_rows(usable))
        or any(has_words(column.type) for column in usable.columns.values())
    )


def _row(columns: Mapping[str, Schema], usable: UsableTable, draft: Draft) -> Schema:
    """A row with all it may have: what is related and what is computed, which may go by other names, and a rank."""
    related, computed_rows = draft.viewpoint.related(usable), draft.viewpoint.computed_rows(usable)
    properties = dict(columns)
    others: list[Schema] = []
    for field in usable.computed.values():
        made = _leaves(field.type, draft, nullable_=True)
        properties.setdefault(field.name, made)
        others.append(made)
    nested = {
        **{one.name: _nested(target, draft, single=one.kind == "object") for one, target, _ in related},
        **{one.name: _nested(target, draft, single=one.single) for one, target, _ in computed_rows},
    }
    if nested:
        properties |= nested
        others.append({"type": ["object", "array", "null"], "items": {}})
    if any(has_words(column.type) for column in usable.columns.values()):
        others.append({"type": "number"})
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": {} if {} in others else any_of(others),
        "description": "A row, with what is nested in it and what functions make of it, which may go by other names.",
    }


def write_count(usable: UsableTable, draft: Draft) -> None:
    """The component of a count's arguments."""
    draft.components[f"{usable.key}.count"] = closed({"table": table_name(usable.name), **counted(usable, draft)})


def counted(usable: UsableTable, draft: Draft) -> dict[str, Schema]:
    """What a count says of the rows it wants."""
    args = {"where": nullable(ref(f"{usable.key}.where"))}
    if _comparable(usable.columns):
        args["distinct"] = nullable(list_of(_write_comparable(usable, draft), most=draft.longest_list))
    return args


def write_aggregate(usable: UsableTable, draft: Draft) -> None:
    """The components of what is made of rows."""
    longest = draft.longest_list
    columns, comparable = usable.columns, _comparable(usable.columns)
    countable = [one_of_these([*columns, "*"])]
    if comparable:
        countable.append(
            closed({"distinct": list_of(_write_comparable(usable, draft), least=1, most=longest)}, ["distinct"])
        )
    functions = [closed({"count": any_of(countable)}, ["count"])]
    numbers = {name: column for name, column in columns.items() if column.type.category == "number"}
    sorted_ = {name: column for name, column in columns.items() if column.type.category in SORTED}
    for function, suitable in (("sum", numbers), ("avg", numbers), ("min", sorted_), ("max", sorted_)):
        if suitable:
            functions.append(closed({function: one_of_these(suitable)}, [function]))
    draft.components[f"{usable.key}.aggregates"] = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": _ALIAS,
        "additionalProperties": any_of(functions),
    }
    key = f"{usable.key}.aggregate"
    draft.components[key] = any_of(write_aggregations(key, usable, draft, {"table": table_name(usable.name)}))


def write_aggregations(
    key: str, usable: UsableTable, draft: Draft, more: Mapping[str, Schema], required: tuple[str, ...] = ()
) -> list[Schema]:
    """The components of the two forms of an aggregation: of all rows, and of each group."""
    whole = {
        **more,
        "aggregates": ref(f"{usable.key}.aggregates"),
        "where": nullable(ref(f"{usable.key}.where")),
    }
    no_groups = dict.fromkeys(("group_by", "order_by", "limit", "offset"), NULL)
    draft.components[f"{key}.all"] = closed({**whole, **no_groups}, [*required, "aggregates"])
    comparable = _comparable(usable.columns)
    if not comparable:
        return [ref(f"{key}.all")]
    column, order = _write_comparable(usable, draft), ref("order_of_groups")
    groups = {
        "group_by": any_of([column, list_of(column, least=1, most=draft.longest_list)]),
        "order_by": any_of([order, list_of(order, least=1, most=draft.longest_list), NULL]),
        "limit": ref("limit"),
        "offset": ref("offset"),
    }
    draft.components[f"{key}.groups"] = closed({**whole, **groups}, [*required, "aggregates", "group_by"])
    return [ref(f"{key}.all"), ref(f"{key}.groups")]


def slices(usable: UsableTable, draft: Draft) -> dict[str, Schema]:
    """What a select says of the rows it wants."""
    properties = {
        "columns": ref(f"{usable.key}.columns"),
        "where": nullable(ref(f"{usable.key}.where")),
        "limit": ref("limit"),
        "offset": ref("offset"),
    }
    search = write_search(usable, draft)
    if search is not None:
        properties["search"] = search
    comparable = _comparable(usable.columns)
    if comparable:
        properties["order_by"] = nullable(ref(f"{usable.key}.order_by"))
        column = _write_comparable(usable, draft)
        draft.components[f"{usable.key}.distinct_on"] = any_of(
            [column, list_of(column, least=1, most=draft.longest_list), NULL]
        )
        properties["distinct_on"] = ref(f"{usable.key}.distinct_on")
    return properties


def _nested(target: UsableTable, draft: Draft, *, single: bool) -> Schema:
    """Rows inside a row as they leave under their own name."""
    rows = row(target, draft)
    if single:
        return any_of([nullable(rows), ref("aggregated")]) if "aggregate" in target.operations else nullable(rows)
    if "aggregate" in target.operations:
        return any_of([list_of(rows), ref("aggregated")])
    return list_of(rows)


def _write_order(usable: UsableTable, draft: Draft) -> None:
    """What rows can be ordered by: their columns, and those of the one row that an object relationship leads to."""
    names = list(_comparable(usable.named))
    for relationship, target, _ in draft.viewpoint.related(usable):
        if relationship.kind == "object":
            names += [f"{relationship.name}.{name}" for name in _comparable(target.named) if "." not in name]
    if not names:
        return
    terms = [sign + name for name in names for sign in ("+", "-", "") if sign or not name.startswith(("+", "-"))]
    term = any_of([one_of_these(terms), *_ordered(one_of_these(names))])
    draft.components[f"{usable.key}.order"] = term
    one = ref(f"{usable.key}.order")
    draft.components[f"{usable.key}.order_by"] = any_of([one, list_of(one, least=1, most=draft.longest_list)])


def _leaves(type_: ColumnType, draft: Draft, *, nullable_: bool) -> Schema:
    leaves = draft.leaves(type_)
    return nullable(leaves) if nullable_ else leaves


def _write_comparable(usable: UsableTable, draft: Draft) -> Schema:
    """The component of the columns that can be told apart, counted and grouped by."""
    key = f"{usable.key}.comparable"
    draft.components[key] = one_of_these(_comparable(usable.columns))
    return ref(key)


def _comparable(columns: Mapping[str, Column]) -> dict[str, Column]:
    """All but those of type json, which can be neither compared nor sorted."""
    return {name: column for name, column in columns.items() if made_of(column.type) != "json"}


def _described(schema: Schema, comment: str | None) -> Schema:
    return schema if comment is None else {**schema, "description": comment}
