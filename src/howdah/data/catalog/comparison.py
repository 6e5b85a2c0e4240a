"""One comparison of a column, or of what a column is in another type, with what it is given → a Condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from howdah.data.catalog.access import called, find_column
from howdah.data.catalog.condition import (
    AllOf,
    Among,
    AmongArray,
    Cast,
    ColumnsCompared,
    Compared,
    Condition,
    Flagged,
    IsNull,
    Operand,
    Searched,
    Spatial,
    SpatialFunction,
)
from howdah.data.catalog.model import Column
from howdah.data.catalog.values import encoded, encoded_list, session_variable, value_of, values_of
from howdah.data.errors import ParseFailed, Path, UnexpectedPayload
from howdah.data.found.database import ColumnType
from howdah.data.query.ast import (
    PATTERN_OPERATORS,
    CastIs,
    Comparison,
    JsonOperator,
    Operator,
    SpatialOperator,
    TextSearchConfiguration,
    TreeOperator,
)
from howdah.data.query.search import read_words
from howdah.data.sql.encode import Encoding
from howdah.data.sql.statement import Value


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: a column or what is made of one, its type, and what whoever named it calls it."""

    operand: Operand
    type: ColumnType
    name: str


def subject_of(column: Column, role: str | None) -> Subject:
    """The column, to be compared."""
    return Subject(column.operand, column.type, called(column, role))


def compare(
    comparison: Comparison | CastIs, subject: Subject, columns: Mapping[str, Column], role: str | None
) -> Condition:
    """What the comparison means; ``columns`` are those the subject may be compared with.

    Raises UnexpectedPayload (operators and casts that the type does not have), NotExists and PermissionDenied (another
    column) and, for a stored rule, ParseFailed.
    """
    path = comparison.path
    if isinstance(comparison, CastIs):
        cast = _cast(comparison, subject)
        conditions = [compare(inner, cast, columns, role) for inner in comparison.comparisons]
        return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))
    operand, stored = comparison.operand, role is None
    if comparison.operator == "is_null":
        return IsNull(subject.operand, negated=not operand)
    _refuse_incomparable(subject, path)
    if subject.type.of_enum_table and comparison.operator not in _ABOUT_ENUMS:
        message = (
            f'operator "{comparison.operator}" is not for column "{subject.name}", which has the values of an enum'
        )
        raise UnexpectedPayload(message, path=path)
    match comparison.operator:
        case "eq" | "ne" | "gt" | "lt" | "gte" | "lte" as operator:
            if operand is None:
                return IsNull(subject.operand, negated=operator == "ne")
            if stored and operator == "eq" and isinstance(operand, bool) and subject.type.category == "boolean":
                return Flagged(subject.operand, operand)
            value = value_of(operand, subject.type, path, stored=stored)
            return Compared(subject.operand, operator, value, subject.type.sql, subject.type.operators or None)
        case "in" | "nin" as operator:
            return _among(subject, operand, path, negated=operator == "nin", stored=stored)
        case "ceq" | "cne" | "cgt" | "clt" | "cgte" | "clte" as operator:
            other = subject_of(find_column(columns, operand, role=role, path=path), role)
            if other.type.sql != subject.type.sql:
                message = f'columns "{subject.name}" and "{other.name}" are of different types'
                raise UnexpectedPayload(message, path=path)
            return ColumnsCompared(subject.operand, operator, other.operand, subject.type.operators or None)
        case "contains" | "contained_in" | "has_key" | "has_keys_any" | "has_keys_all" as operator:
            return _about_json(subject, operator, operand, path, stored=stored)
        case (
            "ancestor"
            | "ancestor_any"
            | "descendant"
            | "descendant_any"
            | "matches"
            | "matches_any"
            | "matches_fulltext"
        ) as operator:
            return _about_tree(subject, operator, operand, path, stored=stored)
        case (
            "st_contains"
            | "st_crosses"
            | "st_equals"
            | "st_intersects"
            | "st_overlaps"
            | "st_touches"
            | "st_within"
            | "st_3d_intersects"
            | "st_d_within"
            | "st_3d_d_within"
            | "st_intersects_rast"
            | "st_intersects_geom_nband"
            | "st_intersects_nband_geom"
        ) as operator:
            return _about_space(subject, operator, operand, path, stored=stored)
        case "search":
            words, place, configuration = read_words(operand, path)
            return searched((subject,), words, configuration, place, columns_at=path, stored=stored)
        case operator:
            if subject.type.category != "text":
                raise _not_for(subject, operator, "text", path)
            encoding: Encoding = "text" if operator in _LIKE else "pattern"
            # A pattern is text and not of the column's type: a domain's check need not hold for it.
            value = encoded(operand, encoding, path, stored=stored)
            return Compared(subject.operand, operator, value, "text", _schema_of_patterns(subject.type))


