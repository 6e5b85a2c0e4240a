"""Statements that need not be compiled again: by who asks and shape, for as long as their catalog is the catalog.

A shape is remembered only when every value of the request has become a parameter and nothing else, which is tried out
once: the request is compiled again with values that know their position, and the text must come out the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from howdah.data.errors import Path
from howdah.data.plan import Standpoint
from howdah.data.query.ast import Query, TableName
from howdah.data.query.shape import Holes, Tagged, tag
from howdah.data.sql.statement import Hole, Literal, Statement, Value

REMEMBERED = 1024
"""How many statements are kept; the least recently used makes room."""

Shape = tuple[Any, ...]
Compile = Callable[[], tuple[Query, Statement]]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A statement whose literals are holes, and what errors need to know of a query of its shape.

    Not the query: its values may be large, and are nobody's business once it is answered.
    """

    table: TableName
    path: Path
    statement: Statement


class Statements:
    """What is remembered for one catalog."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Standpoint, Shape], Remembered] = OrderedDict()

    def find(self, asking: Standpoint, shape: Shape) -> Remembered | None:
        """What is remembered for the shape, if anything."""
        key = (asking, shape)
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def remember(
        self, asking: Standpoint, shape: Shape, holes: Holes, statement: Statement, compile_again: Compile
    ) -> None:
        """Remember a statement that was compiled from a request of the shape, if that is safe.

        ``compile_again`` compiles the request that ``holes`` lead into; the request is changed for it.
        """
        tag(holes)
        query, tagged = compile_again()
        if tagged.text != statement.text:
            return
        parameters = tuple(_with_hole(parameter) for parameter in tagged.parameters)
        if {position for parameter in parameters for position in _positions(parameter)} != set(range(len(holes))):
            return
        if len(self._known) >= REMEMBERED:
            self._known.popitem(last=False)
        self._known[asking, shape] = Remembered(query.table, query.path, replace(tagged, parameters=parameters))


def _with_hole(parameter: Value) -> Value:
    if isinstance(parameter, Literal) and isinstance(parameter.value, Tagged):
        return replace(parameter, value=Hole(parameter.value.position))
    return parameter


def _positions(parameter: Value) -> tuple[int, ...]:
    if isinstance(parameter, Literal) and isinstance(parameter.value, Hole):
        return (parameter.value.position,)
    return ()
