"""What checks a body or a query string, made of whatever a service names: a file, a schema, a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from howdah.kit.errors import WrongSchema

MARK: Final = "__howdah_validated__"
"""Under this name a function that is validated has its `Validation`."""


class Checker(Protocol):
    """Makes values of what a client sent, or says what is wrong with it."""

    def body(self, value: Any) -> Any:
        """What a body means. Raises UnreadableBody, InvalidRequest."""

    def query(self, pairs: Iterable[tuple[str, str]]) -> Any:
        """What a query string means. Raises InvalidRequest."""


@dataclass(frozen=True, slots=True)
class Validation:
    """How requests to one function are checked, and which of the results it takes as arguments."""

    body: Checker | None
    query: Checker | None
    takes: frozenset[str]

    def arguments(self, read: Callable[[], Any], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The function's arguments ``body`` and ``query``. Raises UnreadableBody, InvalidRequest."""
        found: dict[str, Any] = {}
        if self.query is not None:
            found["query"] = self.query.query(pairs)
        if self.body is not None:
            found["body"] = self.body.body(read())
        return {name: value for name, value in found.items() if name in self.takes}


def validation(function: Callable[..., Any], *, body: Any, query: Any) -> Validation:
    """How requests to a function are checked.

    Raises WrongSchema: what is named cannot check anything; ValueError: nothing is named.
    """
    if body is None and query is None:
        raise ValueError('validate() takes what to check by: validate(body="article.json")')
    parameters = inspect.signature(function).parameters
    anything = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    return Validation(
        None if body is None else checker(body, function),
        None if query is None else checker(query, function),
        frozenset(name for name in ("body", "query") if anything or name in parameters),
    )


def checker(what: Any, function: Callable[..., Any]) -> Checker:
    """Checks by a schema's file (its name), a schema (a dict), a schema of marshmallow, a model of pydantic.

    Raises WrongSchema.
    """
    # The libraries are imported only by those who use them: a service has one of the three, or none.
    if isinstance(what, str | dict):
        from howdah.kit.validation import json_schema

        if isinstance(what, str):
            return json_schema.of_file(what, function)
        return json_schema.JsonSchema(what, place=f"{function.__module__}.{function.__qualname__}")
    if hasattr(what, "model_validate"):
        from howdah.kit.validation.models import Model

        return Model(what)
    if (hasattr(what, "load") and hasattr(what, "opts")) or hasattr(what, "OPTIONS_CLASS"):
        from howdah.kit.validation.marshmallow import Marshmallow

        return Marshmallow(what)
    raise WrongSchema(
        f"{what!r} checks nothing.", hint="The name of a file, a schema, a schema of marshmallow, a model of pydantic."
    )