def searched(
    subjects: tuple[Subject, ...],
    words: Any,
    configuration: TextSearchConfiguration,
    path: Path,
    *,
    columns_at: Path,
    stored: bool = False,
) -> Searched:
    """A search for the words in the columns. Raises UnexpectedPayload for columns that are no texts."""
    columns: list[str] = []
    for subject in subjects:
        vector = subject.type.sql == "tsvector"
        if subject.type.category != "text" and not (vector and len(subjects) == 1):
            types = "text and one tsvector alone" if vector else "text and tsvector"
            raise _not_for(subject, "search", types, columns_at)
        if not isinstance(subject.operand, str):
            raise UnexpectedPayload("what is cast cannot be searched", path=columns_at)
        columns.append(subject.operand)
    value = encoded(words, "pattern", path, stored=stored)
    return Searched(tuple(columns), subjects[0].type.sql == "tsvector", configuration, value)


def refuse_incomparable(column: Column, role: str | None, path: Path) -> None:
    """Raises UnexpectedPayload for type json, whose values Postgres can neither compare nor sort."""
    _refuse_incomparable(subject_of(column, role), path)


def _refuse_incomparable(subject: Subject, path: Path) -> None:
    if subject.type.sql == "json":
        raise UnexpectedPayload(f'column "{subject.name}" is of type json, which cannot be compared', path=path)


_ABOUT_ENUMS = frozenset({"eq", "ne", "in", "nin"})
_LIKE = frozenset({"like", "nlike", "ilike", "nilike"})


def _cast(cast: CastIs, subject: Subject) -> Subject:
    """What the subject is in the other type. Every type has a text; few have more that makes sense."""
    type_ = subject.type
    target: ColumnType | None = None
    if cast.type == "text":
        target = ColumnType("text", "text", "text")
    elif cast.type == "jsonb" and type_.sql == "json":
        target = ColumnType("jsonb", "jsonb", "json")
    elif cast.type == "date" and type_.sql.startswith("timestamp ") and type_.category == "datetime":
        target = ColumnType("date", "date", "datetime")
    elif cast.type == "geography" and type_.category == "geometry":
        target = ColumnType(type_.sql.rpartition(".")[0] + ".geography", "geography", "geography")
    elif cast.type == "geometry" and type_.category == "geography":
        target = ColumnType(type_.geometry, "geometry", "geometry")
    if target is None:
        message = f'column "{subject.name}" is {type_.sql}, which cannot be cast to "{cast.type}"'
        raise UnexpectedPayload(message, path=cast.path)
    return Subject(Cast(subject.operand, target.sql), target, subject.name)


def _schema_of_patterns(type_: ColumnType) -> str | None:
    """Where citext has its own operators of patterns; any other type of texts is matched as the text it is."""
    name = (type_.base or type_.sql).rpartition(".")[2]
    return type_.operators or None if name == "citext" else None


def _schema(type_: ColumnType) -> str:
    """The name of the schema, which is quoted in the type's."""
    name = type_.sql.rpartition(".")[0]
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _about_json(subject: Subject, operator: JsonOperator, operand: Any, path: Path, *, stored: bool) -> Condition:
    type_ = subject.type
    if type_.category == "array" and (operator == "contains" or operator == "contained_in"):
        return Compared(subject.operand, operator, value_of(operand, type_, path, stored=stored), type_.sql)
    if type_.sql != "jsonb":
        types = "jsonb and arrays" if operator in ("contains", "contained_in") else "jsonb"
        raise _not_for(subject, operator, types, path)
    if operator == "contains" or operator == "contained_in":
        return Compared(subject.operand, operator, encoded(operand, "json", path, stored=stored), "jsonb")
    if operator == "has_key":
        return Compared(subject.operand, operator, encoded(operand, "text", path, stored=stored), "text")
    return Compared(subject.operand, operator, encoded_list(operand, "text", path, stored=stored), "text[]")


