"""What the apps of the kit's tests check requests by, beside the schemas in files."""

from __future__ import annotations

from typing import Any

import marshmallow
import pydantic


class Foss(marshmallow.Schema):
    """By marshmallow."""

    name = marshmallow.fields.Str(required=True, validate=marshmallow.validate.Length(1, 5))
    stars = marshmallow.fields.Int(required=True, strict=True)
    tags = marshmallow.fields.List(marshmallow.fields.Str())


class Search(marshmallow.Schema):
    """A query string, by marshmallow."""

    limit = marshmallow.fields.Int()
    sold = marshmallow.fields.Bool()
    tag = marshmallow.fields.List(marshmallow.fields.Int())


class FossModel(pydantic.BaseModel, extra="forbid"):
    """By pydantic."""

    name: str = pydantic.Field(min_length=1, max_length=5)
    stars: int = pydantic.Field(strict=True)
    tags: list[str] = []


class SearchModel(pydantic.BaseModel, extra="forbid"):
    """A query string, by pydantic."""

    limit: int | None = None
    sold: bool | None = None
    tag: list[int] | None = None


BY: dict[str, tuple[Any, Any]] = {
    "schema": ("foss.json", "search.json"),
    "marshmallow": (Foss, Search()),
    "pydantic": (FossModel, SearchModel),
}


def plain(value: Any) -> Any:
    """What a function was given, as JSON."""
    return value.model_dump(exclude_unset=True) if isinstance(value, pydantic.BaseModel) else value
