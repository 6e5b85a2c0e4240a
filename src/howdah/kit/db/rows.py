"""What rows become: dicts, or instances of a class of the service's. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from psycopg import pq
from psycopg.rows import RowMaker, no_result

from howdah.kit.db.errors import Mistake

T = TypeVar("T")


def dicts(cursor: Any) -> RowMaker[dict[str, Any]]:
    """Rows are dicts by column name. Raises Mistake: two columns have one name, and one would hide the other."""
    return _maker(cursor, lambda names: lambda values: dict(zip(names, values, strict=True)))


def instances(kind: Callable[..., T]) -> Callable[[Any], RowMaker[T]]:
    """Rows are what ``kind`` makes of their columns as keywords: a dataclass, a model, a function."""

    def factory(cursor: Any) -> RowMaker[T]:
        return _maker(cursor, lambda names: lambda values: kind(**dict(zip(names, values, strict=True))))

    return factory


def has_rows(cursor: Any) -> bool:
    """Whether what was executed answers with rows, however few."""
    return cursor.pgresult is not None and cursor.pgresult.status == pq.ExecStatus.TUPLES_OK


def _maker(cursor: Any, make: Callable[[list[str]], RowMaker[T]]) -> RowMaker[T]:
    result = cursor.pgresult
    if not has_rows(cursor):
        return no_result
    names = [result.fname(number).decode() for number in range(result.nfields)]  # quicker than cursor.description
    if len(set(names)) < len(names):
        twice = [one for one, count in Counter(names).items() if count > 1]
        raise Mistake(f"Several columns are called {', '.join(twice)}.", hint="Give each a name of its own with AS.")
    return make(names)
