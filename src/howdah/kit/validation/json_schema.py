"""A JSON Schema that checks values; needs the library jsonschema.

The schema itself is checked when it is made, at import: its draft (as ``$schema`` says, 2020-12 where it says nothing),
its references and its formats. A schema that nobody understands refuses to start rather than let everything through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import jsonschema
import jsonschema_specifications
import referencing
import referencing.exceptions
import referencing.jsonschema
from jsonschema.protocols import Validator

from howdah.kit.errors import WrongSchema
from howdah.kit.findings import no_object
from howdah.kit.problems import InvalidRequest, Problem, json_path
from howdah.kit.validation import schema_files
from howdah.kit.validation.coercion import Schema, coerce

_WORDS: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": lambda rule: f"It should be of the type {_one_of(rule)}.",
    "enum": lambda rule: f"It should be one of {', '.join(json.dumps(value) for value in rule)}.",
    "const": lambda rule: f"It should be {json.dumps(rule)}.",
    "minLength": lambda rule: f"It should have at least {rule} characters.",
    "maxLength": lambda rule: f"It should have at most {rule} characters.",
    "minimum": lambda rule: f"It should be at least {rule}.",
    "maximum": lambda rule: f"It should be at most {rule}.",
    "exclusiveMinimum": lambda rule: f"It should be more than {rule}.",
    "exclusiveMaximum": lambda rule: f"It should be less than {rule}.",
    "multipleOf": lambda rule: f"It should be a multiple of {rule}.",
    "pattern": lambda rule: f"It should match {rule}.",
    "format": lambda rule: f"It should be of the format {rule}.",
    "minItems": lambda rule: f"It should have at least {rule} items.",
    "maxItems": lambda rule: f"It should have at most {rule} items.",
    "uniqueItems": lambda _: "It should hold nothing twice.",
    "minProperties": lambda rule: f"It should have at least {rule} fields.",
    "maxProperties": lambda rule: f"It should have at most {rule} fields.",
    "anyOf": lambda _: "It is of none of the forms that are allowed.",
    "oneOf": lambda _: "It should be of exactly one of the forms that are allowed.",
    "not": lambda _: "It is what it should not be.",
}
"""What is said of a broken rule. The library's own words repeat the value, which may be long or nobody's business."""


class JsonSchema:
    """Checks values by one schema."""

    __slots__ = ("_object", "_resolver", "_validator", "schema")

    def __init__(self, schema: Any, *, place: str, sibling: Callable[[str], Any] | None = None) -> None:
        """``place`` is what problems of the schema are said of, ``sibling`` gives the JSON of a file beside it.

        Raises WrongSchema.
        """
        if not isinstance(schema, dict):
            raise WrongSchema("A schema is a JSON object.", path=place)
        kind = jsonschema.validators.validator_for(schema, default=_NEWEST)
        if not _is_draft(schema, kind):
            raise WrongSchema(f"There is no draft {schema['$schema']!r}.", path=place, hint=_NEWEST.META_SCHEMA["$id"])
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise WrongSchema(f"{json_path(list(error.path))}: {error.message}", path=place) from None
        _check_formats(schema, kind, place)
        self.schema = schema
        self._object = schema.get("type", "object" if "properties" in schema else None) == "object"
        specification = referencing.jsonschema.specification_with(kind.META_SCHEMA.get("$schema", ""))
        resource = referencing.Resource.from_contents(schema, default_specification=specification)
        registry = _registry(sibling, specification).with_resource("", resource)
        base = specification.id_of(schema) or ""
        self._resolver = registry.resolver(base)
        for reference in _references(schema):
            self.resolve(reference, place=place)
        self._validator: Validator = kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER)

    def resolve(self, reference: str, *, place: str | None = None) -> Schema:
        """What a ``$ref`` leads to. Raises WrongSchema."""
        try:
            found: Schema = self._resolver.lookup(reference).contents
        except (referencing.exceptions.Unresolvable, WrongSchema) as error:
            raise WrongSchema(f'The reference "{reference}" leads nowhere.', path=place) from error
        return found

    def body(self, value: Any) -> Any:
        """The value, which is valid. Raises UnreadableBody, InvalidRequest."""
        if self._object and not isinstance(value, dict):
            raise no_object()
        self._check(value, "body", ())
        return value

    def query(self, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The values of a query string, as the schema means them. Raises InvalidRequest."""
        values, problems = coerce(self.schema, pairs, self.resolve)
        self._check(values, "query", problems)
        return values

    def _check(self, value: Any, place: str, problems: tuple[Problem, ...]) -> None:
        if not problems and self._validator.is_valid(value):
            return
        known = {problem.path for problem in problems}
        found = [one for error in self._validator.iter_errors(value) for one in _problems(error, place)]
        found = sorted((one for one in found if one.path not in known), key=lambda one: (one.path, one.code))
        raise InvalidRequest([*problems, *found])


