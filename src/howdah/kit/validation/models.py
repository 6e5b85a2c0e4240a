"""A model of pydantic that checks values; needs pydantic."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from collections.abc import Sequence as AbstractSequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import pydantic

from howdah.kit.findings import of_pydantic
from howdah.kit.problems import InvalidRequest
from howdah.kit.validation.names import gathered

_LISTS: Final = (list, tuple, set, frozenset, AbstractSequence, AbstractSet)


class Model:
    """Checks values by one model; what comes of it is an instance."""

    __slots__ = ("_lists", "_model")

    def __init__(self, model: type[pydantic.BaseModel]) -> None:
        self._model = model
        self._lists = frozenset(
            name
            for field_name, field in model.model_fields.items()
            if _is_list(field.annotation)
            for name in (field_name, field.alias, field.validation_alias)
            if isinstance(name, str)
        )

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of what is taken."""
        return self._model.model_json_schema()

    def body(self, value: Any) -> pydantic.BaseModel:
        """The instance. Raises UnreadableBody, InvalidRequest."""
        return self._validated(value, "body")

    def query(self, pairs: Iterable[tuple[str, str]]) -> pydantic.BaseModel:
        """The instance, made of text. Raises InvalidRequest."""
        values, problems = gathered(pairs, self._lists)
        if problems:
            raise InvalidRequest(problems)
        return self._validated(values, "query")

    def _validated(self, value: Any, place: str) -> pydantic.BaseModel:
        try:
            return self._model.model_validate(value)
        except pydantic.ValidationError as error:
            raise of_pydantic(error.errors(include_url=False, include_input=False), place=place) from None


def _is_list(annotation: Any) -> bool:
    """Whether several values of one name are wanted: a list, perhaps None as well."""
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType}:
        return any(_is_list(one) for one in typing.get_args(annotation))
    kind = origin or annotation
    return isinstance(kind, type) and issubclass(kind, _LISTS) and not issubclass(kind, str | bytes)