def _about_tree(subject: Subject, operator: TreeOperator, operand: Any, path: Path, *, stored: bool) -> Condition:
    schema, _, type_ = subject.type.sql.rpartition(".")
    if type_ != "ltree":
        raise _not_for(subject, operator, "ltree", path)
    encoding: Encoding = "pattern" if operator in PATTERN_OPERATORS else "text"
    if operator.endswith("_any"):
        value = encoded_list(operand, encoding, path, stored=stored)
    else:
        value = encoded(operand, encoding, path, stored=stored)
    return Compared(subject.operand, operator, value, f"{schema}.{_TREE_OPERANDS[operator]}", schema)


_TREE_OPERANDS: dict[TreeOperator, str] = {
    "ancestor": "ltree",
    "ancestor_any": "ltree[]",
    "descendant": "ltree",
    "descendant_any": "ltree[]",
    "matches": "lquery",
    "matches_any": "lquery[]",
    "matches_fulltext": "ltxtquery",
}


def _about_space(subject: Subject, operator: SpatialOperator, operand: Any, path: Path, *, stored: bool) -> Condition:
    """A function of PostGIS, in the schema where its types are."""
    type_, (function, types) = subject.type, _SPATIAL[operator]
    if type_.category not in types:
        raise _not_for(subject, operator, " and ".join(types), path)
    number = ColumnType("double precision", "double precision", "number")
    integer = ColumnType("integer", "integer", "number")
    geometry = ColumnType(type_.geometry, "geometry", "geometry")
    match operator:
        case "st_d_within" | "st_3d_d_within":
            parts: list[tuple[str, ColumnType]] = [("from", type_), ("distance", number)]
            if "use_spheroid" in operand:
                if type_.category != "geography":
                    message = '"use_spheroid" is for geography: a geometry lies on a plane'
                    raise UnexpectedPayload(message, path=(path, "use_spheroid"))
                parts.append(("use_spheroid", ColumnType("boolean", "boolean", "boolean")))
        case "st_intersects_geom_nband":
            parts = [("geommin", geometry)] + [("nband", integer)] * ("nband" in operand)
        case "st_intersects_nband_geom":
            parts = [("nband", integer), ("geommin", geometry)]
        case _:
            given = (value_of(operand, type_, path, stored=stored), type_.sql)
            return Spatial(subject.operand, function, _schema(type_), (given,))
    arguments = [(value_of(operand[key], part, (path, key), stored=stored), part.sql) for key, part in parts]
    return Spatial(subject.operand, function, _schema(type_), tuple(arguments))


_SPATIAL: dict[SpatialOperator, tuple[SpatialFunction, tuple[str, ...]]] = {
    "st_contains": ("st_contains", ("geometry",)),
    "st_crosses": ("st_crosses", ("geometry",)),
    "st_equals": ("st_equals", ("geometry",)),
    "st_intersects": ("st_intersects", ("geometry", "geography")),
    "st_overlaps": ("st_overlaps", ("geometry",)),
    "st_touches": ("st_touches", ("geometry",)),
    "st_within": ("st_within", ("geometry",)),
    "st_3d_intersects": ("st_3dintersects", ("geometry",)),
    "st_d_within": ("st_dwithin", ("geometry", "geography")),
    "st_3d_d_within": ("st_3ddwithin", ("geometry",)),
    "st_intersects_rast": ("st_intersects", ("raster",)),
    "st_intersects_geom_nband": ("st_intersects", ("raster",)),
    "st_intersects_nband_geom": ("st_intersects", ("raster",)),
}
"""For each operator its function, and the types that have it."""


def _not_for(subject: Subject, operator: Operator, types: str, path: Path) -> UnexpectedPayload:
    return UnexpectedPayload(
        f'operator "{operator}" is for {types}; column "{subject.name}" is {subject.type.sql}', path=path
    )


def _among(subject: Subject, operand: Any, path: Path, *, negated: bool, stored: bool) -> Condition:
    type_ = subject.type
    is_array = type_.category == "array"
    if isinstance(operand, str):
        variable = session_variable(operand) if stored else None
        if variable is None or is_array:
            raise ParseFailed("expected Array, but encountered String", path=path)
        return AmongArray(subject.operand, negated, variable, type_.sql + "[]", type_.operators or None)
    if is_array or (stored and any(session_variable(item) is not None for item in operand)):
        values: list[Value] = [
            value_of(item, type_, (path, index), stored=stored) for index, item in enumerate(operand)
        ]
        return Among(subject.operand, negated, tuple(values), type_.sql, type_.operators or None)
    among = values_of(operand, type_, path, stored=stored)
    return AmongArray(subject.operand, negated, among, type_.sql + "[]", type_.operators or None)
