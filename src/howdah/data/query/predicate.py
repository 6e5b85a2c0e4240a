"""JSON → a BooleanExpression: the one grammar of ``where`` and of the ``filter`` and ``check`` of permission rules.

An object's keys are ANDed. A key with ``$`` is an operator, always; a key with ``_`` is one where an operator of that
name exists, and a column or relationship otherwise. What a plain key names only the catalog can tell: a value with
operators makes it a column, any other object a relationship.
"""

from __future__ import annotations

from typing import Any, get_args

from howdah.data.errors import ParseFailed, Path, UnexpectedPayload, wrong_kind
from howdah.data.query.ast import (
    EVERYTHING,
    And,
    BooleanExpression,
    CastIs,
    ColumnIs,
    Comparison,
    Exists,
    Not,
    Operator,
    Or,
    Related,
)
from howdah.data.query.limits import DEFAULT_LIMITS
from howdah.data.query.reading import (
    Budget,
    expected,
    read_list,
    read_object,
    read_table,
    refuse_other_keys,
    require,
)
from howdah.data.query.references import stands_for_another


def _with_both_prefixes(names: dict[str, Operator]) -> dict[str, Operator]:
    return {prefix + name: operator for name, operator in names.items() for prefix in ("$", "_")}


COMPARISONS: dict[str, Operator] = _with_both_prefixes(
    {name: name for name in get_args(Operator)} | {"neq": "ne", "cneq": "cne"}
)
CONNECTIVES = {prefix + name: name for name in ("and", "or", "not", "exists") for prefix in ("$", "_")}
CASTS = frozenset({"$cast", "_cast"})

RESERVED = frozenset({*COMPARISONS, *CONNECTIVES, *CASTS})
"""Every key that is an operator: no name can be one."""


def is_comparison(key: str) -> bool:
    """Whether the key is an operator between a column and what it is given."""
    return key in COMPARISONS


def is_connective(key: str) -> bool:
    """Whether the key is ``$and``, ``$or``, ``$not`` or ``$exists``."""
    return key in CONNECTIVES


def parse_predicate(value: Any, path: Path = None, budget: Budget | None = None, nesting: int = 0) -> BooleanExpression:
    """The expression an object stands for; ``{}`` is true.

    Raises Unreadable and UnexpectedPayload.
    """
    return _expression(value, path, budget or Budget(DEFAULT_LIMITS), nesting)


def _expression(value: Any, path: Path, budget: Budget, nesting: int) -> BooleanExpression:
    if not isinstance(value, dict):
        raise expected("Object", value, path)
    if len(value) == 1:
        ((key, operand),) = value.items()
        return _entry(key, operand, (path, key), budget, nesting)
    if not value:
        return EVERYTHING
    return And(tuple([_entry(key, operand, (path, key), budget, nesting) for key, operand in value.items()]))


def _entry(key: str, value: Any, path: Path, budget: Budget, nesting: int) -> BooleanExpression:
    budget.spend(path)
    connective = CONNECTIVES.get(key)
    if connective is None:
        if key.startswith("$"):
            raise _unknown_operator(key, path)
        return _field(key, value, path, budget, nesting)
    if connective == "not":
        return Not(_expression(value, path, budget, nesting))
    if connective == "exists":
        return _exists(value, path, budget, nesting)
    expressions = [
        _expression(item, (path, index), budget, nesting) for index, item in enumerate(read_list(value, path, budget))
    ]
    return And(tuple(expressions)) if connective == "and" else Or(tuple(expressions))


def _exists(value: Any, path: Path, budget: Budget, nesting: int) -> Exists:
    fields = read_object(value, path)
    refuse_other_keys(fields, _EXISTS_KEYS, path)
    budget.check_nesting(nesting + 1, path)
    table = read_table(require(fields, "_table", path), (path, "_table"))
    where = _expression(fields.get("_where", {}), (path, "_where"), budget, nesting + 1)
    return Exists(table, where, path)


