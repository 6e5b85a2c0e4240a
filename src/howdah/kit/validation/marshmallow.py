"""A schema of marshmallow that checks values; needs marshmallow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import marshmallow

from howdah.kit.findings import no_object
from howdah.kit.problems import InvalidRequest, Problem, json_path
from howdah.kit.validation.names import gathered


class Marshmallow:
    """Checks values by one schema; what comes of it is what the schema loads."""

    __slots__ = ("_lists", "_schema")

    def __init__(self, schema: marshmallow.Schema | type[marshmallow.Schema]) -> None:
        self._schema = schema() if isinstance(schema, type) else schema
        self._lists = frozenset(
            field.data_key or name
            for name, field in self._schema.load_fields.items()
            if isinstance(field, marshmallow.fields.List | marshmallow.fields.Tuple)
        )

    def body(self, value: Any) -> Any:
        """What is loaded from the value. Raises UnreadableBody, InvalidRequest."""
        if not self._schema.many and not isinstance(value, dict):
            raise no_object()
        return self._load(value, "body", ())

    def query(self, pairs: Iterable[tuple[str, str]]) -> Any:
        """What is loaded from a query string. Raises InvalidRequest."""
        values, problems = gathered(pairs, self._lists)
        return self._load(values, "query", problems)

    def _load(self, value: Any, place: str, problems: tuple[Problem, ...]) -> Any:
        try:
            loaded = self._schema.load(value)
        except marshmallow.ValidationError as error:
            raise InvalidRequest([*problems, *_problems(error.messages, place, [])]) from None
        if problems:
            raise InvalidRequest(problems)
        return loaded


def _problems(messages: Any, place: str, path: list[str | int]) -> Iterator[Problem]:
    """Marshmallow's messages, which are as deep as the value is."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _problems(inner, place, path if name == marshmallow.exceptions.SCHEMA else [*path, name])
        return
    for message in [messages] if isinstance(messages, str) else messages:
        if isinstance(message, dict):
            yield from _problems(message, place, path)
        else:
            yield Problem(place, json_path(path), "invalid", str(message))
