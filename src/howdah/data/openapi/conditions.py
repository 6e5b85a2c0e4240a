"""``where``: what may be asked of each column, of related rows and of other tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from howdah.data.catalog.model import Column
from howdah.data.found.database import ColumnType
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import Schema, any_of, closed, const, given, list_of, nullable, one_of_these, ref
from howdah.data.openapi.search import has_words
from howdah.data.openapi.values import is_comparable, is_tree, shorthand
from howdah.data.openapi.viewpoint import UsableTable
from howdah.data.query.ast import TableName
from howdah.data.sql.encode import MAX_PATTERN

_BETWEEN_COLUMNS: Final = ("$ceq", "$cne", "$cgt", "$clt", "$cgte", "$clte")
_SPACE: Final = frozenset({"geometry", "geography", "raster"})
_ON_A_PLANE: Final = tuple(
    f"$st_{name}"
    for name in (
        "contains",
        "crosses",
        "equals",
        "intersects",
        "overlaps",
        "touches",
        "within",
        "3d_intersects",
    )
)
_PATTERNS: Final = ("$similar", "$nsimilar", "$regex", "$nregex", "$iregex", "$niregex")
_NOT_NULL: Final[Schema] = {"type": ["string", "number", "boolean", "array", "object"], "items": {}}
_TEXT: Final[Schema] = {"type": "string"}
_PATTERN: Final[Schema] = {"type": "string", "maxLength": MAX_PATTERN}


def write_where(usable: UsableTable, draft: Draft) -> None:
    """The component ``<table>.where``: one object, all of whose keys must hold."""
    where = ref(f"{usable.key}.where")
    several = list_of(where, most=draft.longest_list)
    properties: dict[str, Schema] = {"$and": several, "$or": several, "$not": where, "$exists": ref("exists")}
    same = Counter(column.type for column in usable.named.values())
    for name, column in usable.named.items():
        if is_plain_key(name):
            if same[column.type] > 1 and is_comparable(column.type):
                properties[name] = ref(_about_alike(usable, column, draft))
            else:
                properties[name] = ref(_about(column.type, draft, made=column.computed is not None))
    for relationship, target, _ in draft.viewpoint.related(usable):
        if is_plain_key(relationship.name):
            properties[relationship.name] = ref(f"{target.key}.where")
    draft.components[f"{usable.key}.where"] = closed(properties)


def write_exists(draft: Draft) -> None:
    """The component ``exists``: some row of a table."""
    alternatives = []
    for usable in draft.viewpoint.tables.values():
        if "select" in usable.operations:
            key = f"{usable.key}.exists"
            draft.components[key] = closed(
                {"_table": table_name(usable.name), "_where": ref(f"{usable.key}.where")}, ["_table"]
            )
            alternatives.append(ref(key))
    if alternatives:
        draft.components["exists"] = any_of(alternatives)


def _about(type_: ColumnType, draft: Draft, *, made: bool) -> str:
    """The component of what may be asked of a column of the type; or of a value ``made`` of one, which has no words."""
    key = f"where.{draft.type_key(type_)}" + (".made" if made and has_words(type_) else "")
    if key not in draft.components:
        draft.components[key] = {}  # a place: a type may be cast to itself
        draft.components[key] = _comparison(key, type_, {}, draft, made=made)
    return key


def _about_alike(usable: UsableTable, column: Column, draft: Draft) -> str:
    """The same, with operators that compare the table's columns of the type with each other."""
    made = column.computed is not None
    key = f"{usable.key}.where.{draft.type_key(column.type)}" + (".made" if made and has_words(column.type) else "")
    if key not in draft.components:
        names = one_of_these(name for name, other in usable.named.items() if other.type == column.type)
        between = dict.fromkeys(_BETWEEN_COLUMNS, names)
        draft.components[key] = _comparison(key, column.type, between, draft, made=made)
    return key


def is_plain_key(name: str) -> bool:
    """Whether a column or relationship of this name can be a key of a condition."""
    return not name.startswith("$") and name not in {"_and", "_or", "_not", "_exists"}


def table_name(name: TableName) -> Schema:
    """How a request names the table."""
    if name.schema == "public":
        return const(name.name)
    return closed({"schema": const(name.schema), "name": const(name.name)}, ["schema", "name"])