def _field(name: str, value: Any, path: Path, budget: Budget, nesting: int) -> ColumnIs | Related:
    if not isinstance(value, dict):
        return ColumnIs(name, (Comparison("eq", value, path),), path)
    if any(key in COMPARISONS or key in CASTS for key in value):
        return ColumnIs(name, _comparisons(value, path, budget), path)
    if budget.references and stands_for_another(value):
        return ColumnIs(name, (Comparison("eq", value, path),), path)
    for key in value:
        if key.startswith("$") and key not in CONNECTIVES:
            raise _unknown_operator(key, (path, key))
    budget.check_nesting(nesting + 1, path)
    return Related(name, _expression(value, path, budget, nesting + 1), path)


def _comparisons(value: dict[str, Any], path: Path, budget: Budget) -> tuple[Comparison | CastIs, ...]:
    found: list[Comparison | CastIs] = []
    for key, operand in value.items():
        place = (path, key)
        if key not in CASTS:
            found.append(_comparison(key, operand, place, budget))
            continue
        if not isinstance(operand, dict):
            raise _wrong_operand("Object", operand, place)
        if not operand:
            raise ParseFailed('expected types, like {"text": {"$like": "a%"}}', path=place)
        for type_, below in operand.items():
            budget.spend(place)
            under = (place, type_)
            if not isinstance(below, dict) or (budget.references and stands_for_another(below)):
                found.append(CastIs(type_, (Comparison("eq", below, under),), under))
            else:
                found.append(CastIs(type_, _comparisons(below, under, budget), under))
    return tuple(found)


def _comparison(key: str, value: Any, path: Path, budget: Budget) -> Comparison:
    budget.spend(path)
    operator = COMPARISONS.get(key)
    if operator is None:
        if key.startswith(("$", "_")):
            raise _unknown_operator(key, path)
        raise UnexpectedPayload(f'expected an operator, but encountered "{key}"', path=path)
    if operator in _LIST_OPERATORS:
        # A string may be a session variable, in a rule: the catalog decides.
        if isinstance(value, list):
            budget.check_length(value, path)
        elif not isinstance(value, str) and not (budget.references and stands_for_another(value)):
            raise _wrong_operand("Array", value, path)
    elif operator == "is_null":
        if not isinstance(value, bool):
            raise _wrong_operand("Boolean", value, path)
    elif operator in COLUMN_OPERATORS:
        if not isinstance(value, str):
            raise _wrong_operand("String", value, path)
    elif operator in _WITH_FIELDS:
        _check_fields(*_WITH_FIELDS[operator], value, path)
    elif value is None and operator not in _NULL_SAFE:
        raise ParseFailed(f"{key} cannot compare with null: use $is_null", path=path)
    return Comparison(operator, value, path)


def _check_fields(required: frozenset[str], optional: frozenset[str], value: Any, path: Path) -> None:
    if not isinstance(value, dict):
        raise _wrong_operand("Object", value, path)
    refuse_other_keys(value, required | optional, path)
    for key in sorted(required):
        if key not in value:
            raise ParseFailed(f'key "{key}" not found', path=path)
        if value[key] is None:
            raise ParseFailed(f'"{key}" cannot be null', path=(path, key))


_DISTANCE = frozenset({"distance", "from"})
_BAND = frozenset({"geommin", "nband"})
_WITH_FIELDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "st_d_within": (_DISTANCE, frozenset({"use_spheroid"})),
    "st_3d_d_within": (_DISTANCE, frozenset()),
    "st_intersects_geom_nband": (frozenset({"geommin"}), frozenset({"nband"})),
    "st_intersects_nband_geom": (_BAND, frozenset()),
}
"""Operators whose operand is an object: the keys that it must have, and those that it may have."""
_LIST_OPERATORS = frozenset(
    {"in", "nin", "has_keys_any", "has_keys_all", "ancestor_any", "descendant_any", "matches_any"}
)
COLUMN_OPERATORS = frozenset({"ceq", "cne", "cgt", "clt", "cgte", "clte"})
_NULL_SAFE = frozenset({"eq", "ne"})
_EXISTS_KEYS = frozenset({"_table", "_where"})


def _unknown_operator(key: str, path: Path) -> UnexpectedPayload:
    return UnexpectedPayload(f'unknown operator "{key}"', path=path)


def _wrong_operand(kind: str, value: Any, path: Path) -> ParseFailed:
    return ParseFailed(wrong_kind(kind, value), path=path)
