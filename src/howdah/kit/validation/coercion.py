"""A query string, all text, as the values that a JSON Schema means: numbers, booleans, null, lists. Pure.

What cannot be made into what the schema wants stays text, so that the schema itself says what is wrong with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from howdah.kit.problems import Problem, json_path

Schema = Mapping[str, Any] | bool
Resolve = Callable[[str], Schema]
"""Whatever a ``$ref`` of the schema leads to."""

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,30})", re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_DEEPEST: Final = 16


def coerce(
    schema: Schema, pairs: Iterable[tuple[str, str]], resolve: Resolve
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The values of a query string, and what is wrong with it before a schema is asked: names given more than once.

    >>> schema = {"properties": {"limit": {"type": "integer"}, "tag": {"type": "array"}, "all": {"type": "boolean"}}}
    >>> coerce(schema, [("limit", "10"), ("tag", "a"), ("tag", "b"), ("all", "yes")], dict)
    ({'limit': 10, 'tag': ['a', 'b'], 'all': 'yes'}, ())
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    values: dict[str, Any] = {}
    problems = []
    for name, texts in given.items():
        wanted = _property(schema, name, resolve)
        if "array" in _types(wanted, resolve):
            items = _member(wanted, "items", resolve)
            values[name] = [_value(text, items, resolve) for text in texts]
        elif len(texts) > 1:
            problems.append(Problem("query", json_path([name]), "repeated", "It is given more than once."))
        else:
            values[name] = _value(texts[0], wanted, resolve)
    return values, tuple(problems)


def _value(text: str, schema: Schema, resolve: Resolve) -> Any:
    types = _types(schema, resolve)
    if "null" in types and text in {"", "null"}:
        return None
    if "boolean" in types and text in _BOOLEANS and not (types & {"integer", "number"} and text in {"0", "1"}):
        return _BOOLEANS[text]
    if types & {"integer", "number"} and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in types and _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def _types(schema: Schema, resolve: Resolve, depth: int = _DEEPEST) -> frozenset[str]:
    """The types a value may have, also where they stand behind references and in alternatives."""
    if isinstance(schema, bool) or not depth:
        return frozenset()
    found: set[str] = set()
    named = schema.get("type")
    found.update([named] if isinstance(named, str) else named or ())
    for one in _parts(schema, resolve, ("allOf", "anyOf", "oneOf")):
        found |= _types(one, resolve, depth - 1)
    for value in (schema["const"],) if "const" in schema else schema.get("enum", ()):
        found.add(_type_of(value))
    return frozenset(found)


def _property(schema: Schema, name: str, resolve: Resolve) -> Schema:
    """What a schema says of one of its properties; nothing at all, where it says nothing."""
    found = _member(schema, "properties", resolve)
    one: Schema = found[name] if isinstance(found, Mapping) and name in found else True
    return one


def _member(schema: Schema, keyword: str, resolve: Resolve, depth: int = _DEEPEST) -> Schema:
    """What a schema says under a keyword, merged with what it says so by reference and with ``allOf``."""
    if isinstance(schema, bool) or not depth:
        return {}
    found: dict[str, Any] = {}
    for one in _parts(schema, resolve, ("allOf",)):
        inherited = _member(one, keyword, resolve, depth - 1)
        found.update(inherited if isinstance(inherited, Mapping) else {})
    own = schema.get(keyword)
    return {**found, **own} if isinstance(own, Mapping) else found


def _parts(schema: Mapping[str, Any], resolve: Resolve, keywords: tuple[str, ...]) -> list[Schema]:
    parts = [one for keyword in keywords for one in schema.get(keyword, ())]
    if isinstance(reference := schema.get("$ref"), str):
        parts.append(resolve(reference))
    return parts


def _type_of(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case None:
            return "null"
        case _:
            return "string"