def _comparison(key: str, type_: ColumnType, between: Mapping[str, Schema], draft: Draft, *, made: bool) -> Schema:
    operators: dict[str, Schema] = {"$is_null": {"type": "boolean"}}
    if is_comparable(type_):
        operand = given(draft.value(type_) or _NOT_NULL)
        many = given(list_of(operand, most=draft.longest_list))
        operators |= dict.fromkeys(("$eq", "$ne"), nullable(operand))
        operators |= {"$in": many, "$nin": many}
        if not type_.of_enum_table:
            operators |= {**dict.fromkeys(("$gt", "$gte", "$lt", "$lte"), operand), **between}
    if type_.category == "text" and not type_.of_enum_table:
        operators |= dict.fromkeys(("$like", "$nlike", "$ilike", "$nilike"), given(_TEXT))
        operators |= dict.fromkeys(_PATTERNS, given(_PATTERN))
    if type_.category == "array":
        operators |= dict.fromkeys(("$contains", "$contained_in"), given(draft.value(type_)))
    if type_.sql == "jsonb":
        names = given(list_of(given(_TEXT), most=draft.longest_list))
        operators |= {"$contains": given(_NOT_NULL), "$contained_in": given(_NOT_NULL), "$has_key": given(_TEXT)}
        operators |= {"$has_keys_any": names, "$has_keys_all": names}
    if type_.category in _SPACE:
        operators |= _spatial(type_, draft)
    if is_tree(type_):
        several = given(list_of(given(_TEXT), most=draft.longest_list))
        operators |= dict.fromkeys(("$ancestor", "$descendant"), given(_TEXT))
        operators |= dict.fromkeys(("$ancestor_any", "$descendant_any"), several)
        operators |= dict.fromkeys(("$matches", "$matches_fulltext"), given(_PATTERN))
        operators["$matches_any"] = given(list_of(given(_PATTERN), most=draft.longest_list))
    if has_words(type_) and not made:
        operators["$search"] = ref("words")
    casts = {cast.name: ref(_about(cast, draft, made=True)) for cast in _casts(type_)}
    operators["$cast"] = {**closed(casts), "minProperties": 1}
    plain = shorthand(draft.value(type_)) if is_comparable(type_) else None
    if plain is None:
        return closed(operators)
    # A name of its own: some generators know no objects inside a choice.
    draft.components[f"{key}.operators"] = closed(operators)
    return any_of([given(plain), ref(f"{key}.operators")])


def _casts(type_: ColumnType) -> list[ColumnType]:
    """What `$cast` can make of a value: every type has a text."""
    casts = [ColumnType("text", "text", "text")]
    if type_.sql == "json":
        casts.append(ColumnType("jsonb", "jsonb", "json"))
    if type_.sql.startswith("timestamp "):
        casts.append(ColumnType("date", "date", "datetime"))
    schema = type_.sql.rpartition(".")[0]
    if type_.category == "geometry":
        casts.append(ColumnType(f"{schema}.geography", "geography", "geography"))
    if type_.category == "geography":
        casts.append(ColumnType(type_.geometry, "geometry", "geometry"))
    return casts


def _spatial(type_: ColumnType, draft: Draft) -> dict[str, Schema]:
    """The operators of a type of PostGIS."""
    shape, number, band = given(draft.value(type_)), given({"type": "number"}), given({"type": "integer"})
    if type_.category == "raster":
        geometry = given(draft.value(ColumnType(type_.geometry, "geometry", "geometry")))
        return {
            "$st_intersects_rast": shape,
            "$st_intersects_geom_nband": closed({"geommin": geometry, "nband": nullable(band)}, ["geommin"]),
            "$st_intersects_nband_geom": closed({"nband": band, "geommin": geometry}, ["nband", "geommin"]),
        }
    near = {"from": shape, "distance": number}
    if type_.category == "geography":
        near["use_spheroid"] = given({"type": ["boolean", "null"]})
        return {"$st_intersects": shape, "$st_d_within": closed(near, ["from", "distance"])}
    within = closed(near, ["from", "distance"])
    return {**dict.fromkeys(_ON_A_PLANE, shape), "$st_d_within": within, "$st_3d_d_within": within}