_NEWEST: Final = jsonschema.Draft202012Validator


def of_file(name: str, function: Callable[..., Any]) -> JsonSchema:
    """The schema in a file beside the function's module. Raises WrongSchema."""
    folder, file = schema_files.find(name, function)
    return JsonSchema(
        schema_files.read(file), place=str(file), sibling=lambda other: schema_files.sibling(file, folder, other)
    )


def _registry(sibling: Callable[[str], Any] | None, specification: Any) -> Any:
    def retrieve(uri: str) -> Any:
        if sibling is None:
            raise LookupError(uri)
        return referencing.Resource.from_contents(sibling(uri), default_specification=specification)

    # The drafts themselves are known; nothing is ever fetched from the network.
    beside: Any = referencing.Registry
    return jsonschema_specifications.REGISTRY.combine(beside(retrieve=retrieve))


def _is_draft(schema: dict[str, Any], kind: type[Validator]) -> bool:
    """Whether the library knows the draft that a schema names; of one it does not know it would take the newest."""
    named = str(schema.get("$schema", kind.META_SCHEMA["$schema"])).rstrip("#")
    return named == str(kind.META_SCHEMA["$schema"]).rstrip("#")


def _references(schema: Any) -> Iterator[str]:
    """Every reference in a schema."""
    match schema:
        case dict():
            if isinstance(reference := schema.get("$ref"), str):
                yield reference
            for key, value in schema.items():
                if key not in {"const", "enum", "default", "examples"}:
                    yield from _references(value)
        case list():
            for value in schema:
                yield from _references(value)


def _check_formats(schema: Any, kind: type[Validator], place: str) -> None:
    """Every format is one that can be checked: one that is passed over would promise what nobody does."""
    match schema:
        case dict():
            name = schema.get("format")
            if isinstance(name, str) and name not in kind.FORMAT_CHECKER.checkers:
                raise WrongSchema(f'The format "{name}" cannot be checked.', path=place)
            for key, value in schema.items():
                if key not in {"const", "enum", "default", "examples"}:
                    _check_formats(value, kind, place)
        case list():
            for value in schema:
                _check_formats(value, kind, place)


def _problems(error: jsonschema.ValidationError, place: str) -> Iterator[Problem]:
    """What the library found, as our own: with the field that is missing or too many as its place."""
    path = list(error.absolute_path)
    rule = str(error.validator)
    instance: Any = error.instance
    allowed: Any = error.validator_value
    if rule == "required" and isinstance(instance, dict):
        missing = next((name for name in allowed if error.message.startswith(repr(name))), None)
        if missing is not None:
            yield Problem(place, json_path([*path, missing]), rule, "It is missing.")
            return
    if rule == "additionalProperties" and allowed is False and isinstance(error.schema, dict):
        known = error.schema.get("properties", {})
        patterns = error.schema.get("patternProperties", {})
        for name in instance:
            if name in known or any(re.search(pattern, name) for pattern in patterns):
                continue
            yield Problem(place, json_path([*path, name]), rule, "There is no such field.")
        return
    words = _WORDS.get(rule)
    yield Problem(place, json_path(path), rule, words(allowed) if words else f"It breaks the rule {rule}.")


def _one_of(types: str | list[str]) -> str:
    return types if isinstance(types, str) else " or ".join(types)
