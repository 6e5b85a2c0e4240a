"""What a repository asks, as statements of SQLAlchemy. Pure: it knows no session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Select, func, inspect, select
from sqlalchemy.orm import QueryableAttribute

from howdah.kit.db.errors import Mistake
from howdah.kit.orm.errors import UnknownColumn
from howdah.kit.orm.models import MANAGED, Deletable

M = TypeVar("M")

LONGEST_PAGE: Final = 1000
Order = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some of the rows, and how many there are in all."""

    items: list[M]
    total: int


def filtered(base: Select[M], model: type[M], filters: Mapping[str, Any]) -> Select[M]:
    """Only rows that have these values: None is null, a list any of its values. Raises UnknownColumn."""
    for name, value in filters.items():
        column = _column(model, name)
        if isinstance(value, list | tuple | set | frozenset):
            among = [one for one in value if one is not None]
            condition = column.in_(among)
            base = base.where(condition if len(among) == len(value) else condition | column.is_(None))
        else:
            base = base.where(column.is_(None) if value is None else column == value)
    return base


def ordered(base: Select[M], model: type[M], order: Order) -> Select[M]:
    """In the order of these columns, a minus before one turns it round; and of the key, so that pages do not overlap.

    Raises UnknownColumn.
    """
    for name in [order] if isinstance(order, str) else order:
        column = _column(model, name.removeprefix("-"))
        base = base.order_by(column.desc() if name.startswith("-") else column)
    return base.order_by(*inspect(model).primary_key)


def paged(base: Select[M], limit: int | None, offset: int) -> Select[M]:
    """A part of the rows; never more than `LONGEST_PAGE`, unless ``limit`` is None."""
    if offset:
        base = base.offset(offset)
    return base if limit is None else base.limit(max(0, min(limit, LONGEST_PAGE)))


def counted(base: Select[M]) -> Select[int]:
    """How many rows that is."""
    return select(func.count()).select_from(base.order_by(None).subquery())


def found_by_key(base: Select[M], model: type[M], key: Any) -> Select[M]:
    """The row with this key, among those of ``base``."""
    columns = inspect(model).primary_key
    keys = key if isinstance(key, tuple) else (key,)
    return base.where(*(column == value for column, value in zip(columns, keys, strict=True)))


def checked(model: type[M], values: Mapping[str, Any], *, new: bool) -> Mapping[str, Any]:
    """The values, if all of them can be set: not what the kit manages, nor the key of a row that exists.

    Raises UnknownColumn.
    """
    mapper = inspect(model)
    keys = {mapper.get_property_by_column(column).key for column in mapper.primary_key}
    for name in values:
        if name not in mapper.attrs or name in MANAGED or (name in keys and not new):
            raise UnknownColumn(f"{name} of {model.__name__} cannot be set.", path=name)
    return values


def restored(row: object) -> None:
    """The row was not deleted. Raises Mistake: its model keeps no deleted rows."""
    if not isinstance(row, Deletable):
        raise Mistake(f"{type(row).__name__} is not Deletable, so none can be restored.")
    row.deleted_at = row.deleted_by = None


def _column(model: type[M], name: str) -> QueryableAttribute[Any]:
    mapper = inspect(model)
    if name not in mapper.column_attrs:
        raise UnknownColumn(f"{model.__name__} has no column {name}.", path=name)
    attribute: QueryableAttribute[Any] = getattr(model, name)
    return attribute
