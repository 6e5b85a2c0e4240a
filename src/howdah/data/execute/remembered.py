"""Statements that need not be compiled again: by who asks and shape, for as long as their catalog is the catalog.

A shape is remembered only when every value of the request has become a parameter and nothing else, which is tried out
once: the request is compiled again with values that know their position, and the text must come out the same.

How programs word a remembered shape is kept as well, so that the next body of the wording need not be read in full.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from howdah.data.errors import Path
from howdah.data.plan import Standpoint
from howdah.data.query.ast import Query, TableName, reads_function
from howdah.data.query.shape import Holes, Tagged, tag
from howdah.data.query.wording import Wording, opening, word
from howdah.data.sql.statement import Hole, Literal, Statement, Value

REMEMBERED = 1024
"""How many statements are kept; the least recently used makes room."""

WORDINGS = 4
"""How many bodies of one shape are tried for a wording, and how many wordings may begin alike."""

Shape = tuple[Any, ...]
Compile = Callable[[], tuple[Query, Statement]]


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """A statement whose literals are holes, and what errors need to know of a query of its shape.

    Not the query: its values may be large, and are nobody's business once it is answered.
    """

    table: TableName | None
    """None where the query reads what a function returns."""
    path: Path
    statement: Statement


class Statements:
    """What is remembered for one catalog."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Standpoint, Shape], Remembered] = OrderedDict()
        self._wordings: dict[tuple[Standpoint, bytes], list[tuple[Wording, Remembered]]] = {}
        self._tried: dict[Remembered, int] = {}

    def find(self, asking: Standpoint, shape: Shape) -> Remembered | None:
        """What is remembered for the shape, if anything."""
        key = (asking, shape)
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def recall(self, asking: Standpoint, body: bytes) -> tuple[Remembered, Sequence[Any]] | None:
        """What is remembered for the wording of the body, if it is known, and the body's values."""
        for wording, known in self._wordings.get((asking, opening(body)), ()):
            values = wording.read(body)
            if values is not None:
                return known, values
        return None

    def learn(self, asking: Standpoint, body: bytes, value: Any, holes: Holes, known: Remembered) -> None:
        """Keep the wording of the body, which was decoded to the value and for which ``known`` is remembered."""
        tried = self._tried.get(known, 0)
        if tried >= WORDINGS:
            return
        if len(self._tried) >= REMEMBERED and not tried:
            self._tried.clear()
            self._wordings.clear()
        self._tried[known] = tried + 1
        alike = self._wordings.setdefault((asking, opening(body)), [])
        wording = word(body, value, holes) if len(alike) < WORDINGS else None
        if wording is not None:
            alike.append((wording, known))

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
        self._known[asking, shape] = Remembered(
            None if reads_function(query) else query.table, query.path, replace(tagged, parameters=parameters)
        )


def _with_hole(parameter: Value) -> Value:
    if isinstance(parameter, Literal) and isinstance(parameter.value, Tagged):
        return replace(parameter, value=Hole(parameter.value.position))
    return parameter


def _positions(parameter: Value) -> tuple[int, ...]:
    if isinstance(parameter, Literal) and isinstance(parameter.value, Hole):
        return (parameter.value.position,)
    return ()
