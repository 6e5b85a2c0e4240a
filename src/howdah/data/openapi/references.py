"""Inside a transaction a value may be a reference: the components of its queries are those of others, but for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from howdah.data.openapi.schema import GIVEN, Schema, any_of, ref

_PREFIX: Final = "transaction."
_START: Final = "#/components/schemas/"

# Not as properties: to some readers of schemas a property called $ref leads elsewhere.
REFERENCE: Final[Schema] = {
    "type": "object",
    "propertyNames": {"enum": ["$ref", "$value"]},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": True,
    "description": 'What an earlier query answered, {"$ref": "0.id"}; or a value that looks like that, {"$value": …}.',
}


def with_references(names: Iterable[str], components: dict[str, Schema]) -> dict[str, str]:
    """The component that each of these is inside a transaction; those are among the components afterwards."""
    leading = _leading_to_values(components)
    found: dict[str, str] = {}

    def twin(name: str) -> str:
        if name not in leading:
            return name
        if name not in found:
            found[name] = _PREFIX + name
            components[_PREFIX + name] = _rewritten(components[name], twin)
        return found[name]

    roots = {name: twin(name) for name in names}
    if found:
        components["transaction.reference"] = REFERENCE
    return roots


def without_marks(value: Any) -> Any:
    """The same, in which nothing tells any more where values are given."""
    if isinstance(value, dict):
        return {key: without_marks(item) for key, item in value.items() if key != GIVEN}
    return [without_marks(item) for item in value] if isinstance(value, list) else value


def _leading_to_values(components: dict[str, Schema]) -> set[str]:
    """The names of the components in which, or in what they refer to, a value is given."""
    referring: dict[str, list[str]] = {}
    waiting: list[str] = []
    for name, schema in components.items():
        for part in _parts(schema):
            if GIVEN in part:
                waiting.append(name)
            if isinstance(part.get("$ref"), str):
                referring.setdefault(part["$ref"].removeprefix(_START), []).append(name)
    leading: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in leading:
            leading.add(name)
            waiting += referring.get(name, ())
    return leading


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _parts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item)


def _rewritten(value: Any, twin: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_rewritten(item, twin) for item in value]
    if not isinstance(value, dict):
        return value
    if GIVEN in value:
        inside = {key: _rewritten(item, twin) for key, item in value.items() if key != GIVEN}
        return any_of([inside, ref("transaction.reference")])
    if isinstance(value.get("$ref"), str):
        return {**value, "$ref": _START + twin(value["$ref"].removeprefix(_START))}
    return {key: _rewritten(item, twin) for key, item in value.items()}
