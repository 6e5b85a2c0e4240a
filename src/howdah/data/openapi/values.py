"""A column's type → the JSON it leaves as, and the JSON it is written with."""

from __future__ import annotations

from typing import Any, Final

from howdah.data.found.database import ColumnType
from howdah.data.openapi.schema import ANY_OBJECT, Schema, any_of, list_of, nullable, one_of_these
from howdah.data.plan.outputs import text_cast

_WHOLE: Final = {
    "smallint": (-(2**15), 2**15 - 1, None),
    "integer": (-(2**31), 2**31 - 1, "int32"),
    "bigint": (-(2**63), 2**63 - 1, "int64"),
}
_FRACTIONS: Final = frozenset({"numeric", "real", "double precision"})
_NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity")
_TEXTS: Final = frozenset({"text", "character varying", "bpchar", "name"})
_FORMATS: Final = {"date": "date", "timestamp with time zone": "date-time", "uuid": "uuid"}
_TIMES: Final = frozenset(
    {
        "date",
        "interval",
        "time with time zone",
        "time without time zone",
        "timestamp with time zone",
        "timestamp without time zone",
    }
)
_DIGITS: Final = "^[+-]?[0-9]{1,19}$"
_DECIMAL: Final = "^[+-]?[0-9]{1,300}([.][0-9]{1,300})?$"
FRACTION: Final[Schema] = {
    "anyOf": [{"type": "number"}, {"type": "string", "pattern": _DECIMAL}, one_of_these(_NOT_FINITE)],
    "description": "An integer beyond 64 bits is written as a string.",
}
"""What a number that need not be whole is written as."""

_UNCOMPARABLE: Final = frozenset(
    {"json", "xml", "point", "polygon", "path", "line", "lseg", "box", "circle", "jsonpath"}
)


GEOJSON: Final[Schema] = {**ANY_OBJECT, "description": "GeoJSON.", "required": ["type"]}


def made_of(type_: ColumnType) -> str:
    """The type itself, or what a domain is made of."""
    return type_.base or type_.sql


def is_comparable(type_: ColumnType) -> bool:
    """Whether values can be compared with each other; of a type we do not know we say yes."""
    return made_of(type_) not in _UNCOMPARABLE


def is_tree(type_: ColumnType) -> bool:
    """Whether it is ltree."""
    return type_.sql.rpartition(".")[2] == "ltree"


def output(type_: ColumnType, *, stringify: bool) -> Schema:
    """What a value that is not null leaves as; with ``stringify`` numbers that a float may not hold are strings."""
    as_text = text_cast(type_) if stringify else None
    if as_text == "text":
        return {"type": "string"}
    if type_.category == "array":
        element: Schema = {"type": "string"} if as_text else _output(made_of(type_).removesuffix("[]"), type_.labels)
        return list_of(any_of([nullable(element), {"type": "array", "items": {}}]) if element else {})
    if type_.category == "text":
        return one_of_these(type_.labels) if type_.labels else {"type": "string"}
    if type_.category in {"geometry", "geography"}:
        return GEOJSON
    return _output(made_of(type_), type_.labels)


def _output(type_: str, labels: tuple[str, ...]) -> Schema:
    if labels:
        return one_of_these(labels)
    if type_ in _WHOLE:
        kind = _WHOLE[type_][2]
        return {"type": "integer"} if kind is None else {"type": "integer", "format": kind}
    if type_ in _FRACTIONS:
        return {"anyOf": [{"type": "number"}, one_of_these(_NOT_FINITE)]}
    if type_ == "boolean":
        return {"type": "boolean"}
    if type_ in _FORMATS:
        return {"type": "string", "format": _FORMATS[type_]}
    if type_ in {"json", "jsonb"}:
        return {}
    # A type of an extension or of the user's own may leave as anything: its author decides.
    return {"type": "string"} if "." not in type_ or type_.endswith((".ltree", ".citext")) else {}


def value(type_: ColumnType) -> Schema:
    """What a value that is not null is written as. Numbers may be strings, and arrays Postgres's own text."""
    if type_.category == "array":
        element = _value(made_of(type_).removesuffix("[]"), type_.labels)
        items = any_of([*_alternatives(nullable(element)), {"type": "array", "items": {}}]) if element else {}
        return any_of([list_of(items), {"type": "string"}])
    if type_.category in {"geometry", "geography"}:
        return {**ANY_OBJECT, "type": ["object", "string"], "description": "GeoJSON, or as PostGIS writes it."}
    if type_.of_enum_table:
        return one_of_these(type_.labels)
    if type_.category in {"text", "datetime", "raster"}:
        return {"type": "string"} | _formatted(made_of(type_))
    return _value(made_of(type_), type_.labels)


def shorthand(admitted: Schema) -> Schema:
    """What stands for ``{"$eq": value}`` in a condition, given what values are written as: all of it but objects."""
    if not admitted:
        return {"type": ["string", "number", "boolean", "array", "null"], "items": {}}
    if isinstance(admitted.get("type"), list):
        return nullable({"type": [kind for kind in admitted["type"] if kind != "object"]})
    return nullable(admitted)


def _alternatives(schema: Schema) -> list[Schema]:
    alternatives: list[Schema] = schema.get("anyOf", [schema])
    return alternatives


def _formatted(type_: str) -> dict[str, Any]:
    return {"format": _FORMATS[type_]} if type_ in _FORMATS else {}


def _value(type_: str, labels: tuple[str, ...]) -> Schema:
    if labels:
        return one_of_these(labels)
    if type_ in _WHOLE:
        least, most, _ = _WHOLE[type_]
        return {
            "anyOf": [{"type": "integer", "minimum": least, "maximum": most}, {"type": "string", "pattern": _DIGITS}]
        }
    if type_ in _FRACTIONS:
        return FRACTION
    if type_ == "boolean":
        return {"type": "boolean"}
    if type_ == "uuid":
        return {"type": "string", "format": "uuid"}
    if type_ in _TIMES:
        return {"type": "string"} | _formatted(type_)
    if type_ in {"json", "jsonb"} or type_ in _TEXTS:
        return {}  # of texts only an array's elements get here, which may be written as any JSON
    if type_.rpartition(".")[2] == "ltree":
        return {"type": "string"}
    return {"type": ["string", "number", "object"]}
